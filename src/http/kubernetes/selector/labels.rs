//! Label selectors.

use std::collections::BTreeSet;

use super::parse::parse;
use crate::http::kubernetes::labels::LabelMap;

/// What an object's labels must be: all of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http::kubernetes) struct Labels(Vec<Requirement>);

/// What one label must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requirement {
    pub(super) key: String,
    pub(super) operator: Operator,
}

/// What is asked of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// It is there with one of these values: `=`, `==`, `in`.
    In(BTreeSet<String>),
    /// It is not there, or with another value: `!=`, `notin`.
    NotIn(BTreeSet<String>),
    /// It is there and a number greater than this one.
    Greater(i64),
    /// It is there and a number less than this one.
    Less(i64),
}

impl Requirement {
    fn takes(&self, labels: &LabelMap<'_>) -> bool {
        let value = labels.get(self.key.as_str());
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.operator {
            Operator::Present => value.is_some(),
            Operator::Absent => value.is_none(),
            Operator::In(values) => value.is_some_and(|value| values.contains(&**value)),
            Operator::NotIn(values) => value.is_none_or(|value| !values.contains(&**value)),
            Operator::Greater(bound) => number().is_some_and(|number| number > *bound),
            Operator::Less(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

impl Labels {
    /// Reads a selector; the error is what Kubernetes says.
    pub(in crate::http::kubernetes) fn parse(text: &str) -> Result<Labels, String> {
        parse(text).map(Labels)
    }

    /// Whether it asks for nothing.
    pub(in crate::http::kubernetes) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether labels are as they must be.
    pub(in crate::http::kubernetes) fn takes(&self, labels: &LabelMap<'_>) -> bool {
        self.0.iter().all(|requirement| requirement.takes(labels))
    }

    /// The one value that a label must have, where the selector says so.
    pub(in crate::http::kubernetes) fn only(&self, key: &str) -> Option<&str> {
        self.0.iter().filter(|requirement| requirement.key == key).find_map(|requirement| match &requirement.operator {
            Operator::In(values) if values.len() == 1 => values.first().map(String::as_str),
            Operator::In(_)
            | Operator::Present
            | Operator::Absent
            | Operator::NotIn(_)
            | Operator::Greater(_)
            | Operator::Less(_) => None,
        })
    }
}
