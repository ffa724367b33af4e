//! Sockets as they are set up, and streams whose peers are slow or silent. The clock is the runtime's, and stands still
//! while anything else happens.

use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener as StreamListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};

use super::*;

/// A listener for streams that serves zones without hosts.
async fn serve() -> SocketAddr {
    let listener = StreamListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(tcp::serve(listener, engine(), CancellationToken::new()));
    address
}

fn framed(packet: &[u8]) -> Vec<u8> {
    [&(packet.len() as u16).to_be_bytes()[..], packet].concat()
}

/// Reads until the server closes; how long that took.
async fn lasts(stream: &mut TcpStream) -> Duration {
    #[allow(clippy::disallowed_methods, reason = "the paused clock of the runtime, not a real one")]
    let started = Instant::now();
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut rest).await;
    started.elapsed()
}

fn about(found: Duration, expected: Duration) -> bool {
    found >= expected && found < expected + Duration::from_secs(1)
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_left_after_its_time() {
    let address = serve().await;
    let mut silent = TcpStream::connect(address).await.expect("a listener");
    assert!(about(lasts(&mut silent).await, limits::DNS_TCP_IDLE), "nothing was asked");
    let mut stream = TcpStream::connect(address).await.expect("a listener");
    let packet = query("example.com", rtype::A, None);
    stream.write_all(&framed(&packet)).await.expect("room");
    assert_eq!(stream.read_u16().await.expect("a reply") as usize, packet.len());
    stream.read_exact(&mut vec![0; packet.len()]).await.expect("a reply");
    assert!(about(lasts(&mut stream).await, limits::DNS_TCP_IDLE), "something was asked");
}

/// An octet now and then keeps nobody waiting for ever: a message has its time as a whole.
#[tokio::test(start_paused = true)]
async fn a_message_has_its_time_as_a_whole() {
    let address = serve().await;
    let mut stream = TcpStream::connect(address).await.expect("a listener");
    let packet = framed(&query("example.com", rtype::A, None));
    let mut sent = 0;
    for octet in &packet {
        if stream.write_all(&[*octet]).await.is_err() {
            break;
        }
        sent += 1;
        sleep(limits::DNS_TCP_MESSAGE / 5).await;
    }
    assert!((4..9).contains(&sent), "{sent} of {} octets", packet.len());
}

/// What counts is that something is taken, not that all is. The buffers are small, so that little is under way.
#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_not_cut_off() {
    const QUERIES: usize = 4000;
    let listener = TcpSocket::new_v4().expect("a socket");
    listener.set_send_buffer_size(2048).expect("an option");
    listener.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(tcp::serve(listener.listen(1).expect("a listener"), engine(), CancellationToken::new()));
    let client = TcpSocket::new_v4().expect("a socket");
    client.set_recv_buffer_size(2048).expect("an option");
    let mut stream = client.connect(address).await.expect("a listener");
    let packet = query("example.com", rtype::A, None);
    let (mut reader, mut writer) = stream.split();
    let all = framed(&packet).repeat(QUERIES);
    let write = async {
        writer.write_all(&all).await.expect("room");
        writer.shutdown().await.expect("a half-close");
    };
    let read = async {
        let mut octets = 0;
        let mut buffer = vec![0; 1024];
        loop {
            match reader.read(&mut buffer).await.expect("no reset") {
                0 => return octets,
                more => octets += more,
            }
            sleep(limits::DNS_TCP_MESSAGE / 10).await;
        }
    };
    let ((), octets) = tokio::join!(write, read);
    assert_eq!(octets, QUERIES * (2 + packet.len()));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_cut_off() {
    let address = serve().await;
    let mut stream = TcpStream::connect(address).await.expect("a listener");
    let all = framed(&query("example.com", rtype::A, None)).repeat(1000);
    // Until the buffers are full and the server gives up.
    while stream.write_all(&all).await.is_ok() {}
}

/// Length and message leave together (RFC 7766 8): clients read one, then the other. The client waits in a thread of its
/// own, so that it would see a length alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reply_comes_in_one_piece() {
    use std::io::{Read as _, Write as _};

    let mut stream = std::net::TcpStream::connect(serve().await).expect("a listener");
    let packet = framed(&query("example.com", rtype::A, Some((1232, 0))));
    for _ in 0..500 {
        stream.write_all(&packet).expect("room");
        let mut buffer = [0; 4096];
        let octets = stream.read(&mut buffer).expect("a reply");
        assert_eq!(usize::from(u16::from_be_bytes([buffer[0], buffer[1]])) + 2, octets);
    }
}

