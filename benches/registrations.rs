//! Registrations over HTTP against the real program: `cargo bench --bench registrations -- [HOSTS]...`.
//!
//! Each store gets a server of its own on free ports, 64 keep-alive connections that each send the next request
//! when the last answer is whole, and ten hosts a service. Generator and server share the machine: requests a
//! second depend on whatever else runs there, CPU microseconds a request far less. See `README.md`.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a bench")]

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CLIENTS: usize = 64;
const ROUNDS: usize = 3;
/// At least so many in one load, so that it lasts for seconds.
const HEARTBEATS: usize = 200_000;
const VISIBLE_TRIES: usize = 2000;
/// The clock of `/proc/PID/stat` on Linux.
const TICKS_A_SECOND: f64 = 100.0;

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![100_000] } else { sizes };
    println!(
        "| store | hosts | new rows/s | CPU | heartbeats/s | CPU | not visible | ready, stopped | ready, killed | RSS a host | after restart |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for hosts in sizes {
        assert!((10..=Requests::MOST).contains(&hosts), "10 to {} hosts", Requests::MOST);
        for store in ["memory", "file"] {
            let rounds: Vec<Round> = (0..ROUNDS).map(|_| Round::measure(store, hosts)).collect();
            print_row(store, hosts, &rounds);
        }
    }
}

/// What one server showed.
#[derive(Default)]
struct Round {
    new: Load,
    heartbeats: Load,
    invisible: usize,
    resident: usize,
    /// After a stop in good order, and after SIGKILL; zero for a store that forgets.
    ready: [Duration; 2],
    resident_again: usize,
}

impl Round {
    fn measure(store: &str, hosts: usize) -> Round {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(store, directory.path());
        let empty = server.resident();
        let mut round = Round { new: server.load(hosts, hosts), ..Round::default() };
        round.resident = server.resident().saturating_sub(empty) / hosts;
        round.heartbeats = server.load(hosts, hosts.max(HEARTBEATS));
        round.invisible = server.invisible();
        if store == "file" {
            server.stop("TERM");
            let again = Server::start(store, directory.path());
            round.resident_again = again.resident().saturating_sub(empty) / hosts;
            round.ready[0] = again.ready;
            again.stop("KILL");
            let again = Server::start(store, directory.path());
            round.ready[1] = again.ready;
        }
        round
    }
}

fn print_row(store: &str, hosts: usize, rounds: &[Round]) {
    let median = |of: fn(&Round) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let best = |of: fn(&Round) -> f64| rounds.iter().map(of).fold(0.0, f64::max);
    let rate = |of: fn(&Round) -> f64| format!("{:.0} (best {:.0})", median(of), best(of));
    let ready = |seconds: f64| if seconds > 0.0 { format!("{seconds:.2} s") } else { "-".into() };
    let octets = |octets: f64| if octets > 0.0 { format!("{octets:.0} B") } else { "-".into() };
    println!(
        "| {store} | {hosts} | {} | {:.1} us | {} | {:.1} us | {} of {} | {} | {} | {} | {} |",
        rate(|round| round.new.rate),
        median(|round| round.new.cpu),
        rate(|round| round.heartbeats.rate),
        median(|round| round.heartbeats.cpu),
        rounds.iter().map(|round| round.invisible).sum::<usize>(),
        VISIBLE_TRIES * rounds.len(),
        ready(median(|round| round.ready[0].as_secs_f64())),
        ready(median(|round| round.ready[1].as_secs_f64())),
        octets(median(|round| round.resident as f64)),
        octets(median(|round| round.resident_again as f64)),
    );
}

/// A running program.
struct Server {
    child: Child,
    http: SocketAddr,
    dns: SocketAddr,
    /// From the start of the process until /readyz said 200.
    ready: Duration,
}

impl Server {
    fn start(store: &str, directory: &Path) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--store", store, "--data-dir"]);
        command.arg(directory).env_clear().env("HOME", directory).stdin(Stdio::null()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let http = address(&mut lines, "  HTTP   http://");
        let dns = address(&mut lines, "  DNS    ");
        // Nobody may wait for a full pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let mut stream = TcpStream::connect(http).unwrap();
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        Server { child, http, dns, ready: started.elapsed() }
    }

