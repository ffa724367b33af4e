//! The calls: JSON over HTTP, each tried a few times, each with a bound.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::expression::Write;
use super::item::{Item, ItemKey};
use super::signer::{Connections, NoAnswer, Signer};
use crate::limits;

/// Why a call has no good answer.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Nobody answers, or what answers cannot: the engine is away.
    #[error("DynamoDB cannot be reached: {0}")]
    Away(String),
    /// The same, found out the slow way; only inside of this file.
    #[error("DynamoDB cannot be reached: {0}")]
    Late(String),
    /// It has no capacity left for this.
    #[error("DynamoDB has no capacity left: {0}")]
    Busy(String),
    /// A condition does not hold; the items that stood in the way, where it says so. It may be a try before that wrote them.
    #[error("a condition does not hold")]
    Condition(Vec<Option<Item>>),
    /// There is no such table.
    #[error("there is no such table")]
    NoTable,
    /// It says no.
    #[error("DynamoDB refuses: {0}")]
    Refused(String),
}

/// A client of one table.
#[derive(Debug)]
pub(super) struct Client {
    endpoint: Uri,
    table: String,
    connections: Connections,
    signer: Signer,
}

/// One page of a scan.
pub(super) struct Page {
    /// The items.
    pub(super) items: Vec<Item>,
    /// Where the next page begins; `None` after the last.
    pub(super) next: Option<Value>,
}

impl Client {
    /// A client of the table at an endpoint; nobody is asked yet.
    pub(super) fn new(endpoint: Uri, region: &str, table: &str) -> Result<Client, String> {
        let connections = Connections::new()?;
        let signer = Signer::new(region, connections.clone());
        Ok(Client { endpoint, table: table.to_owned(), connections, signer })
    }

    /// What the table is.
    pub(super) async fn describe(&self) -> Result<Value, Trouble> {
        let answer = self.call("DescribeTable", json!({ "TableName": self.table })).await?;
        Ok(answer.get("Table").cloned().unwrap_or_default())
    }

    /// Makes the table; `body` says all but its name.
    pub(super) async fn create(&self, mut body: Map<String, Value>) -> Result<(), Trouble> {
        body.insert("TableName".into(), self.table.clone().into());
        self.call("CreateTable", body.into()).await.map(drop)
    }

    /// A page of the whole table, as it is now.
    pub(super) async fn scan(&self, from: Option<&Value>) -> Result<Page, Trouble> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Scanned {
            #[serde(default)]
            items: Vec<Item>,
            last_evaluated_key: Option<Value>,
        }
        let mut body = json!({ "TableName": self.table, "ConsistentRead": true });
        if let Some(from) = from {
            body["ExclusiveStartKey"] = from.clone();
        }
        let answer = self.call("Scan", body).await?;
        let scanned: Scanned = serde_json::from_value(answer).map_err(|error| Trouble::Away(error.to_string()))?;
        Ok(Page { items: scanned.items, next: scanned.last_evaluated_key })
    }

    /// One item as it is now.
    pub(super) async fn get(&self, key: &ItemKey) -> Result<Option<Item>, Trouble> {
        let body = json!({ "TableName": self.table, "Key": key.to_json(), "ConsistentRead": true });
        let answer = self.call("GetItem", body).await?;
        match answer.get("Item") {
            None => Ok(None),
            Some(item) => {
                serde_json::from_value(item.clone()).map(Some).map_err(|error| Trouble::Away(error.to_string()))
            }
        }
    }

    /// Writes items: all of them or none, each on its condition.
    pub(super) async fn write(&self, writes: &[Write]) -> Result<(), Trouble> {
        let named = |write: &Write| {
            let mut body = write.body.clone();
            body.insert("TableName".into(), self.table.clone().into());
            Value::from(body)
        };
        if let [write] = writes {
            let call = if write.deletes { "DeleteItem" } else { "UpdateItem" };
            return self.call(call, named(write)).await.map(drop);
        }
        let actions: Vec<Value> = writes
            .iter()
            .map(|write| json!({ if write.deletes { "Delete" } else { "Update" }: named(write) }))
            .collect();
        // Tried again, it is the same transaction.
        let token = format!("{:016x}{:016x}", random(), random());
        let body = json!({ "TransactItems": actions, "ClientRequestToken": token });
        self.call("TransactWriteItems", body).await.map(drop)
    }

    /// Writes an item on no condition.
    pub(super) async fn set(&self, mut body: Map<String, Value>) -> Result<(), Trouble> {
        body.insert("TableName".into(), self.table.clone().into());
        self.call("UpdateItem", body.into()).await.map(drop)
    }

    /// Deletes an item, whatever it is.
    pub(super) async fn forget(&self, key: &ItemKey) -> Result<(), Trouble> {
        self.call("DeleteItem", json!({ "TableName": self.table, "Key": key.to_json() })).await.map(drop)
    }

    async fn call(&self, operation: &str, body: Value) -> Result<Value, Trouble> {
        let body = Bytes::from(body.to_string());
        let mut tries = 0;
        loop {
            let trouble = match self.ask(operation, body.clone()).await {
                // Who has waited so long already is told.
                Err(Trouble::Late(reason)) => return Err(Trouble::Away(reason)),
                Err(trouble @ (Trouble::Away(_) | Trouble::Busy(_))) => trouble,
                answered => return answered,
            };
            tries += 1;
            if tries == limits::DYNAMODB_TRIES {
                return Err(trouble);
            }
            tokio::time::sleep(pause(limits::DYNAMODB_RETRY, limits::DYNAMODB_RETRY_MAX, tries)).await;
        }
    }

    async fn ask(&self, operation: &str, body: Bytes) -> Result<Value, Trouble> {
        let away = |reason: String| Trouble::Away(format!("{}: {reason}", self.endpoint));
        let request = Request::post(self.endpoint.clone())
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-content-sha256", reqsign_core::hash::hex_sha256(&body))
            .body(body)
            .map_err(|error| Trouble::Refused(error.to_string()))?;
        let (mut head, body) = request.into_parts();
        self.signer
            .sign(&mut head)
            .await
            .map_err(|reason| Trouble::Away(format!("no request can be signed: {reason}")))?;
        let answer = self.connections.send(Request::from_parts(head, body)).await.map_err(|error| match error {
            NoAnswer::Late => Trouble::Late(format!("{}: {error}", self.endpoint)),
            NoAnswer::Broken(reason) => away(reason),
        })?;
        let status = answer.status();
        let said: Result<Value, _> = serde_json::from_slice(answer.body());
        match said {
            Ok(said) if status.is_success() => Ok(said),
            Ok(said) => Err(fault(status, &said)),
            Err(_) => Err(away(format!("it says {status}, and nothing that is JSON"))),
        }
    }
}

