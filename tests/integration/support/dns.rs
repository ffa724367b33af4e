//! A DNS client: packets built octet by octet, replies read by hickory's codec, which is not ours.

use std::fmt::Write as _;
use std::net::SocketAddr;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::BinDecodable;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::in_time;

const ID: u16 = 0x2a17;
const OPT: u16 = 41;
const EXTENDED_ERROR: u16 = 15;

/// A question and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) name: String,
    pub(crate) qtype: u16,
    pub(crate) class: u16,
    pub(crate) opcode: u8,
    pub(crate) tcp: bool,
    pub(crate) recursion_desired: bool,
    /// What the client can take over UDP, and the version; without EDNS at all when `None`.
    pub(crate) edns: Option<(u16, u8)>,
    /// Codes and data of the options.
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

impl Ask {
    /// A question over UDP with EDNS, as dig sends it.
    pub(crate) fn new(name: &str, qtype: &str) -> Ask {
        Ask {
            name: name.into(),
            qtype: type_number(qtype),
            class: 1,
            opcode: 0,
            tcp: false,
            recursion_desired: false,
            edns: Some((1232, 0)),
            options: Vec::new(),
        }
    }

    /// The same with one more option.
    pub(crate) fn with(mut self, code: u16, data: &[u8]) -> Ask {
        self.options.push((code, data.into()));
        self
    }

    /// The same over TCP.
    pub(crate) fn over_tcp(self) -> Ask {
        Ask { tcp: true, ..self }
    }

    /// The packet.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let mut packet = ID.to_be_bytes().to_vec();
        packet.extend([self.opcode << 3 | u8::from(self.recursion_desired), 0, 0, 1, 0, 0, 0, 0]);
        packet.extend([0, u8::from(self.edns.is_some())]);
        packet.extend(self.question());
        if let Some((payload, version)) = self.edns {
            packet.push(0);
            packet.extend(OPT.to_be_bytes());
            packet.extend(payload.to_be_bytes());
            packet.extend([0, version, 0, 0]);
            let framed = self.options.iter().map(|(code, data)| (*code, u16::try_from(data.len()), data));
            let options: Vec<u8> = framed
                .flat_map(|(code, length, data)| {
                    [&code.to_be_bytes()[..], &length.expect("short").to_be_bytes(), data].concat()
                })
                .collect();
            packet.extend(u16::try_from(options.len()).expect("short").to_be_bytes());
            packet.extend(options);
        }
        packet
    }

    fn question(&self) -> Vec<u8> {
        let mut question = Vec::new();
        for label in self.name.split('.').filter(|label| !label.is_empty()) {
            question.push(u8::try_from(label.len()).expect("a short label"));
            question.extend(label.as_bytes());
        }
        question.push(0);
        question.extend(self.qtype.to_be_bytes());
        question.extend(self.class.to_be_bytes());
        question
    }

    /// Asks a server and reads its reply; what every reply must be is checked here.
    pub(crate) async fn of(&self, server: SocketAddr) -> Reply {
        let packet = self.packet();
        let octets = if self.tcp { over_tcp(server, &packet).await } else { over_udp(server, &packet).await };
        let reply = Reply::read(octets);
        assert_eq!(reply.octets[..2], ID.to_be_bytes(), "the id comes back");
        assert_eq!(reply.octets[2] >> 3, 0x10 | self.opcode, "a response of the same opcode");
        assert_eq!(reply.octets[2] & 1, u8::from(self.recursion_desired), "RD comes back");
        assert_eq!(reply.octets[3] & 0xf0, 0, "RA, Z, AD and CD are clear");
        if reply.octets[4..6] == [0, 1] {
            let question = self.question();
            assert_eq!(reply.octets[12..12 + question.len()], question, "the question comes back octet for octet");
        }
        assert_eq!(reply.message.edns.is_some(), self.edns.is_some(), "OPT if and only if OPT was sent");
        if !self.tcp {
            let most = self.edns.map_or(512, |(payload, _)| usize::from(payload.clamp(512, 1232)));
            assert!(reply.octets.len() <= most, "{} octets where {most} fit", reply.octets.len());
        }
        reply
    }
}

/// The number of a type: a mnemonic or `TYPE65`.
fn type_number(name: &str) -> u16 {
    match name.strip_prefix("TYPE") {
        Some(number) => number.parse().expect("a number"),
        None => name.parse::<RecordType>().expect("a type").into(),
    }
}

/// Sends one datagram and gives the datagram that comes back.
pub(crate) async fn over_udp(server: SocketAddr, packet: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    socket.connect(server).await.expect("a route");
    socket.send(packet).await.expect("room");
    let mut reply = vec![0; 65_535];
    let length = in_time("a reply over UDP", socket.recv(&mut reply)).await.expect("a reply");
    reply.truncate(length);
    reply
}

