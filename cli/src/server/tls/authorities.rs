//! The authorities of validating nodes' certificates, a PEM file that is read anew when it changes: whoever replaces an authority
//! need not restart anything. What counts is the file as it was when a connection began.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::files::{LOOKED_AT_EVERY, Stamp, stamp};
use super::{Provider, unusable};
use crate::server::failure::StartFailure;

/// Authorities with their file.
#[derive(Debug)]
pub(crate) struct Authorities {
    file: PathBuf,
    provider: Provider,
    current: RwLock<Arc<dyn ClientCertVerifier>>,
    read: Option<Stamp>,
}

impl Authorities {
    pub(super) fn read(file: &Path, provider: &Provider) -> Result<Self, StartFailure> {
        // Before the file: what is written after this is read again.
        let read = stamp(file);
        let current = RwLock::new(verifier(file, provider)?);
        Ok(Self { file: file.to_owned(), provider: Arc::clone(provider), current, read })
    }

    /// Looks at the file for ever.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut read = self.read;
        loop {
            tokio::time::sleep(LOOKED_AT_EVERY).await;
            let authorities = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || authorities.look(read)).await;
            read = looked.unwrap_or(read);
        }
    }

    /// Reads the file if it has changed since it was `read`. One that holds no authority, as while it is not written whole,
    /// changes nothing.
    fn look(&self, read: Option<Stamp>) -> Option<Stamp> {
        let now = stamp(&self.file);
        if now == read {
            return read;
        }
        match verifier(&self.file, &self.provider) {
            Ok(verifier) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = verifier;
                tracing::info!(file = %self.file.display(), "the authorities of nodes were read anew");
            }
            Err(failure) => tracing::warn!(%failure, "the authorities of nodes stay as they were"),
        }
        now
    }

    fn current(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientCertVerifier for Authorities {
    fn client_auth_mandatory(&self) -> bool {
        // Everybody else has none, and comes with a credential.
        false
    }

    /// None: they may be others by the time that the client answers. It shows the certificate that it has.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.current().verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().supported_verify_schemes()
    }
}

/// What checks certificates by the authorities in a PEM file.
fn verifier(file: &Path, provider: &Provider) -> Result<Arc<dyn ClientCertVerifier>, StartFailure> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots(file)?), Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| unusable(file, error))
}

/// The authorities in a PEM file.
pub(super) fn roots(file: &Path) -> Result<RootCertStore, StartFailure> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(file, error))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| unusable(file, error))?;
    }
    Ok(roots)
}
