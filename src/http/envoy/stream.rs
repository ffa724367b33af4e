//! Discovery by a stream: an answer at once, and another whenever a service that is subscribed to has changed.

use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

use super::answer::{Answer, Form, distinct, version};
use super::encodings::NoRoom;
use super::grpc::{self, Code, Messages, Status};
use super::parts::Parts;
use super::proto::{DiscoveryRequest, TYPE_URL};
use super::session::{Heard, Session};
use crate::http::App;
use crate::http::problem::Problem;
use crate::http::watchers::{self, Place, mark_waited};
use crate::limits;
use crate::metrics::Discovery;

/// A place in [`Watch::waits`] of what is waited for no more, before all of them are made anew.
const WAITS_LEFT_OVER: usize = 64;

/// `StreamEndpoints`, and `StreamAggregatedResources` for the same type of resources.
pub(super) async fn stream(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let messages = grpc::messages(&parts, body)?;
    let watch = Watch {
        app,
        messages,
        session: Session::default(),
        answer: Parts::default(),
        waits: FuturesUnordered::new(),
        waited_for: HashSet::new(),
        first: Box::pin(sleep(limits::EDS_FIRST_MESSAGE_TIME)),
        is_over: false,
        place: None,
    };
    let frames = futures_util::stream::unfold(watch, |mut watch| async move {
        let frame = watch.next().await?;
        Some((Ok::<_, Infallible>(frame), watch))
    });
    let mut response = grpc::answer(Body::new(StreamBody::new(frames)));
    mark_waited(&mut response);
    Ok(response)
}

/// `FetchEndpoints`: one request, one answer.
pub(super) async fn fetch(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let mut messages = grpc::messages(&parts, body)?;
    Ok(match fetched(&app, &mut messages).await {
        Ok(message) => {
            let frames = message.map(Frame::data).chain([Frame::trailers(Status::ok().trailers())]);
            grpc::answer(Body::new(StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, Infallible>)))))
        }
        Err(status) => status.into_response(),
    })
}

