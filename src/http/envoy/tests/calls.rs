//! Polls and streams, called as Envoy calls them.

use super::*;

#[tokio::test]
async fn a_poll_says_what_is_new_and_nothing_else() {
    let world = World::new();
    world.host("web", "a", json!({"address": "10.0.0.1", "port": 80, "ttl": "30s"})).await;
    let first = world.poll(&["web", "gone", "web"]).await;
    assert_eq!(first["type_url"], proto::TYPE_URL);
    let names: Vec<&str> = first["resources"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|each| each["cluster_name"].as_str().expect("text"))
        .collect();
    assert_eq!(names, ["gone", "web"], "each once, and an empty one for what is not there");
    assert_eq!(
        (&first["resources"][1]["@type"], &first["resources"][0]["endpoints"]),
        (&json!(proto::TYPE_URL), &json!([]))
    );
    let again = json!({"version_info": first["version_info"], "resource_names": ["web", "gone"]});
    world.call("POST", POLL, &again, 304).await;
    world.host("web", "a", json!({"address": "10.0.0.1", "port": 80, "ttl": "30s"})).await;
    world.host("db", "a", json!({"address": "10.0.0.9", "port": 80})).await;
    world.call("POST", POLL, &again, 304).await;
    world.host("web", "a/health", json!({"status": "critical"})).await;
    let second = world.call("POST", POLL, &again, 200).await;
    assert_ne!(first["version_info"], second["version_info"]);
    world.host("web", "a/health", json!({"status": "passing"})).await;
    world.call("POST", POLL, &again, 304).await;
    let camel =
        json!({"versionInfo": first["version_info"], "resourceNames": ["web", "gone"], "typeUrl": proto::TYPE_URL});
    world.call("POST", POLL, &camel, 304).await;
    let text = world.app.metrics.encode();
    let counted = "rollcall_envoy_discoveries_total{transport=\"rest\",result=\"unchanged\"} 4";
    assert!(text.contains(counted), "{text}");
}

#[tokio::test]
async fn a_poll_may_be_as_large_as_envoys_and_no_larger() {
    let world = World::new();
    let node = json!({"id": "e", "extensions": (0..1000).map(|number| json!({"name": "x".repeat(60), "version": number})).collect::<Vec<_>>()});
    let body = json!({"node": node, "resource_names": ["web"], "error_detail": {"code": 3, "message": "no"}});
    assert!(body.to_string().len() > limits::HTTP_BODY_OCTETS);
    world.call("POST", POLL, &body, 200).await;
    world.call("POST", POLL, &json!({"version_info": "x".repeat(limits::EDS_REQUEST_OCTETS)}), 413).await;
    let names: Vec<String> = (0..=limits::EDS_RESOURCES).map(|number| number.to_string()).collect();
    world.call("POST", POLL, &json!({"resource_names": names}), 400).await;
    for bad in [json!([]), json!({"resource_names": "web"}), json!({"resource_names": [1]}), json!({"type_url": "x"})] {
        let problem = world.call("POST", POLL, &bad, 400).await;
        assert!(problem["detail"].is_string(), "{problem}");
    }
    assert_eq!(world.call("POST", POLL, &json!({}), 200).await["resources"], json!([]));
}

#[tokio::test]
async fn nothing_is_said_before_the_table_is_there() {
    let world = World::not_loaded();
    world.call("POST", POLL, &json!({"resource_names": ["web"]}), 503).await;
    let mut stream = world.stream(STREAM).await;
    assert_eq!(stream.next().await, Came::End("14".into(), "the table is not loaded yet".into()));
}

