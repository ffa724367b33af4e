//! A stream that ends when its other side takes nothing.
//!
//! A client that sends requests and reads no answer would hold its connection, and what is made for it, for ever. Time
//! counts only while octets wait to be taken: a stream of events that has nothing to say waits for nothing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::limits;

/// What leaves as one piece: to copy it takes less time than the system takes to gather pieces.
const SMALL_OCTETS: usize = 1024;

/// A stream whose writes must make progress within [`limits::HTTP_WRITE_TIME`].
pub(super) struct Progress<S> {
    stream: S,
    /// Runs while a write waits.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S> Progress<S> {
    /// Bounds the writes of `stream`.
    pub(super) fn new(stream: S) -> Progress<S> {
        Progress { stream, patience: None }
    }

    /// What a write came to: one that waits for too long is an error.
    fn bounded<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.patience = None;
            return written;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(limits::HTTP_WRITE_TIME)));
        match patience.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Progress<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Progress<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, buffer);
        self.bounded(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let octets: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let written = if octets <= SMALL_OCTETS {
            let mut whole = SmallVec::<[u8; SMALL_OCTETS]>::new();
            buffers.iter().for_each(|buffer| whole.extend_from_slice(buffer));
            Pin::new(&mut self.stream).poll_write(context, &whole)
        } else {
            Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
        };
        self.bounded(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // No octet is taken here: a flush of a socket is nothing.
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
