//! Watches: what is told, in which order, from where, and when one ends.

use super::*;
use crate::registry::Topic;

/// A stream of events.
pub(super) struct Events {
    body: Body,
    buffer: String,
}

impl Server {
    pub(super) async fn watch(&self, path: &str) -> Events {
        let reply = self.call("GET", path).await;
        assert_eq!(reply.status, 200, "{path}");
        Events { body: reply.body, buffer: String::new() }
    }
}

impl Events {
    /// The next event; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((line, rest)) = self.buffer.split_once('\n') {
                let event = serde_json::from_str(line).expect("a line of JSON");
                self.buffer = rest.to_owned();
                return Some(event);
            }
            let frame = self.body.frame().await?.expect("a stream in good order");
            if let Ok(data) = frame.into_data() {
                self.buffer.push_str(std::str::from_utf8(&data).expect("UTF-8"));
            }
        }
    }

    /// What it is, of which object, at which revision.
    pub(super) async fn told(&mut self) -> (String, String, u64) {
        let event = self.next().await.expect("an event");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let metadata = &event["object"]["metadata"];
        let revision = text(&metadata["resourceVersion"]).parse().expect("a number");
        (text(&event["type"]), text(&metadata["name"]), revision)
    }
}

fn event(kind: &str, name: &str, revision: u64) -> (String, String, u64) {
    (kind.to_owned(), name.to_owned(), revision)
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_from_where_the_client_is() {
    let server = Server::new();
    server.register("a", "x", "10.0.0.1", &[]).await;
    let from = server.revision();
    server.register("b", "x", "10.0.0.1", &[]).await;
    server.remove("a", "x").await;
    server.register("b", "y", "10.0.0.2", &[]).await;
    let now = server.revision();
    let mut events = server.watch(&format!("/api/v1/endpoints?watch=1&resourceVersion={from}")).await;
    assert_eq!(events.told().await, event("DELETED", "a", now - 1));
    assert_eq!(events.told().await, event("ADDED", "b", now), "two changes of one object are one event");
    let mut events = server.watch(&format!("/api/v1/endpoints?watch=1&resourceVersion={}", now - 1)).await;
    assert_eq!(events.told().await, event("MODIFIED", "b", now));
}

/// A client that reads half of what one change does must get the rest when it goes on from there.
#[tokio::test(start_paused = true)]
async fn the_events_of_one_change_are_not_torn() {
    let server = Server::new();
    server.register("a", "x", "10.0.0.1", &[]).await;
    let from = server.revision();
    // The host is in a slice of another family then.
    server.register("a", "x", "fd00::1", &[]).await;
    let path = "/apis/discovery.k8s.io/v1/endpointslices?watch=1&resourceVersion=";
    let mut events = server.watch(&format!("{path}{from}")).await;
    let (first, second) = (events.told().await, events.told().await);
    assert_eq!((first.0.as_str(), first.2), ("DELETED", from));
    assert_eq!((second.0.as_str(), second.2), ("ADDED", from + 1));
    let mut again = server.watch(&format!("{path}{}", first.2)).await;
    assert_eq!(again.told().await, first);
    assert_eq!(again.told().await, second);
}

#[tokio::test(start_paused = true)]
async fn what_the_journal_forgot_is_gone() {
    let server = Server::new();
    let ended = |mut events: Events| async move {
        let event = events.next().await.expect("an event");
        assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
        assert_eq!(event["object"]["reason"], "Expired");
        assert_eq!(events.next().await, None);
    };
    ended(server.watch("/api/v1/pods?watch=1&resourceVersion=99").await).await;
    ended(server.watch("/api/v1/pods?watch=1&resourceVersion=101").await).await;
    // One that does not read while the journal is written over.
    let mut slow = server.watch("/api/v1/services?watch=1").await;
    for number in 0..=limits::JOURNAL_CHANGES {
        server.register("c", "x", "10.0.0.1", &[&number.to_string()]).await;
    }
    let event = slow.next().await.expect("an event");
    assert_eq!(event["type"], "ERROR");
}

/// A watch of one service sleeps while others change, and still knows where it is when the journal has moved on.
#[tokio::test(start_paused = true)]
async fn a_watch_of_one_service_hears_of_that_alone() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1", &[]).await;
    for path in [
        "/api/v1/namespaces/default/endpoints?watch=1&fieldSelector=metadata.name%3Dweb",
        "/apis/discovery.k8s.io/v1/endpointslices?watch=1&labelSelector=kubernetes.io/service-name%3Dweb",
    ] {
        let mut events = server.watch(path).await;
        assert_eq!(events.told().await.0, "ADDED");
        for round in 0..3 {
            let mut next = Box::pin(events.told());
            // It looks now and then, so that it need not remember more than the journal.
            for number in 0..limits::JOURNAL_CHANGES / 2 {
                server.register("other", "x", "10.0.0.1", &[&format!("{round}-{number}")]).await;
            }
            assert!(tokio::time::timeout(limits::WATCH_KEEPALIVE * 2, &mut next).await.is_err());
            assert!(server.app.registry.waiting() > 0);
        }
        server.register("web", "b", "10.0.0.2", &[]).await;
        assert_eq!(events.told().await.0, "MODIFIED");
        server.remove("web", "b").await;
    }
    assert_eq!(Topic::service("web").modified(&server.app.registry.snapshot()).0, server.revision());
}

