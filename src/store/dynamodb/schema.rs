//! The table itself: that it is one of Lyft's form, or that one is made.

use serde_json::{Map, Value, json};

use super::client::{Client, Trouble};
use super::item::{ADDRESS, REPO, SERVICE};
use crate::limits;

/// The index that finds the hosts of a repository.
const INDEX: &str = "service_repo_name_index";

/// Why there is no table to work with.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTable {
    /// It is missing, and is not to be made.
    #[error("there is no table {0}: make it, or set dynamodb_create_table")]
    Missing(String),
    /// It is another one.
    #[error("the table {0} has other keys than service and ip_address, both text")]
    Other(String),
    /// Somebody says no, or says nothing.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// Makes sure that the table is there. `creates` says whether a missing one is made, in Lyft's layout.
pub(super) async fn ensure(client: &Client, table: &str, creates: bool) -> Result<(), NoTable> {
    match client.describe().await {
        Ok(described) => return check(&described, table),
        Err(Trouble::NoTable) if creates => {}
        Err(Trouble::NoTable) => return Err(NoTable::Missing(table.to_owned())),
        Err(trouble) => return Err(trouble.into()),
    }
    match client.create(layout()).await {
        Ok(()) => tracing::info!(table, "the table is made"),
        // Another server was faster.
        Err(Trouble::Refused(reason)) if reason.contains("ResourceInUse") => {}
        Err(trouble) => return Err(trouble.into()),
    }
    for _ in 0..limits::DYNAMODB_TABLE_LOOKS {
        tokio::time::sleep(limits::DYNAMODB_TABLE_LOOK).await;
        match client.describe().await {
            Ok(described) if described["TableStatus"] == "ACTIVE" => return check(&described, table),
            Ok(_) | Err(Trouble::NoTable) => {}
            Err(trouble) => return Err(trouble.into()),
        }
    }
    Err(NoTable::Trouble(Trouble::Away("a table that was made is not ready".into())))
}

/// Keys, index and throughput as Lyft's service makes them.
fn layout() -> Map<String, Value> {
    let keys = |hash: &str, range: &str| json!([{ "AttributeName": hash, "KeyType": "HASH" }, { "AttributeName": range, "KeyType": "RANGE" }]);
    let units = |read: u32, write: u32| json!({ "ReadCapacityUnits": read, "WriteCapacityUnits": write });
    let attributes: Vec<Value> = [SERVICE, ADDRESS, REPO]
        .into_iter()
        .map(|name| json!({ "AttributeName": name, "AttributeType": "S" }))
        .collect();
    let index = json!({
        "IndexName": INDEX,
        "KeySchema": keys(REPO, ADDRESS),
        "Projection": { "ProjectionType": "ALL" },
        "ProvisionedThroughput": units(30, 30),
    });
    Map::from_iter([
        ("AttributeDefinitions".to_owned(), attributes.into()),
        ("KeySchema".to_owned(), keys(SERVICE, ADDRESS)),
        ("GlobalSecondaryIndexes".to_owned(), json!([index])),
        ("ProvisionedThroughput".to_owned(), units(5, 10)),
    ])
}

fn check(described: &Value, table: &str) -> Result<(), NoTable> {
    let key = |kind: &str| {
        let keys = described["KeySchema"].as_array()?;
        keys.iter().find(|key| key["KeyType"] == kind)?["AttributeName"].as_str()
    };
    let is_text = |name: &str| {
        let known = described["AttributeDefinitions"].as_array().map_or(&[][..], Vec::as_slice);
        known.iter().any(|known| known["AttributeName"] == name && known["AttributeType"] == "S")
    };
    if key("HASH") != Some(SERVICE) || key("RANGE") != Some(ADDRESS) || !is_text(SERVICE) || !is_text(ADDRESS) {
        return Err(NoTable::Other(table.to_owned()));
    }
    let indexes = described["GlobalSecondaryIndexes"].as_array().map_or(&[][..], Vec::as_slice);
    if !indexes.iter().any(|index| index["IndexName"] == INDEX) {
        tracing::warn!(
            table,
            index = INDEX,
            "the table lacks an index that a Lyft service asks: rollcall does not need it"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_what_is_wanted() {
        let mut made = Value::from(layout());
        assert!(check(&made, "hosts").is_ok());
        made["KeySchema"][1]["AttributeName"] = "endpoint".into();
        assert!(check(&made, "hosts").is_err());
        assert!(check(&Value::Null, "hosts").is_err());
    }
}
