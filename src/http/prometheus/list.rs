//! The list in pieces: the targets of a whole table are never in memory as text.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;

use super::group::groups;
use crate::limits;
use crate::table::Host;

/// The targets of `hosts` as a JSON list: whole when it fits one piece.
pub(super) fn body(hosts: Vec<Arc<Host>>) -> Body {
    let mut pieces = Pieces { hosts: hosts.into_iter(), has_begun: false, is_over: false, needs_comma: false };
    let first = pieces.next().unwrap_or_default();
    if pieces.is_over {
        return Body::from(first);
    }
    let all = std::iter::once(first).chain(pieces).map(Ok::<_, Infallible>);
    Body::from_stream(futures_util::stream::iter(all))
}

struct Pieces {
    hosts: std::vec::IntoIter<Arc<Host>>,
    has_begun: bool,
    is_over: bool,
    needs_comma: bool,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        let mut piece = Vec::new();
        if !std::mem::replace(&mut self.has_begun, true) {
            piece.push(b'[');
        }
        while piece.len() < limits::HTTP_CHUNK_OCTETS {
            let Some(host) = self.hosts.next() else {
                piece.push(b']');
                self.is_over = true;
                break;
            };
            for group in groups(&host) {
                if std::mem::replace(&mut self.needs_comma, true) {
                    piece.push(b',');
                }
                // Writing into a Vec cannot fail, and texts serialize.
                let _ = serde_json::to_writer(&mut piece, &group);
            }
        }
        Some(piece.into())
    }
}
