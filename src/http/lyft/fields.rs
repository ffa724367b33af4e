//! The fields of a request: a form, urlencoded or multipart, or a JSON object.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Form, FromRequest, Multipart, Request};
use axum::http::header;
use http_body_util::LengthLimitError;
use serde_json::{Map, Value};

use super::reply::Failure;
use crate::http::percent;
use crate::limits;

/// Whether a JSON object may stand for a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum JsonBody {
    /// It may.
    Read,
    /// It counts as a form without fields, as in the original.
    Ignored,
}

/// Fields by name, each given once.
#[derive(Debug, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads the body of a request; the query counts for nothing, and so does a body of any other type.
    pub(super) async fn read(request: Request, json: JsonBody) -> Result<Fields, Failure> {
        let (parts, body) = request.into_parts();
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let bytes = to_bytes(body, limits::HTTP_BODY_OCTETS).await.map_err(|error| {
            let too_long = std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
            if too_long { Failure::BodyTooLong } else { Failure::Silent("the body broke off") }
        })?;
        match kind.as_str() {
            "application/json" if json == JsonBody::Read => from_json(&bytes),
            "application/x-www-form-urlencoded" => {
                if let Some(name) = percent::no_text(&bytes) {
                    return Err(Failure::Named(format!("{name}: must be UTF-8")));
                }
                from_form(Request::from_parts(parts, Body::from(bytes))).await
            }
            "multipart/form-data" => from_multipart(Request::from_parts(parts, Body::from(bytes))).await,
            _ => Ok(Fields::default()),
        }
    }

    /// A field as text; `None` when it is missing or null.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            Some(Value::Array(_) | Value::Object(_)) => Err(Failure::Named(format!("{name}: must be text"))),
        }
    }

    /// A field that holds JSON: as JSON text, or in a JSON body as itself.
    pub(super) fn json(&self, name: &str) -> Result<Option<Value>, serde_json::Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some),
            Some(value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => {
                Ok(Some(value.clone()))
            }
        }
    }

    fn put(&mut self, name: String, value: String) -> Result<(), Failure> {
        if self.0.contains_key(&name) {
            let name: String = name.chars().take(64).collect();
            return Err(Failure::Named(format!("{name}: must be given once")));
        }
        self.0.insert(name, Value::String(value));
        Ok(())
    }
}

fn from_json(bytes: &Bytes) -> Result<Fields, Failure> {
    serde_json::from_slice(bytes).map(Fields).map_err(|error| {
        let place = if error.is_data() { String::new() } else { format!(": {error}") };
        Failure::Named(format!("body: must be a JSON object{place}"))
    })
}

async fn from_form(request: Request) -> Result<Fields, Failure> {
    let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, &())
        .await
        .map_err(|_| Failure::Silent("the form cannot be read"))?;
    let mut fields = Fields::default();
    for (name, value) in pairs {
        fields.put(name, value)?;
    }
    Ok(fields)
}

async fn from_multipart(request: Request) -> Result<Fields, Failure> {
    let malformed = |_| Failure::Silent("the multipart form cannot be read");
    let mut multipart = Multipart::from_request(request, &())
        .await
        .map_err(|_| Failure::Silent("the multipart form has no boundary"))?;
    let mut fields = Fields::default();
    while let Some(part) = multipart.next_field().await.map_err(malformed)? {
        let name = part.name().map(str::to_owned);
        let is_file = part.file_name().is_some();
        let value = part.text().await.map_err(malformed)?;
        if let (Some(name), false) = (name, is_file) {
            fields.put(name, value)?;
        }
    }
    Ok(fields)
}
