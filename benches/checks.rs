//! Checks that the program does: `cargo bench --bench checks -- [CHECKS]`.
//!
//! One target on the loopback stands for every host: all of 127.0.0.0/8 leads to it. The hosts are registered over
//! HTTP, their checks get time to find their places in the interval, then CPU of the server and probes are counted
//! over three intervals. At last single hosts are registered while all that goes on: ones that are up, and ones that
//! come up later and die together. See `README.md`.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a bench")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const CHECKS: usize = 10_000;
const INTERVAL: Duration = Duration::from_secs(10);
const SINGLES: usize = 50;
/// Of so many hosts one hangs.
const HANGING: usize = 50;
/// The clock of `/proc/PID/stat` on Linux.
const TICKS_A_SECOND: f64 = 100.0;

fn main() {
    let checks = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(CHECKS);
    println!(
        "| kind | checks | one in {HANGING} hangs | probes/s | fullest second | CPU of a core | CPU a probe | RSS a check | in DNS after | after the first answer | out of DNS after |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (kind, hangs) in [("http", false), ("http", true), ("tcp", false)] {
        measure(kind, checks, hangs);
    }
}

fn measure(kind: &str, checks: usize, hangs: bool) {
    let target = Target::start();
    let server = Server::start();
    let empty = server.resident();
    let mut http = server.connect();
    for host in 0..checks {
        let path = if hangs && host % HANGING == 0 { "/hang" } else { "/up" };
        register(&mut http, kind, &format!("s{}", host / 10), host, target.port, path);
    }
    std::thread::sleep(INTERVAL + INTERVAL / 2);
    let (cpu, before, started) = (server.cpu_seconds(), target.asked(), Instant::now());
    let (mut last, mut fullest) = (before, 0);
    while started.elapsed() < 3 * INTERVAL {
        std::thread::sleep(Duration::from_secs(1));
        fullest = fullest.max(target.asked() - last);
        last = target.asked();
    }
    let seconds = started.elapsed().as_secs_f64();
    let (cpu, probes) = (server.cpu_seconds() - cpu, (target.asked() - before) as f64);
    // The first connection has idled for too long.
    let mut http = server.connect();
    let resident = (server.resident() - empty) as f64 / checks as f64;
    let mut found: Vec<Duration> =
        (0..SINGLES).map(|single| server.found(&mut http, kind, checks + single, &target)).collect();
    found.sort();
    let later = if kind == "http" {
        let (answered, gone) =
            server.come_and_go(&mut http, checks + SINGLES, &target, if hangs { HANGS } else { DOWN });
        format!("{} | {}", shown(answered), shown(gone))
    } else {
        " | ".into()
    };
    println!(
        "| {kind} | {checks} | {} | {:.0} | {fullest} | {:.1} % | {:.0} us | {resident:.0} B | {} | {later} |",
        if hangs { "yes" } else { "no" },
        probes / seconds,
        100.0 * cpu / seconds,
        1e6 * cpu / probes,
        shown(found),
    );
    server.stop();
}

fn shown(mut times: Vec<Duration>) -> String {
    times.sort();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    format!("p50 {:.1} ms, most {:.1} ms", millis(times[times.len() / 2]), millis(times[times.len() - 1]))
}

/// What a target says to hosts that come and go.
const DOWN: u8 = 0;
const UP: u8 = 1;
const HANGS: u8 = 2;

/// Whatever is asked on one port of any address.
struct Target {
    port: u16,
    asked: Arc<AtomicU64>,
    /// What is said where the path begins with `/single`.
    mood: Arc<AtomicU8>,
    /// When a path of those was first answered well.
    answered: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Target {
    fn start() -> Target {
        let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let target = Target {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
            mood: Arc::default(),
            answered: Arc::default(),
        };
        let asked = Arc::clone(&target.asked);
        let (mood, answered) = (Arc::clone(&target.mood), Arc::clone(&target.answered));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((mut stream, _)) = listener.accept().await {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let (mood, answered) = (Arc::clone(&mood), Arc::clone(&answered));
                    tokio::spawn(async move {
                        let mut request = [0; 1024];
                        let read = stream.read(&mut request).await.unwrap_or_default();
                        let path = String::from_utf8_lossy(&request[..read]);
                        let path = path.split(' ').nth(1).unwrap_or_default();
                        let mood = match path {
                            "/hang" => HANGS,
                            path if path.starts_with("/single") => mood.load(Ordering::Relaxed),
                            _ => UP,
                        };
                        if mood == UP {
                            if path.starts_with("/single") {
                                answered.lock().entry(path.to_owned()).or_insert_with(Instant::now);
                            }
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                        } else if mood == DOWN {
                            let _ = stream.write_all(b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n").await;
                        }
                        let _ = stream.read(&mut request).await;
                    });
                }
            });
        });
        target
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

