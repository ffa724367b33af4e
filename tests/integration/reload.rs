//! Zone files read anew while the server runs: all or none, and the hosts stay.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::TestServer;
use crate::support::dns::Ask;
use crate::support::http::{Reply, call};

const HEAD: &str = "$TTL 60\n@ SOA ns hostmaster 1 4h 1h 1w 5\n@ NS ns\n";

fn file(name: &str, records: &str) -> (String, String) {
    (name.into(), format!("{HEAD}{records}"))
}

async fn with_zones(settings: &str) -> TestServer {
    let zones = [file("internal.zone", "www A 10.9.0.1\n"), file("service.local.zone", "static A 10.9.0.2\n")];
    let server = TestServer::with(settings, &zones).await;
    assert_eq!(call(server.http, "PUT", "/v1/hosts/web/a", r#"{"address":"10.0.0.1","port":80}"#).await.status, 201);
    server
}

fn write(server: &TestServer, name: &str, records: &str) {
    fs::write(server.zone_file(name), format!("{HEAD}{records}")).expect("a zone file");
}

async fn reload(server: &TestServer) -> Reply {
    call(server.http, "POST", "/v1/reload", "").await
}

async fn ask(server: &TestServer, name: &str) -> Vec<String> {
    Ask::new(name, "A").of(server.dns).await.lines()
}

async fn serial(server: &TestServer) -> u32 {
    let lines = Ask::new("service.local", "SOA").of(server.dns).await.lines();
    lines[1].split(' ').nth(6).expect("a serial").parse().expect("a number")
}

async fn metric(server: &TestServer, name: &str) -> String {
    let page = call(server.http, "GET", "/metrics", "").await.body;
    let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().to_owned()
}

#[tokio::test]
async fn changed_files_are_served_and_the_hosts_stay() {
    for settings in ["", "store = \"file\""] {
        let mut server = with_zones(settings).await;
        let before = serial(&server).await;
        write(&server, "internal.zone", "www A 10.9.0.9\n");
        write(&server, "service.local.zone", "static A 10.9.0.8\nmore A 10.9.0.7\n");
        assert_eq!(
            ask(&server, "www.internal").await[1],
            "www.internal. 60 IN A 10.9.0.1",
            "not before it is asked for"
        );
        let reply = reload(&server).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let zones = &reply.json()["zones"];
        let zone = |place: usize| (zones[place]["origin"].as_str(), zones[place]["kind"].as_str());
        assert_eq!(zone(0), (Some("service.local."), Some("service")), "{zones}");
        assert_eq!(zone(2), (Some("internal."), Some("static")), "{zones}");
        assert_eq!(zones[2]["records"], 4, "SOA, NS, its address, A: {zones}");
        assert_eq!(ask(&server, "www.internal").await[1], "www.internal. 60 IN A 10.9.0.9");
        assert_eq!(ask(&server, "static.service.local").await[1], "static.service.local. 60 IN A 10.9.0.8");
        assert_eq!(ask(&server, "more.service.local").await[1], "more.service.local. 60 IN A 10.9.0.7");
        assert_eq!(ask(&server, "web.service.local").await[1], "web.service.local. 5 IN A 10.0.0.1");
        let after = serial(&server).await;
        assert!(after > before, "{after}");
        assert_eq!(reply.json()["serial"], after);
        assert_eq!(metric(&server, "rollcall_zone_reloads_total{result=\"ok\"}").await, "1");
        // The serial does not fall back at a restart.
        if !settings.is_empty() {
            server.restart().await;
            assert!(serial(&server).await > after);
            assert_eq!(ask(&server, "web.service.local").await[1], "web.service.local. 5 IN A 10.0.0.1");
        }
    }
}

#[tokio::test]
async fn a_mistake_in_any_file_changes_nothing() {
    let server = with_zones("").await;
    let before = serial(&server).await;
    write(&server, "internal.zone", "www A 10.9.0.9\n");
    write(&server, "broken.zone", "x A 10.0.0.300\n");
    let reply = reload(&server).await;
    let problem = reply.json();
    let path = server.zone_file("broken.zone").display().to_string();
    assert_eq!((reply.status, &problem["file"], &problem["line"]), (422, &path.clone().into(), &4.into()), "{problem}");
    assert_eq!(problem["detail"], format!("{path}:4: A takes one IPv4 address: \"10.0.0.300\" is none"));
    assert_eq!(ask(&server, "www.internal").await[1], "www.internal. 60 IN A 10.9.0.1");
    assert_eq!(ask(&server, "x.broken").await[0], "REFUSED");
    assert_eq!(serial(&server).await, before);
    assert_eq!(metric(&server, "rollcall_zone_reloads_total{result=\"failed\"}").await, "1");
    // What asks for more than there is gets no reload.
    assert_eq!(call(server.http, "POST", "/v1/reload?zone=internal", "").await.status, 400);
    assert_eq!(call(server.http, "POST", "/v1/reload", "{}").await.status, 400);
    fs::remove_dir_all(server.zone_file("")).expect("a directory to remove");
    let problem = reload(&server).await.json();
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.starts_with("zones_dir: cannot read")), "{problem}");
    assert_eq!(ask(&server, "www.internal").await[1], "www.internal. 60 IN A 10.9.0.1");
}

