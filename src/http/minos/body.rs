//! The body of a subscription.

use serde_json::{Map, Value};

use super::reply::Failure;
use super::stored::Endpoint;
use crate::limits;
use crate::table::{Port, Target};

/// A subscription whose every field is good. Fields that it does not know say nothing.
#[derive(Debug)]
pub(super) struct Body {
    /// Where the host says it is; `None` for the address on which every host listens that listens on all of its own.
    pub(super) target: Option<Target>,
    pub(super) port: u16,
    pub(super) endpoints: Vec<Endpoint>,
    /// What it says of its own health.
    pub(super) status: Option<bool>,
}

impl Body {
    /// Reads it, whatever the type of its content.
    pub(super) fn parse(octets: &[u8]) -> Result<Body, Failure> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(octets) else {
            return Err(Failure::bad("Empty or wrong body: must be a JSON object with address, port and endpoints"));
        };
        let missing: Vec<&str> =
            ["address", "port", "endpoints"].into_iter().filter(|name| !fields.contains_key(*name)).collect();
        if !missing.is_empty() {
            return Err(Failure::bad(format!("missing: {}", missing.join(", "))));
        }
        let status = match fields.get("status") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(status)) => Some(*status),
            Some(_) => return Err(Failure::bad("status: must be true or false")),
        };
        Ok(Body { target: target(&fields)?, port: port(&fields)?, endpoints: endpoints(&fields["endpoints"])?, status })
    }
}

fn target(fields: &Map<String, Value>) -> Result<Option<Target>, Failure> {
    let Some(Value::String(address)) = fields.get("address") else {
        return Err(Failure::bad("address: must be an IP address or a host name, as text"));
    };
    match address.parse::<std::net::IpAddr>() {
        Ok(address) if address.is_unspecified() => Ok(None),
        Ok(_) => Ok(Some(Target::parse("address", [address.as_str()])?)),
        Err(_) => Ok(Some(Target::parse_name("address", address)?)),
    }
}

fn port(fields: &Map<String, Value>) -> Result<u16, Failure> {
    let number = match fields.get("port") {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    Ok(Port::parse_number("port", number.unwrap_or_default())?)
}

fn endpoints(value: &Value) -> Result<Vec<Endpoint>, Failure> {
    let Value::Array(listed) = value else {
        return Err(Failure::bad("endpoints: must be a list of pairs [verb, path]"));
    };
    let most = limits::MINOS_ENDPOINTS;
    if listed.len() > most {
        return Err(Failure::bad(format!("endpoints: must be at most {most}, are {}", listed.len())));
    }
    let mut endpoints = listed.iter().map(endpoint).collect::<Result<Vec<Endpoint>, Failure>>()?;
    endpoints.sort_unstable();
    endpoints.dedup();
    Ok(endpoints)
}

/// A pair, or an object as the framework's connector has it before its client makes pairs.
fn endpoint(value: &Value) -> Result<Endpoint, Failure> {
    let (verb, path) = match value {
        Value::Array(pair) => (pair.first(), pair.get(1)),
        Value::Object(fields) => {
            (fields.get("method").or(fields.get("verb")), fields.get("url").or(fields.get("path")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (None, None),
    };
    let (Some(Value::String(verb)), Some(Value::String(path))) = (verb, path) else {
        return Err(Failure::bad("endpoints: must be a list of pairs [verb, path]"));
    };
    if verb.is_empty() || verb.len() > limits::MINOS_VERB_OCTETS {
        return Err(Failure::bad(format!("endpoints: a verb must be 1 to {} octets", limits::MINOS_VERB_OCTETS)));
    }
    if path.len() > limits::MINOS_PATH_OCTETS {
        return Err(Failure::bad(format!("endpoints: a path must be at most {} octets", limits::MINOS_PATH_OCTETS)));
    }
    Ok(Endpoint(verb.as_str().into(), path.as_str().into()))
}
