//! TLS for the server: certificates from PEM files or from an authority, and what keeps them current.

mod acme;
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
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use tokio::sync::watch;

use self::acme::Authority;
use self::files::Files;
use crate::server::failure::StartFailure;

/// TLS as it is configured.
pub(crate) struct Tls {
    /// For the server.
    pub(crate) config: rustls::ServerConfig,
    /// To be run beside it.
    pub(crate) upkeep: Upkeep,
}

/// What keeps the certificate current.
pub(crate) enum Upkeep {
    Files(Arc<Files>),
    Authority(Authority),
}

impl Upkeep {
    /// Works until `stop` turns true.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let work = async {
            match self {
                Self::Files(files) => files.follow().await,
                Self::Authority(authority) => authority.follow().await,
            }
        };
        tokio::select! {
            () = work => {}
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
    let (resolver, upkeep, challenges): (Arc<dyn ResolvesServerCert>, _, _) = match &tls.certificates {
        CertificateSource::Files { certificate, key } => {
            let files = Arc::new(Files::read(certificate, key, &provider)?);
            (Arc::clone(&files) as _, Upkeep::Files(files), Vec::new())
        }
        CertificateSource::Acme(config) => {
            let authority = Authority::of(config, &provider)?;
            (authority.resolver(), Upkeep::Authority(authority), vec![acme::CHALLENGE_PROTOCOL.to_vec()])
        }
    };
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| StartFailure::new(format!("TLS cannot be offered: {error}")))?;
    let builder = match &tls.node_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            // Everybody else has none, and comes with a credential.
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(file)?), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| unusable(file, error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(resolver);
    // The server adds those of HTTP.
    config.alpn_protocols = challenges;
    Ok(Tls { config, upkeep })
}

/// The authorities in a PEM file.
fn authorities(file: &Path) -> Result<RootCertStore, StartFailure> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(file, error))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| unusable(file, error))?;
    }
    Ok(roots)
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
