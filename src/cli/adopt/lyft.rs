//! Hosts of a Lyft discovery service, registered here as their clients would have.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::import::{Manner, ask};
use super::tally::Tally;
use crate::cli::client::{Client, Sent, escaped, interpret};

/// Takes the hosts of these services.
pub(super) async fn import(
    from: &Client,
    to: &Client,
    services: &[String],
    manner: Manner,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let found;
    let services = if services.is_empty() {
        found = find_services(from).await?;
        &found
    } else {
        services
    };
    for service in services {
        let theirs = hosts(from, service).await?;
        let ours = hosts(to, service).await?;
        for (ip, host) in &theirs {
            let known = ours.get(ip);
            match known {
                Some(known) if same(known, host) => tally.unchanged += 1,
                Some(_) if manner.keep => tally.kept += 1,
                _ => put(to, service, ip, host, known, manner, tally).await?,
            }
        }
    }
    Ok(())
}

/// A rollcall says which services it has; Lyft's service does not.
async fn find_services(from: &Client) -> anyhow::Result<Vec<String>> {
    let answer = ask(from, &["v1", "services"]).await;
    let answer = answer.context("name the services: this discovery service has no list of them")?;
    let names = answer.get("services").and_then(Value::as_array).context("name the services: there is no list")?;
    let name = |service: &Value| service.get("name").and_then(Value::as_str).map(str::to_owned);
    Ok(names.iter().filter_map(name).collect())
}

/// The hosts of a service, by address.
async fn hosts(client: &Client, service: &str) -> anyhow::Result<BTreeMap<String, Value>> {
    let answer = ask(client, &["v1", "registration", service]).await?;
    let Some(hosts) = answer.get("hosts").and_then(Value::as_array) else {
        bail!("the answer about {service:?} has no hosts: is it a Lyft discovery service?");
    };
    let keyed = |host: &Value| Some((host.get("ip_address")?.as_str()?.to_owned(), host.clone()));
    Ok(hosts.iter().filter_map(keyed).collect())
}

/// The fields of a host that a client has said.
const SAID: [&str; 4] = ["port", "revision", "service_repo_name", "tags"];

/// Whether two hosts say the same, whenever they said it. No repository and an empty one are the same.
fn same(one: &Value, other: &Value) -> bool {
    let empty = Value::from("");
    let field = |host: &Value, name: &str| host.get(name).filter(|value| !value.is_null()).unwrap_or(&empty).clone();
    SAID.iter().all(|name| field(one, name) == field(other, name))
}

async fn put(
    to: &Client,
    service: &str,
    ip: &str,
    host: &Value,
    known: Option<&Value>,
    manner: Manner,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let place = format!("{service}/{ip}");
    if !manner.dry_run {
        // Tags that the host has no more would stay, as a registration adds to them.
        if known.is_some_and(|known| has_more_tags(known, host)) {
            to.raw(Method::DELETE, &["v1", "registration", service, ip], &[], None).await?;
        }
        let sent = Sent { media: "application/x-www-form-urlencoded", octets: form(ip, host).into() };
        let (status, body) = to.raw(Method::POST, &["v1", "registration", service], &[], Some(sent)).await?;
        if let Err(error) = interpret(status, &body) {
            if status != StatusCode::BAD_REQUEST {
                return Err(error).context(place);
            }
            tally.refuse(&place, &said(&body, &error));
            return Ok(());
        }
    }
    *(if known.is_some() { &mut tally.updated } else { &mut tally.created }) += 1;
    Ok(())
}

/// What Lyft's API says is wrong, which often is nothing.
fn said(body: &[u8], error: &anyhow::Error) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body.get("error").and_then(Value::as_str) {
        Some(why) => why.to_owned(),
        None if body == serde_json::json!({}) => "a field breaks a rule of Lyft's API".to_owned(),
        None => error.to_string(),
    }
}

fn has_more_tags(known: &Value, host: &Value) -> bool {
    let tags = |host: &Value| host.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
    let coming = tags(host);
    tags(known).keys().any(|key| !coming.contains_key(key))
}

/// The registration that makes the host.
fn form(ip: &str, host: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    };
    let field = |name: &str| {
        let value = host.get(name).map(text).unwrap_or_default();
        format!("&{name}={}", escaped(&value))
    };
    SAID.iter().fold(format!("ip={}", escaped(ip)), |form, name| form + &field(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_host_is_registered_as_it_was() {
        let host = json!({"ip_address": "10.0.0.1", "port": 80, "revision": "a b", "service": "web",
            "service_repo_name": null, "last_check_in": "x", "tags": {"az": "a", "region": "r", "instance_id": "i"}});
        let expected = "ip=10.0.0.1&port=80&revision=a%20b&service_repo_name=&tags=%7B%22az%22%3A%22a%22%2C\
                        %22instance_id%22%3A%22i%22%2C%22region%22%3A%22r%22%7D";
        assert_eq!(form("10.0.0.1", &host), expected);
        let mut other = host.clone();
        other["last_check_in"] = json!("y");
        other["service_repo_name"] = json!("");
        assert!(same(&host, &other) && !has_more_tags(&other, &host));
        other["tags"]["canary"] = json!(true);
        assert!(!same(&host, &other) && has_more_tags(&other, &host) && !has_more_tags(&host, &other));
    }
}
