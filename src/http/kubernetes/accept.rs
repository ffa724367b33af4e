//! What a client takes: objects, or the tables that `kubectl` prints.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use super::status::Status;

/// The form of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Objects.
    Objects,
    /// Rows of cells (`meta.k8s.io`), in this version.
    Table(&'static str),
}

impl Form {
    /// The first form of those that the client takes that there is.
    pub(super) fn of(headers: &HeaderMap) -> Result<Form, Status> {
        let mut given = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
        if given.peek().is_none() {
            return Ok(Form::Objects);
        }
        given.flat_map(|value| value.split(',')).find_map(form).ok_or_else(Status::not_acceptable)
    }
}

/// The form of one media range.
fn form(range: &str) -> Option<Form> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next()?;
    if !["application/json", "application/*", "*/*"].iter().any(|known| known.eq_ignore_ascii_case(media)) {
        return None;
    }
    let (mut form, mut group, mut version) = (None, None, None);
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name.trim() {
            "as" => form = Some(value.trim()),
            "g" => group = Some(value.trim()),
            "v" => version = Some(value.trim()),
            _ => {}
        }
    }
    match (form, group, version) {
        (None, ..) => Some(Form::Objects),
        (Some("Table"), Some("meta.k8s.io"), Some("v1")) => Some(Form::Table("meta.k8s.io/v1")),
        (Some("Table"), Some("meta.k8s.io"), Some("v1beta1")) => Some(Form::Table("meta.k8s.io/v1beta1")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(text: &'static str) -> Option<Form> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(text));
        Form::of(&headers).ok()
    }

    #[test]
    fn the_first_form_that_there_is_counts() {
        let table = Some(Form::Table("meta.k8s.io/v1"));
        assert_eq!(Form::of(&HeaderMap::new()), Ok(Form::Objects));
        assert_eq!(read("application/json"), Some(Form::Objects));
        assert_eq!(read("application/vnd.kubernetes.protobuf, */*"), Some(Form::Objects));
        assert_eq!(read("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"), table);
        assert_eq!(read("application/json; g=meta.k8s.io; v=v1; as=Table"), table);
        assert_eq!(read("application/json;as=Table;v=v1beta1;g=meta.k8s.io"), Some(Form::Table("meta.k8s.io/v1beta1")));
        assert_eq!(read("application/json;as=Table;v=v9;g=meta.k8s.io,application/json"), Some(Form::Objects));
        assert_eq!(
            read("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,*/*"),
            Some(Form::Objects)
        );
        assert_eq!(read("application/vnd.kubernetes.protobuf"), None);
        assert_eq!(read(""), None);
    }
}
