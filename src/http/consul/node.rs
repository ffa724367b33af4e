//! The node that this server is, as a row.

use crate::clock::Timestamp;
use crate::table::{Host, Hosts, Registration, Revision, Target, node_key, parse_meta};

use super::settings::Settings;

/// The row of this server's node, with the checks that the last run of the server left. It is in no store before somebody
/// gives it a check: what it says comes from the settings.
#[allow(clippy::expect_used, reason = "the settings were read with these rules")]
pub fn own_node(settings: &Settings, before: Option<&Host>, now: Timestamp) -> Host {
    let key = node_key(&settings.node_name, true).expect("a name without a slash");
    let target = Target::Addresses([settings.node_address].into_iter().collect());
    let meta = settings.node_meta.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let meta = parse_meta("node_meta", meta).expect("pairs within their bounds");
    let registration = Registration { meta, ..Registration::new(key.service, key.dialect, key.id, target) };
    let mut node = Host::new(registration, now);
    // It was here before anything else.
    (node.created, node.modified) = (Revision(1), Revision(1));
    if let Some(before) = before {
        node.checks.clone_from(&before.checks);
        (node.created, node.modified) = (before.created, before.modified);
    }
    node
}

/// The registration that the row of this server's node would come of.
pub(super) fn own_registration(settings: &Settings, hosts: &Hosts) -> Registration {
    match hosts.node("") {
        Some(node) => Registration::from(&**node),
        // Only a table that nobody prepared has none.
        None => Registration::from(&own_node(settings, None, Timestamp::default())),
    }
}
