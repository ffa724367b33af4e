//! The messages of etcd's JSON gateway, as far as they are needed: octets are base64, numbers of 64 bits are text, and
//! what is zero is left out.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

/// A key or a value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub(super) struct Octets(pub(super) Vec<u8>);

impl From<&str> for Octets {
    fn from(text: &str) -> Octets {
        Octets(text.as_bytes().to_vec())
    }
}

impl Octets {
    /// The end of the range of all keys that begin with this: its last octet is one more.
    pub(super) fn range_end(&self) -> Octets {
        let mut end = self.0.clone();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return Octets(end);
            }
        }
        // Every key, in etcd's words.
        Octets(vec![0])
    }

    /// The least key after this one.
    pub(super) fn next(&self) -> Octets {
        Octets([self.0.as_slice(), &[0]].concat())
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Octets, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        BASE64_STANDARD.decode(&*text).map(Octets).map_err(D::Error::custom)
    }
}

/// A number of 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(super) struct Long(pub(super) i64);

impl Serialize for Long {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Long {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Long, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(i64),
        }
        match Either::deserialize(deserializer)? {
            Either::Text(text) => text.parse().map(Long).map_err(D::Error::custom),
            Either::Number(number) => Ok(Long(number)),
        }
    }
}

fn is_zero(long: &Long) -> bool {
    long.0 == 0
}

/// What every answer begins with.
#[derive(Clone, Copy, Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Header {
    pub(super) revision: Long,
}

/// A key with its value.
#[derive(Clone, Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct KeyValue {
    pub(super) key: Octets,
    pub(super) value: Octets,
    pub(super) create_revision: Long,
    pub(super) mod_revision: Long,
    pub(super) lease: Long,
}

#[derive(Clone, Serialize, Default, Debug)]
pub(super) struct RangeRequest {
    pub(super) key: Octets,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) range_end: Option<Octets>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) limit: Long,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) revision: Long,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct RangeResponse {
    pub(super) header: Header,
    pub(super) kvs: Vec<KeyValue>,
    pub(super) more: bool,
}

#[derive(Clone, Serialize, Debug)]
pub(super) struct PutRequest {
    pub(super) key: Octets,
    pub(super) value: Octets,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) lease: Long,
}

#[derive(Clone, Serialize, Debug)]
pub(super) struct DeleteRangeRequest {
    pub(super) key: Octets,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) range_end: Option<Octets>,
}

/// One operation of a transaction.
#[derive(Clone, Serialize, Debug)]
pub(super) enum Operation {
    #[serde(rename = "requestRange")]
    Range(RangeRequest),
    #[serde(rename = "requestPut")]
    Put(PutRequest),
    #[serde(rename = "requestDeleteRange")]
    DeleteRange(DeleteRangeRequest),
}

/// A condition: the key was last written at that revision, 0 where it is not there.
#[derive(Clone, Serialize, Debug)]
pub(super) struct Compare {
    pub(super) key: Octets,
    target: &'static str,
    result: &'static str,
    mod_revision: Long,
}

impl Compare {
    pub(super) fn unchanged(key: Octets, since: i64) -> Compare {
        Compare { key, target: "MOD", result: "EQUAL", mod_revision: Long(since) }
    }

    /// That revision.
    pub(super) fn since(&self) -> i64 {
        self.mod_revision.0
    }
}

