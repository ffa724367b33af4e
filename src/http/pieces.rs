//! JSON lists in pieces: a list of a whole table is never in memory as text.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;

use crate::limits;

/// The elements of one piece, with the commas between them.
pub(super) struct Elements {
    octets: Vec<u8>,
    needs_comma: bool,
}

impl Elements {
    /// Where the next element is to be written, all of it.
    pub(super) fn next(&mut self) -> &mut Vec<u8> {
        if std::mem::replace(&mut self.needs_comma, true) {
            self.octets.push(b',');
        }
        &mut self.octets
    }
}

/// Writes what elements an item makes: none, one or several.
type Write<T> = Box<dyn FnMut(&mut Elements, T) + Send>;

/// The text `head element,element,... tail`, made a piece at a time; an item is text only when it is its turn.
pub(super) struct Pieces<T> {
    head: Option<String>,
    items: std::vec::IntoIter<T>,
    write: Write<T>,
    needs_comma: bool,
    tail: String,
    ended: bool,
}

impl<T: Send + 'static> Pieces<T> {
    /// A list of `items`, each as `write` has it.
    pub(super) fn new(
        head: impl Into<String>,
        items: Vec<T>,
        tail: impl Into<String>,
        write: impl FnMut(&mut Elements, T) + Send + 'static,
    ) -> Pieces<T> {
        let (head, items, tail) = (Some(head.into()), items.into_iter(), tail.into());
        Pieces { head, items, write: Box::new(write), needs_comma: false, tail, ended: false }
    }

    /// The same list with a text before and after it.
    pub(super) fn framed(mut self, before: &str, after: &str) -> Pieces<T> {
        self.head = self.head.map(|head| format!("{before}{head}"));
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

impl<T> Iterator for Pieces<T> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let room = self.items.len().saturating_mul(512).min(limits::HTTP_CHUNK_OCTETS) + 128;
        let mut piece = Elements { octets: Vec::with_capacity(room), needs_comma: self.needs_comma };
        if let Some(head) = self.head.take() {
            piece.octets.extend_from_slice(head.as_bytes());
        }
        while piece.octets.len() < limits::HTTP_CHUNK_OCTETS {
            let Some(item) = self.items.next() else {
                piece.octets.extend_from_slice(self.tail.as_bytes());
                self.ended = true;
                break;
            };
            (self.write)(&mut piece, item);
        }
        self.needs_comma = piece.needs_comma;
        Some(piece.octets.into())
    }
}
