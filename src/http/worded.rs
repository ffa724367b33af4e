//! A stream that gives hyper's own refusals a body.
//!
//! What hyper cannot parse it refuses itself, with an empty body, before any handler sees it. Here such a
//! head (`content-length: 0` under a status that only hyper gives so) is replaced by a whole problem document, or by
//! Lyft's form of one where the request begins with a path of Lyft's API.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::lyft;
use super::problem::{Kind, Problem};
use crate::limits;

/// A stream under an HTTP connection.
pub(super) struct Worded<S> {
    stream: S,
    /// What is sent in place of hyper's words, and how much of it is still to be sent.
    instead: Vec<u8>,
    sent: usize,
    /// How the request that is read begins: enough to know whose path it names.
    beginning: Vec<u8>,
    /// Whether an answer was written since: what is read next begins another request.
    answered: bool,
}

/// Octets kept of the beginning of a request: longer than any method and the paths that are looked for.
const BEGINNING_OCTETS: usize = 64;

impl<S: AsyncWrite + Unpin> Worded<S> {
    /// Words for `stream`.
    pub(super) fn new(stream: S) -> Worded<S> {
        Worded { stream, instead: Vec::new(), sent: 0, beginning: Vec::new(), answered: false }
    }

    /// Takes a refusal of hyper; it is sent with the next flush.
    fn take(&mut self, written: &[u8]) -> bool {
        let Some(problem) = refusal(written) else { return false };
        let (media_type, body) = if self.is_lyft() {
            ("application/json", lyft::problem_body(&problem))
        } else {
            ("application/problem+json", problem.to_json())
        };
        let status = problem.kind().status();
        let head = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            body.len()
        );
        self.instead.extend_from_slice(head.as_bytes());
        self.instead.extend_from_slice(&body);
        true
    }

    /// Whether the path of the request is one of Lyft's API.
    fn is_lyft(&self) -> bool {
        let mut words = self.beginning.split(|octet| matches!(octet, b' ' | b'?' | b'\r' | b'\n'));
        words.nth(1).and_then(|path| std::str::from_utf8(path).ok()).is_some_and(lyft::owns)
    }

    fn beginning_is_known(&self) -> bool {
        !self.answered && self.beginning.len() == BEGINNING_OCTETS
    }

    /// Remembers how the request begins of which `octets` were read.
    fn note(&mut self, octets: &[u8]) {
        if std::mem::take(&mut self.answered) {
            self.beginning.clear();
        }
        let wanted = BEGINNING_OCTETS.saturating_sub(self.beginning.len()).min(octets.len());
        self.beginning.extend_from_slice(&octets[..wanted]);
    }

    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.instead.len() {
            let rest = &self.instead[self.sent..];
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                octets => self.sent += octets,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The problem that an empty refusal of hyper stands for.
fn refusal(written: &[u8]) -> Option<Problem> {
    let status = written.strip_prefix(b"HTTP/1.1 4").or_else(|| written.strip_prefix(b"HTTP/1.0 4"))?;
    let empty = b"\r\ncontent-length: 0\r\n";
    if !written.windows(empty.len()).any(|window| window == empty) {
        return None;
    }
    match status.get(..2)? {
        b"00" => Some(Problem::new(Kind::Invalid, "the request is no HTTP/1.1 request")),
        b"14" => {
            let bound = limits::HTTP_URL_OCTETS;
            Some(Problem::new(Kind::LongUrl, format!("path and query must be at most {bound} octets")))
        }
        b"31" => {
            let (octets, count) = (limits::HTTP_HEADER_OCTETS, limits::HTTP_HEADERS);
            let detail = format!("there must be at most {count} headers of {octets} octets together");
            Some(Problem::new(Kind::LargeHeaders, detail))
        }
        _ => None,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Worded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before && !self.beginning_is_known() {
            self.note(&buffer.filled()[before..]);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Worded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.answered = true;
        ready!(self.poll_instead(context))?;
        if self.take(buffer) {
            return Poll::Ready(Ok(buffer.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.answered = true;
        ready!(self.poll_instead(context))?;
        // hyper writes the head of an answer from one buffer.
        if let [head] = buffers
            && self.take(head)
        {
            return Poll::Ready(Ok(head.len()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
