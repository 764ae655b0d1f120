//! TLS for the server: certificates from PEM files or from an authority, and what keeps them current.

mod acme;
mod authorities;
mod files;
pub(crate) mod port;

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use nexus_api::nodes::Certified;
use nexus_api::verification::hot::OverTls;
use nexus_infrastructure::config::{CertificateSource, ServerConfig, TlsConfig};
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use tokio::sync::watch;

use self::acme::Authority;
use self::authorities::Authorities;
use self::files::Files;
use crate::server::failure::StartFailure;

/// TLS as it is configured.
pub(crate) struct Tls {
    /// For the server.
    pub(crate) config: rustls::ServerConfig,
    /// To be run beside it.
    pub(crate) upkeep: Upkeep,
}

/// What keeps the certificate current, and the authorities of nodes' certificates.
pub(crate) struct Upkeep {
    certificate: Certificate,
    authorities: Option<Arc<Authorities>>,
}

/// Where the certificate comes from.
enum Certificate {
    Files(Arc<Files>),
    Authority(Authority),
}

impl Upkeep {
    /// Works until `stop` turns true.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let certificate = async {
            match self.certificate {
                Certificate::Files(files) => files.follow().await,
                Certificate::Authority(authority) => authority.follow().await,
            }
        };
        let authorities = async {
            match self.authorities {
                Some(authorities) => authorities.follow().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = certificate => {}
            () = authorities => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// Reads what the configuration names, where it wants TLS. To be done before anything is begun: what is wrong with a file is then
/// all that is said. TLS 1.2 and 1.3 are offered.
pub(crate) fn configured(config: &ServerConfig) -> Result<Option<Tls>, StartFailure> {
    config.tls.as_ref().map(of).transpose()
}

fn of(tls: &TlsConfig) -> Result<Tls, StartFailure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (resolver, certificate, challenges): (Arc<dyn ResolvesServerCert>, _, _) = match &tls.certificates {
        CertificateSource::Files { certificate, key } => {
            let files = Arc::new(Files::read(certificate, key, &provider)?);
            (Arc::clone(&files) as _, Certificate::Files(files), Vec::new())
        }
        CertificateSource::Acme(config) => {
            let authority = Authority::of(config, &provider)?;
            (authority.resolver(), Certificate::Authority(authority), vec![acme::CHALLENGE_PROTOCOL.to_vec()])
        }
    };
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| StartFailure::new(format!("TLS cannot be offered: {error}")))?;
    let authorities = tls.node_ca.as_ref().map(|file| Authorities::read(file, &provider)).transpose()?;
    let authorities = authorities.map(Arc::new);
    let builder = match &authorities {
        None => builder.with_no_client_auth(),
        Some(authorities) => builder.with_client_cert_verifier(Arc::clone(authorities) as _),
    };
    let mut config = builder.with_cert_resolver(resolver);
    if authorities.is_some() {
        // A session that is resumed brings its certificate along unseen, also one of an authority that is no more.
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    // The server adds those of HTTP.
    config.alpn_protocols = challenges;
    Ok(Tls { config, upkeep: Upkeep { certificate, authorities } })
}

fn unusable(file: &Path, reason: impl std::fmt::Display) -> StartFailure {
    StartFailure::new(format!("cannot use {} for TLS: {reason}; check `server.tls`", file.display()))
}

/// A provider's way to sign, for what has to be made again while the server runs.
type Provider = Arc<CryptoProvider>;

/// Prepares a connection: what is written goes out at once, since a small message behind another small one would otherwise wait
/// until the other side has confirmed the first, 40 ms later; and it notes whether it is one of TLS, and whether the client showed
/// a certificate of [`TlsConfig::node_ca`].
pub(crate) fn prepare(connection: &dyn Any, data: &mut Extensions) {
    let plain = match connection.downcast_ref::<TlsStream<TcpStream>>() {
        Some(stream) => {
            data.insert(OverTls);
            let (plain, session) = stream.get_ref();
            if session.peer_certificates().is_some_and(|chain| !chain.is_empty()) {
                data.insert(Certified);
            }
            Some(plain)
        }
        None => connection.downcast_ref::<TcpStream>(),
    };
    if let Some(Err(error)) = plain.map(|plain| plain.set_nodelay(true)) {
        // Slower, and no worse.
        tracing::debug!(%error, "a connection gathers what it sends");
    }
}
