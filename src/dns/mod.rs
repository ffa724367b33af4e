//! DNS out: listeners, and the way from a packet to a reply.
//!
//! [`engine::respond`] is pure and the same for every transport. Two kinds of listeners carry packets to it:
//! our own (`udp`, `tcp`), and hickory-server's, which mount it through its `RequestHandler`
//! (`handler.rs`). Ours are the default; why is in ARCHITECTURE.md.
//!
//! | requirement | file |
//! | --- | --- |
//! | header, opcode, class, EDNS (R1 to R11, R39 to R44) | `query.rs` |
//! | options of EDNS (R42 to R51) | `edns.rs` |
//! | cookies (R6, R46) | `cookie.rs` |
//! | class CH (R9) | `chaos.rs` |
//! | who may ask (R62), and how often (R63) | `settings.rs`, `rate.rs` |
//! | records, existence, TTL, order (R12 to R32) | `zone/answer.rs` |
//! | replies in words, for people | `dissect.rs` |
//! | size, truncation, OPT (R31 to R37) | `reply.rs` |
//! | all of that at once, for what most clients ask | `fast.rs`, `zone/answer/prompt.rs` |
//! | datagrams, from the address that was asked (R38, R64, R66) | `udp.rs`, `datagram.rs` |
//! | streams (R47, R53 to R58) | `tcp.rs`, `arrival.rs` |

mod arrival;
mod batch;
mod chaos;
mod cookie;
mod datagram;
mod dissect;
mod edns;
mod engine;
mod fast;
mod handler;
mod query;
mod query_log;
mod rate;
mod reply;
mod settings;
mod stats;
mod tcp;
mod udp;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use cookie::{CookiePolicy, CookieSecret, CookieStanding, Cookies};
pub use dissect::{Dissected, RecordText, query, type_name, type_number};
pub use engine::{Answered, Engine, Outcome, Request, View, respond, respond_in_full};
pub use fast::{name as asked_name, respond as respond_at_once};
pub use query::{DropReason, Transport};
pub use rate::{Limiter, RateLimit};
pub use reply::Code;
pub use settings::{Networks, Settings};
pub use stats::{Stats, StatsCollector};

/// How often a port that is free for UDP is tried for TCP when the system picks one.
const PORT_TRIES: usize = 32;

/// Sockets bound to one address, not yet served.
#[derive(Debug)]
pub struct Listener {
    udp: Vec<UdpSocket>,
    tcp: TcpListener,
    addr: SocketAddr,
}

impl Listener {
    /// Binds UDP and TCP to one address, with `workers` UDP sockets that share the port; port 0 takes one that is free
    /// for both.
    pub fn bind(addr: SocketAddr, workers: usize) -> io::Result<Listener> {
        let mut tries = if addr.port() == 0 { PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            match Listener::bind_once(addr, workers.max(1)) {
                Err(error) if tries > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
                result => return result,
            }
        }
    }

    fn bind_once(addr: SocketAddr, workers: usize) -> io::Result<Listener> {
        let tcp = socket(addr, Type::STREAM, Protocol::TCP)?;
        tcp.set_reuse_address(true)?;
        tcp.bind(&addr.into())?;
        tcp.listen(1024)?;
        let tcp = TcpListener::from(tcp);
        let addr = tcp.local_addr()?;
        // The first socket is bound alone, so that a port another program serves is refused and not shared.
        drop(udp_socket(addr, false)?);
        let udp = (0..workers).map(|_| udp_socket(addr, true)).collect::<io::Result<Vec<_>>>()?;
        Ok(Listener { udp, tcp, addr })
    }

    /// The address, with the port that was picked.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }
}

