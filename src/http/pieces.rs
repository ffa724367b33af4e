//! Lists of hosts in pieces: a list of every host is never in memory as text.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;

use crate::limits;
use crate::table::Host;

/// Text for one host, written to the end of what is there.
type Write = Box<dyn FnMut(&mut Vec<u8>, &Host) + Send>;

/// The text `head host,host,... tail`, made a piece at a time; a row costs eight octets until it is its turn.
pub(super) struct Pieces {
    started: bool,
    ended: bool,
    head: String,
    hosts: std::vec::IntoIter<Arc<Host>>,
    write: Write,
    tail: String,
}

impl Pieces {
    /// A list of `hosts`, each as `write` has it.
    pub(super) fn new(
        head: impl Into<String>,
        hosts: Vec<Arc<Host>>,
        tail: impl Into<String>,
        write: impl FnMut(&mut Vec<u8>, &Host) + Send + 'static,
    ) -> Pieces {
        let (head, hosts, tail) = (head.into(), hosts.into_iter(), tail.into());
        Pieces { started: false, ended: false, head, hosts, write: Box::new(write), tail }
    }

    /// The same list with a text before and after it.
    pub(super) fn framed(mut self, before: &str, after: &str) -> Pieces {
        self.head.insert_str(0, before);
        self.tail.push_str(after);
        self
    }

    /// The list as a body: whole when it fits one piece.
    pub(super) fn into_body(mut self) -> Body {
        let first = self.next().unwrap_or_default();
        if self.ended {
            return Body::from(first);
        }
        let pieces = std::iter::once(first).chain(self).map(Ok::<_, Infallible>);
        Body::from_stream(futures_util::stream::iter(pieces))
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut piece = Vec::with_capacity(self.hosts.len().saturating_mul(512).min(limits::HTTP_CHUNK_OCTETS) + 128);
        let mut comma = self.started;
        if !self.started {
            piece.extend_from_slice(self.head.as_bytes());
            self.started = true;
        }
        while piece.len() < limits::HTTP_CHUNK_OCTETS {
            let Some(host) = self.hosts.next() else {
                piece.extend_from_slice(self.tail.as_bytes());
                self.ended = true;
                break;
            };
            if comma {
                piece.push(b',');
            }
            comma = true;
            (self.write)(&mut piece, &host);
        }
        Some(piece.into())
    }
}
