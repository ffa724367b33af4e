//! THE ZONE AS A VALUE (stub while it is being written).
use crate::table::{Change, Hosts};

/// Zones.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    serial: u32,
}

impl Zones {
    /// The zones after `changes`.
    #[must_use]
    pub fn with(&self, changes: &[Change]) -> Zones {
        let _ = changes;
        self.clone()
    }

    /// The zones of a whole table; the serial is greater than `serial`.
    #[must_use]
    pub fn render(&self, hosts: &Hosts, serial: u32) -> Zones {
        let _ = hosts;
        Zones { serial: serial + 1 }
    }

    /// The SOA serial.
    pub fn serial(&self) -> u32 {
        self.serial
    }
}

/// Whether `service` can be a DNS name under `service.local.`: a label that is not reserved.
///
/// The error is a sentence that names the rule.
pub fn check_service_label(service: &str) -> Result<(), String> {
    if crate::table::is_label(service) { Ok(()) } else { Err("must be a DNS label".into()) }
}