async fn over_tcp(server: SocketAddr, packet: &[u8]) -> Vec<u8> {
    let mut stream = in_time("connecting", TcpStream::connect(server)).await.expect("a listener");
    stream.write_all(&framed(packet)).await.expect("room");
    next_message(&mut stream).await.expect("a reply")
}

/// A message with its length before it (RFC 1035 4.2.2).
pub(crate) fn framed(packet: &[u8]) -> Vec<u8> {
    let mut framed = u16::try_from(packet.len()).expect("a short packet").to_be_bytes().to_vec();
    framed.extend(packet);
    framed
}

/// The next message of a stream; `None` at its end.
pub(crate) async fn next_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let read = async {
        let length = stream.read_u16().await.ok()?;
        let mut message = vec![0; usize::from(length)];
        stream.read_exact(&mut message).await.ok()?;
        Some(message)
    };
    in_time("a message over TCP", read).await
}

/// A reply, its octets and what hickory reads in them.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) octets: Vec<u8>,
    pub(crate) message: Message,
}

impl Reply {
    pub(crate) fn read(octets: Vec<u8>) -> Reply {
        let message = Message::from_vec(&octets).unwrap_or_else(|error| panic!("{error}: {octets:02x?}"));
        Reply { octets, message }
    }

    /// The mnemonic of the response code, extended by OPT.
    pub(crate) fn rcode(&self) -> String {
        let high = self.message.edns.as_ref().map_or(0, |edns| u16::from(edns.rcode_high()));
        match high << 4 | u16::from(self.octets[3] & 15) {
            0 => "NOERROR".into(),
            1 => "FORMERR".into(),
            2 => "SERVFAIL".into(),
            3 => "NXDOMAIN".into(),
            4 => "NOTIMP".into(),
            5 => "REFUSED".into(),
            16 => "BADVERS".into(),
            23 => "BADCOOKIE".into(),
            other => format!("RCODE{other}"),
        }
    }

    /// Code and text of the extended error (RFC 8914).
    pub(crate) fn extended_error(&self) -> Option<(u16, String)> {
        let edns = self.message.edns.as_ref()?;
        edns.options().as_ref().iter().find_map(|(_, option)| {
            let EdnsOption::Unknown(EXTENDED_ERROR, data) = option else { return None };
            let code = u16::from_be_bytes([data[0], data[1]]);
            Some((code, String::from_utf8_lossy(&data[2..]).into_owned()))
        })
    }

    /// The data of an option.
    pub(crate) fn option(&self, code: u16) -> Option<Vec<u8>> {
        let edns = self.message.edns.as_ref()?;
        edns.options().as_ref().iter().find_map(|(number, option)| {
            (u16::from(*number) == code).then(|| Vec::try_from(option).expect("an option"))
        })
    }

    /// Whether TC is set.
    pub(crate) fn truncated(&self) -> bool {
        self.octets[2] & 2 != 0
    }

    fn head(&self) -> String {
        let mut line = self.rcode();
        for (bit, flag) in [(4, "aa"), (2, "tc"), (1, "rd")] {
            if self.octets[2] & bit != 0 {
                let _ = write!(line, " {flag}");
            }
        }
        if self.octets[4..6] == [0, 0] {
            line.push_str(" without the question");
        }
        line
    }

    /// The reply as lines: codes and flags, extended error, then the records of each section, sorted.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.head()];
        if let Some((code, text)) = self.extended_error() {
            lines.push(format!("ede {code} {text}"));
        }
        lines.extend(sorted("", &self.message.answers, print));
        lines.extend(sorted("+ ", &self.message.additionals, print));
        lines.extend(sorted("; ", &self.message.authorities, print_authority));
        lines
    }

    /// The reply as numbers, for answers too long to read.
    pub(crate) fn counts(&self) -> Vec<String> {
        let Message { answers, authorities, additionals, .. } = &self.message;
        let counts = [answers.len(), additionals.len(), authorities.len()];
        let counts = format!("answer {} additional {} authority {}", counts[0], counts[1], counts[2]);
        vec![self.head(), counts]
    }
}

fn sorted(mark: &str, records: &[Record], print: fn(&Record) -> String) -> Vec<String> {
    let mut lines: Vec<String> = records.iter().map(|record| format!("{mark}{}", print(record))).collect();
    lines.sort();
    lines
}

fn print(record: &Record) -> String {
    let mut data = record.data.to_string();
    // hickory reads no DNAME.
    if let RData::Unknown { code: RecordType::DNAME, rdata } = &record.data {
        data = Name::from_bytes(&rdata.anything).map_or(data, |target| target.to_string());
    }
    format!("{} {} {} {} {data}", record.name, record.ttl, record.dns_class, record.record_type())
}

/// The SOA of a negative answer is shown up to what it is there for: its TTL.
fn print_authority(record: &Record) -> String {
    if record.record_type() == RecordType::SOA {
        return format!("{} {} {} SOA ...", record.name, record.ttl, record.dns_class);
    }
    print(record)
}