#[tokio::test(start_paused = true)]
async fn bookmarks_say_how_far_a_watch_is() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1", &[]).await;
    let path = "/api/v1/services?watch=1&allowWatchBookmarks=true&timeoutSeconds=100&fieldSelector=metadata.name%3Dweb";
    let mut events = server.watch(path).await;
    assert_eq!(events.told().await.0, "ADDED");
    server.register("other", "a", "10.0.0.1", &[]).await;
    server.app.registry.clock().advance(limits::KUBERNETES_BOOKMARK);
    for _ in 0..2 {
        // After its time, and at the end.
        let event = events.next().await.expect("an event");
        assert_eq!((&event["type"], &event["object"]["kind"]), (&json!("BOOKMARK"), &json!("Service")));
        assert_eq!(event["object"]["metadata"]["resourceVersion"], server.revision().to_string());
    }
    assert_eq!(events.next().await, None, "100 s are over");
}

#[tokio::test(start_paused = true)]
async fn namespaces_come_and_go() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1", &[]).await;
    let mut events = server.watch("/api/v1/namespaces?watch=1").await;
    assert_eq!(events.told().await.1, "default");
    let put = |id: &'static str| {
        let body = json!({"address": "10.0.0.1", "namespace": "prod"}).to_string();
        let request = Request::builder().method("PUT").uri(format!("/v1/hosts/web/{id}"));
        server.send(request.body(Body::from(body)).expect("a request"))
    };
    put("b").await;
    put("c").await;
    server.remove("web", "b").await;
    server.remove("web", "a").await;
    server.remove("web", "c").await;
    assert_eq!((events.told().await.0.as_str(), events.told().await.0.as_str()), ("ADDED", "DELETED"));
    let from = server.revision() - 1;
    let mut events = server.watch(&format!("/api/v1/namespaces?watch=1&resourceVersion={from}")).await;
    assert_eq!(events.told().await, event("DELETED", "prod", from + 1));
}

#[tokio::test(start_paused = true)]
async fn events_of_a_table_are_tables() {
    let server = Server::new();
    server.register("web", "a", "10.0.0.1", &[]).await;
    let request = Request::builder().uri("/api/v1/endpoints?watch=1");
    let request = request.header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io").body(Body::empty());
    let reply = server.send(request.expect("a request")).await;
    let mut events = Events { body: reply.body, buffer: String::new() };
    let first = events.next().await.expect("an event");
    assert_eq!(first["object"]["rows"][0]["cells"][0], "web");
    assert_eq!(first["object"]["columnDefinitions"][0]["name"], "Name");
    server.remove("web", "a").await;
    let second = events.next().await.expect("an event");
    assert_eq!((&second["type"], &second["object"]["columnDefinitions"]), (&json!("DELETED"), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_the_server_ends_watches_and_frees_their_places() {
    let server = Server::new();
    let mut events = server.watch("/api/v1/pods?watch=1").await;
    server.app.stopping.cancel();
    assert_eq!(events.next().await, None);
    drop(events);
    assert_eq!(server.app.registry.waiting(), 0);
}
