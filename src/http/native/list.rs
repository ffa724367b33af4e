//! Lists in pieces: a list of every host is never in memory as text.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;

use super::view::HostView;
use crate::limits;
use crate::table::{Host, Revision};

/// The text `{"revision":n,"hosts":[...]}`, made a piece at a time; a row costs eight octets until it is its turn.
pub(super) struct HostList {
    started: bool,
    ended: bool,
    head: String,
    hosts: std::vec::IntoIter<Arc<Host>>,
    tail: String,
}

impl HostList {
    /// The list of `hosts`; `next` is where the following page starts, if there is one.
    pub(super) fn new(revision: Revision, hosts: Vec<Arc<Host>>, next: Option<&str>) -> HostList {
        let tail = match next {
            // A string serializes.
            Some(next) => format!("],\"next\":{}}}", serde_json::to_string(next).unwrap_or_default()),
            None => "]}".to_owned(),
        };
        HostList {
            started: false,
            ended: false,
            head: format!("{{\"revision\":{revision},\"hosts\":["),
            hosts: hosts.into_iter(),
            tail,
        }
    }

    /// The same list with a text before and after it.
    pub(super) fn framed(mut self, before: &str, after: &str) -> HostList {
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

impl Iterator for HostList {
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
            // Writing into a Vec cannot fail.
            let _ = serde_json::to_writer(&mut piece, &HostView::of(&host));
        }
        Some(piece.into())
    }
}
