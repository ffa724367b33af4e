//! What the registry refuses.

use super::*;
use crate::http::lyft::reply::Failure;
use crate::registry::{CommitError, SubmitError};
use crate::table::Rejection;
use axum::response::IntoResponse;

#[tokio::test]
async fn a_table_that_is_not_loaded_takes_nothing() {
    let server = Server::not_loaded(Durability::Immediate, |_| {});
    let weight = [("load_balancing_weight", "5")];
    let answers = [
        server.post("/v1/registration/web", &fields_with(&[])).await,
        server.delete("/v1/registration/web/10.0.0.1").await,
        server.post("/v1/loadbalancing/web", &weight).await,
        server.post("/v1/loadbalancing/web/10.0.0.1", &weight).await,
    ];
    for answer in answers {
        assert!(answer.is(503, "{\"error\":\"the table is not loaded yet\"}\n"), "{answer:?}");
        assert_eq!(answer.header(header::RETRY_AFTER), "1");
    }
    assert!(server.get("/healthcheck").await.is(200, "OK"));
}

#[tokio::test]
async fn a_store_that_does_not_take_it() {
    let rows = [
        (CommitError::Full("no space".into()), 507, "the store is full: no space", ""),
        (CommitError::Unavailable("away".into()), 503, "the store cannot be written: away", "1"),
    ];
    for (reason, status, message, again) in rows {
        let server = Server::with(Durability::Grouped, |_| {});
        let registry = Arc::clone(&server.app.registry);
        let store = std::thread::spawn(move || {
            let batch = registry.next_batch().expect("the registration");
            registry.give_up(batch, &reason);
        });
        let answer = server.post("/v1/registration/web", &fields_with(&[])).await;
        store.join().expect("the store's thread");
        assert!(answer.is(status, &format!("{{\"error\":\"{message}\"}}\n")), "{answer:?}");
        assert_eq!(answer.header(header::RETRY_AFTER), again);
        assert!(server.hosts("web").await.is_empty());
    }
}

#[test]
fn a_table_that_is_full() {
    for rejection in [Rejection::TooManyHosts, Rejection::TooManyServices, Rejection::TooManyHostsInService] {
        let response = Failure::Submit(SubmitError::Rejected(rejection)).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    }
}

#[tokio::test]
async fn registrations_at_once_lose_no_tag() {
    let server = Server::new();
    server.register("web", "10.0.0.1", TAGS).await;
    let calls = (0..20).map(|number| {
        let tags = format!(r#"{{"az":"a","instance_id":"i","region":"r","k{number}":{number}}}"#);
        let server = &server;
        async move {
            if number % 5 == 0 {
                server.post("/v1/loadbalancing/web", &[("load_balancing_weight", "9")]).await;
            }
            server.register("web", "10.0.0.1", &tags).await;
        }
    });
    futures_util::future::join_all(calls).await;
    let tags = server.hosts("web").await[0]["tags"].clone();
    assert_eq!(tags.as_object().expect("an object").len(), 24);
    assert_eq!(tags["load_balancing_weight"], 9);
}
