//! Bodies: read whole, within their bound, in the room and the time there is for them.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::http::problem::{Kind, Problem};
use crate::limits;

/// Octets in which the room for bodies is counted.
pub(in crate::http) const BODY_UNIT: usize = 1024;

/// The body of a request behind the gate.
#[derive(Debug)]
pub(in crate::http) enum Entity {
    /// It was read.
    Whole(Bytes),
    /// It is left to the route.
    Messages(Body),
}

impl Entity {
    pub(super) fn into_body(self) -> Body {
        match self {
            Entity::Whole(octets) => Body::from(octets),
            Entity::Messages(body) => body,
        }
    }

    /// What was read; nothing where it is left to the route.
    pub(in crate::http) fn into_whole(self) -> Bytes {
        match self {
            Entity::Whole(octets) => octets,
            Entity::Messages(_) => Bytes::new(),
        }
    }
}

/// Reads a body of at most `bound` octets; what it takes at most is taken of `room` meanwhile.
pub(super) async fn read(room: &Semaphore, mut body: Body, bound: usize) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    // What says itself that it is too large is not read at all.
    if body.size_hint().lower() > bound as u64 {
        return Err(too_large(bound));
    }
    let most =
        body.size_hint().upper().and_then(|upper| usize::try_from(upper).ok()).map_or(bound, |most| most.min(bound));
    let units = u32::try_from(most.div_ceil(BODY_UNIT)).unwrap_or(u32::MAX);
    let mut first = Bytes::new();
    let taken = room.try_acquire_many(units).ok();
    if taken.is_some() {
        // Mostly all of it came with the headers: there is nothing to put together then, and no timer is set.
        let frame = poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context))).await;
        match frame {
            Poll::Ready(None) => return Ok(first),
            Poll::Ready(Some(Err(error))) => return Err(unreadable(&error)),
            Poll::Ready(Some(Ok(frame))) => first = frame.into_data().unwrap_or_default(),
            Poll::Pending => {}
        }
        if first.len() > bound {
            return Err(too_large(bound));
        }
        if body.is_end_stream() {
            return Ok(first);
        }
    }
    // It is the rare case, and large.
    Box::pin(read_rest((room, units, taken), first, body, bound)).await
}

/// Room for a body: of what, how much, and what of it is taken already.
type Room<'s> = (&'s Semaphore, u32, Option<SemaphorePermit<'s>>);

/// Reads what comes after the `first` octets.
async fn read_rest(room: Room<'_>, first: Bytes, body: Body, bound: usize) -> Result<Bytes, Problem> {
    let left = bound - first.len();
    let read = async {
        let (room, units, mut taken) = room;
        if taken.is_none() {
            // Who finds no room waits for it; the semaphore is never closed.
            taken = room.acquire_many(units).await.ok();
        }
        let read = Limited::new(body, left).collect().await;
        drop(taken);
        read
    };
    match timeout(limits::HTTP_BODY_TIME, read).await {
        Ok(Ok(rest)) => Ok(joined(first, rest.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(bound)),
        Ok(Err(error)) => Err(unreadable(&*error)),
        Err(_) => {
            let bound = limits::HTTP_BODY_TIME.as_secs();
            Err(Problem::new(Kind::SlowBody, format!("the body must arrive within {bound} s")))
        }
    }
}

fn joined(first: Bytes, rest: Bytes) -> Bytes {
    if first.is_empty() || rest.is_empty() {
        return if first.is_empty() { rest } else { first };
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    whole.freeze()
}

fn too_large(bound: usize) -> Problem {
    Problem::new(Kind::LargeBody, format!("the body must be at most {bound} octets"))
}

fn unreadable(error: &dyn std::error::Error) -> Problem {
    Problem::new(Kind::Invalid, format!("the body cannot be read: {error}"))
}

/// A body that the gate has read: it is there at once, and within its bound.
pub(in crate::http) struct Whole(pub(in crate::http) Bytes);

impl Whole {
    /// That of a request behind the gate.
    pub(in crate::http) async fn of(mut body: Body) -> Whole {
        let read = body.frame().await.and_then(Result::ok).and_then(|frame| frame.into_data().ok());
        Whole(read.unwrap_or_default())
    }
}

impl<S: Sync> FromRequest<S> for Whole {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Whole, Infallible> {
        Ok(Whole::of(request.into_body()).await)
    }
}
