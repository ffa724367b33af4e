//! Several hosts in one call: all of them are registered, at one moment, or none is.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::REVISION;
use super::body::{self, Register};
use super::json::{Object, Text};
use super::query::Query;
use super::write::{check_target, check_visible};
use crate::http::gate::JSON;
use crate::http::problem::{Document, Problem};
use crate::http::{App, Settings};
use crate::limits;
use crate::metrics::{Operation, Outcome};
use crate::table::{Applied, Dialect, Event, HostKey, Registration};

/// Several hosts, each as in a call of its own, with its service and its id.
#[derive(ToSchema)]
#[schema(as = Registrations, example = json!({"hosts": [
    {"service": "web", "id": "web-1", "address": "10.0.0.1", "port": 8080},
    {"service": "web", "id": "web-2", "address": "10.0.0.2", "port": 8080}
]}))]
#[allow(dead_code, reason = "describes the body for the OpenAPI document")]
pub(super) struct BatchBody {
    /// At most 500; `service`, `id`, and what `PUT /v1/hosts/{service}/{id}` takes.
    hosts: Vec<Value>,
}

/// What became of them.
#[derive(Serialize, ToSchema)]
#[schema(as = Registered)]
pub(super) struct Done {
    /// The revision of the table.
    revision: u64,
    /// How many were not there.
    created: usize,
    /// How many say something else now.
    updated: usize,
    /// How many had their heartbeat and no more.
    unchanged: usize,
}

/// Registers several hosts, replaces what they said before, or takes it as their heartbeats: all of them or none.
///
/// They are visible at one moment, and cost less than calls of their own.
#[utoipa::path(post, path = "/v1/hosts", tag = "native",
    request_body(content = BatchBody, content_type = "application/json"),
    responses(
        (status = 200, description = "All are registered, and visible in DNS.", body = Done),
        (status = 400, description = "A value breaks a rule; the problem names field and rule, such as `hosts[3].port`.", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "A bound of the table is reached.", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "The table is not loaded, or the store cannot be written.", body = Document, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Document, content_type = "application/problem+json"),
    ))]
pub(super) async fn register_all(State(app): State<App>, RawQuery(query): RawQuery, bytes: Bytes) -> Response {
    let result = async {
        Query::parse(query.as_deref(), &[])?;
        let registrations = read(&bytes, &app.settings)?;
        for (place, registration) in registrations.iter().enumerate() {
            let target = check_target(&app, &registration.target);
            let visible = target.and_then(|()| check_visible(&app, registration.service.as_str()));
            visible.map_err(|problem| problem.within(&format!("hosts[{place}].")))?;
        }
        let events = registrations.into_iter().map(Event::Register).collect();
        Ok(app.registry.submit_all(events).await?)
    };
    let result: Result<Vec<Applied>, Problem> = result.await;
    let outcome = result.as_ref().map_or_else(Problem::outcome, |_| Outcome::Ok);
    app.metrics.write(Dialect::Native, Operation::Register, outcome);
    match result {
        Ok(applied) => answer(&app, &applied),
        Err(problem) => problem.into_response(),
    }
}

fn answer(app: &App, applied: &[Applied]) -> Response {
    let revision = app.registry.snapshot().revision.0;
    let mut done = Done { revision, created: 0, updated: 0, unchanged: 0 };
    for one in applied {
        match one {
            Applied::Created(_) => done.created += 1,
            Applied::Updated(_) | Applied::Removed(_) => done.updated += 1,
            Applied::Unchanged(_) => done.unchanged += 1,
        }
    }
    // Numbers serialize.
    let json = serde_json::to_vec(&done).unwrap_or_default();
    (StatusCode::OK, [(REVISION, HeaderValue::from(revision))], JSON, json).into_response()
}

