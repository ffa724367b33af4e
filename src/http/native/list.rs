//! Lists of hosts, and pages of them.

use std::sync::Arc;

use super::view::HostView;
use crate::http::pieces::Pieces;
use crate::table::{Host, Revision};

/// The text `{"revision":n,"hosts":[...]}` of `hosts`; `next` is where the following page starts, if there is one.
pub(super) fn host_list(revision: Revision, hosts: Vec<Arc<Host>>, next: Option<&str>) -> Pieces<Arc<Host>> {
    let tail = match next {
        // A string serializes.
        Some(next) => format!("],\"next\":{}}}", serde_json::to_string(next).unwrap_or_default()),
        None => "]}".to_owned(),
    };
    Pieces::new(format!("{{\"revision\":{revision},\"hosts\":["), hosts, tail, |elements, host| {
        // Writing into memory cannot fail.
        let _ = serde_json::to_writer(elements.next(), &HostView::of(&host));
    })
}
