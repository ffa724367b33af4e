//! Little servers on the loopback: each accepts for ever, and does with a connection what it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::probe::net::Stream;

/// A server that is there as long as the test.
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// Connections so far.
    pub(super) hits: Arc<AtomicUsize>,
    /// Fires with each.
    pub(super) hit: Arc<Notify>,
}

impl Target {
    /// A server that does this with each connection.
    pub(super) async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Target
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let target = Target { address, hits: Arc::default(), hit: Arc::default() };
        let (hits, hit) = (Arc::clone(&target.hits), Arc::clone(&target.hit));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                hits.fetch_add(1, Ordering::SeqCst);
                hit.notify_one();
                tokio::spawn(serve(stream));
            }
        });
        target
    }

    /// A server of HTTP/1.1 that sends these octets to whatever it is asked, then keeps the connection open.
    pub(super) async fn http(answer: impl Into<Vec<u8>>) -> Target {
        let answer: Arc<[u8]> = answer.into().into();
        Target::start(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                read_head(&mut stream).await;
                let _ = stream.write_all(&answer).await;
                let _ = stream.read(&mut [0; 1]).await;
            }
        })
        .await
    }
}

/// The head of a request.
pub(super) async fn read_head(stream: &mut (impl Stream + ?Sized)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => head.push(octet),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A certificate for `localhost`, and how a server shows it.
pub(super) fn certificate(protocol: &[u8]) -> (CertificateDer<'static>, TlsAcceptor) {
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).expect("a key");
    let certificate = signed.cert.der().clone();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a certificate with its key");
    config.alpn_protocols = vec![protocol.to_vec()];
    (certificate, TlsAcceptor::from(Arc::new(config)))
}

/// Serves the health service of gRPC on one connection, for requests with a body that ends in `service`.
pub(super) async fn serve_grpc(stream: impl Stream, service: &str, status: u8) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (service, path) = (service.to_owned(), request.uri().path().to_owned());
        tokio::spawn(async move {
            assert_eq!(path, "/grpc.health.v1.Health/Check");
            let mut body = request.into_body();
            let mut asked = Vec::new();
            while let Some(Ok(data)) = body.data().await {
                asked.extend_from_slice(&data);
            }
            let response = hyper::Response::builder().header("content-type", "application/grpc");
            if !asked.ends_with(service.as_bytes()) {
                let response = response.header("grpc-status", "5").body(()).expect("a response");
                let _ = respond.send_response(response, true);
                return;
            }
            let mut stream = respond.send_response(response.body(()).expect("a response"), false).expect("a stream");
            let _ = stream.send_data(Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, status]), false);
            let mut trailers = hyper::HeaderMap::new();
            trailers.insert("grpc-status", hyper::header::HeaderValue::from_static("0"));
            let _ = stream.send_trailers(trailers);
        });
    }
}