fn udp_socket(addr: SocketAddr, share_port: bool) -> io::Result<UdpSocket> {
    let udp = socket(addr, Type::DGRAM, Protocol::UDP)?;
    if share_port {
        udp.set_reuse_port(true)?;
        // A burst waits here while a worker is busy; the system may grant less.
        udp.set_recv_buffer_size(4 << 20).or_else(|_| udp.set_recv_buffer_size(1 << 20)).ok();
    }
    // What others tell of paths changes nothing of how replies are sent: forged reports could make them be cut in
    // pieces (RFC 9715). A system that does not know the option has its own way.
    match addr {
        SocketAddr::V4(_) => sockopt::set_ip_mtu_discover(&udp, Ipv4PathMtuDiscovery::OMIT).ok(),
        SocketAddr::V6(_) => sockopt::set_ipv6_mtu_discover(&udp, Ipv6PathMtuDiscovery::OMIT).ok(),
    };
    udp.bind(&addr.into())?;
    Ok(UdpSocket::from(udp))
}

fn socket(addr: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), kind, Some(protocol))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Whose code carries packets to the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Listeners {
    /// Ours.
    #[default]
    Own,
    /// hickory-server's.
    Hickory,
}

impl Listeners {
    /// Both.
    pub const ALL: [Listeners; 2] = [Listeners::Own, Listeners::Hickory];

    /// The word in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Listeners::Own => "own",
            Listeners::Hickory => "hickory",
        }
    }
}

/// Answers on a listener until `shutdown`; returns when what was received by then is answered.
pub async fn serve(
    listener: Listener,
    listeners: Listeners,
    engine: Arc<Engine>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    match listeners {
        Listeners::Own => serve_own(listener, engine, shutdown).await,
        Listeners::Hickory => handler::serve(listener, engine, shutdown).await,
    }
}

async fn serve_own(listener: Listener, engine: Arc<Engine>, shutdown: CancellationToken) -> io::Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    let mut stopper = udp::Stopper::default();
    let workers = listener.udp.len();
    for socket in listener.udp {
        let stop = stopper.stops(&socket)?;
        let ended = spawn_worker(datagram::Datagrams::new(socket)?, Arc::clone(&engine), stop)?;
        tasks.spawn(async { ended.await.map_err(io::Error::other) });
    }
    let asked = shutdown.clone();
    tasks.spawn(async move {
        // When this task is given up, the workers stop too.
        let _stopper = stopper;
        asked.cancelled().await;
        Ok(())
    });
    // When this task is given up, so are streams.
    let shutdown = shutdown.child_token();
    let given_up = shutdown.clone().drop_guard();
    let streams = spawn_streams(listener.tcp, workers, engine, shutdown)?;
    tasks.spawn(async {
        let _given_up = given_up;
        streams.await.map_err(io::Error::other)?
    });
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

/// Threads of their own for streams: whoever asks on many connections without a pause has these, and neither datagrams nor the
/// control API wait. They end with `shutdown`; the channel tells so.
fn spawn_streams(
    listener: TcpListener,
    workers: usize,
    engine: Arc<Engine>,
    shutdown: CancellationToken,
) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("dns streams")
        .enable_all()
        .build()?;
    let (sender, ended) = oneshot::channel();
    let serve = move || {
        let serve = async { tcp::serve(tokio::net::TcpListener::from_std(listener)?, engine, shutdown).await };
        let served = runtime.block_on(runtime.spawn(serve));
        let _ = sender.send(served.unwrap_or_else(|error| Err(io::Error::other(error))));
    };
    std::thread::Builder::new().name("dns streams".into()).spawn(serve)?;
    Ok(ended)
}

/// A thread that answers datagrams; the channel tells that it has ended, and with an error that it panicked.
fn spawn_worker(
    socket: datagram::Datagrams,
    engine: Arc<Engine>,
    stop: udp::Stop,
) -> io::Result<oneshot::Receiver<()>> {
    let (sender, ended) = oneshot::channel();
    let serve = move || {
        udp::serve(&socket, engine, &stop);
        // Nobody listens where the server has failed.
        let _ = sender.send(());
    };
    std::thread::Builder::new().name("dns datagrams".into()).spawn(serve)?;
    Ok(ended)
}

#[cfg(test)]
mod tests;
