//! Endpoints by path: a tree with a place for each part of a path, so that a look-up goes by the length of its path and not
//! by the number of endpoints.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::stored::ANY;
use crate::table::HostKey;

/// A place in the tree, and what is below it.
#[derive(Default, Debug)]
pub(super) struct Tree {
    parts: HashMap<Box<str>, Tree>,
    /// A part in braces, whatever its name.
    generic: Option<Box<Tree>>,
    /// The rows of the endpoints that end here, by verb.
    rows: BTreeMap<Box<str>, Rows>,
}

/// The rows of one endpoint.
#[derive(Default, Debug)]
pub(super) struct Rows {
    /// Who they are.
    pub(super) keys: BTreeSet<HostKey>,
    /// How many look-ups came by: hosts have their turns by it.
    turns: AtomicUsize,
}

impl Rows {
    /// The number of this look-up.
    pub(super) fn turn(&self) -> usize {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }
}

impl Tree {
    /// Adds an endpoint of a row.
    pub(super) fn insert(&mut self, verb: &str, path: &str, row: &HostKey) {
        let mut place = self;
        for part in path.split('/') {
            place = if is_generic(part) {
                place.generic.get_or_insert_default()
            } else {
                place.parts.entry(part.into()).or_default()
            };
        }
        place.rows.entry(verb.into()).or_default().keys.insert(row.clone());
    }

    /// Takes an endpoint of a row out, and the places that nothing is left at.
    pub(super) fn remove(&mut self, verb: &str, path: &str, row: &HostKey) {
        self.remove_below(verb, Some(path), row);
    }

    fn remove_below(&mut self, verb: &str, path: Option<&str>, row: &HostKey) {
        let Some(path) = path else {
            if let Some(rows) = self.rows.get_mut(verb) {
                rows.keys.remove(row);
                if rows.keys.is_empty() {
                    self.rows.remove(verb);
                }
            }
            return;
        };
        let (part, rest) = match path.split_once('/') {
            Some((part, rest)) => (part, Some(rest)),
            None => (path, None),
        };
        if is_generic(part) {
            if let Some(place) = &mut self.generic {
                place.remove_below(verb, rest, row);
                if place.is_empty() {
                    self.generic = None;
                }
            }
        } else if let Some(place) = self.parts.get_mut(part) {
            place.remove_below(verb, rest, row);
            if place.is_empty() {
                self.parts.remove(part);
            }
        }
    }

    /// The rows of each endpoint that matches, those with fewer parts in braces at the beginning first, until `enough` says so.
    pub(super) fn visit(&self, verb: &str, path: &str, enough: &mut impl FnMut(&Rows) -> bool) -> bool {
        let (part, rest) = match path.split_once('/') {
            Some((part, rest)) => (part, Some(rest)),
            None => (path, None),
        };
        [self.parts.get(part), self.generic.as_deref()].into_iter().flatten().any(|place| match rest {
            Some(rest) => place.visit(verb, rest, enough),
            None => [verb, ANY].into_iter().filter_map(|verb| place.rows.get(verb)).any(&mut *enough),
        })
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.generic.is_none() && self.rows.is_empty()
    }
}

/// Whether a part of a path stands for any: `{id}`.
pub(super) fn is_generic(part: &str) -> bool {
    part.starts_with('{') && part.ends_with('}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Dialect, HostId, ServiceName};

    fn row(service: &str) -> HostKey {
        HostKey {
            service: ServiceName::parse("service", service).expect("a name"),
            dialect: Dialect::Minos,
            id: HostId::parse("id", "10.0.0.1:80").expect("an id"),
        }
    }

    fn found(tree: &Tree, verb: &str, path: &str) -> Vec<String> {
        let mut found = Vec::new();
        tree.visit(verb, path, &mut |rows| {
            found.extend(rows.keys.iter().map(|row| row.service.as_str().to_owned()));
            false
        });
        found
    }

    #[test]
    fn a_path_matches_part_by_part_and_exactly_first() {
        let mut tree = Tree::default();
        let endpoints = [
            ("GET", "/order/{id}", "any"),
            ("GET", "/order/latest", "exact"),
            ("POST", "/order/{id}", "post"),
            ("*", "/order/{id}/lines", "every"),
            ("GET", "/", "root"),
            ("GET", "", "empty"),
        ];
        for (verb, path, service) in endpoints {
            tree.insert(verb, path, &row(service));
        }
        for (verb, path, expected) in [
            ("GET", "/order/1", &["any"][..]),
            ("GET", "/order/latest", &["exact", "any"]),
            ("get", "/order/1", &[]),
            ("GET", "/order/", &["any"]),
            ("GET", "/order", &[]),
            ("GET", "/order/1/", &[]),
            ("PUT", "/order/1/lines", &["every"]),
            ("GET", "/", &["root"]),
            ("GET", "", &["empty"]),
        ] {
            assert_eq!(found(&tree, verb, path), expected, "{verb} {path}");
        }
        for (verb, path, service) in endpoints {
            tree.remove(verb, path, &row(service));
        }
        assert!(tree.is_empty(), "{tree:?}");
    }

    #[test]
    fn a_long_path_is_borne() {
        let path = "/a".repeat(crate::limits::MINOS_PATH_OCTETS / 2);
        let mut tree = Tree::default();
        tree.insert("GET", &path, &row("deep"));
        assert_eq!(found(&tree, "GET", &path), ["deep"]);
        tree.remove("GET", &path, &row("deep"));
        assert!(tree.is_empty());
    }
}
