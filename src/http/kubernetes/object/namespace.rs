//! Namespaces: those that have hosts, and `default`.

use std::borrow::Cow;

use serde::Serialize;

use super::{Body, Object};
use crate::http::kubernetes::labels::LabelMap;
use crate::http::kubernetes::resource::Resource;

/// `spec` and `status` of a namespace.
#[derive(Serialize, PartialEq, Debug)]
pub(in crate::http::kubernetes) struct Namespace {
    spec: Spec,
    status: Status,
}

#[derive(Serialize, PartialEq, Debug)]
struct Spec {
    finalizers: [&'static str; 1],
}

#[derive(Serialize, PartialEq, Debug)]
struct Status {
    phase: &'static str,
}

pub(super) fn object(name: &str) -> Object<'_> {
    let body = Namespace { spec: Spec { finalizers: ["kubernetes"] }, status: Status { phase: "Active" } };
    let labels = labels(name);
    Object::new(Resource::Namespaces, None, Cow::Borrowed(name), labels, Body::Namespace(body))
}

/// The labels of a namespace.
fn labels(name: &str) -> LabelMap<'_> {
    LabelMap::from([("kubernetes.io/metadata.name", Cow::Borrowed(name))])
}
