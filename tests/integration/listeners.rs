//! Two kinds of listeners, one engine: the answers are the same.

use crate::support::TestServer;
use crate::support::dns::Ask;
use crate::support::http::call;

/// Hosts for every shape of answer.
async fn register(server: &TestServer) {
    let hosts = [
        ("web/a", r#"{"addresses":["10.0.0.1","fd00::1"],"port":80,"tags":["v1"],"ttl":"30s"}"#),
        (
            "web/b",
            r#"{"address":"10.0.0.2","ports":[{"name":"http","port":80},{"name":"q","protocol":"udp","port":9}]}"#,
        ),
        ("db/a", r#"{"address":"db.example.com","port":5432,"priority":3,"weight":7}"#),
    ];
    for (path, body) in hosts {
        assert_eq!(call(server.http, "PUT", &format!("/v1/hosts/{path}"), body).await.status, 201, "{path}");
    }
    for i in 1..=300 {
        let body = format!(r#"{{"address":"10.1.{}.{}","port":80}}"#, i / 256, i % 256);
        assert_eq!(call(server.http, "PUT", &format!("/v1/hosts/many/h{i}"), &body).await.status, 201);
    }
}

fn questions() -> Vec<Ask> {
    let names = [
        "service.local",
        "ns.service.local",
        "web.service.local",
        "WeB.service.LOCAL",
        "v1.web.service.local",
        "_http._tcp.web.service.local",
        "_web._udp.service.local",
        "_tcp.service.local",
        "0a000001.addr.service.local",
        "db.service.local",
        "nosuch.service.local",
        "example.com",
        ".",
    ];
    let types = ["A", "AAAA", "SRV", "SOA", "NS", "TXT", "ANY", "HTTPS", "TYPE65280"];
    let mut asks: Vec<Ask> =
        names.iter().flat_map(|name| types.iter().map(move |qtype| Ask::new(name, qtype))).collect();
    asks.extend(asks.clone().into_iter().map(Ask::over_tcp));
    let web = Ask::new("web.service.local", "SRV");
    asks.push(Ask { edns: None, ..web.clone() });
    asks.push(Ask { recursion_desired: true, ..web.clone() });
    asks.push(Ask { class: 3, ..web.clone() });
    for name in ["id.server", "version.bind"] {
        asks.push(Ask { class: 3, ..Ask::new(name, "TXT") });
    }
    for (code, data) in
        [(3, &b""[..]), (10, b"12345678"), (10, &[7; 24]), (10, &[7; 9]), (8, &[0, 1, 24, 0, 192, 0, 2])]
    {
        asks.push(web.clone().with(code, data));
    }
    asks
}

#[tokio::test]
async fn hickorys_listeners_give_the_same_answers() {
    let own = TestServer::with("nsid = \"n1\"", &[]).await;
    let hickory = TestServer::with("nsid = \"n1\"\ndns_listeners = \"hickory\"", &[]).await;
    for server in [&own, &hickory] {
        register(server).await;
    }
    let mut longer = 0;
    for ask in questions() {
        let (ours, theirs) = (ask.of(own.dns).await, ask.of(hickory.dns).await);
        assert_eq!(ours.lines(), theirs.lines(), "{ask:?}");
        assert_eq!(ours.option(3), theirs.option(3), "{ask:?}");
        assert_eq!(ours.option(10).map(|it| it.len()), theirs.option(10).map(|it| it.len()), "{ask:?}");
        longer += usize::from(theirs.octets.len() > ours.octets.len());
    }
    assert!(longer > 0, "hickory's codec compresses less: these are two listeners");
    // What does not fit: TC from both, all of it over TCP from both.
    for qtype in ["A", "SRV"] {
        let ask = Ask::new("many.service.local", qtype);
        for edns in [None, Some((512, 0)), Some((4096, 0))] {
            let ask = Ask { edns, ..ask.clone() };
            assert!(ask.of(own.dns).await.truncated() && ask.of(hickory.dns).await.truncated(), "{ask:?}");
        }
        let ask = ask.over_tcp();
        let (ours, theirs) = (ask.of(own.dns).await, ask.of(hickory.dns).await);
        assert_eq!(ours.message.answers.len(), 300);
        assert_eq!(ours.lines(), theirs.lines(), "{ask:?}");
    }
    for server in [own, hickory] {
        server.ask_to_stop();
        server.ended().await;
    }
}