async fn fetched(app: &App, messages: &mut Messages) -> Result<Parts, Status> {
    let missing = || Status::new(Code::InvalidArgument, "the request has no message");
    // Whoever calls without a message is not waited for.
    let first = tokio::time::timeout(limits::HTTP_BODY_TIME, messages.next::<DiscoveryRequest>()).await;
    let request = first.map_err(|_| missing())??.ok_or_else(missing)?;
    check(&request)?;
    check_shown(app)?;
    let snapshot = app.registry.snapshot_arc();
    let resources = distinct(&request.resource_names, &snapshot)
        .map_err(|too_many| Status::new(Code::ResourceExhausted, too_many.to_string()))?;
    drop(snapshot);
    let made = app.encodings.of(resources, Form::Wire, &app.registry).await.map_err(no_room)?;
    app.metrics.discovery("grpc", Discovery::Answered);
    let version = version(made.iter().map(|made| made.number));
    let resources = made.into_iter().map(|made| made.octets).collect();
    Ok(Answer { version, nonce: String::new(), resources }.into_message())
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn no_room(no_room: NoRoom) -> Status {
    Status::new(Code::ResourceExhausted, no_room.to_string())
}

fn check(request: &DiscoveryRequest) -> Result<(), Status> {
    let names = request.resource_names.len();
    if names > limits::EDS_RESOURCES {
        let message = format!("resource_names must be at most {} names, are {names}", limits::EDS_RESOURCES);
        return Err(Status::new(Code::InvalidArgument, message));
    }
    if !request.type_url.is_empty() && request.type_url != TYPE_URL {
        return Err(Status::new(Code::InvalidArgument, format!("type_url must be {TYPE_URL}")));
    }
    Ok(())
}

/// Envoy keeps the hosts that it has where it is refused.
fn check_shown(app: &App) -> Result<(), Status> {
    let unshown = app.registry.unshown(app.registry.now());
    unshown.map_or(Ok(()), |unshown| Err(Status::new(Code::Unavailable, unshown.to_string())))
}

type Wait = Pin<Box<dyn Future<Output = String> + Send>>;

/// One stream. It is asked for its next frame when the last was taken.
struct Watch {
    app: App,
    messages: Messages,
    session: Session,
    /// What is still to be sent of the last answer.
    answer: Parts,
    /// One for each resource: the name, once it may be another.
    waits: FuturesUnordered<Wait>,
    waited_for: HashSet<String>,
    /// The time for the first message.
    first: Pin<Box<Sleep>>,
    is_over: bool,
    /// Its place among those that wait: taken with the first message, so that nobody holds one who asks for nothing.
    place: Option<Place>,
}

impl Watch {
    /// The next frame; `None` behind the last.
    async fn next(&mut self) -> Option<Frame<Bytes>> {
        loop {
            if let Some(piece) = self.answer.next() {
                return Some(Frame::data(piece));
            }
            if self.is_over {
                return None;
            }
            match self.next_answer().await {
                Ok(answer) => self.answer = answer.into_message(),
                Err(end) => {
                    self.is_over = true;
                    self.waits.clear();
                    return Some(Frame::trailers(end.trailers()));
                }
            }
        }
    }

    /// The next answer, or how the stream ends.
    async fn next_answer(&mut self) -> Result<Answer, Status> {
        let app = self.app.clone();
        loop {
            if let Some(answer) = self.answer_of_what_is_due().await? {
                app.metrics.discovery("grpc", Discovery::Answered);
                return Ok(answer);
            }
            if self.session.has_more() {
                tokio::task::yield_now().await;
                continue;
            }
            self.wait_for_all();
            tokio::select! {
                biased;
                () = app.stopping.cancelled() => return Err(Status::new(Code::Unavailable, "the server is stopping")),
                request = self.messages.next::<DiscoveryRequest>() => {
                    // Envoy ends its side when it wants nothing more.
                    let request = request?.ok_or_else(Status::ok)?;
                    check(&request)?;
                    self.take_place()?;
                    self.hear(request);
                }
                () = &mut self.first, if self.place.is_none() => {
                    return Err(Status::new(Code::DeadlineExceeded, "the first message must arrive in time"));
                }
                Some(name) = self.waits.next() => {
                    self.waited_for.remove(&name);
                    self.session.changed(&name);
                }
            }
        }
    }

    async fn answer_of_what_is_due(&mut self) -> Result<Option<Answer>, Status> {
        check_shown(&self.app)?;
        let due = self.session.due(&self.app.registry.snapshot());
        if due.is_empty() {
            return Ok(None);
        }
        let made = self.app.encodings.of(due, Form::Wire, &self.app.registry).await.map_err(no_room)?;
        Ok(self.session.answer(made))
    }

    fn take_place(&mut self) -> Result<(), Status> {
        if self.place.is_none() {
            let full = || format!("{} long polls and streams wait, the bound", limits::WATCHERS);
            let place = watchers::take_place(&self.app);
            self.place = Some(place.ok_or_else(|| Status::new(Code::ResourceExhausted, full()))?);
        }
        Ok(())
    }

    fn hear(&mut self, request: DiscoveryRequest) {
        let node = request.node.as_ref().map(|node| node.id.clone()).unwrap_or_default();
        let heard = self.session.hear(request);
        tracing::debug!(node, ?heard, "discovery request");
        match heard {
            Heard::Begun => {}
            Heard::Stale => self.app.metrics.discovery("grpc", Discovery::Stale),
            Heard::Acknowledged => self.app.metrics.discovery("grpc", Discovery::Acknowledged),
            Heard::Rejected(reason) => {
                let reason: String = reason.chars().take(limits::EDS_REASON_CHARS).collect();
                tracing::warn!(reason, "Envoy rejects its endpoints");
                self.app.metrics.discovery("grpc", Discovery::Rejected);
            }
        }
    }

    /// Waits for each resource that is subscribed to.
    fn wait_for_all(&mut self) {
        if self.waits.len() > self.session.waits().count() + WAITS_LEFT_OVER {
            self.waits.clear();
            self.waited_for.clear();
        }
        for (name, resource, seen) in self.session.waits() {
            if self.waited_for.contains(name) {
                continue;
            }
            self.waited_for.insert(name.to_owned());
            let (registry, topic, name) = (Arc::clone(&self.app.registry), resource.topic(), name.to_owned());
            self.waits.push(Box::pin(async move {
                registry.changed_after(&topic, seen).await;
                name
            }));
        }
    }
}