#[tokio::test]
async fn zones_come_and_go_with_their_files() {
    let server = with_zones("").await;
    assert_eq!(ask(&server, "a.example").await[0], "REFUSED");
    write(&server, "example.zone", "a A 10.9.1.1\n");
    fs::remove_file(server.zone_file("internal.zone")).expect("a file to remove");
    fs::remove_file(server.zone_file("service.local.zone")).expect("a file to remove");
    assert_eq!(reload(&server).await.status, 200);
    assert_eq!(ask(&server, "a.example").await[1], "a.example. 60 IN A 10.9.1.1");
    assert_eq!(ask(&server, "www.internal").await[0], "REFUSED");
    // The zone of the hosts is there without a file of the operator's.
    assert_eq!(ask(&server, "static.service.local").await[0], "NXDOMAIN aa");
    assert_eq!(ask(&server, "web.service.local").await[1], "web.service.local. 5 IN A 10.0.0.1");
    // Replies are counted under their zones, whatever the places of those.
    let count = |zone: &str, rcode: &str| {
        format!("rollcall_dns_replies_total{{zone=\"{zone}\",type=\"A\",rcode=\"{rcode}\",transport=\"udp\"}}")
    };
    assert_eq!(metric(&server, &count("example.", "NOERROR")).await, "1");
    assert_eq!(metric(&server, &count("service.local.", "NOERROR")).await, "1");
    assert_eq!(metric(&server, &count("none", "REFUSED")).await, "2");
}

/// Hosts register while the zones are read anew all the time: every acknowledged one is there, and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registrations_during_reloads_are_kept() {
    for settings in ["", "store = \"file\""] {
        let server = with_zones(settings).await;
        let (http, dns) = (server.http, server.dns);
        let done = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                tokio::spawn(async move {
                    for i in 1..=25 {
                        let body = format!(r#"{{"address":"10.{writer}.1.{i}","port":80}}"#);
                        let path = format!("/v1/hosts/many/w{writer}-{i}");
                        assert_eq!(call(http, "PUT", &path, &body).await.status, 201);
                        let label = format!("0a{writer:02x}01{i:02x}.addr.service.local");
                        assert_eq!(Ask::new(&label, "A").of(dns).await.rcode(), "NOERROR", "{label}");
                    }
                })
            })
            .collect();
        let reloads = tokio::spawn({
            let (done, path) = (Arc::clone(&done), server.zone_file("internal.zone"));
            async move {
                let mut rounds = 0;
                while !done.load(Ordering::Relaxed) {
                    rounds += 1;
                    fs::write(&path, format!("{HEAD}www A 10.9.{}.{}\n", rounds / 250, rounds % 250 + 1))
                        .expect("a file");
                    assert_eq!(call(http, "POST", "/v1/reload", "").await.status, 200);
                    let www = Ask::new("www.internal", "A").of(dns).await.lines();
                    assert_eq!(www[1], format!("www.internal. 60 IN A 10.9.{}.{}", rounds / 250, rounds % 250 + 1));
                }
                rounds
            }
        });
        for writer in writers {
            writer.await.expect("no panic");
        }
        done.store(true, Ordering::Relaxed);
        assert!(reloads.await.expect("no panic") > 1);
        let many = Ask::new("many.service.local", "A").over_tcp().of(dns).await;
        assert_eq!(many.message.answers.len(), 200, "{settings}");
    }
}