/// Reads the hosts; the first that is wrong is named by its place.
#[expect(clippy::vec_box, reason = "events hold them in boxes")]
fn read(octets: &[u8], settings: &Settings) -> Result<Vec<Box<Registration>>, Problem> {
    let read = std::str::from_utf8(octets).ok().and_then(|text| serde_json::from_str::<Object<Batch<'_>>>(text).ok());
    let Some(Object(Batch { hosts })) = read else { return Err(explain(octets, settings)) };
    check_number(hosts.len())?;
    let mut keys: BTreeSet<HostKey> = BTreeSet::new();
    let mut registrations = Vec::with_capacity(hosts.len());
    for (place, Entry { service, id, register }) in hosts.into_iter().enumerate() {
        let within = |problem: Problem| problem.within(&format!("hosts[{place}]."));
        let text = |name: &str, text: Option<Text<'_>>| match text {
            Some(Text(text)) => Ok(text.into_owned()),
            None => Err(within(Problem::invalid(name, "must be given"))),
        };
        let (service, id) = (text("service", service)?, text("id", id)?);
        body::check_service(&service).map_err(within)?;
        let registration = body::registered(&service, &id, register, settings).map_err(within)?;
        if !keys.insert(registration.key()) {
            return Err(Problem::invalid(format!("hosts[{place}]"), "must differ from the others in service or id"));
        }
        registrations.push(registration);
    }
    Ok(registrations)
}

fn check_number(hosts: usize) -> Result<(), Problem> {
    let most = limits::BATCH_HOSTS;
    if hosts > most {
        return Err(Problem::invalid("hosts", format!("must be at most {most}, are {hosts}")));
    }
    Ok(())
}

/// Says where a body is wrong that serde cannot read: each host is read alone, as if it had come by itself.
fn explain(octets: &[u8], settings: &Settings) -> Problem {
    let hosts = match serde_json::from_slice::<Value>(octets) {
        Err(syntax) => return Problem::invalid("body", format!("is no JSON: {syntax}")),
        Ok(Value::Object(fields)) => match fields.into_iter().collect::<Vec<_>>().as_mut_slice() {
            [(name, Value::Array(hosts))] if name == "hosts" => std::mem::take(hosts),
            _ => return Problem::invalid("body", "must be an object with one field, hosts: a list of objects"),
        },
        Ok(_) => return Problem::invalid("body", "must be an object with one field, hosts: a list of objects"),
    };
    if let Err(problem) = check_number(hosts.len()) {
        return problem;
    }
    for (place, host) in hosts.into_iter().enumerate() {
        let Value::Object(fields) = host else {
            return Problem::invalid(format!("hosts[{place}]"), "must be an object with service, id and address");
        };
        if let Err(problem) = read_alone(fields, settings) {
            return problem.within(&format!("hosts[{place}]."));
        }
    }
    // Only a field that is given twice is lost on the way here.
    Problem::invalid("body", "must have every field once")
}

fn read_alone(mut fields: Map<String, Value>, settings: &Settings) -> Result<(), Problem> {
    let mut text = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Problem::invalid(name, "must be a string")),
        None => Err(Problem::invalid(name, "must be given")),
    };
    let (service, id) = (text("service")?, text("id")?);
    body::registration(&service, &id, Value::Object(fields).to_string().as_bytes(), settings).map(drop)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<'a> {
    #[serde(borrow)]
    hosts: Vec<Entry<'a>>,
}

/// A registration, and the two things that a path says else.
struct Entry<'a> {
    service: Option<Text<'a>>,
    id: Option<Text<'a>>,
    register: Register<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entry<'a>, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Entry<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry<'de>, A::Error> {
                let (mut service, mut id) = (None, None);
                let rest = Rest { map, service: &mut service, id: &mut id };
                let register = Register::deserialize(MapAccessDeserializer::new(rest))?;
                Ok(Entry { service, id, register })
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// An object without two of its fields, which are put aside when they are met.
struct Rest<'m, 'de, A> {
    map: A,
    service: &'m mut Option<Text<'de>>,
    id: &'m mut Option<Text<'de>>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rest<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(Text(key)) = self.map.next_key::<Text<'de>>()? {
            let aside = match &*key {
                "service" => &mut *self.service,
                "id" => &mut *self.id,
                _ => {
                    return match key {
                        Cow::Borrowed(key) => seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some),
                        Cow::Owned(key) => seed.deserialize(StringDeserializer::new(key)).map(Some),
                    };
                }
            };
            if aside.replace(self.map.next_value()?).is_some() {
                return Err(A::Error::custom("given twice"));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
