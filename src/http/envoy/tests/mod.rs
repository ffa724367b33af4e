//! A server without sockets, and a client of its streams.

mod calls;
mod encodings;
mod mapping;
mod sessions;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Version};
use axum::response::Response;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use super::proto::{DiscoveryRequest, DiscoveryResponse, Status};
use super::*;
use crate::clock::{Clock, Timestamp};
use crate::http::{Settings, router};
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::{Durability, Registry};
use crate::table::Revision;

/// A server without sockets, on a clock that stands still.
struct World {
    app: App,
    router: Router,
}

impl World {
    fn new() -> World {
        let world = World::not_loaded();
        world.app.registry.load([], Revision::default(), 1);
        world
    }

    fn not_loaded() -> World {
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1_800_000_000_000_000)));
        let registry = Arc::new(Registry::new(clock, crate::zone::Zones::default(), Durability::Immediate));
        let settings = Settings::default();
        let metrics = Arc::new(Metrics::new(&registry));
        let app = App::new(registry, Arc::new(settings), metrics, Arc::new(Readiness::ready()));
        World { router: router(app.clone()), app }
    }

    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.expect("infallible")
    }

    /// A call with a JSON body, which must be answered with that status.
    async fn call(&self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_string()));
        let answer = self.send(request.expect("a request")).await;
        let answered = answer.status().as_u16();
        let octets = answer.into_body().collect().await.expect("a whole body").to_bytes();
        assert_eq!(answered, status, "{method} {path}: {octets:?}");
        serde_json::from_slice(&octets).unwrap_or(Value::Null)
    }

    /// Registers a host, or changes one.
    async fn host(&self, service: &str, id: &str, body: Value) {
        let request = Request::put(format!("/v1/hosts/{service}/{id}")).body(Body::from(body.to_string()));
        let status = self.send(request.expect("a request")).await.status();
        assert!(status.is_success(), "{service}/{id} {body}: {status}");
    }

    /// The answer to Envoy for these names.
    async fn poll(&self, names: &[&str]) -> Value {
        self.call("POST", POLL, &json!({"resource_names": names}), 200).await
    }

    /// The endpoints of one name: address, health and weight each, by locality.
    async fn endpoints(&self, name: &str) -> Vec<String> {
        let answer = self.poll(&[name]).await;
        let mut lines = Vec::new();
        for locality in answer["resources"][0]["endpoints"].as_array().expect("a list") {
            for each in locality["lb_endpoints"].as_array().expect("a list") {
                let at = &each["endpoint"]["address"]["socket_address"];
                lines.push(format!(
                    "{} {} {} {} {}",
                    locality["priority"],
                    locality["locality"]["zone"].as_str().unwrap_or("-"),
                    format_args!("{}:{}", at["address"].as_str().expect("an address"), at["port_value"]),
                    each["health_status"].as_str().expect("a word"),
                    each["load_balancing_weight"],
                ));
            }
        }
        lines
    }

    /// Opens a stream by gRPC.
    async fn stream(&self, path: &str) -> Stream {
        let (requests, sent) = mpsc::channel(1024);
        let body = futures_util::stream::unfold(sent, |mut sent: mpsc::Receiver<Sent>| async move {
            Some((sent.recv().await?, sent))
        });
        let request = Request::post(path)
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc")
            .body(Body::new(StreamBody::new(body)))
            .expect("a request");
        let answer = self.send(request).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"application/grpc".parse().expect("a value"))
        );
        let status = answer.headers().get("grpc-status").cloned();
        Stream {
            requests,
            body: answer.into_body(),
            refused: status.map(|status| status.to_str().expect("text").to_owned()),
        }
    }
}

type Sent = Result<Frame<bytes::Bytes>, Infallible>;

/// A stream, as its client has it.
struct Stream {
    requests: mpsc::Sender<Sent>,
    body: Body,
    /// The status of an answer that is nothing else.
    refused: Option<String>,
}

/// What came of a stream.
#[derive(Debug, PartialEq)]
enum Came {
    /// Version, nonce, and the name of each resource with its number of endpoints.
    Answer(String, String, Vec<(String, usize)>),
    /// The end: its status and its message.
    End(String, String),
}

impl Stream {
    fn send_octets(&self, octets: impl Into<bytes::Bytes>) {
        self.requests.try_send(Ok(Frame::data(octets.into()))).expect("somebody reads");
    }

    fn send(&self, request: &DiscoveryRequest) {
        self.send_octets(framed(request));
    }

    /// Asks for names, as who has got the answer with that version and nonce.
    fn ask(&self, names: &[&str], version: &str, nonce: &str) {
        self.send(&request(names, version, nonce));
    }

    async fn next(&mut self) -> Came {
        let mut data = Vec::new();
        while data.len() < 5 || data.len() < 5 + u32::from_be_bytes(data[1..5].try_into().expect("four")) as usize {
            let frame = tokio::time::timeout(Duration::from_secs(5), self.body.frame()).await.expect("in time");
            match frame.expect("not over").expect("no error").into_data() {
                Ok(piece) => data.extend_from_slice(&piece),
                Err(trailers) => {
                    assert!(data.is_empty(), "in the middle of a message");
                    let trailers = trailers.into_trailers().expect("trailers");
                    let text =
                        |name: &str| trailers.get(name).map_or("", |value| value.to_str().expect("text")).to_owned();
                    return Came::End(text("grpc-status"), text("grpc-message"));
                }
            }
        }
        let answer = DiscoveryResponse::decode(&data[5..]).expect("a message");
        assert_eq!((data[0], answer.type_url.as_str()), (0, proto::TYPE_URL));
        let resources = answer.resources.iter().map(|any| {
            let read = proto::ClusterLoadAssignment::decode(any.value.clone()).expect("a resource");
            (read.cluster_name, read.endpoints.iter().map(|locality| locality.lb_endpoints.len()).sum())
        });
        Came::Answer(answer.version_info, answer.nonce, resources.collect())
    }

    /// The client says that nothing more comes of it.
    fn close(&mut self) {
        self.requests = mpsc::channel(1).0;
    }

    /// The next answer: its version and what is in it; the nonce must be this one.
    async fn answer(&mut self, nonce: &str) -> (String, Vec<(String, usize)>) {
        match self.next().await {
            Came::Answer(version, found, resources) if found == nonce => (version, resources),
            other @ (Came::Answer(..) | Came::End(..)) => panic!("{other:?}"),
        }
    }

    /// Nothing comes for a while.
    async fn is_silent(&mut self) {
        let frame = tokio::time::timeout(Duration::from_millis(50), self.body.frame()).await;
        assert!(frame.is_err(), "{frame:?}");
    }
}

/// A message as it is sent.
fn framed(message: &DiscoveryRequest) -> bytes::Bytes {
    [grpc::prefix(message.encoded_len()).to_vec(), message.encode_to_vec()].concat().into()
}

fn request(names: &[&str], version: &str, nonce: &str) -> DiscoveryRequest {
    DiscoveryRequest {
        version_info: version.into(),
        resource_names: names.iter().map(|name| (*name).to_owned()).collect(),
        type_url: proto::TYPE_URL.into(),
        response_nonce: nonce.into(),
        ..DiscoveryRequest::default()
    }
}

fn rejection(names: &[&str], nonce: &str, message: &str) -> DiscoveryRequest {
    DiscoveryRequest { error_detail: Some(Status { message: message.into() }), ..request(names, "", nonce) }
}

fn named(resources: &[(&str, usize)]) -> Vec<(String, usize)> {
    resources.iter().map(|(name, endpoints)| ((*name).to_owned(), *endpoints)).collect()
}
