//! One encoding for all who ask, and none past its time.

use std::sync::atomic::Ordering;

use super::*;
use crate::registry::SubmitError;
use crate::table::{Dialect, Event, HostId, Registration, ServiceName, Target};

impl World {
    fn made(&self) -> usize {
        self.app.encodings.made.load(Ordering::SeqCst)
    }

    async fn hosts(&self, service: &str, count: u8) {
        let host = |number: u8| {
            let service = ServiceName::parse("service", service).expect("a name");
            let id = HostId::parse("id", &number.to_string()).expect("an id");
            let target = Target::parse("address", [format!("10.0.0.{number}").as_str()]).expect("an address");
            let mut host = Registration::new(service, Dialect::Native, id, target);
            let port = crate::table::Port { name: None, number: 80, protocol: crate::table::Protocol::Tcp };
            host.ports = vec![port].into();
            Ok::<_, SubmitError>(Event::Register(Box::new(host)))
        };
        self.app.registry.submit_with(|_, _| (0..count).map(host).collect()).await.expect("is taken");
    }
}

#[tokio::test]
async fn a_resource_is_made_once_for_all_streams() {
    let world = World::new();
    world.hosts("web", 200).await;
    // More than are made on the thread of the request.
    world.hosts("WEB", 200).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let stream = world.stream(STREAM).await;
        stream.ask(&["web", "none"], "", "");
        streams.push(stream);
    }
    let mut versions = BTreeSet::new();
    for (version, resources) in
        futures_util::future::join_all(streams.iter_mut().map(|stream| stream.answer("1"))).await
    {
        versions.insert(version);
        assert_eq!(resources, named(&[("none", 0), ("web", 200)]));
    }
    assert_eq!((world.made(), versions.len()), (2, 1));
    let version = versions.pop_first().expect("one");
    streams.iter().for_each(|stream| stream.ask(&["web", "none"], &version, "1"));
    world.host("web", "new", json!({"address": "10.0.1.1", "port": 80})).await;
    for (_, resources) in futures_util::future::join_all(streams.iter_mut().map(|stream| stream.answer("2"))).await {
        assert_eq!(resources, named(&[("web", 201)]));
    }
    assert_eq!(world.made(), 3, "only what has changed is made");
    // Polls have the other form of the same.
    let first = world.poll(&["web"]).await;
    assert_eq!((world.poll(&["web"]).await, world.made()), (first, 4));
}

#[tokio::test]
async fn nothing_kept_holds_a_host_past_its_lease() {
    let world = World::new();
    let host = |last: u8| json!({"address": format!("10.0.0.{last}"), "port": 80, "ttl": "30s"});
    let clock = Arc::clone(world.app.registry.clock());
    world.host("web", "a", host(1)).await;
    world.host("web", "b", host(2)).await;
    assert_eq!(world.endpoints("web").await.len(), 2);
    clock.advance(Duration::from_secs(20));
    world.host("web", "b", host(2)).await;
    assert_eq!((world.endpoints("web").await.len(), world.made()), (2, 1));
    // The lease of one has ended, and its row is still there: no timer runs here.
    clock.advance(Duration::from_secs(10));
    assert_eq!(world.endpoints("web").await, ["0 - 10.0.0.2:80 HEALTHY 1"]);
    assert_eq!(world.app.registry.snapshot().hosts.len(), 2);
    world.app.registry.expire_due();
    assert_eq!((world.endpoints("web").await.len(), world.made()), (1, 3));
    for _ in 0..10 {
        clock.advance(Duration::from_secs(15));
        world.host("web", "b", host(2)).await;
        assert_eq!((world.endpoints("web").await.len(), world.made()), (1, 3), "renewed is as before");
    }
    clock.advance(Duration::from_secs(30));
    assert_eq!(world.endpoints("web").await, [""; 0]);
}

#[tokio::test]
async fn the_last_host_of_a_name_in_another_case_is_gone_too() {
    let world = World::new();
    let capital = json!({"Name": "WEB", "ID": "a", "Address": "10.0.0.1", "Port": 80});
    world.call("PUT", "/v1/agent/service/register", &capital, 200).await;
    world.host("web", "b", json!({"address": "10.0.0.2", "port": 80})).await;
    let mut stream = world.stream(STREAM).await;
    stream.ask(&["web"], "", "");
    let (version, resources) = stream.answer("1").await;
    assert_eq!(resources, named(&[("web", 2)]));
    stream.ask(&["web"], &version, "1");
    stream.is_silent().await;
    world.call("PUT", "/v1/agent/service/deregister/a", &Value::Null, 200).await;
    assert_eq!(stream.answer("2").await.1, named(&[("web", 1)]));
}

#[tokio::test]
async fn an_answer_says_how_long_it_is() {
    let world = World::new();
    world.hosts("web", 100).await;
    let request = Request::post(POLL).body(Body::from(r#"{"resource_names":["web","none"]}"#)).expect("a request");
    let body = world.send(request).await.into_body();
    let said = axum::body::HttpBody::size_hint(&body).exact();
    let octets = body.collect().await.expect("a whole body").to_bytes();
    assert_eq!(said, Some(octets.len() as u64));
}