/// Peers that ask and read without a pause have their turns, and others theirs: of what is answered between somebody's query
/// and the reply. How long threads wait for a processor is not the server's, so half of the tries may be worse.
#[test]
fn a_flood_on_streams_keeps_no_other_waiting() {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream as Client;

    const FLOODS: usize = 8;
    let (engine, shutdown) = (engine(), CancellationToken::new());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("an option");
    let address = listener.local_addr().expect("an address");
    let ended = spawn_streams(listener, 1, Arc::clone(&engine), shutdown.clone()).expect("a thread");
    let one = framed(&query("example.com", rtype::A, None));
    let flood = one.repeat(400);
    std::thread::scope(|scope| {
        let mut floods = Vec::new();
        for _ in 0..FLOODS {
            let (mut reader, flood) = (Client::connect(address).expect("a listener"), &flood);
            let mut writer = reader.try_clone().expect("a socket");
            floods.push(reader.try_clone().expect("a socket"));
            scope.spawn(move || while writer.write_all(flood).is_ok() {});
            scope.spawn(move || {
                let mut replies = vec![0; 1 << 16];
                while reader.read(&mut replies).is_ok_and(|octets| octets > 0) {}
            });
        }
        let mut client = Client::connect(address).expect("a listener");
        let mut between = || {
            let before = engine.stats().outside();
            client.write_all(&one).expect("room");
            client.read_exact(&mut vec![0; one.len()]).expect("a reply");
            engine.stats().outside() - before
        };
        let mut found: Vec<u64> = (0..21).map(|_| between()).collect();
        found.sort_unstable();
        shutdown.cancel();
        floods.iter().for_each(|flood| flood.shutdown(Shutdown::Both).expect("an end"));
        let most = 4 * FLOODS * limits::DNS_STRETCH;
        assert!(found[10] < most as u64, "{found:?} replies to others");
    });
    ended.blocking_recv().expect("no panic").expect("served");
}

/// Somebody sends faster than a worker answers.
#[test]
fn a_flood_keeps_no_worker_from_its_stop() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address");
    let mut stopper = udp::Stopper::default();
    let stop = stopper.stops(&socket).expect("a socket");
    let socket = datagram::Datagrams::new(socket).expect("a socket");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            let packet = query("example.com", rtype::A, None);
            while !is_over.load(Ordering::Relaxed) {
                // A buffer that is full loses it.
                let _ = client.send_to(&packet, address);
            }
        });
        drop(stopper);
        udp::serve(&socket, engine(), &stop);
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn every_worker_has_a_socket_that_ignores_what_others_say_of_paths() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = Listener::bind(address.parse().expect("an address"), 3) else { continue };
        assert_eq!(listener.udp.len(), 3);
        for socket in &listener.udp {
            assert_eq!(socket.local_addr().expect("an address"), listener.tcp.local_addr().expect("an address"));
            match listener.addr {
                SocketAddr::V4(_) => {
                    let way = sockopt::ip_mtu_discover(socket).expect("an option");
                    assert_eq!(way, Ipv4PathMtuDiscovery::OMIT);
                }
                SocketAddr::V6(_) => {
                    let way = sockopt::ipv6_mtu_discover(socket).expect("an option");
                    assert_eq!(way, Ipv6PathMtuDiscovery::OMIT);
                }
            }
        }
    }
}
