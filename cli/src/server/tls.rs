//! TLS for the server, from PEM files.

use std::path::Path;
use std::sync::Arc;

use nexus_infrastructure::config::TlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::server::failure::StartFailure;

/// Reads certificate and key. TLS 1.2 and 1.3 are offered.
pub(crate) fn server_config(files: &TlsConfig) -> Result<ServerConfig, StartFailure> {
    let unusable = |file: &Path, reason: String| {
        StartFailure::new(format!("cannot use {} for TLS: {reason}; check `server.tls`", file.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(&files.certificate, error.to_string()))?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| unusable(&files.certificate, error.to_string()))
}
