//! TLS towards hosts: the roots of the system, or any certificate where the check says so.

use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::net::{Failure, words};
use crate::table::Tls;

/// What is spoken over a connection (ALPN).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    /// Nothing is.
    Any,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// How we shake hands.
pub(super) struct TlsClients {
    /// Roots beside those of the system.
    roots: Vec<CertificateDer<'static>>,
    /// With certificates checked, and without.
    configs: [OnceLock<Arc<ClientConfig>>; 2],
}

impl TlsClients {
    /// With these roots beside those of the system, which are read when they are first needed.
    pub(super) fn new(roots: Vec<CertificateDer<'static>>) -> TlsClients {
        TlsClients { roots, configs: Default::default() }
    }

    /// Shakes hands; `host` is the name that the certificate must have unless the check names another.
    pub(super) async fn secure(
        &self,
        stream: TcpStream,
        host: &str,
        tls: &Tls,
        protocol: Protocol,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let name = tls.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name)
            .map_err(|_| Failure::Critical(format!("{host:?} is no name for TLS: give tls_server_name")))?;
        let mut config = Arc::clone(self.config(tls.skip_verify)?);
        let spoken: &[&[u8]] = match protocol {
            Protocol::Any => &[],
            Protocol::Http1 => &[b"http/1.1"],
            Protocol::Http2 => &[b"h2"],
        };
        if !spoken.is_empty() {
            Arc::make_mut(&mut config).alpn_protocols = spoken.iter().map(|name| name.to_vec()).collect();
        }
        let shaken = TlsConnector::from(config).connect(name, stream).await;
        shaken.map_err(|error| Failure::Critical(format!("TLS: {}", words(&error))))
    }

    fn config(&self, skip_verify: bool) -> Result<&Arc<ClientConfig>, Failure> {
        let place = &self.configs[usize::from(skip_verify)];
        if let Some(config) = place.get() {
            return Ok(config);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::Critical(format!("TLS: {error}")))?;
        let config = if skip_verify {
            let anybody = Arc::new(Anybody(provider));
            builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth()
        } else {
            builder.with_root_certificates(self.trusted()).with_no_client_auth()
        };
        Ok(place.get_or_init(|| Arc::new(config)))
    }

    fn trusted(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a root of trust cannot be read");
        }
        let (added, ignored) =
            store.add_parsable_certificates(found.certs.into_iter().chain(self.roots.iter().cloned()));
        tracing::debug!(added, ignored, "the roots of trust are read");
        store
    }
}

/// Takes any certificate; that the other end has its key is still checked.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
