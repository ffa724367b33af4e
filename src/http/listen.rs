//! The listener: connections, their bounds, and their end.
//!
//! HTTP/1.1 and HTTP/2 share it: who begins with the preface of HTTP/2 speaks that, by prior knowledge (RFC 9113 3.3).

mod heads;
mod http2;
mod pieces;
mod preface;
mod unread;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use futures_util::future::{Either, ready};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Request, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::problem::{self, Problem};
use super::progress::Progress;
use super::worded::Worded;
use super::{App, router, short};
use crate::limits;
use crate::readiness::Condition;

/// Serves `listener` until `shutdown`; then accepts nothing more, ends waits and idle connections at once, and
/// returns when what was accepted is answered, after [`limits::DRAIN_TIME`] at the latest.
pub async fn serve(listener: TcpListener, mut app: App, shutdown: CancellationToken) {
    app.edit().stopping = shutdown.clone();
    let (metrics, readiness) = (Arc::clone(&app.metrics), Arc::clone(&app.readiness));
    readiness.hold(Condition::Http);
    let way = Way::new(app);
    let places = Arc::new(Semaphore::new(limits::HTTP_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            // Who finds no place waits in the system's queue.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Without it a small answer waits for the acknowledgment of the one before (Nagle); failing costs only time.
                let _ = stream.set_nodelay(true);
                let connection = run_connection(stream, peer, way.clone(), shutdown.clone());
                let open = metrics.connection();
                connections.spawn(async move {
                    connection.await;
                    drop((place, open));
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
    readiness.lack(Condition::Stopping, "a stop was asked for");
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(limits::DRAIN_TIME, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections are cut, the time to drain is over");
        connections.shutdown().await;
    }
}

/// A connection that broke before it was accepted says nothing about the next; no file descriptor does.
async fn pause_after(error: &io::Error) {
    let of_one_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !of_one_connection {
        tracing::warn!(%error, "cannot accept a connection");
        sleep(limits::HTTP_ACCEPT_PAUSE).await;
    }
}

/// The ways from a connection to the handlers.
#[derive(Clone)]
struct Way {
    app: App,
    router: Router,
}

impl Way {
    fn new(app: App) -> Way {
        Way { app: app.clone(), router: router(app) }
    }
}

async fn run_connection<S>(stream: S, peer: SocketAddr, way: Way, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Body>| {
        if let Err(problem) = check_host(&request) {
            return Either::Left(ready(Ok(problem::respond(request.uri().path(), &problem))));
        }
        if short::is_open(&request) {
            return Either::Right(Either::Left(Box::pin(short::register(way.app.clone(), request))));
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        Either::Right(Either::Right(way.router.clone().call(request)))
    });
    // Until the first octets are there the connection idles: it ends like one that does.
    let begun = shutdown.run_until_cancelled(timeout(limits::HTTP_HEADER_TIME, preface::read(stream)));
    let Some(Ok(Ok((is_http2, stream)))) = begun.await else { return };
    let stream = Progress::new(stream);
    let ended = if is_http2 {
        http2::run(stream, service, &shutdown).await
    } else {
        let service = service_fn(move |request: Request<Incoming>| service.call(request.map(Body::new)));
        run_http1(stream, service, &shutdown).await
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn run_http1<S, A>(stream: S, answer: A, shutdown: &CancellationToken) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: hyper::service::Service<Request<Incoming>, Response = Response, Error = Infallible> + Unpin,
    A::Future: Unpin,
{
    let mut connection = http1::Builder::new()
        .timer(heads::Heads::new())
        .header_read_timeout(limits::HTTP_HEADER_TIME)
        .max_buf_size(limits::HTTP_READ_BUFFER_OCTETS)
        .serve_connection(TokioIo::new(Worded::new(stream)), answer);
    let mut stopping = false;
    let ended = loop {
        let run = std::future::poll_fn(|context| connection.poll_without_shutdown(context));
        tokio::select! {
            biased;
            ended = run => break ended,
            () = shutdown.cancelled(), if !stopping => {
                stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if !stopping {
        linger(connection.into_parts().io.into_inner()).await;
    }
    ended
}

/// A request of HTTP/1.1 has one header `Host`, whatever it says (RFC 9112 3.2); one of HTTP/2 may do without, as its
/// target says the same (RFC 9113 8.3.1).
fn check_host<B>(request: &Request<B>) -> Result<(), Problem> {
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts == 1 || (hosts == 0 && request.version() != Version::HTTP_11) {
        return Ok(());
    }
    Err(Problem::invalid("Host", format!("must be given once, is given {hosts} times")))
}

/// Ends a connection so that the client can still read the last answer: a socket closed with unread input sends a
/// reset, which throws away what the client has not read yet.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut scratch = [0_u8; 4096];
    let mut left = limits::HTTP_LINGER_OCTETS;
    let discard = pin!(async {
        while left > 0 {
            match stream.read(&mut scratch).await {
                Ok(0) | Err(_) => return,
                Ok(octets) => left = left.saturating_sub(octets),
            }
        }
    });
    // Out of time or not, the connection ends here.
    let _ = timeout(limits::HTTP_LINGER_TIME, discard).await;
}

#[cfg(test)]
mod tests;
