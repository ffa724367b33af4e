//! What an operator has to look at where a connection to etcd fails. Pure.

use hyper::Uri;

/// A connection that failed for `reason`, with the setting that may be the cause.
pub(super) fn explained(endpoint: &Uri, reason: &str, has_certificate: bool) -> String {
    match hint(endpoint, reason, has_certificate) {
        Some(hint) => format!("{endpoint}: {reason} ({hint})"),
        None => format!("{endpoint}: {reason}"),
    }
}

fn hint(endpoint: &Uri, reason: &str, has_certificate: bool) -> Option<&'static str> {
    let is = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    let is_tls = endpoint.scheme_str() == Some("https");
    if is(&["alert: BadCertificate", "alert: CertificateRequired", "alert: UnknownCA", "alert: CertificateUnknown"]) {
        return Some(if has_certificate {
            "etcd does not take the certificate in etcd_cert_file: its trusted-ca-file has to name who signed it"
        } else {
            "etcd wants a certificate of its clients: set etcd_cert_file and etcd_key_file"
        });
    }
    if is_tls && is(&["handshake eof", "InvalidContentType", "Connection reset"]) {
        return Some("where it stays so, etcd has no TLS there: the URL in etcd_endpoints begins with http:// then");
    }
    if !is_tls && is(&["connection closed before message completed", "invalid HTTP version parsed"]) {
        return Some("where it stays so, etcd has TLS there: the URL in etcd_endpoints begins with https:// then");
    }
    is(&["UnknownIssuer"]).then_some("set etcd_ca_file to the certificate of who signed that of etcd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_names_the_setting() {
        let said =
            |endpoint: &'static str, reason, certificate| explained(&Uri::from_static(endpoint), reason, certificate);
        let alert = "received fatal alert: BadCertificate";
        for (said, expected) in [
            (said("https://a:1", alert, false), "(etcd wants a certificate of its clients: set etcd_cert_file and"),
            (said("https://a:1", "received fatal alert: CertificateRequired", false), "set etcd_cert_file"),
            (said("https://a:1", alert, true), "does not take the certificate in etcd_cert_file"),
            (said("https://a:1", "tls handshake eof", false), "begins with http://"),
            (said("https://a:1", "received corrupt message of type InvalidContentType", false), "begins with http://"),
            (said("http://a:1", "connection closed before message completed", false), "begins with https://"),
            (said("https://a:1", "invalid peer certificate: UnknownIssuer", false), "set etcd_ca_file"),
        ] {
            assert!(said.contains(expected), "{said}");
        }
        assert_eq!(said("http://a:1", "Connection refused", false), "http://a:1/: Connection refused");
        assert_eq!(said("https://a:1", "connection closed before message completed", true).matches('(').count(), 0);
    }
}
