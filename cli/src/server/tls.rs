//! TLS for the server, from PEM files.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use nexus_api::nodes::Certified;
use nexus_infrastructure::config::{ServerConfig, TlsConfig};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use crate::server::failure::StartFailure;

/// Reads certificate and key, where the configuration names them. To be done before anything is begun: what is wrong with them is
/// then all that is said. TLS 1.2 and 1.3 are offered.
pub(crate) fn configured(config: &ServerConfig) -> Result<Option<rustls::ServerConfig>, StartFailure> {
    config.tls.as_ref().map(server_config).transpose()
}

fn server_config(files: &TlsConfig) -> Result<rustls::ServerConfig, StartFailure> {
    let unusable = |file: &Path, reason: String| {
        StartFailure::new(format!("cannot use {} for TLS: {reason}; check `server.tls`", file.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(&files.certificate, error.to_string()))?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&files.certificate, error.to_string()))?;
    let builder = match &files.node_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            let certificates = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| unusable(file, error.to_string()))?;
            for certificate in certificates {
                roots.add(certificate).map_err(|error| unusable(file, error.to_string()))?;
            }
            // Everybody else has none, and comes with a credential.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| unusable(file, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder.with_single_cert(chain, key).map_err(|error| unusable(&files.certificate, error.to_string()))
}

/// Prepares a connection: what is written goes out at once, since a small message behind another small one would otherwise wait
/// until the other side has confirmed the first, 40 ms later; and it notes whether the client showed a certificate of
/// [`TlsConfig::node_ca`].
pub(crate) fn prepare(connection: &dyn Any, data: &mut Extensions) {
    let plain = match connection.downcast_ref::<TlsStream<TcpStream>>() {
        Some(stream) => {
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