/// What is wrong, by the name of the exception and what it says with it.
fn fault(status: StatusCode, said: &Value) -> Trouble {
    let text = |name: &str| said.get(name).and_then(Value::as_str);
    let message = text("message").or(text("Message")).unwrap_or_default();
    let name = text("__type").unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or(name);
    let words = || if message.is_empty() { name.to_owned() } else { format!("{name}: {message}") };
    let item = |value: &Value| serde_json::from_value::<Item>(value.get("Item")?.clone()).ok();
    match name {
        "ConditionalCheckFailedException" => Trouble::Condition(vec![item(said)]),
        "TransactionCanceledException" => {
            let reasons = said.get("CancellationReasons").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let is = |code: &str| reasons.iter().any(|reason| reason.get("Code").and_then(Value::as_str) == Some(code));
            if is("ConditionalCheckFailed") || is("TransactionConflict") {
                Trouble::Condition(reasons.iter().map(item).collect())
            } else if is("ThrottlingError") || is("ProvisionedThroughputExceeded") {
                Trouble::Busy(words())
            } else {
                Trouble::Refused(words())
            }
        }
        "TransactionConflictException" => Trouble::Condition(Vec::new()),
        "TransactionInProgressException" | "LimitExceededException" => Trouble::Busy(words()),
        "ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded" => {
            Trouble::Busy(words())
        }
        "ResourceNotFoundException" => Trouble::NoTable,
        _ if status.is_server_error() => Trouble::Away(format!("it says {status} {}", words())),
        _ => Trouble::Refused(words()),
    }
}

/// A pause before the next try: longer each time, and other for each who waits, so that many do not come back at once.
pub(super) fn pause(shortest: Duration, longest: Duration, tries: u32) -> Duration {
    let bound = longest.min(shortest * 2_u32.saturating_pow(tries.min(16)));
    let half = u64::try_from(bound.as_micros() / 2).unwrap_or(u64::MAX).max(1);
    Duration::from_micros(half + random() % half)
}

/// A number that is another at every call and in every process; no secret.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_told_apart() {
        let said = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let bad = StatusCode::BAD_REQUEST;
        let item = r#"{"service":{"S":"web"}}"#;
        let condition = format!(
            r#"{{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"x","Item":{item}}}"#
        );
        let Trouble::Condition(items) = fault(bad, &said(&condition)) else { panic!("{condition}") };
        assert_eq!(items[0].as_ref().and_then(|item| item.text("service")), Some("web"));
        let canceled = |code: &str| {
            let text = format!(
                r#"{{"__type":"TransactionCanceledException","CancellationReasons":[{{"Code":"None"}},{{"Code":"{code}"}}]}}"#
            );
            fault(bad, &said(&text))
        };
        assert_eq!(canceled("ConditionalCheckFailed"), Trouble::Condition(vec![None, None]));
        assert!(matches!(canceled("ThrottlingError"), Trouble::Busy(_)));
        assert!(matches!(canceled("ValidationError"), Trouble::Refused(_)));
        let simple = |name: &str, status| fault(status, &json!({ "__type": name, "message": "words" }));
        assert_eq!(simple("x#ResourceNotFoundException", bad), Trouble::NoTable);
        assert!(matches!(simple("InternalServerError", StatusCode::INTERNAL_SERVER_ERROR), Trouble::Away(_)));
        assert!(matches!(simple("ProvisionedThroughputExceededException", bad), Trouble::Busy(_)));
        assert_eq!(simple("AccessDeniedException", bad), Trouble::Refused("AccessDeniedException: words".into()));
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let (shortest, longest) = (Duration::from_millis(50), Duration::from_secs(1));
        for tries in 1..40 {
            let bound = longest.min(shortest * 2_u32.pow(tries.min(10)));
            let pause = pause(shortest, longest, tries);
            assert!(pause >= bound / 2 && pause <= bound, "{tries}: {pause:?}");
        }
    }
}
