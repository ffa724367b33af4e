//! Sockets in the hands of strangers: whatever they send, the next client is answered.

use hickory_proto::op::Message;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rollcall::limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::support::dns::{Ask, Reply, framed, next_message};
use crate::support::http::call;
use crate::support::{TestServer, in_time};

async fn with_a_host() -> TestServer {
    let server = TestServer::start().await;
    assert_eq!(call(server.http, "PUT", "/v1/hosts/web/a", r#"{"address":"10.0.0.1","port":80}"#).await.status, 201);
    server
}

fn question() -> Ask {
    Ask::new("web.service.local", "A")
}

async fn still_answers(server: &TestServer) {
    assert_eq!(question().of(server.dns).await.rcode(), "NOERROR");
    assert_eq!(question().over_tcp().of(server.dns).await.rcode(), "NOERROR");
    assert_eq!(call(server.http, "GET", "/readyz", "").await.status, 200);
    let metrics = call(server.http, "GET", "/metrics", "").await.body;
    let panics = metrics.lines().find(|line| line.contains("panic") && !line.starts_with('#'));
    assert!(panics.is_some_and(|line| line.ends_with(" 0")), "{panics:?}");
}

/// Octets that are nobody's query: pure noise, and queries with a few octets changed or cut.
fn noise(rng: &mut TestRng) -> Vec<u8> {
    use proptest::prelude::Rng as _;
    let mut octets = if rng.next_u32().is_multiple_of(4) {
        let mut octets = vec![0; rng.next_u32() as usize % 600];
        rng.fill_bytes(&mut octets);
        octets
    } else {
        question().packet()
    };
    for _ in 0..rng.next_u32() % 6 {
        if let Some(place) = (rng.next_u32() as usize).checked_rem(octets.len()) {
            octets[place] = rng.next_u32().to_be_bytes()[0];
        }
    }
    if rng.next_u32().is_multiple_of(5) {
        octets.truncate(rng.next_u32() as usize % (octets.len() + 1));
    }
    octets
}

/// What comes back for noise is silence or a message that another codec reads, with the id of the noise.
fn check_reply(sent: &[u8], reply: &[u8]) {
    let message = Message::from_vec(reply).unwrap_or_else(|error| panic!("{error}: {sent:02x?} gave {reply:02x?}"));
    assert_eq!(message.metadata.id.to_be_bytes(), sent[..2]);
    assert_eq!(reply[2] & 0x80, 0x80, "a response");
}

#[tokio::test]
async fn any_datagram_gets_silence_or_a_reply() {
    let server = with_a_host().await;
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    socket.connect(server.dns).await.expect("a route");
    let mut buffer = [0; 2048];
    let mut replies = 0;
    for round in 0..3000_u32 {
        let mut octets = noise(&mut rng);
        // Each datagram has its own id, and a query behind it whose reply ends the wait: replies come in order.
        if let Some(id) = octets.first_chunk_mut::<2>() {
            *id = [0x80 | (round >> 8) as u8, round as u8];
        }
        socket.send(&octets).await.expect("room");
        let mut end = question().packet();
        end[..2].copy_from_slice(&[0, 7]);
        socket.send(&end).await.expect("room");
        loop {
            let length = in_time("a reply", socket.recv(&mut buffer)).await.expect("a reply");
            if buffer[..2] == [0, 7] {
                break;
            }
            check_reply(&octets, &buffer[..length]);
            replies += 1;
        }
    }
    assert!((1000..2900).contains(&replies), "of both kinds: {replies}");
    still_answers(&server).await;
}

#[tokio::test]
async fn any_stream_gets_replies_or_its_end() {
    let server = with_a_host().await;
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for round in 0..300 {
        let mut stream = TcpStream::connect(server.dns).await.expect("a listener");
        let octets = noise(&mut rng);
        // Framed noise, and noise in place of the frame.
        let sent = if round % 3 == 0 { octets.clone() } else { framed(&octets) };
        // The server may have closed already: that is one of its answers.
        let _ = stream.write_all(&sent).await;
        let _ = stream.shutdown().await;
        let mut replies = Vec::new();
        // So is a reset.
        let _ = in_time("the end of a stream", stream.read_to_end(&mut replies)).await;
        if round % 3 != 0 && !replies.is_empty() {
            check_reply(&octets, &replies[2..]);
        }
    }
    still_answers(&server).await;
}

#[tokio::test]
async fn any_http_gets_an_answer_or_its_end() {
    let server = with_a_host().await;
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for round in 0..300 {
        let mut stream = TcpStream::connect(server.http).await.expect("a listener");
        let mut sent = match round % 3 {
            0 => Vec::new(),
            1 => b"GET /v1/hosts/".to_vec(),
            _ => b"PUT /v1/hosts/web/b HTTP/1.1\r\nhost: x\r\ncontent-length: 40\r\n\r\n".to_vec(),
        };
        sent.extend(noise(&mut rng));
        let _ = stream.write_all(&sent).await;
        let _ = stream.shutdown().await;
        let mut reply = Vec::new();
        let _ = in_time("the end of a stream", stream.read_to_end(&mut reply)).await;
        assert!(reply.is_empty() || reply.starts_with(b"HTTP/1."), "{reply:?}");
    }
    assert_eq!(question().of(server.dns).await.message.answers.len(), 1, "nothing was registered by noise");
    still_answers(&server).await;
}

#[tokio::test]
async fn octet_by_octet_and_many_at_once() {
    let server = with_a_host().await;
    let packet = framed(&question().packet());
    let mut stream = TcpStream::connect(server.dns).await.expect("a listener");
    stream.set_nodelay(true).expect("an option");
    for octet in &packet {
        stream.write_all(&[*octet]).await.expect("room");
        tokio::task::yield_now().await;
    }
    assert_eq!(Reply::read(next_message(&mut stream).await.expect("a reply")).rcode(), "NOERROR");
    // Pipelined: a hundred queries in one write, each with its id; all are answered, and after the half-close too.
    let mut sent = Vec::new();
    for id in 0..100_u8 {
        let mut query = packet.clone();
        query[2..4].copy_from_slice(&[9, id]);
        sent.extend(query);
    }
    stream.write_all(&sent).await.expect("room");
    stream.shutdown().await.expect("a half-close");
    let mut ids = Vec::new();
    while let Some(reply) = next_message(&mut stream).await {
        assert_eq!(Reply::read(reply.clone()).message.answers.len(), 1);
        ids.push(reply[1]);
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<u8>>());
}

#[tokio::test]
async fn a_message_of_no_octets_ends_the_stream_after_what_came_before() {
    let server = with_a_host().await;
    let mut stream = TcpStream::connect(server.dns).await.expect("a listener");
    let mut sent = framed(&question().packet());
    sent.extend([0, 0]);
    stream.write_all(&sent).await.expect("room");
    assert!(next_message(&mut stream).await.is_some());
    assert!(next_message(&mut stream).await.is_none());
    still_answers(&server).await;
}

/// A source has a share of the connections; another connection is closed, the others go on, a free place is given again.
#[tokio::test]
async fn connections_of_one_source_are_bounded() {
    let server = with_a_host().await;
    let packet = framed(&question().packet());
    let mut streams = Vec::new();
    for _ in 0..limits::DNS_TCP_CONNECTIONS_PER_SOURCE {
        let mut stream = TcpStream::connect(server.dns).await.expect("a listener");
        stream.write_all(&packet).await.expect("room");
        assert!(next_message(&mut stream).await.is_some());
        streams.push(stream);
    }
    for _ in 0..8 {
        let mut stream = TcpStream::connect(server.dns).await.expect("a listener");
        let _ = stream.write_all(&packet).await;
        assert!(next_message(&mut stream).await.is_none(), "one too many");
    }
    for stream in &mut streams {
        stream.write_all(&packet).await.expect("room");
        assert!(next_message(stream).await.is_some(), "those before go on");
    }
    drop(streams.pop());
    let freed = async {
        loop {
            let mut stream = TcpStream::connect(server.dns).await.expect("a listener");
            let _ = stream.write_all(&packet).await;
            if next_message(&mut stream).await.is_some() {
                return;
            }
        }
    };
    in_time("a free place", freed).await;
    // Datagrams are not concerned.
    assert_eq!(question().of(server.dns).await.rcode(), "NOERROR");
}
