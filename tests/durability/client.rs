//! A client: HTTP over one kept connection, and DNS over TCP.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;

use crate::process::PATIENCE;

/// One kept connection.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(server: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Client(BufReader::new(stream)))
    }

    /// Sends a request and reads the whole answer. An error says that there was none.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
        let length = body.len();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: rollcall\r\nContent-Length: {length}\r\n\r\n{body}");
        self.0.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let mut length = 0;
        let mut chunked = false;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse().expect("a length"),
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                Some(_) => {}
            }
        }
        let mut answer = Vec::new();
        if chunked {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).expect("a length");
                self.take(size, &mut answer)?;
                self.line()?;
                if size == 0 {
                    break;
                }
            }
        } else {
            self.take(length, &mut answer)?;
        }
        Ok((status, answer))
    }

    fn take(&mut self, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let start = into.len();
        into.resize(start + length, 0);
        self.0.read_exact(&mut into[start..])
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// The SRV records at a name below `service.local.`: weight, port, target; `None` where there is no such name.
pub(crate) fn services(server: SocketAddr, name: &str) -> Option<BTreeSet<(u16, u16, String)>> {
    let reply = dig(server, name, 33);
    assert!(matches!(reply.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain), "{reply}");
    let records = reply.answers.iter().map(|record| {
        let RData::SRV(srv) = &record.data else { panic!("{record}") };
        (srv.weight, srv.port, srv.target.to_string())
    });
    let records: BTreeSet<_> = records.collect();
    (reply.metadata.response_code == ResponseCode::NoError).then_some(records)
}

fn dig(server: SocketAddr, name: &str, qtype: u16) -> Message {
    let mut query = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').chain(["service", "local"]) {
        query.push(u8::try_from(label.len()).expect("a label"));
        query.extend_from_slice(label.as_bytes());
    }
    query.push(0);
    query.extend_from_slice(&qtype.to_be_bytes());
    query.extend_from_slice(&[0, 1]);
    let mut stream = TcpStream::connect(server).expect("a connection for DNS");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut framed = u16::try_from(query.len()).expect("a short query").to_be_bytes().to_vec();
    framed.extend(query);
    stream.write_all(&framed).expect("a query");
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("a reply");
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).expect("a reply");
    Message::from_vec(&reply).expect("a message")
}
