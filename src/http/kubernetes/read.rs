//! Look-ups: one object, or a list of them.

use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::accept::Form;
use super::collect::{Unit, Wanted};
use super::list::{head, pieces, write_object};
use super::names::{self, SliceKey};
use super::object::{Facts, Object, labels_of, slices};
use super::params::{Include, Options};
use super::place::Token;
use super::resource::Resource;
use super::selector::Selector;
use super::status::Status;
use super::watch;
use crate::http::App;
use crate::registry::Snapshot;
use crate::table::{Host, Revision};

/// A request for objects: of a kind, in a namespace or in all.
pub(super) struct Request<'a> {
    pub(super) app: App,
    pub(super) resource: Resource,
    pub(super) namespace: Option<String>,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: Option<&'a str>,
}

/// Answers a list, or begins a watch.
pub(super) fn list(request: Request<'_>) -> Result<Response, Status> {
    let form = Form::of(request.headers)?;
    let options = Options::parse(request.query)?;
    let Request { app, resource, namespace, .. } = request;
    let snapshot = app.registry.snapshot_arc();
    let wanted = Wanted { resource, namespace, selector: options.selector.clone() };
    if options.watch {
        return watch::start(app, snapshot, wanted, form, &options);
    }
    check_revision(&snapshot, &options)?;
    let (after, listed) = continued(&app, &snapshot, &options)?;
    let (units, more) = {
        let facts = Facts::now(&app, &snapshot);
        wanted.collect(&snapshot, facts, after.map(|token| &token.after), options.limit)
    };
    let next = units.last().filter(|_| more).map(|last| Token { revision: listed, after: last.place() }.to_text());
    let head = head(&wanted, form, listed, next.as_deref());
    let list = pieces(app, snapshot, wanted, (form, options.include), (head, units));
    Ok(json(list.into_body()))
}

/// Answers one object.
pub(super) fn object(request: Request<'_>, name: &str) -> Result<Response, Status> {
    let form = Form::of(request.headers)?;
    let options = Options::parse(request.query)?;
    let Request { app, resource, namespace, .. } = request;
    let snapshot = app.registry.snapshot_arc();
    let facts = Facts::now(&app, &snapshot);
    let wanted = Wanted { resource, namespace, selector: Selector::default() };
    let found = find(&snapshot, &wanted, name, facts).ok_or_else(|| Status::no_object(resource, name))?;
    Ok(json(body(&found, &wanted, form, options.include)))
}

fn body(object: &Object<'_>, wanted: &Wanted, form: Form, include: Include) -> Vec<u8> {
    let mut body = Vec::new();
    if let Form::Table(_) = form {
        body = head(wanted, form, object.metadata.resource_version, None).into_bytes();
    }
    write_object(&mut body, object, form, include);
    if let Form::Table(_) = form {
        body.extend_from_slice(b"]}");
    }
    body.push(b'\n');
    body
}

/// The object of a name.
fn find<'a>(snapshot: &'a Snapshot, wanted: &Wanted, name: &'a str, facts: Facts<'a>) -> Option<Object<'a>> {
    let hosts = &snapshot.hosts;
    // Names have no capitals: of other spellings there is nothing.
    let group = |service: &'a str| {
        let group = wanted.groups(service, hosts.of_any_case(service), facts).pop();
        group.filter(|group| group.service == service)
    };
    let object = match wanted.resource {
        Resource::Endpoints => Object::endpoints(&group(name)?, facts).at(hosts.modified(name)),
        Resource::Services => Object::service(&group(name)?, facts).at(hosts.modified(name)),
        Resource::EndpointSlices => {
            let group = group(SliceKey::service_of(name)?)?;
            let (key, members) = slices(&group).into_iter().find(|(key, _)| key.name(&group.service) == name)?;
            let labels = labels_of(wanted.resource, &group);
            let object = Object::slice(&group.service, group.namespace, key, &members, labels, facts);
            object.at(hosts.modified(&group.service))
        }
        Resource::Pods => {
            let host = names::find_pod(hosts, name)?;
            let fits = facts.is_live(host) && wanted.takes_namespace(host.namespace.as_str());
            fits.then(|| Object::pod(host, facts).at(host.modified))?
        }
        Resource::Namespaces => {
            let is_there = |host: &Arc<Host>| host.namespace.as_str() == name && facts.is_live(host);
            let known = name == "default" || hosts.iter().any(is_there);
            known.then(|| Object::namespace(name).at(snapshot.revision))?
        }
    };
    Some(object)
}

/// A list is as of now, which is no older than whatever was asked for.
fn check_revision(snapshot: &Snapshot, options: &Options) -> Result<(), Status> {
    match options.revision {
        Some(asked) if asked > snapshot.revision => Err(Status::too_large(asked, snapshot.revision)),
        Some(asked) if options.exact && asked < snapshot.revision => {
            Err(Status::compacted(crate::table::Compacted { asked, oldest: snapshot.revision }))
        }
        Some(_) | None => Ok(()),
    }
}

/// Where the list goes on, and the revision that it says.
fn continued<'o>(
    app: &App,
    snapshot: &Snapshot,
    options: &'o Options,
) -> Result<(Option<&'o Token>, Revision), Status> {
    let Some(token) = &options.token else { return Ok((None, snapshot.revision)) };
    if token.revision == Revision(0) {
        return Ok((Some(token), snapshot.revision));
    }
    if token.revision > snapshot.revision || app.registry.changes_since(token.revision, 0).is_err() {
        let next = Token { revision: Revision(0), after: token.after.clone() };
        return Err(Status::token_too_old(next.to_text()));
    }
    Ok((Some(token), token.revision))
}

/// An answer of JSON.
pub(super) fn json(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The objects of a watch that begins with what there is.
pub(super) fn initial(wanted: &Wanted, snapshot: &Snapshot, facts: Facts<'_>) -> Vec<Unit> {
    wanted.collect(snapshot, facts, None, None).0
}
