//! Whether a row may come in: the rules that a registration of its API would have met, as far as rows can break them.

use std::collections::BTreeSet;

use crate::http::App;
use crate::http::native::write::{check_target, check_visible};
use crate::http::problem::Problem;
use crate::table::{CheckKind, Dialect, Host, Invalid, Lease, Standing, Terms, Wishes, node_key};

/// The row as it is here, if it fits.
pub(super) fn admit(app: &App, host: Host) -> Result<Host, Problem> {
    let host = at_home(host, &app.consul.node_name.to_ascii_lowercase())?;
    if let Some(ttl) = host.lease.ttl() {
        Lease::parse_ttl("l", ttl)?;
    }
    let mut ids = BTreeSet::new();
    for check in &host.checks {
        if !ids.insert(&check.id) {
            return Err(Problem::invalid("c.i", format!("must differ, {:?} is there twice", check.id)));
        }
        if let Some(terms) = &check.terms {
            admit_terms(app, terms)?;
        }
    }
    match host.dialect {
        Dialect::Native => {
            check_target(app, &host.target)?;
            check_visible(app, host.service.as_str())?;
        }
        Dialect::Node => {
            let key = node_key(host.service.as_str(), host.as_node() == Some(""))?;
            if key != host.key() {
                return Err(Problem::invalid("id", "of a node must be node or self, its service in lower case"));
            }
        }
        Dialect::Lyft | Dialect::Consul | Dialect::Minos | Dialect::Etcd => {}
    }
    Ok(host)
}

/// A node of the name that this server has is this server's, and what stands on it stands here.
fn at_home(mut host: Host, own: &str) -> Result<Host, Invalid> {
    if host.dialect == Dialect::Consul {
        let standing = Standing::of(&host.id);
        if standing.node == own {
            host.id = Standing { node: "", ..standing }.to_id("id")?;
        }
    } else if host.dialect == Dialect::Node && host.service.as_str() == own {
        host.id = node_key(own, true)?.id;
    }
    Ok(host)
}

fn admit_terms(app: &App, terms: &Terms) -> Result<(), Problem> {
    if matches!(terms.kind, CheckKind::OsService(_)) && !app.settings.check_os_services {
        return Err(Problem::invalid("c.k", "must not be os_service: the setting check_os_services is off"));
    }
    let asked = terms.kind.is_asked();
    let wishes = Wishes {
        interval: asked.then_some(terms.interval),
        timeout: asked.then_some(terms.timeout),
        success_before_passing: Some(terms.success_before_passing),
        failures_before_warning: Some(terms.failures_before_warning),
        failures_before_critical: Some(terms.failures_before_critical),
        output_octets: Some(terms.output_octets),
        deregister_critical_after: terms.deregister_critical_after,
    };
    Terms::parse("c.d.", terms.kind.clone(), wishes)?;
    Ok(())
}
