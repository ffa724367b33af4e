//! What a client of HTTP/2 still sends of a request that was refused: it is read and thrown away before the answer ends,
//! as it is for HTTP/1.1. A stream that ends both ways while its client sends is reset, and most clients report that
//! and not the answer that they have.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Sleep, sleep};

use crate::limits;

/// Where a body is put that nobody wants to read on.
#[derive(Clone, Default)]
pub(super) struct Left(Arc<Mutex<Option<Incoming>>>);

impl Left {
    /// The request, whose body comes back here when it is dropped before its end.
    pub(super) fn lend(&self, request: Request<Incoming>) -> Request<Body> {
        request.map(|body| Body::new(Lent { body: Some(body), left: self.clone() }))
    }

    /// What is to be thrown away before an answer ends, if anything is.
    pub(super) fn take(&self) -> Option<Unread> {
        let body = self.0.lock().take()?;
        Some(Unread { body, octets: limits::HTTP_LINGER_OCTETS, time: None })
    }
}

/// A body that is in somebody's hands.
struct Lent {
    body: Option<Incoming>,
    left: Left,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.left.0.lock() = self.body.take().filter(|body| !body.is_end_stream());
    }
}

/// A body that is thrown away, up to [`limits::HTTP_LINGER_OCTETS`] and [`limits::HTTP_LINGER_TIME`].
pub(super) struct Unread {
    body: Incoming,
    octets: usize,
    time: Option<Pin<Box<Sleep>>>,
}

impl Unread {
    /// Ready when nothing more is to be read.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.octets > 0 {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    let octets = frame.data_ref().map_or(0, Bytes::len);
                    self.octets = self.octets.saturating_sub(octets);
                }
                Poll::Ready(None | Some(Err(_))) => return Poll::Ready(()),
                Poll::Pending => {
                    let time = self.time.get_or_insert_with(|| Box::pin(sleep(limits::HTTP_LINGER_TIME)));
                    return time.as_mut().poll(context);
                }
            }
        }
        Poll::Ready(())
    }
}
