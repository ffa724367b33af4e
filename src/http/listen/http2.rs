//! Connections of HTTP/2, with bounds of their own: many streams share one, so what bounds a connection of HTTP/1 must
//! bound each of them.
//!
//! A client may take octets of the connection and none of one stream, by its windows. So answers go to a stream in
//! pieces, and a stream that takes none of them in time is reset ([`super::pieces`]).

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::response::Response;
use futures_util::future::{Either, select};
use hyper::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::pieces::{Patient, Pieces};
use super::unread::Left;
use crate::limits;

/// Serves a connection until its end, or until a stop was asked for and what was begun is answered.
pub(super) async fn run<S, A>(stream: S, answer: A, shutdown: &CancellationToken) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Service<Request<Body>, Response = Response, Error = Infallible>,
    A::Future: Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let left = Left::default();
        let answer = answer.call(left.lend(request));
        async move {
            let answer = answer.await?;
            // Calls of gRPC end as they want: their status is 200.
            let unread = if answer.status().as_u16() >= 400 { left.take() } else { None };
            Ok::<_, Infallible>(answer.map(|body: Body| Pieces::new(body, unread)))
        }
    });
    let streams = Streams::default();
    let connection = http2::Builder::new(streams.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::HTTP2_STREAMS)
        .max_header_list_size(u32::try_from(limits::HTTP_READ_BUFFER_OCTETS).unwrap_or(u32::MAX))
        .max_frame_size(limits::HTTP2_FRAME_OCTETS)
        .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW_OCTETS)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW_OCTETS)
        .max_send_buf_size(limits::HTTP2_PIECE_OCTETS)
        .max_pending_accept_reset_streams(limits::HTTP2_RESETS)
        .max_local_error_reset_streams(limits::HTTP2_MISTAKES)
        .keep_alive_interval(limits::HTTP2_PING_INTERVAL)
        .keep_alive_timeout(limits::HTTP2_PING_TIME)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let no_more = pin!(no_more(&streams, shutdown));
    if let Either::Left((ended, _)) = select(connection.as_mut(), no_more).await {
        return ended;
    }
    connection.as_mut().graceful_shutdown();
    // Where a stop was asked for, the listener's time to drain is shorter than that of a stream that waits.
    match timeout(limits::HTTP2_IDLE, connection).await {
        Ok(ended) => ended,
        Err(_) => Ok(()),
    }
}

/// Waits for the moment from which nothing more is expected: a stop, or a time without streams.
async fn no_more(streams: &Streams, shutdown: &CancellationToken) {
    let mut before = streams.begun();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep(limits::HTTP2_IDLE) => {}
        }
        let begun = streams.begun();
        if begun == std::mem::replace(&mut before, begun) && streams.open() == 0 {
            return;
        }
    }
}

/// The streams of a connection.
#[derive(Clone, Default)]
struct Streams(Arc<Counts>);

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    begun: AtomicUsize,
}

impl Streams {
    fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(self.clone());
        let stream: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(stream);
        tokio::spawn(async move {
            Patient::new(stream).await;
            drop(open);
        });
    }
}

/// Counts a stream as open until it is dropped.
struct Open(Streams);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
