//! Certificates from an authority by ACME (RFC 8555), proving the domains within TLS itself (TLS-ALPN-01, RFC 8737): the server
//! must be reachable on port 443 under their names. They are renewed in time, and kept in a folder with the account.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt as _;
use nexus_infrastructure::config::AcmeConfig;
use rustls::server::ResolvesServerCert;
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeState, EventOk};

use super::Provider;
use super::authorities::roots;
use crate::server::failure::StartFailure;

/// What the authority speaks to see that the server has the domain (RFC 8737 section 6.2).
pub(super) const CHALLENGE_PROTOCOL: &[u8] = b"acme-tls/1";

/// The authority, with what is under way there.
pub(crate) struct Authority {
    state: AcmeState<std::io::Error>,
}

impl Authority {
    pub(super) fn of(config: &AcmeConfig, provider: &Provider) -> Result<Self, StartFailure> {
        make_private(&config.cache)?;
        let acme = match &config.ca {
            None => rustls_acme::AcmeConfig::new_with_provider(&config.domains, Arc::clone(provider)),
            Some(file) => {
                let client = rustls::ClientConfig::builder_with_provider(Arc::clone(provider))
                    .with_safe_default_protocol_versions()
                    .map_err(|error| StartFailure::new(format!("TLS cannot be spoken: {error}")))?
                    .with_root_certificates(roots(file)?)
                    .with_no_client_auth();
                rustls_acme::AcmeConfig::new_with_client_config(&config.domains, Arc::new(client))
            }
        };
        let state = acme
            .contact(config.contact.iter().map(|address| format!("mailto:{address}")))
            .directory(&config.directory)
            .cache(DirCache::new(config.cache.clone()))
            .state();
        Ok(Self { state })
    }

    /// What presents the certificate, or proves the domain.
    pub(super) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        self.state.resolver()
    }

    /// Orders and renews for ever.
    pub(super) async fn follow(mut self) {
        while let Some(event) = self.state.next().await {
            match event {
                Ok(EventOk::DeployedCachedCert) => tracing::info!("the certificate that was kept is used"),
                Ok(EventOk::DeployedNewCert) => tracing::info!("the authority issued a certificate"),
                Ok(EventOk::CertCacheStore | EventOk::AccountCacheStore) => {}
                Err(error) => {
                    tracing::warn!(%error, "the authority issued no certificate; it is asked again")
                }
            }
        }
    }
}

/// Private keys will be in the folder, as files that everybody may read: nobody else may come in.
fn make_private(folder: &Path) -> Result<(), StartFailure> {
    let shown = folder.display();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    let metadata = made.and_then(|()| std::fs::metadata(folder)).map_err(|error| {
        StartFailure::new(format!(
            "cannot make {shown} for certificates: {error}; check `server.tls.acme.cache`"
        ))
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(StartFailure::new(format!(
            "others may look into {shown} (mode {mode:03o}), where private keys are kept; run: chmod 700 {shown}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};

    use super::*;

    #[test]
    fn a_folder_of_private_keys_is_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("acme");
        make_private(&folder).unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        make_private(&folder).unwrap();
        for mode in [0o750, 0o705, 0o770, 0o777] {
            set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            let refused = make_private(&folder).unwrap_err().to_string();
            assert!(refused.contains(&format!("(mode {mode:03o})")), "{refused}");
            assert!(refused.contains(&format!("chmod 700 {}", folder.display())), "{refused}");
        }
    }
}
