//! Nodes: the machines of Consul's catalog, and on which of them a host stands.
//!
//! A node is a row of its own ([`Dialect::Node`]): it has a name, addresses, pairs and checks, and offers nothing. A host of
//! Consul's dialect stands on one of them, and its id says which: an id of Consul's is unique on a node, not in a service.

use std::cmp::Ordering;
use std::sync::Arc;

use super::host::Host;
use super::key::{Dialect, HostKey};
use super::text::{HostId, Invalid, ServiceName};

/// Divides the node from the id. No node has it in its name.
const DIVIDER: char = '/';

/// The id of the row of the node that this server is.
const SELF: &str = "self";
/// The id of the row of any other node.
const OTHER: &str = "node";

/// Where a host stands: the node, empty for that which this server is, and the id there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Standing<'a> {
    /// The name of the node in lower case; empty for that which this server is.
    pub node: &'a str,
    /// Unique on the node.
    pub id: &'a str,
}

impl<'a> Standing<'a> {
    /// What the id of a row says.
    pub fn of(id: &'a HostId) -> Standing<'a> {
        match id.as_str().split_once(DIVIDER) {
            Some((node, id)) => Standing { node, id },
            None => Standing { node: "", id: id.as_str() },
        }
    }

    /// The id of the row that stands there.
    pub fn to_id(self, field: &str) -> Result<HostId, Invalid> {
        let Standing { node, id } = self;
        if node.is_empty() && !id.contains(DIVIDER) {
            return HostId::parse(field, id);
        }
        HostId::parse(field, &format!("{node}{DIVIDER}{id}"))
    }
}

/// The key of the row of a node; that of the server itself has another id, so that it is found whatever its name is.
pub fn node_key(name: &str, is_self: bool) -> Result<HostKey, Invalid> {
    if name.contains(DIVIDER) {
        return Err(Invalid::new("Node", "must not contain a slash"));
    }
    let service = ServiceName::parse("Node", &name.to_ascii_lowercase())?;
    Ok(HostKey { service, dialect: Dialect::Node, id: HostId::parse("id", if is_self { SELF } else { OTHER })? })
}

impl Host {
    /// The node whose row this is, as [`Standing::node`] has it; `None` for a host.
    pub fn as_node(&self) -> Option<&str> {
        match (self.dialect, self.id.as_str()) {
            (Dialect::Node, SELF) => Some(""),
            (Dialect::Node, _) => Some(self.service.as_str()),
            (Dialect::Native | Dialect::Lyft | Dialect::Consul | Dialect::Minos | Dialect::Etcd, _) => None,
        }
    }

    /// The id that people mean: of a host of Consul's dialect the part behind the node that it stands on.
    pub fn own_id(&self) -> &str {
        if self.dialect == Dialect::Consul { Standing::of(&self.id).id } else { self.id.as_str() }
    }
}

/// A row of Consul's dialect, ordered by where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed(pub(super) Arc<Host>);

impl Placed {
    fn order(&self) -> (Standing<'_>, &str) {
        (Standing::of(&self.0.id), self.0.service.as_str())
    }
}

impl PartialEq for Placed {
    fn eq(&self, other: &Placed) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Placed {}

impl PartialOrd for Placed {
    fn partial_cmp(&self, other: &Placed) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Placed {
    fn cmp(&self, other: &Placed) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// The place just before the first row that stands there.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstAt<'a>(pub(super) Standing<'a>);

impl equivalent::Equivalent<Placed> for FirstAt<'_> {
    fn equivalent(&self, row: &Placed) -> bool {
        equivalent::Comparable::compare(self, row) == Ordering::Equal
    }
}

impl equivalent::Comparable<Placed> for FirstAt<'_> {
    fn compare(&self, row: &Placed) -> Ordering {
        // No service is without a name.
        (self.0, "").cmp(&row.order())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_where_it_stands() {
        for (node, id) in [("", "web-1"), ("", "a/b"), ("", "/"), ("n2", "web-1"), ("n2", "a/b"), ("n2.example", "x")] {
            let standing = Standing { node, id };
            let parsed = standing.to_id("id").expect("an id");
            assert_eq!(Standing::of(&parsed), standing);
        }
        let plain = Standing { node: "", id: "web-1" }.to_id("id").expect("an id");
        assert_eq!(plain.as_str(), "web-1");
        assert!(Standing { node: "", id: "" }.to_id("id").is_err());
        assert!(node_key("a/b", false).is_err());
    }
}
