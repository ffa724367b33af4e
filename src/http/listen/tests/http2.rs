//! The listener's promises to clients of HTTP/2.

use bytes::Bytes;
use h2::client::{self, SendRequest};
use h2::{Reason, RecvStream};

use super::*;

type Client = SendRequest<Bytes>;

/// A client of a connection that is driven until it ends.
async fn client<S>(stream: S, windows: u32) -> (Client, JoinHandle<Result<(), h2::Error>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) =
        client::Builder::new().initial_window_size(windows).handshake(stream).await.expect("a handshake");
    (client, tokio::spawn(connection))
}

async fn open(address: SocketAddr) -> (Client, JoinHandle<Result<(), h2::Error>>) {
    client(TcpStream::connect(address).await.expect("connects"), 65_535).await
}

async fn ask(client: &Client, request: Request<()>, body: &[u8]) -> (u16, hyper::HeaderMap, RecvStream) {
    let mut client = client.clone().ready().await.expect("room for a stream");
    let (answer, mut stream) = client.send_request(request, false).expect("is sent");
    stream.send_data(Bytes::copy_from_slice(body), true).expect("is sent");
    let (head, body) = answer.await.expect("an answer").into_parts();
    (head.status.as_u16(), head.headers, body)
}

async fn get(client: &Client, path: &str) -> (u16, hyper::HeaderMap, RecvStream) {
    ask(client, Request::get(format!("http://x{path}")).body(()).expect("a request"), b"").await
}

/// All of a body, or how it ended.
async fn read(mut body: RecvStream) -> Result<String, h2::Error> {
    let mut octets = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len()).expect("was taken");
        octets.extend_from_slice(&data);
    }
    Ok(String::from_utf8(octets).expect("text"))
}

