//! Writes: what is set, and what must still be so.
//!
//! A row is written on the condition that its item has the version that was seen and, where Lyft's service has the item,
//! too, each of Lyft's fields as it was seen: that service knows no versions. A heartbeat changes none of this, so
//! whoever writes a row does not meet those who only beat.

use serde_json::{Map, Value, json};

use super::item::{CHECK_IN, FIELDS, Item, ItemKey, REPO, ROW, SERVICE, VERSION, number, text};
use super::seen::Seen;

/// A write of one item, in the form in which DynamoDB takes it alone and in a transaction.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// Whether the item is deleted.
    pub(super) deletes: bool,
    /// The members of the request, but for the table.
    pub(super) body: Map<String, Value>,
}

/// Names and values that stand in expressions by placeholders: many names of ours are words of the language.
#[derive(Default)]
struct Terms {
    names: Map<String, Value>,
    values: Map<String, Value>,
}

impl Terms {
    fn name(&mut self, name: &str) -> String {
        let known = self.names.iter().find(|(_, known)| known.as_str() == Some(name)).map(|(place, _)| place.clone());
        known.unwrap_or_else(|| {
            let place = format!("#n{}", self.names.len());
            self.names.insert(place.clone(), name.into());
            place
        })
    }

    fn value(&mut self, value: Value) -> String {
        let place = format!(":v{}", self.values.len());
        self.values.insert(place.clone(), value);
        place
    }

    fn equals(&mut self, name: &str, value: Option<&Value>) -> String {
        let name = self.name(name);
        match value {
            Some(value) => format!("{name} = {}", self.value(value.clone())),
            None => format!("attribute_not_exists({name})"),
        }
    }

    /// That the item is what was seen.
    fn as_seen(&mut self, seen: Option<&Seen>) -> String {
        let Some(seen) = seen else {
            let name = self.name(SERVICE);
            return format!("attribute_not_exists({name})");
        };
        let mut conditions = vec![format!("attribute_exists({})", self.name(SERVICE))];
        conditions.push(self.equals(VERSION, seen.version.map(number).as_ref()));
        if let Some(fields) = &seen.fields {
            for (name, value) in FIELDS.iter().zip(fields.iter()) {
                conditions.push(self.equals(name, value.as_ref()));
            }
        }
        conditions.join(" AND ")
    }

    fn write(self, key: &ItemKey, condition: String, update: Option<String>) -> Write {
        let mut body = Map::new();
        body.insert("Key".into(), key.to_json());
        body.insert("ConditionExpression".into(), condition.into());
        body.insert("ExpressionAttributeNames".into(), self.names.into());
        if !self.values.is_empty() {
            body.insert("ExpressionAttributeValues".into(), self.values.into());
        }
        body.insert("ReturnValuesOnConditionCheckFailure".into(), "ALL_OLD".into());
        let deletes = update.is_none();
        if let Some(update) = update {
            body.insert("UpdateExpression".into(), update.into());
        }
        Write { deletes, body }
    }
}

/// Makes an item say what `item` does, and leaves alone attributes of others. `check_in` is set where it is a heartbeat.
pub(super) fn put(key: &ItemKey, item: &Item, version: u64, check_in: Option<&str>, seen: Option<&Seen>) -> Write {
    let mut terms = Terms::default();
    let condition = terms.as_seen(seen);
    let mut sets = Vec::new();
    let mut set = |terms: &mut Terms, name: &str, value: Value| {
        let name = terms.name(name);
        sets.push(format!("{name} = {}", terms.value(value)));
    };
    for (name, value) in item.iter() {
        set(&mut terms, name, value.clone());
    }
    set(&mut terms, VERSION, number(version));
    if let Some(check_in) = check_in {
        set(&mut terms, CHECK_IN, text(check_in));
    }
    let mut update = format!("SET {}", sets.join(", "));
    if seen.is_some() {
        let absent = [ROW, REPO].into_iter().filter(|name| item.get(name).is_none());
        let absent: Vec<String> = absent.map(|name| terms.name(name)).collect();
        if !absent.is_empty() {
            update.push_str(&format!(" REMOVE {}", absent.join(", ")));
        }
    }
    terms.write(key, condition, Some(update))
}

/// Deletes an item. Where its lease has ended, `check_in` is the heartbeat that was the last: a later one keeps it.
pub(super) fn delete(key: &ItemKey, seen: &Seen, check_in: Option<&str>) -> Write {
    let mut terms = Terms::default();
    let mut condition = terms.as_seen(Some(seen));
    if let Some(check_in) = check_in {
        let same = terms.equals(CHECK_IN, Some(&text(check_in)));
        condition = format!("{condition} AND {same}");
    }
    terms.write(key, condition, None)
}

/// A heartbeat, of the host where `check_in` says so and of checks: nothing is made of an item that is gone.
///
/// It may set a moment back that another clock wrote: any other moment is a heartbeat, whoever's clock is ahead.
pub(super) fn beat(key: &ItemKey, check_in: Option<&str>, beats: &[(Box<str>, Value)]) -> Write {
    let mut terms = Terms::default();
    let condition = format!("attribute_exists({})", terms.name(SERVICE));
    let check_in = check_in.map(|moment| (CHECK_IN, text(moment)));
    let beats = beats.iter().map(|(name, value)| (&**name, value.clone()));
    let sets: Vec<String> = check_in
        .into_iter()
        .chain(beats)
        .map(|(name, value)| format!("{} = {}", terms.name(name), terms.value(value)))
        .collect();
    terms.write(key, condition, Some(format!("SET {}", sets.join(", "))))
}

/// The heartbeat of a server: there is nothing to be lost.
pub(super) fn live(key: &ItemKey, check_in: &str) -> Map<String, Value> {
    let mut terms = Terms::default();
    let mut sets = Vec::new();
    // What Lyft's model requires, for those who read the whole table with it.
    let values = [("port", number(0)), ("revision", text("")), ("tags", text("{}")), (CHECK_IN, text(check_in))];
    for (name, value) in values {
        let (name, value) = (terms.name(name), terms.value(value));
        sets.push(format!("{name} = {value}"));
    }
    let update = json!(format!("SET {}", sets.join(", ")));
    Map::from_iter([
        ("Key".to_owned(), key.to_json()),
        ("UpdateExpression".to_owned(), update),
        ("ExpressionAttributeNames".to_owned(), terms.names.into()),
        ("ExpressionAttributeValues".to_owned(), terms.values.into()),
    ])
}
