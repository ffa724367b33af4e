//! The checks of a row as Consul's clients see them.

use super::super::shapes::{Definition, HealthCheck, Text};
use super::service::{service_id, tags};
use super::{NODE_MAINTENANCE, SERVICE_MAINTENANCE};
use crate::duration::go::Nanoseconds;
use crate::table::{Check, CheckKind, Dialect, Host};

/// A check that is of a service, and no more yet.
pub(super) fn of_service(host: &Host) -> HealthCheck<'_> {
    HealthCheck {
        service_id: service_id(host),
        service_name: host.service.as_str().into(),
        service_tags: tags(host),
        ..HealthCheck::default()
    }
}

pub(super) fn health_check<'a>(
    host: &'a Host,
    check: &'a Check,
    node: Text<'a>,
    service: Option<Text<'a>>,
) -> HealthCheck<'a> {
    let title = check.title.as_deref();
    let name = title.map_or("", |title| &title.name);
    let definition = title.map(|title| &*title.definition).filter(|text| !text.is_empty());
    let terms = check.terms.as_deref();
    let go = |duration: std::time::Duration| match i64::try_from(duration.as_nanos()) {
        Ok(0) => String::new(),
        Ok(nanoseconds) => Nanoseconds(nanoseconds).to_string(),
        Err(_) => Nanoseconds(i64::MAX).to_string(),
    };
    let base = if service.is_some() { of_service(host) } else { HealthCheck::default() };
    HealthCheck {
        node,
        // An id of another dialect is unique within its host only.
        check_id: match host.dialect {
            Dialect::Consul | Dialect::Node => Text::Borrowed(&check.id),
            Dialect::Native | Dialect::Lyft | Dialect::Minos | Dialect::Etcd => {
                format!("{}/{}", service_id(host), check.id).into()
            }
        },
        name: if name.is_empty() { default_name(host, check).into() } else { name.into() },
        status: check.status.as_str().into(),
        notes: title.map_or("", |title| &title.notes).into(),
        output: check.output.read().to_string().into(),
        r#type: kind_of(check).into(),
        interval: terms.map(|terms| go(terms.interval)).unwrap_or_default().into(),
        timeout: terms.map(|terms| go(terms.timeout)).unwrap_or_default().into(),
        definition: Definition(definition.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()),
        create_index: host.created.0.max(1),
        modify_index: host.modified.0.max(1),
        ..base
    }
}

/// What a check is called that says no name.
pub(in crate::http::consul) fn default_name(host: &Host, check: &Check) -> String {
    match host.dialect {
        Dialect::Node => check.id.to_string(),
        Dialect::Native | Dialect::Lyft | Dialect::Consul | Dialect::Minos | Dialect::Etcd => {
            format!("Service '{}' check", host.service)
        }
    }
}

fn kind_of(check: &Check) -> &'static str {
    match (check.kind() == &CheckKind::Reported, is_maintenance(&check.id)) {
        (true, true) => "maintenance",
        (true, false) => "",
        (false, _) => check.kind().as_str(),
    }
}

/// Whether an operator took something out by this check.
pub(in crate::http::consul) fn is_maintenance(check: &str) -> bool {
    check.starts_with(SERVICE_MAINTENANCE) || check == NODE_MAINTENANCE
}

pub(super) fn worst_first(checks: &mut [HealthCheck<'_>]) {
    checks.sort_by_key(|check| match &*check.status {
        "critical" => 0,
        "warning" => 1,
        _ => 2,
    });
}