#[tokio::test]
async fn every_route_is_there_and_whole() {
    let running = start().await;
    let (client, _) = open(running.address).await;
    let (status, headers, body) = get(&client, "/docs").await;
    let page = read(body).await.expect("a whole page");
    assert!(status == 200 && page.len() > 2 * limits::HTTP2_PIECE_OCTETS && page.ends_with("</html>\n"), "{status}");
    assert_eq!(headers["content-length"], page.len().to_string());
    let put = Request::put("http://x/v1/hosts/web/a").body(()).expect("a request");
    let (status, _, body) = ask(&client, put, br#"{"address":"10.0.0.1"}"#).await;
    assert_eq!(status, 201, "{:?}", read(body).await);
    assert_eq!(client.current_max_send_streams(), 250);
    let plain = exchange(running.address, b"GET /v1/hosts/web HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(plain.contains("10.0.0.1"), "{plain}");
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused() {
    let running = start().await;
    let (client, _) = open(running.address).await;
    let put = || Request::put("http://x/v1/hosts/web/a");
    let many = (0..101).fold(put(), |request, number| request.header(format!("h{number}"), "x"));
    let long = Request::get(format!("http://x/{}", "x".repeat(9000)));
    for (request, octets, status) in [
        (put(), 100_000, 413),
        (many, 2, 431),
        (put().header("h", "x".repeat(20_000)), 2, 431),
        (long, 0, 414),
        (put().header("host", "x").header("host", "y"), 2, 400),
        (put().header("content-encoding", "gzip"), 2, 415),
    ] {
        let body = vec![b' '; octets];
        let (answered, headers, body) = ask(&client, request.body(()).expect("a request"), &body).await;
        let problem = read(body).await.expect("a body");
        assert_eq!(answered, status, "{problem}");
        assert_eq!(headers["content-type"], "application/problem+json");
        assert!(problem.contains(&format!("\"status\":{status}")), "{problem}");
    }
    let (status, ..) = get(&client, "/livez").await;
    assert_eq!(status, 200, "the connection goes on");
}

#[tokio::test]
async fn a_refusal_ends_when_its_request_was_read() {
    let running = start().await;
    let (client, _) = open(running.address).await;
    for (said, sent) in [(Some(500_000), 500_000), (None, 300_000)] {
        let mut request = Request::put("http://x/v1/hosts/web/a");
        if let Some(said) = said {
            request = request.header("content-length", said);
        }
        let mut client = client.clone().ready().await.expect("room for a stream");
        let (answer, mut stream) = client.send_request(request.body(()).expect("a request"), false).expect("is sent");
        for left in (0..sent / 10_000).rev() {
            stream.reserve_capacity(10_000);
            while stream.capacity() < 10_000 {
                let more = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
                more.expect("not reset").expect("room");
            }
            stream.send_data(Bytes::from(vec![b' '; 10_000]), left == 0).expect("is sent");
        }
        let (head, body) = answer.await.expect("an answer").into_parts();
        assert_eq!(head.status.as_u16(), 413);
        assert!(read(body).await.expect("no reset").contains("413"));
        let end =
            tokio::time::timeout(Duration::from_millis(50), std::future::poll_fn(|context| stream.poll_reset(context)));
        assert!(!matches!(end.await, Ok(Ok(_))), "it is not reset");
    }
    // Who sends nothing more is not waited for long, and who sends for ever is reset.
    let request = Request::put("http://x/v1/hosts/web/a").header("content-length", 500_000);
    let mut client = client.ready().await.expect("room for a stream");
    let (answer, mut stream) = client.send_request(request.body(()).expect("a request"), false).expect("is sent");
    let (head, body) = answer.await.expect("an answer").into_parts();
    assert_eq!(head.status.as_u16(), 413, "it comes at once");
    assert!(read(body).await.expect("a whole body").contains("413"));
    let reset = std::future::poll_fn(|context| stream.poll_reset(context)).await;
    assert_eq!(reset.expect("a reset"), Reason::NO_ERROR);
}

#[tokio::test]
async fn what_only_begins_like_http2_is_http1() {
    let running = start().await;
    for request in ["PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n", "P", "PUT / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(running.address).await.expect("connects");
        stream.write_all(request.as_bytes()).await.expect("is taken");
        stream.shutdown().await.expect("ends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("no reset");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{request:?}: {answer}");
    }
    let mut slow = TcpStream::connect(running.address).await.expect("connects");
    for octet in "PATCH /livez HTTP/1.1\r\nhost: x\r\n\r\n".as_bytes() {
        slow.write_all(&[*octet]).await.expect("is taken");
        slow.flush().await.expect("is sent");
    }
    read_until(&mut slow, "HTTP/1.1 405 ").await;
}

#[tokio::test]
async fn a_stop_ends_streams_that_wait() {
    let running = start().await;
    let (idle, idle_ended) = open(running.address).await;
    let (waiting, waiting_ended) = open(running.address).await;
    let (_, _, mut watch) = get(&waiting, "/v1/watch").await;
    watch.data().await.expect("a snapshot").expect("no error");
    let poll = get(&waiting, "/v1/hosts?index=0&wait=60s");
    let stop = async {
        tokio::task::yield_now().await;
        running.shutdown.cancel();
    };
    let ((status, _, body), ()) = tokio::join!(poll, stop);
    assert!(status == 200 && read(body).await.expect("a body").contains("\"hosts\":[]"));
    assert_eq!(read(watch).await.expect("ends well"), "");
    drop((idle, waiting));
    for ended in [idle_ended, waiting_ended] {
        assert!(ended.await.expect("no panic").is_ok());
    }
    timeout(limits::DRAIN_TIME / 2, running.server).await.expect("in time").expect("ends well");
}

#[tokio::test]
async fn who_resets_without_end_is_sent_away() {
    const HEADERS: [u8; 15] = [0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86, 0x41, 1, b'x'];
    const RESET: [u8; 13] = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];
    let running = start().await;
    let mut stream = TcpStream::connect(running.address).await.expect("connects");
    let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for id in (1..1000_u32).step_by(2) {
        for mut frame in [HEADERS.to_vec(), RESET.to_vec()] {
            frame[5..9].copy_from_slice(&id.to_be_bytes());
            octets.extend(frame);
        }
    }
    stream.write_all(&octets).await.expect("is taken");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    // GOAWAY (7) with ENHANCE_YOUR_CALM (11).
    let goes = answer.windows(4).any(|octets| octets == b"\x07\0\0\0")
        && answer.windows(4).any(|octets| octets == [0, 0, 0, 11]);
    assert!(goes, "{answer:x?}");
}

/// A connection without a socket, whose client gives each stream a window of so many octets.
async fn connect_http2(windows: u32) -> (Client, JoinHandle<()>) {
    let (stream, server) = tokio::io::duplex(1024 * 1024);
    let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
    let connection = tokio::spawn(run_connection(server, peer, Way::new(app()), CancellationToken::new()));
    (client(stream, windows).await.0, connection)
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_takes_nothing_is_reset_alone() {
    let (client, connection) = connect_http2(100).await;
    let (_, _, mut stuck) = get(&client, "/docs").await;
    stuck.data().await.expect("the first octets").expect("no error");
    let (_, _, mut watch) = get(&client, "/v1/watch").await;
    sleep(limits::HTTP_WRITE_TIME * 2).await;
    let reset = stuck.data().await.expect("an end").expect_err("a reset");
    assert_eq!(reset.reason(), Some(Reason::CANCEL));
    let snapshot = watch.data().await.expect("a snapshot").expect("no error");
    assert!(snapshot.starts_with(b"event: snapshot"), "{snapshot:?}");
    let (status, ..) = get(&client, "/livez").await;
    assert!(status == 200 && !connection.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_silent_is_not_and_one_without_ends() {
    let (client, connection) = connect_http2(65_535).await;
    let (_, _, watch) = get(&client, "/v1/watch").await;
    sleep(limits::HTTP2_IDLE * 3).await;
    assert!(!connection.is_finished(), "a stream waits");
    drop(watch);
    sleep(limits::HTTP2_IDLE * 3).await;
    assert!(connection.is_finished(), "no stream");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_is_found_out() {
    let (stream, server) = tokio::io::duplex(1024 * 1024);
    let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
    let connection = tokio::spawn(run_connection(server, peer, Way::new(app()), CancellationToken::new()));
    let (mut client, mut driver) = client::handshake(stream).await.expect("a handshake");
    let request = Request::get("http://x/v1/watch").body(()).expect("a request");
    let (answer, _) = client.send_request(request, true).expect("is sent");
    tokio::select! {
        _ = &mut driver => panic!("ended"),
        answer = answer => assert_eq!(answer.expect("an answer").status(), 200),
    }
    // Nobody answers a PING from now on.
    timeout(limits::HTTP2_PING_INTERVAL + limits::HTTP2_PING_TIME * 2, connection)
        .await
        .expect("in time")
        .expect("ends");
}