    fn stop(mut self, signal: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {}", self.child.id())]).status().unwrap();
        assert!(sent.success());
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

    /// Registers the hosts numbered below `hosts`, `requests` times in all.
    fn load(&self, hosts: usize, requests: usize) -> Load {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let (cpu, started) = (self.cpu_seconds(), Instant::now());
        let next = Rc::new(Cell::new(0));
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let client = || tokio::task::spawn_local(client(self.http, Rc::clone(&next), hosts, requests));
            let clients: Vec<_> = (0..CLIENTS).map(|_| client()).collect();
            for client in clients {
                client.await.unwrap();
            }
        });
        let requests = requests as f64;
        Load { rate: requests / started.elapsed().as_secs_f64(), cpu: (self.cpu_seconds() - cpu) * 1e6 / requests }
    }

    /// Registers services one after the other; counts those that the first query after the answer does not find.
    fn invisible(&self) -> usize {
        let mut http = TcpStream::connect(self.http).unwrap();
        http.set_nodelay(true).unwrap();
        let dns = UdpSocket::bind("127.0.0.1:0").unwrap();
        dns.connect(self.dns).unwrap();
        dns.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let (mut buffer, mut answer) = (vec![0; 4096], [0; 4096]);
        let mut requests = Requests::new();
        (0..VISIBLE_TRIES)
            .filter(|number| {
                // Services that the load did not make.
                http.write_all(requests.of(Requests::MOST + number * 10)).unwrap();
                let mut length = 0;
                while whole(&buffer[..length]).is_none() {
                    let octets = http.read(&mut buffer[length..]).unwrap();
                    assert!(octets > 0, "the server hung up");
                    length += octets;
                }
                assert!(buffer.starts_with(b"HTTP/1.1 201"), "{}", String::from_utf8_lossy(&buffer[..length]));
                dns.send(&query(*number, Requests::MOST / 10 + number)).unwrap();
                let octets = dns.recv(&mut answer).unwrap();
                // RCODE 0 and one answer.
                !(octets > 12 && answer[3] & 15 == 0 && answer[6..8] == [0, 1])
            })
            .count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a load showed: requests a second, and CPU microseconds of the server a request.
#[derive(Default)]
struct Load {
    rate: f64,
    cpu: f64,
}

/// The address behind `start`, up to the next blank or comma.
fn address(lines: &mut impl BufRead, start: &str) -> SocketAddr {
    let mut said = String::new();
    loop {
        let before = said.len();
        assert!(lines.read_line(&mut said).unwrap() > 0, "it ended: {said}");
        if let Some(rest) = said[before..].strip_prefix(start) {
            let end = rest.find([' ', ',']).unwrap();
            return rest[..end].parse().unwrap();
        }
    }
}

/// One connection: the next number when the last answer is there.
async fn client(server: SocketAddr, next: Rc<Cell<usize>>, hosts: usize, requests: usize) {
    let mut stream = tokio::net::TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut request, mut buffer) = (Requests::new(), vec![0; 4096]);
    loop {
        let number = next.get();
        if number == requests {
            return;
        }
        next.set(number + 1);
        stream.write_all(request.of(number % hosts)).await.unwrap();
        let mut length = 0;
        while whole(&buffer[..length]).is_none() {
            let octets = stream.read(&mut buffer[length..]).await.unwrap();
            assert!(octets > 0, "the server hung up");
            length += octets;
        }
        assert!(buffer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&buffer[..length]));
    }
}

/// The length of a whole answer; a fast reader of our own server's form, for no other.
fn whole(octets: &[u8]) -> Option<usize> {
    let end = find(octets, b"\r\n\r\n")?;
    let length = find(&octets[..end], b"content-length: ")? + 16;
    let digits = octets[length..].iter().take_while(|octet| octet.is_ascii_digit());
    let body = digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    (octets.len() >= end + 4 + body).then_some(end + 4 + body)
}

fn find(octets: &[u8], part: &[u8]) -> Option<usize> {
    octets.windows(part.len()).position(|window| window == part)
}

/// Requests of one length; the numbers are patched in.
struct Requests {
    octets: Vec<u8>,
    service: usize,
    id: usize,
    address: usize,
}

impl Requests {
    /// Addresses have three digits from 100 in each of their last three parts.
    const MOST: usize = 150 * 150 * 150;

    fn new() -> Requests {
        let body = r#"{"address":"10.100.100.100","port":8080,"ttl":"1h","tags":["v1"]}"#;
        let octets = format!(
            "PUT /v1/hosts/svc-000000/host-0000000 HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let place = |mark: &str| octets.find(mark).unwrap() + mark.len();
        let (service, id, address) = (place("/svc-"), place("/host-"), place("\"10."));
        Requests { octets: octets.into_bytes(), service, id, address }
    }

    /// The registration of the host `number`.
    fn of(&mut self, number: usize) -> &[u8] {
        let part = |nth: u32| 100 + number / 150_usize.pow(nth) % 150;
        self.patch(self.service, 6, number / 10);
        self.patch(self.id, 7, number);
        self.patch(self.address, 3, part(2));
        self.patch(self.address + 4, 3, part(1));
        self.patch(self.address + 8, 3, part(0));
        &self.octets
    }

    fn patch(&mut self, at: usize, digits: usize, mut number: usize) {
        for place in (at..at + digits).rev() {
            self.octets[place] = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}

/// A query for the addresses of the service `number`.
fn query(id: usize, number: usize) -> Vec<u8> {
    let mut query = vec![(id >> 8) as u8, id as u8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in [&*format!("svc-{number:06}"), "service", "local", ""] {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 1, 0, 1]);
    query
}
