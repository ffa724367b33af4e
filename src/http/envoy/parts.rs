//! Octets that are shared, one part behind the other: a body that is nowhere as a whole.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use bytes::{Bytes, BytesMut};
use hyper::body::{Frame, SizeHint};

use crate::limits;

/// A part that is smaller is copied to its neighbors when its turn comes: a frame for each would cost more.
const SMALL_OCTETS: usize = 1024;

/// The parts that are still to be given.
#[derive(Default, Debug)]
pub(super) struct Parts {
    parts: VecDeque<Bytes>,
    octets: usize,
}

impl Parts {
    /// How many octets they have together.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    pub(super) fn push(&mut self, part: impl Into<Bytes>) {
        let part = part.into();
        if !part.is_empty() {
            self.octets += part.len();
            self.parts.push_back(part);
        }
    }

    pub(super) fn push_front(&mut self, part: impl Into<Bytes>) {
        let part = part.into();
        self.octets += part.len();
        self.parts.push_front(part);
    }
}

/// Pieces of at most [`limits::HTTP_CHUNK_OCTETS`].
impl Iterator for Parts {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let front = self.parts.front_mut()?;
        let piece = if front.len() > limits::HTTP_CHUNK_OCTETS {
            front.split_to(limits::HTTP_CHUNK_OCTETS)
        } else if front.len() >= SMALL_OCTETS {
            self.parts.pop_front()?
        } else {
            let mut together = BytesMut::new();
            while together.len() + SMALL_OCTETS <= limits::HTTP2_PIECE_OCTETS
                && let Some(part) = self.parts.front().filter(|part| part.len() < SMALL_OCTETS)
            {
                together.extend_from_slice(part);
                self.parts.pop_front();
            }
            together.freeze()
        };
        self.octets -= piece.len();
        Some(piece)
    }
}

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.octets == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.octets as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts_come_together_and_large_ones_in_pieces() {
        let mut parts = Parts::default();
        let mut whole = Vec::new();
        for (octet, octets) in (0_u8..).zip([0, 3, 1000, 1024, 200_000, 1, 70_000].into_iter().chain([700; 100])) {
            whole.extend(vec![octet; octets]);
            parts.push(vec![octet; octets]);
        }
        parts.push_front(vec![255; 5]);
        assert_eq!(HttpBody::size_hint(&parts).exact(), Some(whole.len() as u64 + 5));
        let pieces: Vec<Bytes> = parts.by_ref().collect();
        assert_eq!(pieces.concat(), [vec![255; 5], whole].concat());
        assert!(parts.is_end_stream());
        assert!(pieces.iter().all(|piece| piece.len() <= limits::HTTP_CHUNK_OCTETS && !piece.is_empty()));
        assert!(pieces.len() < 20, "{}", pieces.len());
    }
}
