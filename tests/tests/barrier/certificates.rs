//! Authorities that issue certificates, and PEM files of them.

use std::path::{Path, PathBuf};

use rcgen::date_time_ymd;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// An authority with a certificate that it signed itself.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, PEM.
    pub(crate) pem: String,
}

/// The files of a certificate.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Until when a certificate is valid.
pub(crate) enum Ends {
    /// In a time that no test sees.
    Later,
    /// It has ended.
    Before,
}

impl Authority {
    /// One whose files go into a folder under its name.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).unwrap();
        let mut params = params(name, &Ends::Later);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Strict clients want it said (RFC 5280 section 4.2.1.3).
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(folder.join("ca.pem"), &pem).unwrap();
        Self { folder, issuer: Issuer::new(params, key), pem }
    }

    /// The file of its certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Issues a certificate for a server on this machine, or for a node.
    pub(crate) fn issue(&self, name: &str, ends: &Ends) -> Files {
        let mut params = params(name, ends);
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        let files = Files {
            certificate: self.folder.join(format!("{name}.crt")),
            key: self.folder.join(format!("{name}.pem")),
        };
        std::fs::write(&files.certificate, pem).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

fn params(name: &str, ends: &Ends) -> CertificateParams {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = match ends {
        Ends::Later => date_time_ymd(2999, 1, 1),
        Ends::Before => date_time_ymd(2021, 1, 1),
    };
    params
}
