//! Answers in pieces, and the patience with a stream that takes none.
//!
//! The body of an answer and the task of its stream are made in different places and run in one task: they meet in a
//! cell of the task. The body says there that it has given a piece, or that it waits itself; the task ends the stream
//! when it was its client that took nothing for too long.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::unread::Unread;
use crate::limits;

tokio::task_local! {
    static TAKEN: Arc<Taken>;
}

/// What the client of a stream has taken.
#[derive(Default)]
struct Taken {
    /// Pieces asked for.
    pieces: AtomicU64,
    /// Whether it waits for us: the answer is being made.
    waits: AtomicBool,
}

/// A body whose pieces are small.
pub(super) struct Pieces {
    body: Body,
    rest: Bytes,
    /// What the client still sends, to be read before the end.
    unread: Option<Unread>,
}

impl Pieces {
    pub(super) fn new(body: Body, unread: Option<Unread>) -> Pieces {
        Pieces { body, rest: Bytes::new(), unread }
    }

    /// The next frame, before it is cut.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest)))));
        }
        let next = ready!(Pin::new(&mut self.body).poll_frame(context));
        if next.is_none()
            && let Some(unread) = &mut self.unread
        {
            ready!(unread.poll(context));
            self.unread = None;
        }
        Poll::Ready(next)
    }

    /// The first piece of `data`; the rest is kept.
    fn cut(&mut self, mut data: Bytes) -> Frame<Bytes> {
        self.rest = data.split_off(data.len().min(limits::HTTP2_PIECE_OCTETS));
        Frame::data(data)
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let next = self.poll_next(context);
        // Outside the task of a stream nobody asks.
        let _ = TAKEN.try_with(|taken| {
            taken.pieces.fetch_add(1, Ordering::Relaxed);
            taken.waits.store(next.is_pending(), Ordering::Relaxed);
        });
        next.map_ok(|frame| match frame.into_data() {
            Ok(data) => self.cut(data),
            Err(trailers) => trailers,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.unread.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let of_body = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(of_body.lower() + rest);
        hint
    }
}

/// The task of a stream, over when its client takes no piece within [`limits::HTTP_WRITE_TIME`]: dropping it resets the
/// stream.
pub(super) struct Patient<F> {
    stream: F,
    taken: Arc<Taken>,
    seen: u64,
    patience: Option<Pin<Box<Sleep>>>,
}

impl<F> Patient<F> {
    pub(super) fn new(stream: F) -> Patient<F> {
        Patient {
            stream,
            taken: Arc::new(Taken { waits: AtomicBool::new(true), ..Taken::default() }),
            seen: 0,
            patience: None,
        }
    }
}

impl<F: Future<Output = ()> + Unpin> Future for Patient<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let stream = Pin::new(&mut this.stream);
        if TAKEN.sync_scope(Arc::clone(&this.taken), || stream.poll(context)).is_ready() {
            return Poll::Ready(());
        }
        let pieces = this.taken.pieces.load(Ordering::Relaxed);
        if this.taken.waits.load(Ordering::Relaxed) {
            this.patience = None;
            return Poll::Pending;
        }
        if std::mem::replace(&mut this.seen, pieces) != pieces {
            this.patience = None;
        }
        let patience = this.patience.get_or_insert_with(|| Box::pin(sleep(limits::HTTP_WRITE_TIME)));
        patience.as_mut().poll(context)
    }
}
