//! The files that the settings name: the password, certificates, a key.

use std::path::Path;
use std::sync::Once;

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use super::settings::{Settings, Tls};

/// Who we are to etcd.
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// Reads the files once; says which setting names one that cannot be used.
pub fn check_files(settings: &Settings) -> Result<(), String> {
    credentials(settings)?;
    client_tls(&settings.tls).map(drop)
}

pub(super) fn credentials(settings: &Settings) -> Result<Option<Credentials>, String> {
    match (&settings.user, &settings.password_file) {
        (None, None) => Ok(None),
        (Some(user), Some(path)) => {
            let password =
                std::fs::read_to_string(path).map_err(|error| named("etcd_password_file", path, &error.to_string()))?;
            Ok(Some(Credentials { user: user.clone(), password: password.trim_end_matches(['\r', '\n']).to_owned() }))
        }
        _ => Err("etcd_user and etcd_password_file are given together or not at all".into()),
    }
}

pub(super) fn client_tls(tls: &Tls) -> Result<ClientConfig, String> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error says that there is one already.
        let _ = aws_lc_rs::default_provider().install_default();
    });
    let mut roots = RootCertStore::empty();
    match &tls.authorities {
        Some(path) => {
            for root in certificates("etcd_ca_file", path)? {
                roots.add(root).map_err(|error| named("etcd_ca_file", path, &error.to_string()))?;
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("etcd_cert_file", certificate)?;
            let private = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| named("etcd_key_file", key, &format!("holds no key in PEM: {error}")))?;
            builder.with_client_auth_cert(chain, private).map_err(|error| {
                let (certificate, key) = (certificate.display(), key.display());
                format!("etcd_cert_file {certificate} with etcd_key_file {key}: {error}")
            })
        }
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(_), None) => Err("etcd_cert_file needs etcd_key_file beside it, the key of the certificate".into()),
        (None, Some(_)) => Err("etcd_key_file needs etcd_cert_file beside it, the certificate of the key".into()),
    }
}

/// The certificates of a file: at least one.
fn certificates(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match read {
        Ok(found) if found.is_empty() => Err(named(setting, path, "holds no certificate in PEM")),
        Ok(found) => Ok(found),
        Err(error) => Err(named(setting, path, &error.to_string())),
    }
}

fn named(setting: &str, path: &Path, wrong: &str) -> String {
    format!("{setting} {}: {wrong}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_names_the_setting() {
        let directory = tempfile::tempdir().expect("a directory");
        let none = directory.path().join("none.pem");
        let text = directory.path().join("text.pem");
        std::fs::write(&text, "no certificate\n").expect("a file");
        let wrong = |tls: Tls| check_files(&Settings { tls, ..Settings::default() }).expect_err("refused");
        let with = |authorities, certificate, key| wrong(Tls { authorities, certificate, key });
        for (said, expected) in [
            (with(Some(none.clone()), None, None), "etcd_ca_file"),
            (with(Some(text.clone()), None, None), "holds no certificate"),
            (with(None, Some(text.clone()), None), "needs etcd_key_file"),
            (with(None, None, Some(text.clone())), "needs etcd_cert_file"),
            (with(None, Some(none.clone()), Some(text.clone())), "etcd_cert_file"),
            (with(None, Some(text.clone()), Some(text.clone())), "etcd_cert_file"),
        ] {
            assert!(said.contains(expected), "{said}");
        }
        let user = |user: Option<&str>, password_file| {
            let user = user.map(Into::into);
            check_files(&Settings { user, password_file, ..Settings::default() }).expect_err("refused")
        };
        assert!(user(Some("ann"), None).contains("together"));
        assert!(user(Some("ann"), Some(none)).starts_with("etcd_password_file "));
        assert_eq!(check_files(&Settings::default()), Ok(()));
    }
}
