//! What routes ask of the server around them, and not of the table.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use crate::table::Invalid;

/// A part of the server that knows its files and its engine.
pub trait Desk: Send + Sync {
    /// Reads the zone files anew, all or none; takes as long as reading files does.
    fn reload(&self) -> Result<Reload, BrokenZones>;

    /// What a client that asks over UDP gets now, and why; `name` as people write it, `qtype` a mnemonic.
    fn answer(&self, name: &str, qtype: &str) -> Result<AnswerView, Invalid>;
}

/// What DNS answers, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Answer)]
pub struct AnswerView {
    /// The name that was asked for, absolute.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub qtype: String,
    /// The zone that answers; null for a name in none.
    pub zone: Option<String>,
    /// The response code: `NOERROR`, `NXDOMAIN`, ...
    pub status: String,
    /// The flags that are set: `qr`, `aa`, `tc`.
    pub flags: Vec<&'static str>,
    /// Whether the reply is cut over UDP: clients ask again over TCP.
    pub truncated: bool,
    /// Octets of the reply.
    pub octets: usize,
    /// The extended error (RFC 8914), if there is one.
    pub extended_error: Option<ExtendedErrorView>,
    /// The answer section.
    pub answer: Vec<RecordView>,
    /// The authority section.
    pub authority: Vec<RecordView>,
    /// The additional section, without OPT.
    pub additional: Vec<RecordView>,
    /// The reply as dig prints it.
    pub text: String,
    /// The service that the name speaks of; null for a name that speaks of none.
    pub service: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// The node of Consul's catalog that the name speaks of; null for a name that speaks of none.
    pub node: Option<String>,
    /// Each host of the service, those whose lease ended a short time ago too; those that are not in the answer first. Or
    /// the node, by its name.
    pub hosts: Vec<JudgedView>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// An extended error.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ExtendedError)]
pub struct ExtendedErrorView {
    /// Its number (RFC 8914 5.2).
    pub code: u16,
    /// For people.
    pub text: String,
}

/// A record in presentation form.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Record)]
pub struct RecordView {
    /// Its owner, absolute.
    pub name: String,
    /// Seconds.
    pub ttl: u32,
    /// The mnemonic of its type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Its data.
    pub data: String,
}

/// A host, and why it is in the answer or not.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JudgedHost)]
pub struct JudgedView {
    /// Its id.
    pub id: String,
    /// The API that registered it.
    pub origin: &'static str,
    /// Its addresses, or one host name.
    pub addresses: Vec<String>,
    /// Whether it is in the answer.
    pub answered: bool,
    /// Why it is not.
    pub reasons: Vec<ReasonView>,
}

/// Why a host is not in an answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Reason)]
pub struct ReasonView {
    /// One word: `expired`, `draining`, `critical`, `warning`, `no-tag`, `no-port`, `no-protocol`, `other-zone`,
    /// `other-name`, `no-address`, `named-target`, `no-records`, `hidden`.
    pub reason: &'static str,
    /// The same for people.
    pub detail: String,
}

/// What a reload gave.
#[derive(Clone, Debug)]
pub struct Reload {
    /// The zones that are served from now on.
    pub zones: Vec<LoadedZone>,
    /// What can be served and is most likely a mistake.
    pub warnings: Vec<String>,
}

/// A zone as it is served.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LoadedZone {
    /// Its apex.
    pub origin: String,
    /// The names hosts have in it: `service`, `kubernetes`, `reverse`; `static` for none.
    pub kind: &'static str,
    /// The records of its file and those that the server adds to it, its own addresses; those of hosts are not counted.
    pub records: usize,
}

/// Why zone files were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct BrokenZones {
    /// The file, where it is one.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

/// `FILE:LINE: what`.
impl fmt::Display for BrokenZones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}: {}", self.what),
            (Some(file), None) => write!(f, "{file}: {}", self.what),
            (None, _) => f.write_str(&self.what),
        }
    }
}
