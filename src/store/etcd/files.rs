//! The files that the settings name: the password, certificates, a key.

use std::path::Path;
use std::sync::Once;

use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, crypto::aws_lc_rs};

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
            let password = password.trim_end_matches(['\r', '\n']).to_owned();
            if password.is_empty() {
                return Err(named("etcd_password_file", path, "is empty: it must hold the password of etcd_user"));
            }
            Ok(Some(Credentials { user: user.clone(), password }))
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
                let unread = |error| named("etcd_ca_file", path, &format!("holds what is no certificate: {error}"));
                roots.add(root).map_err(unread)?;
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("etcd_cert_file", certificate)?;
            let private = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| named("etcd_key_file", key, &damage(&error, "key without a passphrase")))?;
            builder.with_client_auth_cert(chain, private).map_err(|error| {
                let (certificate, key) = (certificate.display(), key.display());
                let wrong = if matches!(error, rustls::Error::InconsistentKeys(_)) {
                    "they do not belong together: the key must be that of the first certificate".to_owned()
                } else {
                    error.to_string()
                };
                format!("etcd_cert_file {certificate} with etcd_key_file {key}: {wrong}")
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
        Err(error) => Err(named(setting, path, &damage(&error, "certificate"))),
    }
}

/// What is wrong with a file that is to hold `what`.
fn damage(error: &pem::Error, what: &str) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => format!("holds no {what} in PEM"),
        pem::Error::MissingSectionEnd { end_marker } => {
            let end = String::from_utf8_lossy(end_marker);
            format!("is cut off: the line END {} is missing; copy the whole file anew", end.trim_matches('-').trim())
        }
        pem::Error::IllegalSectionStart { .. } => "is damaged: a line BEGIN is not whole; copy the file anew".into(),
        pem::Error::Base64Decode(_) | pem::Error::SectionTooLarge | _ => {
            format!("is damaged: {error}; copy the file anew")
        }
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
        let empty = directory.path().join("empty");
        std::fs::write(&empty, "\n").expect("a file");
        assert!(user(Some("ann"), Some(empty)).contains("is empty: it must hold the password of etcd_user"));
        assert_eq!(check_files(&Settings::default()), Ok(()));
    }

    #[test]
    fn what_is_wrong_says_what_to_do() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).expect("a file");
            Some(path)
        };
        let pair = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let (mine, other) = (pair(), pair());
        let (pem, key) =
            (pem_of("CERTIFICATE", mine.cert.der()), pem_of("PRIVATE KEY", &mine.signing_key.serialize_der()));
        let (certificate, private) = (file("mine.pem", &pem), file("mine.key", &key));
        let strange = file("other.key", &pem_of("PRIVATE KEY", &other.signing_key.serialize_der()));
        let (cut, cut_key) = (file("cut.pem", &pem[..60]), file("cut.key", &key[..60]));
        let check = |authorities: &Option<_>, certificate: &Option<_>, key: &Option<_>| {
            let (authorities, certificate, key) = (authorities.clone(), certificate.clone(), key.clone());
            check_files(&Settings { tls: Tls { authorities, certificate, key }, ..Settings::default() })
        };
        assert_eq!(check(&certificate, &certificate, &private), Ok(()));
        for (said, setting, expected) in [
            (check(&cut, &None, &None), "etcd_ca_file", "the line END CERTIFICATE is missing"),
            (check(&None, &cut, &private), "etcd_cert_file", "the line END CERTIFICATE is missing"),
            (check(&None, &certificate, &cut_key), "etcd_key_file", "the line END PRIVATE KEY is missing"),
            (check(&None, &certificate, &strange), "etcd_cert_file", "do not belong together"),
            (check(&None, &certificate, &strange), "etcd_cert_file", "with etcd_key_file"),
            (check(&None, &certificate, &certificate), "etcd_key_file", "holds no key"),
        ] {
            let said = said.expect_err("refused");
            assert!(said.starts_with(setting) && said.contains(expected) && !said.contains("[67"), "{said}");
        }
    }

    fn pem_of(label: &str, der: &[u8]) -> String {
        let text = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    }
}
