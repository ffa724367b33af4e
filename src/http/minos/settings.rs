//! What an operator decides for hosts of minos' API.

use std::sync::Arc;
use std::time::Duration;

use crate::limits;
use crate::table::{CheckKind, Endpoint, HttpCheck, HttpUrl, Terms, Tls, Wishes};

/// Time between two probes where nothing else is set.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Where the framework's `SystemService` answers.
const SYSTEM_HEALTH: &str = "http:/system/health";

/// Settings of minos' API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The check that every host gets; `None` for none, that of `GET /health` neither.
    pub check: Option<Arc<Terms>>,
    /// Whether a name holds one host.
    pub replace: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { check: http(SYSTEM_HEALTH, true, CHECK_INTERVAL).map(Arc::new), replace: false }
    }
}

/// A GET of each host's own address; `None` never, as the URLs are ours.
pub(super) fn http(url: &str, absent_passes: bool, interval: Duration) -> Option<Terms> {
    let check = HttpCheck {
        url: HttpUrl::parse("url", url).ok().filter(|url| matches!(url.endpoint, Endpoint::Own(_)))?,
        method: "GET".into(),
        headers: Box::default(),
        body: Box::default(),
        tls: Tls::default(),
        follow_redirects: false,
        absent_passes,
    };
    // A host that does not answer is found out within two intervals.
    let timeout = Some(limits::CHECK_TIMEOUT.min(interval));
    let wishes = Wishes { interval: Some(interval), timeout, ..Wishes::default() };
    Terms::parse("", CheckKind::Http(Box::new(check)), wishes).ok()
}
