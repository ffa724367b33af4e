//! The list of targets.

use std::sync::Arc;

use super::group::groups;
use crate::http::pieces::Pieces;
use crate::table::Host;

/// The targets of `hosts` as a JSON list.
pub(super) fn targets(hosts: Vec<Arc<Host>>) -> Pieces<Arc<Host>> {
    Pieces::new("[", hosts, "]", |elements, host| {
        for group in groups(&host) {
            // Writing into memory cannot fail, and texts serialize.
            let _ = serde_json::to_writer(elements.next(), &group);
        }
    })
}
