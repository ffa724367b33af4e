//! Consul's API under load: `cargo bench --bench consul -- [SERVICES]`.
//!
//! The program with the memory store and then the file store; ten instances a service, registered one by one through
//! `/v1/agent/service/register`. While a thousand blocking queries wait on as many services, `/v1/health/service/x` is
//! asked on one connection, for its latency, and then one service after the other changes: how long until its waiter has
//! its answer, and who else got one. See `README.md`.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a bench")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const INSTANCES: usize = 10;
const CLIENTS: usize = 16;
const WAITERS: usize = 1000;
const READS: usize = 20_000;
const CHANGES: usize = 500;

#[tokio::main]
async fn main() {
    let services = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10_000);
    assert!((WAITERS..=60_000).contains(&services), "{WAITERS} to 60000 services");
    println!(
        "| store | services x instances | registered/s | read p50 | p99 | woken p50 | p99 | most | woken for nothing |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for store in ["memory", "file"] {
        measure(store, services).await;
    }
}

async fn measure(store: &str, services: usize) {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(store, directory.path());
    let began = Instant::now();
    let loads = (0..CLIENTS).map(|client| tokio::spawn(register(server.http, client, services)));
    for load in loads.collect::<Vec<_>>() {
        load.await.unwrap();
    }
    let rate = (services * INSTANCES) as f64 / began.elapsed().as_secs_f64();
    let (answered, mut answers) = mpsc::unbounded_channel();
    for waiter in 0..WAITERS {
        tokio::spawn(wait(server.http, waiter, answered.clone()));
    }
    // Each of them has asked when its first answer is there, and waits a moment later.
    for _ in 0..WAITERS {
        answers.recv().await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let reads = read(server.http, services).await;
    let mut woken = Vec::new();
    let mut strangers = 0;
    let mut client = Client::connect(server.http).await;
    for change in 0..CHANGES {
        let service = change * (WAITERS / CHANGES);
        let began = Instant::now();
        client.call("PUT", "/v1/agent/service/register", &body(service, 0, &format!("change-{change}"))).await;
        let (waiter, at) = answers.recv().await.unwrap();
        woken.push(at.saturating_duration_since(began));
        strangers += usize::from(waiter != service);
        while let Ok((waiter, _)) = answers.try_recv() {
            strangers += usize::from(waiter != service);
        }
    }
    server.stop();
    let ms = |times: &mut Vec<Duration>, part: f64| {
        times.sort_unstable();
        format!("{:.2} ms", times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0)
    };
    let mut reads = reads;
    println!(
        "| {store} | {services} x {INSTANCES} | {rate:.0} | {} | {} | {} | {} | {} | {strangers} |",
        ms(&mut reads, 0.5),
        ms(&mut reads, 0.99),
        ms(&mut woken, 0.5),
        ms(&mut woken, 0.99),
        ms(&mut woken, 1.0),
    );
}

/// Registers the part of the instances that falls to one client.
async fn register(http: SocketAddr, client: usize, services: usize) {
    let mut connection = Client::connect(http).await;
    for number in (client..services * INSTANCES).step_by(CLIENTS) {
        let (service, instance) = (number / INSTANCES, number % INSTANCES);
        connection.call("PUT", "/v1/agent/service/register", &body(service, instance, "v1")).await;
    }
}

fn body(service: usize, instance: usize, tag: &str) -> String {
    let (high, low) = (service / 250, service % 250);
    format!(
        r#"{{"ID":"svc-{service}-{instance}","Name":"svc-{service}","Address":"10.{high}.{low}.{instance}","Port":8080,"Tags":["{tag}"],"Meta":{{"version":"1"}},"Check":{{"TTL":"600s","Status":"passing"}}}}"#
    )
}

/// Asks for services here and there; gives the time of each answer.
async fn read(http: SocketAddr, services: usize) -> Vec<Duration> {
    let mut client = Client::connect(http).await;
    let mut times = Vec::with_capacity(READS);
    for number in 0..READS {
        let service = number * 7919 % services;
        let began = Instant::now();
        client.call("GET", &format!("/v1/health/service/svc-{service}?passing"), "").await;
        times.push(began.elapsed());
    }
    times
}

/// Waits for the changes of one service for ever, and says when each answer was there.
async fn wait(http: SocketAddr, service: usize, answered: mpsc::UnboundedSender<(usize, Instant)>) {
    let mut client = Client::connect(http).await;
    let mut index = 0;
    loop {
        let path = format!("/v1/health/service/svc-{service}?index={index}&wait=10m");
        let Some(next) = client.try_call("GET", &path, "").await else { return };
        index = next;
        if answered.send((service, Instant::now())).is_err() {
            return;
        }
    }
}

/// A connection that is kept.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(http: SocketAddr) -> Client {
        let stream = TcpStream::connect(http).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, buffer: Vec::new() }
    }

    async fn call(&mut self, method: &str, path: &str, body: &str) -> u64 {
        self.try_call(method, path, body).await.unwrap()
    }

    /// The index of the answer, 0 where it has none; `None` when the server is gone.
    async fn try_call(&mut self, method: &str, path: &str, body: &str) -> Option<u64> {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(request.as_bytes()).await.ok()?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
            let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
            let length = field("content-length:").unwrap_or(0) as usize;
            if self.buffer.len() >= end + 4 + length {
                return Some(field("x-consul-index:").unwrap_or(0));
            }
        }
    }
}

/// A running program.
struct Server {
    child: Child,
    http: SocketAddr,
}

impl Server {
    fn start(store: &str, directory: &Path) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--store", store, "--data-dir"]);
        command.arg(directory).env_clear().env("HOME", directory).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let http = lines.find_map(|line| line.unwrap().strip_prefix("  HTTP   http://").map(str::to_owned)).unwrap();
        // Nobody may wait for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, http: http.split_whitespace().next().unwrap().parse().unwrap() }
    }

    fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