#[tokio::test]
async fn a_stream_follows_its_services_and_no_others() {
    let world = World::new();
    world.host("web", "a", json!({"address": "10.0.0.1", "port": 80})).await;
    let mut stream = world.stream(STREAM).await;
    stream.ask(&["web"], "", "");
    let (first, resources) = stream.answer("1").await;
    assert_eq!(resources, named(&[("web", 1)]));
    stream.ask(&["web"], &first, "1");
    world.host("db", "a", json!({"address": "10.0.0.9", "port": 80})).await;
    world.host("web", "a", json!({"address": "10.0.0.1", "port": 80})).await;
    stream.is_silent().await;
    assert_eq!(world.app.registry.waiting(), 1);
    world.host("web", "b", json!({"address": "10.0.0.2", "port": 80})).await;
    let (second, resources) = stream.answer("2").await;
    assert_eq!(resources, named(&[("web", 2)]));
    assert_ne!(first, second);
    // Only what is new is said of what is subscribed to.
    stream.ask(&["web", "db", "gone"], &second, "2");
    let (third, resources) = stream.answer("3").await;
    assert_eq!(resources, named(&[("db", 1), ("gone", 0)]));
    stream.ask(&["db", "gone"], &third, "3");
    world.host("web", "c", json!({"address": "10.0.0.3", "port": 80})).await;
    stream.is_silent().await;
    world.host("gone", "a", json!({"address": "10.0.0.4", "port": 80})).await;
    let (fourth, resources) = stream.answer("4").await;
    assert_eq!(resources, named(&[("gone", 1)]));
    stream.ask(&["db", "gone", "web"], &fourth, "4");
    assert_eq!(stream.answer("5").await.1, named(&[("web", 3)]), "what was left and comes again is said again");
    let text = world.app.metrics.encode();
    assert!(text.contains("rollcall_watchers 1\n"), "{text}");
    assert!(text.contains("rollcall_envoy_discoveries_total{transport=\"grpc\",result=\"acknowledged\"} 4"), "{text}");
    drop(stream);
    assert_eq!(world.app.registry.waiting(), 0);
    assert!(world.app.metrics.encode().contains("rollcall_watchers 0\n"));
}

#[tokio::test]
async fn one_answer_is_under_way_at_a_time_and_the_next_is_the_newest() {
    let world = World::new();
    let mut stream = world.stream(AGGREGATED).await;
    stream.ask(&["web"], "", "");
    let (first, _) = stream.answer("1").await;
    for id in ["a", "b", "c"] {
        let host = json!({"address": format!("10.0.0.{}", id.as_bytes()[0]), "port": 80});
        world.host("web", id, host).await;
        stream.is_silent().await;
    }
    stream.ask(&["web"], &first, "1");
    assert_eq!(stream.answer("2").await.1, named(&[("web", 3)]));
}

