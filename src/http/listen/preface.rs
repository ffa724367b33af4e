//! Which HTTP a connection speaks: HTTP/2 begins with octets that no request of HTTP/1 begins with (RFC 9113 3.4).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream of which some was read already, to be read again.
pub(super) struct Rewound<S> {
    stream: S,
    begun: [u8; PREFACE.len()],
    /// The part of `begun` that is still to be read.
    left: std::ops::Range<usize>,
}

/// Reads as much as it takes to know; says whether it is HTTP/2.
pub(super) async fn read<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(bool, Rewound<S>)> {
    let mut begun = [0; PREFACE.len()];
    let mut octets = 0;
    let is_http2 = loop {
        let read = stream.read(&mut begun[octets..]).await?;
        octets += read;
        if read == 0 || begun[..octets] != PREFACE[..octets] {
            break false;
        }
        if octets == PREFACE.len() {
            break true;
        }
    };
    Ok((is_http2, Rewound { stream, begun, left: 0..octets }))
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let octets = self.left.len().min(buffer.remaining());
        let start = self.left.start;
        buffer.put_slice(&self.begun[start..start + octets]);
        self.left.start += octets;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
