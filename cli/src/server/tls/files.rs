//! A certificate from PEM files, which are read anew when they change: whoever renews it need not restart anything.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Provider, unusable};
use crate::server::failure::StartFailure;

/// How often the files are looked at.
pub(super) const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);

/// A certificate with its files.
#[derive(Debug)]
pub(crate) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    provider: Provider,
    current: RwLock<Arc<CertifiedKey>>,
    read: Option<Stamps>,
}

/// When a file was written, and how long it is.
pub(super) type Stamp = (SystemTime, u64);

/// Those of both files.
type Stamps = [Stamp; 2];

impl Files {
    pub(super) fn read(certificate: &Path, key: &Path, provider: &Provider) -> Result<Self, StartFailure> {
        // Before the files: what is written after this is read again.
        let read = stamps(certificate, key);
        let current = certified(certificate, key, provider)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            provider: Arc::clone(provider),
            current: RwLock::new(Arc::new(current)),
            read,
        })
    }

    /// Looks at the files for ever.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut read = self.read;
        loop {
            tokio::time::sleep(LOOKED_AT_EVERY).await;
            let files = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || files.look(read)).await;
            read = looked.unwrap_or(read);
        }
    }

    /// Reads the files if they have changed since they were `read`. A pair that does not go together, as while one of the two is
    /// not written yet, changes nothing.
    fn look(&self, read: Option<Stamps>) -> Option<Stamps> {
        let now = stamps(&self.certificate, &self.key);
        if now == read {
            return read;
        }
        match certified(&self.certificate, &self.key, &self.provider) {
            Ok(certified) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
                tracing::info!(file = %self.certificate.display(), "the certificate was read anew");
            }
            Err(failure) => tracing::warn!(%failure, "the certificate stays as it was"),
        }
        now
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn stamps(certificate: &Path, key: &Path) -> Option<Stamps> {
    Some([stamp(certificate)?, stamp(key)?])
}

pub(super) fn stamp(file: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn certified(certificate: &Path, key: &Path, provider: &Provider) -> Result<CertifiedKey, StartFailure> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(certificate, error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| unusable(certificate, error))
}