#[derive(Clone, Serialize, Default, Debug)]
pub(super) struct TxnRequest {
    pub(super) compare: Vec<Compare>,
    pub(super) success: Vec<Operation>,
    pub(super) failure: Vec<Operation>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct TxnResponse {
    pub(super) header: Header,
    pub(super) succeeded: bool,
    pub(super) responses: Vec<OperationResponse>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct OperationResponse {
    pub(super) response_range: Option<RangeResponse>,
}

#[derive(Serialize, Debug)]
pub(super) struct LeaseGrantRequest {
    #[serde(rename = "TTL")]
    pub(super) ttl: Long,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct LeaseGrantResponse {
    #[serde(rename = "ID")]
    pub(super) id: Long,
}

#[derive(Serialize, Debug)]
pub(super) struct LeaseRequest {
    #[serde(rename = "ID")]
    pub(super) id: Long,
}

/// How much of a lease is left, in seconds; less than 0 where there is no such lease.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct LeaseTimeToLiveResponse {
    #[serde(rename = "TTL")]
    pub(super) ttl: Long,
    #[serde(rename = "grantedTTL")]
    pub(super) granted: Long,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct LeaseKeepAliveResponse {
    pub(super) result: LeaseLeft,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct LeaseLeft {
    pub(super) header: Header,
    /// Seconds; 0 where there is no such lease.
    #[serde(rename = "TTL")]
    pub(super) ttl: Long,
}

#[derive(Serialize, Debug)]
pub(super) struct WatchRequest {
    pub(super) create_request: WatchCreateRequest,
}

#[derive(Serialize, Debug)]
pub(super) struct WatchCreateRequest {
    pub(super) key: Octets,
    pub(super) range_end: Octets,
    pub(super) start_revision: Long,
    pub(super) progress_notify: bool,
}

/// A line of a watch.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct WatchLine {
    pub(super) result: Option<WatchResponse>,
    pub(super) error: Option<Fault>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct WatchResponse {
    pub(super) header: Header,
    pub(super) created: bool,
    pub(super) canceled: bool,
    pub(super) compact_revision: Long,
    pub(super) cancel_reason: String,
    pub(super) events: Vec<WatchEvent>,
}

#[derive(Clone, Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct WatchEvent {
    /// `PUT` is left out, as it is zero.
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) kv: KeyValue,
}

impl WatchEvent {
    pub(super) fn is_delete(&self) -> bool {
        self.kind == "DELETE"
    }
}

#[derive(Serialize, Debug)]
pub(super) struct AuthenticateRequest<'a> {
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct AuthenticateResponse {
    pub(super) token: String,
}

/// What is wrong, in gRPC's words.
#[derive(Clone, Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Fault {
    #[serde(alias = "grpc_code")]
    pub(super) code: i32,
    pub(super) message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_what_the_gateway_takes_and_gives() {
        let txn = TxnRequest {
            compare: vec![Compare::unchanged("a".into(), 7)],
            success: vec![
                Operation::Put(PutRequest { key: "a".into(), value: "x".into(), lease: Long(3) }),
                Operation::DeleteRange(DeleteRangeRequest { key: "b".into(), range_end: None }),
            ],
            failure: vec![Operation::Range(RangeRequest { key: "a".into(), ..RangeRequest::default() })],
        };
        assert_eq!(
            serde_json::to_string(&txn).expect("JSON"),
            r#"{"compare":[{"key":"YQ==","target":"MOD","result":"EQUAL","mod_revision":"7"}],"success":[{"requestPut":{"key":"YQ==","value":"eA==","lease":"3"}},{"requestDeleteRange":{"key":"Yg=="}}],"failure":[{"requestRange":{"key":"YQ=="}}]}"#
        );
        let line = r#"{"result":{"header":{"cluster_id":"1","revision":"12","raft_term":"2"},"events":[{"kv":{"key":"YQ==","create_revision":"12","mod_revision":"12","version":"1","value":"eA==","lease":"99"}},{"type":"DELETE","kv":{"key":"Yg==","mod_revision":"12"}}]}}"#;
        let line: WatchLine = serde_json::from_str(line).expect("a line");
        let said = line.result.expect("a result");
        assert_eq!((said.header.revision, said.events.len()), (Long(12), 2));
        assert_eq!(
            (said.events[0].is_delete(), said.events[0].kv.lease, &said.events[0].kv.value),
            (false, Long(99), &"x".into())
        );
        assert!(said.events[1].is_delete());
    }

    #[test]
    fn faults_are_read_in_both_forms() {
        let answer = r#"{"error":"etcdserver: requested lease not found","code":5,"message":"etcdserver: requested lease not found"}"#;
        let fault: Fault = serde_json::from_str(answer).expect("a fault");
        assert_eq!((fault.code, fault.message.as_str()), (5, "etcdserver: requested lease not found"));
        let line =
            r#"{"error":{"grpc_code":14,"http_code":503,"message":"no leader","http_status":"Service Unavailable"}}"#;
        let line: WatchLine = serde_json::from_str(line).expect("a line");
        assert_eq!(line.error.expect("a fault").code, 14);
    }

    #[test]
    fn a_prefix_is_a_range() {
        assert_eq!(Octets::from("/a/").range_end(), "/a0".into());
        assert_eq!(Octets(vec![1, 255]).range_end(), Octets(vec![2]));
        assert_eq!(Octets(vec![255]).range_end(), Octets(vec![0]));
        assert_eq!(Octets::from("a").next(), Octets(vec![b'a', 0]));
    }
}
