//! New zones around the same hosts: the zone files were read anew.

use std::sync::Arc;

use super::{Durability, Registry, Snapshot};
use crate::zone::Zones;

impl Registry {
    /// Puts the zones of `anew` in the place of all there are, in one swap; the table stays as it is, and so do its
    /// names. Gives the new serial.
    ///
    /// What is staged, or being written, is published into the new zones; where it is given up, they stay.
    pub fn reload(&self, anew: &Zones) -> u32 {
        let mut core = self.core.lock();
        let published = self.snapshot.load_full();
        // No serial that a batch already has may come back with other records.
        let mut zones = published.zones.with_files_of(anew, core.zones.serial());
        let visible = Arc::new(Snapshot {
            revision: published.revision,
            hosts: published.hosts.clone(),
            zones: zones.clone(),
            loaded: published.loaded,
        });
        if let Some(writing) = core.writing.take() {
            zones = writing.zones.with_files_of(anew, zones.serial());
            let (revision, hosts, loaded) = (writing.revision, writing.hosts.clone(), writing.loaded);
            core.writing = Some(Arc::new(Snapshot { revision, hosts, zones: zones.clone(), loaded }));
        }
        core.zones = zones;
        // A restart must not give out a serial again.
        core.serial_untold = core.loaded && self.durability == Durability::Grouped;
        let serial = visible.zones.serial();
        self.snapshot.store(visible);
        drop(core);
        self.has_staged.notify_one();
        serial
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::{Clock, Timestamp};
    use crate::registry::CommitError;
    use crate::table::{Dialect, Event, HostId, Port, Registration, Revision, ServiceName, Target};
    use crate::zone::{Grammar, Name, Policy, Zone, parse_file};

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse("name", text, &Name::root()).expect("a name")
    }

    /// `service.local.`, and static zones of these origins.
    fn zones(others: &[&str]) -> Zones {
        let zone = |origin: &str, grammar| {
            let file =
                parse_file("$TTL 60\n@ SOA ns hostmaster 1 4h 1h 1w 5\n@ NS ns\n", &name(origin)).expect("a zone");
            Zone::new(file, grammar, &Policy::default(), &[])
        };
        let mut all = vec![zone("service.local.", Grammar::Service)];
        all.extend(others.iter().map(|origin| zone(origin, Grammar::Static)));
        Zones::new(all, Policy::default())
    }

    fn registry(durability: Durability) -> Registry {
        let registry = Registry::new(Arc::new(Clock::manual(Timestamp::from_micros(1))), zones(&["old."]), durability);
        registry.load([], Revision(1), 1);
        registry
    }

    fn stage(registry: &Registry, id: &str) {
        let event = Event::Register(Box::new(Registration {
            ports: [Port::tcp(80)].into_iter().collect(),
            ..Registration::new(
                ServiceName::parse("service", "web").expect("a service"),
                Dialect::Native,
                HostId::parse("id", id).expect("an id"),
                Target::parse("address", ["10.0.0.1"]).expect("an address"),
            )
        }));
        registry.stage(|_, _| Ok::<_, crate::registry::SubmitError>(vec![event])).expect("a loaded table");
    }

    /// The hosts and the origins that are visible.
    fn visible(registry: &Registry) -> (usize, Vec<String>) {
        let snapshot = registry.snapshot();
        let zones = &snapshot.zones;
        assert_eq!(zones.difference(&zones.render(&snapshot.hosts, 0)), None);
        (snapshot.hosts.len(), zones.iter().map(|zone| zone.origin().to_string()).collect())
    }

    fn origins(other: &str) -> Vec<String> {
        vec!["service.local.".into(), other.into()]
    }

    #[test]
    fn hosts_stay_and_the_serial_grows() {
        let registry = registry(Durability::Immediate);
        stage(&registry, "a");
        let before = registry.snapshot().zones.serial();
        assert_eq!(registry.reload(&zones(&["new."])), before + 1);
        assert_eq!(visible(&registry), (1, origins("new.")));
        stage(&registry, "b");
        assert_eq!(visible(&registry), (2, origins("new.")));
        assert_eq!(registry.snapshot().zones.serial(), before + 2);
        assert_eq!(registry.snapshot().zones.edition(), 1);
    }

    #[test]
    fn what_is_being_written_is_published_into_the_new_zones() {
        let registry = registry(Durability::Grouped);
        stage(&registry, "a");
        let batch = registry.next_batch().expect("a batch");
        stage(&registry, "b");
        let serial = registry.reload(&zones(&["new."]));
        assert!(serial > batch.serial());
        assert_eq!(visible(&registry), (0, origins("new.")));
        registry.publish(batch);
        assert_eq!(visible(&registry), (1, origins("new.")));
        let published = registry.snapshot().zones.serial();
        assert!(published > serial);
        let batch = registry.next_batch().expect("what was staged");
        assert!(batch.serial() > published);
        registry.publish(batch);
        assert_eq!(visible(&registry), (2, origins("new.")));
    }

    #[test]
    fn giving_up_brings_no_old_zone_back() {
        let registry = registry(Durability::Grouped);
        stage(&registry, "a");
        let batch = registry.next_batch().expect("a batch");
        registry.reload(&zones(&["new."]));
        registry.give_up(batch, &CommitError::Full("no room".into()));
        assert_eq!(visible(&registry), (0, origins("new.")));
        // The store is told of the serial by itself, once.
        let batch = registry.next_batch().expect("the serial");
        assert!(batch.changes.is_empty());
        assert_eq!(batch.serial(), registry.snapshot().zones.serial());
        registry.publish(batch);
        stage(&registry, "b");
        let batch = registry.next_batch().expect("a batch");
        assert_eq!(batch.changes.len(), 1);
        registry.publish(batch);
        assert_eq!(visible(&registry), (1, origins("new.")));
    }

    #[test]
    fn a_table_that_is_loaded_later_is_in_the_new_zones() {
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(1)));
        let registry = Registry::new(clock, zones(&["old."]), Durability::Grouped);
        registry.reload(&zones(&["new."]));
        assert!(!registry.snapshot().loaded);
        registry.load([], Revision(1), 70);
        assert_eq!(visible(&registry), (0, origins("new.")));
        assert!(registry.snapshot().zones.serial() > 70);
    }
}
