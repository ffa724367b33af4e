use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::Timestamp;
use crate::readiness::Condition;
use crate::store::Kind;

/// Settings of a server on free ports that leaves nothing behind.
fn config(kind: Kind, directory: &std::path::Path) -> Config {
    let mut config = Config::default();
    config.http_listen.set_port(0);
    config.dns.listen[0].set_port(0);
    config.store.kind = kind;
    config.store.data_dir = directory.join("data");
    config.log.format = crate::telemetry::Format::Json;
    config
}

async fn until_ready(readiness: &Readiness) {
    while !readiness.is_ready() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn serves_until_it_is_told_to_stop() {
    for kind in [Kind::Memory, Kind::File] {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1)));
        let server = Server::bind_with(config(kind, directory.path()), clock).await.expect("free ports");
        assert!(server.http_addr().port() != 0 && server.dns_addrs()[0].port() != 0);
        let (readiness, registry) = (Arc::clone(server.readiness()), Arc::clone(server.registry()));
        assert!(!readiness.is_ready() && !registry.snapshot().loaded);
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(server.run(shutdown.clone()));
        until_ready(&readiness).await;
        assert!(registry.snapshot().loaded);
        shutdown.cancel();
        running.await.expect("no panic").expect("a good end");
        assert!(!readiness.is_ready());
    }
}

#[tokio::test]
async fn the_grace_says_no_to_readyz_while_all_else_works() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = config(Kind::Memory, directory.path());
    config.shutdown_grace = Duration::from_secs(3600);
    let server = Server::bind(config).await.expect("free ports");
    let (readiness, address) = (Arc::clone(server.readiness()), server.http_addr());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(server.run(shutdown.clone()));
    until_ready(&readiness).await;
    shutdown.cancel();
    while readiness.is_ready() {
        tokio::task::yield_now().await;
    }
    let stopping = readiness.reasons().into_iter().find(|(condition, _)| *condition == Condition::Stopping);
    assert!(stopping.is_some_and(|(_, reason)| reason.is_some()));
    assert!(tokio::net::TcpStream::connect(address).await.is_ok(), "the listener is open during the grace");
    assert!(!running.is_finished());
    running.abort();
}

#[tokio::test]
async fn a_taken_port_says_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = Server::bind(config(Kind::Memory, directory.path())).await.expect("free ports");
    let mut taken = config(Kind::Memory, directory.path());
    taken.http_listen = first.http_addr();
    let error = Server::bind(taken).await.err().expect("a taken port").to_string();
    assert!(error.starts_with("cannot listen for HTTP on 127.0.0.1:") && error.contains("--http"), "{error}");
    let mut taken = config(Kind::Memory, directory.path());
    taken.dns.listen = first.dns_addrs().to_vec();
    let error = Server::bind(taken).await.err().expect("a taken port").to_string();
    assert!(error.starts_with("cannot listen for DNS on 127.0.0.1:") && error.contains("--dns"), "{error}");
}
