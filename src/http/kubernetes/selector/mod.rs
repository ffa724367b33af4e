//! Selectors: which objects of a list are wanted, by their labels ([`Labels`]) and by two of their fields ([`Fields`]).

mod fields;
mod labels;
mod lex;
mod parse;
#[cfg(test)]
mod tests;

pub(super) use fields::Fields;
pub(super) use labels::Labels;

use super::labels::LabelMap;

/// Both selectors of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    pub(super) labels: Labels,
    pub(super) fields: Fields,
}

impl Selector {
    /// Whether it asks for nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is wanted.
    pub(super) fn takes(&self, namespace: &str, name: &str, labels: &LabelMap<'_>) -> bool {
        self.fields.takes(namespace, name) && self.labels.takes(labels)
    }
}
