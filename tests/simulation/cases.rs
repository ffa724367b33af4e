//! Histories that went wrong once, as short as they can be told.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use rollcall::clock::{Clock, Timestamp};
use rollcall::registry::{CommitError, Durability, Registry};
use rollcall::table::{Dialect, Event, HostId, Registration, Revision, ServiceName, Target};
use rollcall::zone::Policy;

use crate::ask;

/// A host of `service` with a lease of ten seconds.
fn host(service: &str, address: &str) -> Event {
    Event::Register(Box::new(Registration {
        ttl: Some(Duration::from_secs(10)),
        ..Registration::new(
            ServiceName::parse("service", service).expect("a name"),
            Dialect::Native,
            HostId::parse("id", "a").expect("an id"),
            Target::parse("address", [address]).expect("an address"),
        )
    }))
}

fn registry() -> Registry {
    let clock = Arc::new(Clock::manual(Timestamp::from_micros(1_000_000)));
    let registry = Registry::new(clock, ask::empty_zones(Policy::default()), Durability::Grouped);
    registry.load([], Revision::default(), 0);
    registry
}

/// Stages a write whose writer goes away.
fn stage(registry: &Registry, event: Event) {
    let write = pin!(registry.submit(event));
    assert!(write.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

fn commit(registry: &Registry) {
    registry.publish(registry.next_batch().expect("a batch"));
}

fn is_visible(registry: &Registry) -> bool {
    registry.snapshot().hosts.iter().any(|host| host.lease.is_live(registry.now()))
}

#[test]
fn a_refused_registration_prolongs_no_old_address() {
    let registry = registry();
    stage(&registry, host("web", "10.0.0.1"));
    commit(&registry);
    registry.clock().advance(Duration::from_secs(6));
    stage(&registry, host("web", "10.0.0.2"));
    let batch = registry.next_batch().expect("a batch");
    registry.give_up(batch, &CommitError::Full("no room".into()));
    registry.clock().advance(Duration::from_secs(6));
    assert!(!is_visible(&registry));
}

#[test]
fn a_heartbeat_reaches_the_row_that_is_being_written() {
    let registry = registry();
    stage(&registry, host("web", "10.0.0.1"));
    commit(&registry);
    stage(&registry, host("web", "10.0.0.2"));
    let batch = registry.next_batch().expect("a batch");
    stage(&registry, host("web", "10.0.0.3"));
    registry.clock().advance(Duration::from_secs(6));
    stage(&registry, host("web", "10.0.0.3"));
    registry.clock().advance(Duration::from_secs(6));
    assert!(is_visible(&registry));
    registry.publish(batch);
    assert!(is_visible(&registry), "it checked in 6 s ago");
    commit(&registry);
    assert!(is_visible(&registry));
}

#[test]
fn a_service_without_a_name_in_dns_moves_no_serial() {
    let registry = registry();
    let serial = registry.snapshot().zones.serial();
    stage(&registry, host("no label", "10.0.0.1"));
    commit(&registry);
    assert_eq!(registry.snapshot().zones.serial(), serial);
}
