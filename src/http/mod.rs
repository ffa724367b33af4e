//! Registration in: one module a foreign system, all on one listener.

use std::sync::Arc;
use std::time::Duration;

use crate::registry::Registry;

/// Settings of the HTTP side.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The lease of native registrations that name none; `None` is for ever.
    pub host_ttl: Option<Duration>,
    /// The lease of Lyft's registrations.
    pub lyft_host_ttl: Duration,
    /// `env` in Lyft's lists: APPLICATION_ENV.
    pub lyft_env: String,
    /// Whether the last entry of X-Forwarded-For names the client.
    pub trust_forwarded_for: bool,
    /// Networks whose addresses Lyft's `auto_ip` accepts, as address and prefix length.
    pub auto_ip_networks: Vec<(std::net::IpAddr, u8)>,
}

/// What every handler gets.
#[derive(Clone)]
pub struct App {
    /// The table.
    pub registry: Arc<Registry>,
    /// The settings.
    pub settings: Arc<Settings>,
}
