//! hickory-server's listeners with our engine behind them: the only file that names hickory-server.
//!
//! Its `Server` mounts [`Handler`] on UDP and TCP when `dns_listeners = "hickory"` is set. Replies come from the
//! same engine; hickory's codec writes them again from their records, which checks ours at every query and
//! costs about as much again. It does not compress the first owner against the question, so the engine keeps
//! the room for that free; a reply handed over always fits, and hickory never truncates.

use std::io;
use std::sync::Arc;

use hickory_proto::op::{Header, HeaderCounts, Message, MessageType, Metadata, ResponseCode};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio_util::sync::CancellationToken;

use super::{Engine, Listener, Transport};
use crate::limits;
use crate::zone::{Ahead, NAME_OCTETS};

/// Replies of a connection that wait to be written.
const RESPONSE_BUFFER: usize = 64;

struct Handler(Arc<Engine>);

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut response: R) -> ResponseInfo {
        let transport = if request.protocol() == Protocol::Udp { Transport::Udp } else { Transport::Tcp };
        let mut random = self.0.random();
        let mut reply = Vec::new();
        let failed = || {
            let mut metadata = Metadata::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
            metadata.response_code = ResponseCode::ServFail;
            ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
        };
        let asked = super::Request {
            packet: request.as_slice(),
            transport,
            client: Some(request.src().ip()),
            spare: NAME_OCTETS,
            keep: None,
            ahead: Ahead::default(),
        };
        if self.0.respond(&asked, &mut random, &mut reply).is_none() {
            return failed();
        }
        let Ok(message) = Message::from_vec(&reply) else {
            tracing::error!("hickory's codec does not read a reply of ours; please report the query");
            return failed();
        };
        let builder = MessageResponseBuilder::new(&request.queries, message.edns.as_ref());
        let built = builder.build(message.metadata, &message.answers, &message.authorities, None, &message.additionals);
        match response.send_response(built).await {
            Ok(info) => info,
            Err(error) => {
                tracing::debug!(%error, "sending failed");
                failed()
            }
        }
    }
}

/// Answers on a listener by hickory-server until `shutdown`.
pub(super) async fn serve(listener: Listener, engine: Arc<Engine>, shutdown: CancellationToken) -> io::Result<()> {
    let mut server = Server::new(Handler(engine));
    for socket in listener.udp {
        server.register_socket(tokio::net::UdpSocket::from_std(socket)?);
    }
    let tcp = tokio::net::TcpListener::from_std(listener.tcp)?;
    server.register_listener(tcp, limits::DNS_TCP_IDLE, RESPONSE_BUFFER);
    tokio::select! {
        ended = server.block_until_done() => ended.map_err(io::Error::other),
        () = shutdown.cancelled() => server.shutdown_gracefully().await.map_err(io::Error::other),
    }
}