struct Server {
    child: Child,
    http: SocketAddr,
    dns: SocketAddr,
}

impl Server {
    fn start() -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--store", "memory"]);
        let mut child = command.env_clear().stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let http = address(&mut lines, "  HTTP   http://");
        let dns = address(&mut lines, "  DNS    ");
        // Nobody may wait for a full pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Server { child, http, dns }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.http).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn stop(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn resident(&self) -> usize {
        let pages = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }

    fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // After the name in parentheses: user time is the 12th field, system time the 13th.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
        ticks / TICKS_A_SECOND
    }

    /// Time from the answer to a registration to the host in DNS.
    fn found(&self, http: &mut TcpStream, kind: &str, host: usize, target: &Target) -> Duration {
        let dns = Question::new(self.dns, &format!("single{host}"));
        register(http, kind, &format!("single{host}"), host, target.port, "/up");
        let started = Instant::now();
        while !dns.is_found() {
            assert!(started.elapsed() < INTERVAL, "single{host} is not found");
        }
        started.elapsed()
    }

    /// Hosts that are registered before they are up, and die together: times from their first good answer to DNS, and
    /// from their death to their absence.
    fn come_and_go(
        &self,
        http: &mut TcpStream,
        first: usize,
        target: &Target,
        death: u8,
    ) -> (Vec<Duration>, Vec<Duration>) {
        target.mood.store(DOWN, Ordering::Relaxed);
        let hosts: Vec<(String, Question)> = (first..first + SINGLES)
            .map(|host| {
                let service = format!("single{host}");
                register(http, "http", &service, host, target.port, &format!("/{service}"));
                (format!("/{service}"), Question::new(self.dns, &service))
            })
            .collect();
        std::thread::sleep(Duration::from_secs(3));
        target.mood.store(UP, Ordering::Relaxed);
        let found = moments(&hosts, true);
        let answered = target.answered.lock();
        let found =
            hosts.iter().zip(found).map(|((path, _), at)| at.saturating_duration_since(answered[path])).collect();
        drop(answered);
        target.mood.store(death, Ordering::Relaxed);
        let died = Instant::now();
        (found, moments(&hosts, false).into_iter().map(|at| at - died).collect())
    }
}

/// When each of the hosts was seen to be found, or not.
fn moments(hosts: &[(String, Question)], is_found: bool) -> Vec<Instant> {
    let mut seen: Vec<Option<Instant>> = vec![None; hosts.len()];
    let started = Instant::now();
    while seen.contains(&None) {
        for ((path, question), seen) in hosts.iter().zip(&mut seen).filter(|(_, seen)| seen.is_none()) {
            if question.is_found() == is_found {
                *seen = Some(Instant::now());
            }
            assert!(started.elapsed() < 4 * INTERVAL, "{path} is not as it should be");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    seen.into_iter().flatten().collect()
}

/// A question for the address of a service.
struct Question {
    socket: UdpSocket,
    packet: Vec<u8>,
}

impl Question {
    fn new(server: SocketAddr, service: &str) -> Question {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        let mut packet = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in [service, "service", "local", ""] {
            packet.push(u8::try_from(label.len()).unwrap());
            packet.extend(label.as_bytes());
        }
        packet.extend([0, 1, 0, 1]);
        Question { socket, packet }
    }

    fn is_found(&self) -> bool {
        self.socket.send(&self.packet).unwrap();
        let mut reply = [0; 512];
        self.socket.recv(&mut reply).unwrap();
        reply[7] > 0
    }
}

fn register(http: &mut TcpStream, kind: &str, service: &str, host: usize, port: u16, path: &str) {
    let address = format!("127.{}.{}.{}", 1 + host / 62_500, host / 250 % 250, host % 250 + 1);
    let check = if kind == "http" { format!(r#""http":"http:{path}""#) } else { r#""tcp":":""#.to_owned() };
    let body = format!(
        r#"{{"address":"{address}","port":{port},"checks":[{{"id":"up",{check},"interval":"{}s"}}]}}"#,
        INTERVAL.as_secs()
    );
    let head = format!("PUT /v1/hosts/{service}/h{host} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
    http.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        http.read_exact(&mut octet).unwrap();
        answer.push(octet[0]);
    }
    let text = String::from_utf8(answer).unwrap().to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 201"), "{text}");
    let length = text.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
    http.read_exact(&mut vec![0; length]).unwrap();
}

fn address(lines: &mut impl BufRead, start: &str) -> SocketAddr {
    let mut said = String::new();
    loop {
        let before = said.len();
        assert!(lines.read_line(&mut said).unwrap() > 0, "it ended: {said}");
        if let Some(rest) = said[before..].strip_prefix(start) {
            let end = rest.find([' ', ',', '\n']).unwrap();
            return rest[..end].parse().unwrap();
        }
    }
}