#[tokio::test]
async fn a_rejection_is_counted_and_not_answered() {
    let world = World::new();
    let mut stream = world.stream(STREAM).await;
    stream.ask(&["web"], "", "");
    stream.answer("1").await;
    stream.send(&rejection(&["web"], "1", "no good"));
    stream.send(&rejection(&["web"], "1", "no good"));
    stream.is_silent().await;
    world.host("web", "a", json!({"address": "10.0.0.1", "port": 80})).await;
    let (second, resources) = stream.answer("2").await;
    assert_eq!(resources, named(&[("web", 1)]));
    stream.send(&rejection(&["web"], "1", "too late"));
    stream.ask(&["web"], &second, "2");
    stream.is_silent().await;
    let text = world.app.metrics.encode();
    for counted in ["rejected\"} 1", "stale\"} 1", "acknowledged\"} 1"] {
        let line = format!("rollcall_envoy_discoveries_total{{transport=\"grpc\",result=\"{counted}");
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_client_and_with_the_server() {
    let world = World::new();
    let mut stream = world.stream(STREAM).await;
    stream.ask(&["web"], "", "");
    stream.answer("1").await;
    stream.close();
    assert_eq!(stream.next().await, Came::End("0".into(), String::new()));
    let mut stream = world.stream(STREAM).await;
    stream.is_silent().await;
    world.app.stopping.cancel();
    assert_eq!(stream.next().await, Came::End("14".into(), "the server is stopping".into()));
}

#[tokio::test]
async fn messages_come_in_any_pieces_and_bad_ones_end_the_stream() {
    let world = World::new();
    let mut stream = world.stream(STREAM).await;
    for octet in framed(&request(&["web"], "", "")) {
        stream.send_octets(vec![octet]);
    }
    stream.answer("1").await;
    let too_many: Vec<String> = (0..=limits::EDS_RESOURCES).map(|number| number.to_string()).collect();
    let too_many: Vec<&str> = too_many.iter().map(String::as_str).collect();
    let other = DiscoveryRequest { type_url: "type.googleapis.com/x.Cluster".into(), ..request(&[], "", "") };
    for (octets, status) in [
        (vec![0, 0, 0, 0, 1, 0xff], "3"),
        (vec![1, 0, 0, 0, 1, 0xff], "12"),
        (vec![0, 0xff, 0xff, 0xff, 0xff], "8"),
        (framed(&request(&too_many, "", "")).to_vec(), "3"),
        (framed(&other).to_vec(), "3"),
    ] {
        let mut stream = world.stream(STREAM).await;
        stream.send_octets(octets);
        match stream.next().await {
            Came::End(found, message) => assert!(found == status && !message.is_empty(), "{found} {message}"),
            came @ Came::Answer(..) => panic!("{came:?}"),
        }
        assert!(stream.body.frame().await.is_none(), "nothing comes behind the end");
    }
    let mut half = world.stream(STREAM).await;
    half.send_octets(vec![0, 0, 0]);
    half.close();
    assert_eq!(half.next().await, Came::End("3".into(), "the last message is not whole".into()));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_has_begun_must_come_and_silence_may_last() {
    let world = World::new();
    let mut stream = world.stream(STREAM).await;
    stream.ask(&["web"], "", "");
    stream.answer("1").await;
    let silence = tokio::time::timeout(limits::HTTP_BODY_TIME * 10, stream.body.frame()).await;
    assert!(silence.is_err(), "{silence:?}");
    stream.send_octets(vec![0, 0]);
    let frame = stream.body.frame().await.expect("an end").expect("no error");
    assert_eq!(frame.trailers_ref().expect("trailers")["grpc-status"], "4");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_asks_for_nothing_takes_no_place_and_ends() {
    let world = World::new();
    let mut silent = world.stream(STREAM).await;
    let mut half = world.stream(STREAM).await;
    half.send_octets(vec![0, 0]);
    let nearly = limits::EDS_FIRST_MESSAGE_TIME - Duration::from_secs(1);
    assert!(tokio::time::timeout(nearly, silent.body.frame()).await.is_err());
    assert!(world.app.metrics.encode().contains("rollcall_watchers 0\n"));
    for stream in [&mut silent, &mut half] {
        let frame = stream.body.frame().await.expect("an end").expect("no error");
        assert_eq!(frame.trailers_ref().expect("trailers")["grpc-status"], "4");
    }
    let all = u32::try_from(limits::WATCHERS).expect("fits");
    let all = world.app.watchers.clone().try_acquire_many_owned(all).expect("nobody holds one");
    let mut late = world.stream(STREAM).await;
    late.ask(&["web"], "", "");
    let frame = late.body.frame().await.expect("an end").expect("no error");
    assert_eq!(frame.trailers_ref().expect("trailers")["grpc-status"], "8");
    drop(all);
    let mut next = world.stream(STREAM).await;
    next.ask(&["web"], "", "");
    next.answer("1").await;
    assert!(world.app.metrics.encode().contains("rollcall_watchers 1\n"));
}

#[tokio::test]
async fn what_is_not_offered_is_said_in_grpcs_words() {
    let world = World::new();
    for path in ["/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints", "/grpc.health.v1.Health/Check"] {
        assert_eq!(world.stream(path).await.refused.as_deref(), Some("12"), "{path}");
    }
    for request in [
        Request::post(STREAM).header("content-type", "application/grpc"),
        Request::post(STREAM).version(Version::HTTP_2).header("content-type", "application/grpcx"),
        Request::post(FETCH).version(Version::HTTP_2),
    ] {
        let answer = world.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (400, &"application/problem+json".parse().expect("a value"))
        );
    }
    let answer = world.send(Request::get(STREAM).body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn one_answer_may_be_fetched() {
    let world = World::new();
    world.host("web", "a", json!({"address": "10.0.0.1", "port": 80})).await;
    let request = Request::post(FETCH).version(Version::HTTP_2).header("content-type", "application/grpc+proto");
    let message = framed(&request_of_web());
    let answer = world.send(request.body(Body::from(message)).expect("a request")).await;
    let (requests, _) = mpsc::channel(1);
    let mut stream = Stream { requests, body: answer.into_body(), refused: None };
    assert_eq!(stream.answer("").await.1, named(&[("web", 1)]));
    assert_eq!(stream.next().await, Came::End("0".into(), String::new()));
    let empty = Request::post(FETCH).version(Version::HTTP_2).header("content-type", "application/grpc");
    let answer = world.send(empty.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.headers()["grpc-status"], "3");
}

fn request_of_web() -> DiscoveryRequest {
    request(&["web"], "", "")
}
