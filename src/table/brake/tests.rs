use std::collections::BTreeSet;
use std::time::Duration;

use super::super::{
    Cause, Dialect, Event, Host, HostId, HostKey, HostTable, Late, Lease, Phase, Registration, Release, Revision, Rule,
    Rules, ServiceName, Single, Target,
};
use super::{Note, Scope};
use crate::clock::Timestamp;

const TTL: u64 = 30_000;
const STEP: u64 = 100;

/// A table on a clock of milliseconds, and hosts that beat until they fall silent.
struct World {
    table: HostTable,
    now: u64,
    hosts: Vec<Beating>,
    notes: Vec<Note>,
    /// What was removed, and when.
    removed: Vec<(HostKey, u64)>,
}

struct Beating {
    key: HostKey,
    ttl: u64,
    every: u64,
    next: u64,
    silent: bool,
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(1_000_000_000 + millis * 1000)
}

fn key(service: &str, id: &str) -> HostKey {
    HostKey {
        service: ServiceName::parse("service", service).expect("a service"),
        dialect: Dialect::Native,
        id: HostId::parse("id", id).expect("an id"),
    }
}

impl World {
    fn new(rules: Rules) -> World {
        let table = HostTable::braked(rules, 7);
        World { table, now: 0, hosts: Vec::new(), notes: Vec::new(), removed: Vec::new() }
    }

    /// `count` hosts of a service that beat every `every` milliseconds, each at its own time, and have done so for long.
    fn with(mut self, service: &str, count: usize, ttl: u64, every: u64) -> World {
        for place in 0..count {
            let key = key(service, &format!("h{place:04}"));
            self.register(&key, ttl);
            let next = self.now + 1 + every * place as u64 / count as u64;
            self.hosts.push(Beating { key, ttl, every, next, silent: false });
        }
        self.run(2 * ttl);
        assert_eq!((self.removed.len(), self.table.brake(9).totals.kept), (0, 0), "all is well");
        self
    }

    fn register(&mut self, key: &HostKey, ttl: u64) {
        let target = Target::parse("address", ["10.0.0.1"]).expect("an address");
        let registration = Registration {
            ttl: Some(Duration::from_millis(ttl)),
            ..Registration::new(key.service.clone(), Dialect::Native, key.id.clone(), target)
        };
        self.table.apply(Event::Register(Box::new(registration)), at(self.now)).expect("registers");
    }

    fn silence(&mut self, places: impl IntoIterator<Item = usize>) {
        places.into_iter().for_each(|place| self.hosts[place].silent = true);
    }

    fn run(&mut self, millis: u64) {
        for _ in 0..millis / STEP {
            self.step();
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        let now = at(self.now);
        for host in self.hosts.iter_mut().filter(|host| !host.silent && host.next <= self.now) {
            host.next += host.every;
            self.table.apply(Event::Renew(host.key.clone()), now).expect("a host that beats is there");
        }
        loop {
            let changes = self.table.tick(now, 100);
            self.removed.extend(changes.iter().filter(|one| one.after.is_none()).map(|one| (one.key(), self.now)));
            if self.table.next_due().is_none_or(|next| next > now) {
                break;
            }
        }
        let of_service = |note: &Note| match note {
            Note::Began { scope, .. } | Note::Ended { scope, .. } | Note::FalseAlarm { scope, .. } => {
                *scope != Scope::Table
            }
        };
        self.notes.extend(self.table.take_notes().into_iter().filter(of_service));
        let view = self.table.brake(usize::MAX);
        let held = self.table.hosts().iter().filter(|host| host.lease.is_held()).count();
        assert_eq!((view.held.len(), view.table.held), (held, held), "what is listed is what is kept");
        for host in self.table.hosts().iter() {
            assert!(host.lease.is_live(now), "{} is here and in no answer", host.key());
            assert_eq!(host.lease.is_stale(now), host.lease.is_held(), "{}", host.key());
        }
    }

    fn held(&self) -> usize {
        self.table.brake(0).table.held
    }

    fn released(&self, reason: Release) -> u64 {
        self.table.brake(0).totals.released[reason as usize]
    }
}

#[test]
fn a_service_that_falls_silent_stays_up_to_its_cap() {
    let mut world = World::new(Rules::default()).with("web", 100, TTL, TTL / 3);
    world.silence(0..100);
    let last: Vec<u64> = world.table.hosts().iter().map(|host| host.lease.renewed().as_micros()).collect();
    world.run(TTL + 100);
    assert_eq!((world.held(), world.removed.len()), (100, 0));
    world.run(2 * TTL);
    assert_eq!(world.removed.len(), 0, "it is never empty before");
    world.run(2 * TTL);
    assert_eq!((world.held(), world.removed.len()), (0, 100), "and no ghost stays");
    for (key, when) in &world.removed {
        let place: usize = key.id.as_str()[1..].parse().expect("a place");
        let end = last[place] / 1000 - 1_000_000 + TTL;
        assert!(
            (end + 3 * TTL * 3 / 4..=end + 3 * TTL + STEP).contains(when),
            "{key} left {} ms after its end",
            when - end
        );
    }
    assert!(matches!(world.notes[..], [Note::Began { .. }, Note::Ended { reason: Release::Cap, .. }]));
    assert_eq!((world.released(Release::Cap), world.table.brake(9).services.len()), (100, 0));
}

#[test]
fn half_a_service_leaves_when_the_rest_is_well() {
    for every in [TTL / 3, TTL / 2, TTL * 9 / 10] {
        let mut world = World::new(Rules { release_rate: 10, ..Rules::default() }).with("web", 100, TTL, every);
        world.silence((0..100).filter(|place| place % 2 == 0));
        world.run(TTL + 200);
        let lost = world.removed.len();
        assert!(lost <= 20, "{lost} of fifty left before the brake held, beating every {every} ms");
        assert_eq!(world.held(), 50 - lost);
        if every < TTL {
            assert!(every > TTL / 2 || lost == 0, "who beats in good time loses none: {lost}");
        }
        world.run(TTL);
        let began = world.now;
        world.run(TTL + 10_000);
        assert_eq!((world.held(), world.removed.len(), world.table.hosts().len()), (0, 50, 50), "{every}");
        assert!(world.hosts.iter().all(|host| host.silent != world.table.hosts().get(&host.key).is_some()));
        let let_go: Vec<&(HostKey, u64)> = world.removed[lost..].iter().collect();
        assert!(let_go[0].1 + 500 >= began - TTL, "not before the others were well for one TTL");
        for second in let_go.windows(12) {
            assert!(second[11].1 - second[0].1 >= 1000, "ten a second, not more");
        }
        let mut ordered = let_go.clone();
        ordered.sort();
        assert_ne!(ordered, let_go, "the order is random");
    }
}

#[test]
fn few_deaths_are_no_mass() {
    let mut world = World::new(Rules::default()).with("web", 100, TTL, TTL / 3);
    let last: Vec<u64> = world.hosts.iter().map(|host| host.next - host.every).collect();
    world.silence(0..10);
    world.run(2 * TTL);
    assert_eq!((world.removed.len(), world.table.brake(9).totals.kept), (10, 0));
    for (key, when) in &world.removed {
        let place: usize = key.id.as_str()[1..].parse().expect("a place");
        assert!(*when <= last[place] + TTL + 2 * STEP, "{key} was late");
    }
}

#[test]
fn a_service_that_shrinks_on_purpose_is_not_braked() {
    let mut world = World::new(Rules::default()).with("web", 1000, TTL, TTL / 3);
    world.silence(10..1000);
    for place in 10..1000 {
        let key = world.hosts[place].key.clone();
        if place % 50 != 0 {
            world.table.apply(Event::Deregister(key), at(world.now)).expect("it is there");
        }
        if place % 10 == 0 {
            world.step();
        }
    }
    world.run(2 * TTL);
    assert_eq!((world.table.hosts().len(), world.table.brake(9).totals.kept), (10, 0));
    assert_eq!(world.notes, []);
}

#[test]
fn the_only_host_has_a_rule_of_its_own() {
    for (single, kept) in [(Single::Expire, false), (Single::WithTable, false), (Single::Hold, true)] {
        let rules = Rules { service: Rule { single, ..Rule::default() }, ..Rules::default() };
        let mut world = World::new(rules).with("web", 100, TTL, TTL / 3).with("one", 1, TTL, TTL / 3);
        world.silence([100]);
        world.run(2 * TTL);
        assert_eq!(world.held() == 1, kept, "{single:?}");
        world.run(3 * TTL);
        assert_eq!((world.held(), world.table.hosts().len()), (0, 100));
    }
}

#[test]
fn a_table_of_small_services_is_braked_as_one() {
    for (single, kept) in [(Single::Expire, 180), (Single::WithTable, 200), (Single::Hold, 200)] {
        let rules = Rules { service: Rule { single, ..Rule::default() }, ..Rules::default() };
        let mut world = World::new(rules);
        for place in 0..90 {
            world = world.with_quiet(&format!("pair{place}"), 2);
        }
        for place in 0..20 {
            world = world.with_quiet(&format!("one{place}"), 1);
        }
        world.run(2 * TTL);
        world.silence(0..200);
        world.run(TTL + 200);
        // The first tenth may have left.
        assert!((kept - 20..=kept).contains(&world.held()), "{single:?}: {}", world.held());
        assert!(matches!(world.table.brake(0).table.phase, Phase::Braked { .. }));
        world.run(4 * TTL);
        assert_eq!(world.table.hosts().len(), 0);
        assert_eq!(world.table.brake(9).services, []);
    }
}

impl World {
    /// Hosts of which not all of one service beat at one time.
    fn with_quiet(mut self, service: &str, count: usize) -> World {
        for place in 0..count {
            let key = key(service, &format!("h{place}"));
            self.register(&key, TTL);
            let next = self.now + 1 + (self.hosts.len() as u64 * 977) % (TTL / 3);
            self.hosts.push(Beating { key, ttl: TTL, every: TTL / 3, next, silent: false });
        }
        self
    }
}

#[test]
fn a_false_alarm_delays_one_end() {
    // A third of those that beat this seldom is late at any time.
    let mut world = World::new(Rules::default()).with("web", 100, TTL, TTL * 9 / 10);
    world.silence([3]);
    world.run(2 * TTL);
    assert_eq!((world.removed.len(), world.table.hosts().len()), (1, 99));
    assert_eq!((world.released(Release::FalseAlarm), world.held()), (1, 0));
    assert!(matches!(world.notes[..], [Note::FalseAlarm { held: 1, .. }]), "{:?}", world.notes);
}

#[test]
fn a_heartbeat_frees_a_host() {
    let mut world = World::new(Rules::default()).with("web", 10, TTL, TTL / 3);
    world.silence(0..10);
    world.run(2 * TTL);
    assert_eq!(world.held(), 10);
    let revision = world.table.revision();
    for place in 0..10 {
        world.hosts[place].silent = false;
        world.hosts[place].next = world.now + 1;
    }
    world.run(200);
    assert_eq!((world.held(), world.table.revision()), (0, revision), "neither is a visible change");
    assert!(matches!(world.notes[..], [Note::Began { .. }, Note::Ended { reason: Release::Recovered, held: 0, .. }]));
    world.run(5 * TTL);
    assert_eq!(world.table.hosts().len(), 10);
    // Alone, one of them ends as ever.
    world.silence([0]);
    world.run(TTL + 200);
    assert_eq!((world.held(), world.table.hosts().len()), (0, 9));
}

#[test]
fn a_registration_frees_a_host_and_a_deregistration_removes_it() {
    let mut world = World::new(Rules::default()).with("web", 10, TTL, TTL / 3);
    world.silence(0..10);
    world.run(2 * TTL);
    let (again, gone) = (key("web", "h0001"), key("web", "h0002"));
    world.register(&again, 2 * TTL);
    world.table.apply(Event::Deregister(gone.clone()), at(world.now)).expect("it is there");
    world.step();
    assert_eq!((world.held(), world.table.hosts().len()), (8, 9));
    world.run(TTL / 2);
    assert!(!world.table.hosts().get(&again).expect("it is there").lease.is_held());
}

#[test]
fn an_operator_lets_go() {
    let mut world = World::new(Rules::default()).with("web", 100, TTL, TTL / 3).with("db", 5, TTL, TTL / 3);
    world.silence(0..105);
    world.run(TTL + 200);
    assert_eq!(world.held(), 105);
    assert_eq!(world.table.release(Some(&key("db", "x").service), at(world.now)), 5);
    world.run(1000);
    assert_eq!((world.held(), world.table.hosts().count("db")), (100, 0));
    assert_eq!(world.table.release(None, at(world.now)), 100);
    world.run(2000);
    assert_eq!((world.held(), world.table.hosts().len()), (0, 0));
    assert_eq!((world.released(Release::Operator), world.table.release(None, at(world.now))), (105, 0));
}

#[test]
fn hosts_of_different_ttl_each_have_their_own_window() {
    let mut world = World::new(Rules::default()).with("web", 50, TTL, TTL / 3);
    world = world.with("web2", 1, TTL, TTL / 3);
    for place in 0..50 {
        let key = key("web", &format!("slow{place}"));
        world.register(&key, 10 * TTL);
        let next = world.now + 1 + place as u64 * TTL / 20;
        world.hosts.push(Beating { key, ttl: 10 * TTL, every: 3 * TTL, next, silent: false });
    }
    world.run(20 * TTL);
    assert_eq!(world.removed.len(), 0);
    let silent: BTreeSet<usize> = (0..50).chain(51..101).collect();
    world.silence(silent);
    world.run(TTL + 200);
    assert_eq!((world.held(), world.removed.len()), (50, 0));
    world.run(10 * TTL);
    // Those of a short TTL had their cap, those of a long one are kept.
    assert_eq!((world.held(), world.removed.len()), (50, 50));
    assert!(world.removed.iter().all(|(key, _)| !key.id.as_str().starts_with("slow")));
    assert!(world.hosts.iter().all(|host| host.ttl >= TTL));
}

#[test]
fn a_service_may_have_its_own_rule() {
    let off = Rule { enabled: false, ..Rule::default() };
    let mut rules = Rules { table_share: 100, ..Rules::default() };
    rules.services.insert("web".into(), off);
    rules.services.insert("db".into(), Rule { share: 70, cap: 1, ..Rule::default() });
    let mut world = World::new(rules).with("Web", 10, TTL, TTL / 3).with("db", 10, TTL, TTL / 3);
    world.silence((0..10).chain(10..16));
    world.run(TTL + 200);
    assert_eq!((world.held(), world.table.hosts().len()), (0, 4), "six of ten are few here");
    world.silence(16..20);
    world.run(TTL + 200);
    assert_eq!((world.held(), world.table.hosts().len()), (4, 4));
    world.run(TTL);
    assert_eq!(world.table.hosts().len(), 0);
}

/// A cut that is over after more than a TTL: hosts come back one after the other, each at its own time.
#[test]
fn who_comes_back_first_throws_nobody_out() {
    let mut world = World::new(Rules::default()).with("web", 100, TTL, TTL / 3);
    world.silence(0..100);
    world.run(3 * TTL);
    assert_eq!((world.held(), world.removed.len()), (100, 0));
    let now = world.now;
    for (place, host) in world.hosts.iter_mut().enumerate() {
        host.silent = false;
        host.next = now + 1 + host.every * place as u64 / 100;
    }
    world.run(2 * TTL);
    assert_eq!((world.held(), world.removed.len()), (0, 0));
}

#[test]
fn what_an_engine_ends_is_braked_too() {
    let mut world = World::new(Rules::default());
    let keys: Vec<HostKey> = (0..10).map(|place| key("web", &format!("h{place}"))).collect();
    for key in &keys {
        world.register(key, TTL);
    }
    // As rows of a shared store come: their lease is kept elsewhere.
    let rows: Vec<Host> = world.table.hosts().iter().map(|host| Host::clone(host)).collect();
    world.table = HostTable::braked(Rules::default(), 7);
    for mut host in rows {
        host.lease = Lease::new(Some(Duration::from_millis(TTL)), at(0));
        host.lease.keep(true);
        world.table.replace(None, Some(host), Cause::Api(Dialect::Native), at(0));
    }
    world.run(3 * TTL);
    assert_eq!(world.table.hosts().len(), 10, "no clock here ends them");
    let changes = world.table.lapse(&keys[..1], &Late::default(), at(world.now));
    assert!(matches!(&changes[..], [change] if change.after.is_none()), "one leaves at once");
    world.run(2 * TTL);
    let changes = world.table.lapse(&keys[1..7], &Late::default(), at(world.now));
    assert!(changes.len() == 6 && changes.iter().all(|change| change.after.is_some()));
    world.step();
    assert_eq!((world.held(), world.table.hosts().len()), (6, 9));
    assert_eq!(world.table.lapse(&keys[1..7], &Late::default(), at(world.now)).len(), 0, "once is enough");
    world.run(TTL + 500);
    assert_eq!((world.held(), world.table.hosts().len()), (6, 9), "nobody has heard of the others since");
    let service = keys[0].service.clone();
    assert_eq!(world.table.waiting(9), std::slice::from_ref(&service));
    world.table.hear_of(&[(service, at(world.now))], at(world.now));
    world.run(1000);
    assert_eq!((world.held(), world.table.hosts().len()), (0, 3), "the others are well");
}

/// `count` hosts of `web` whose leases an engine keeps, at one of several servers.
fn elsewhere(count: usize, rules: Rules) -> (World, Vec<Host>) {
    let mut world = World::new(rules.clone());
    for place in 0..count {
        world.register(&key("web", &format!("h{place}")), TTL);
    }
    let rows: Vec<Host> = world.table.hosts().iter().map(|host| Host::clone(host)).collect();
    rows.iter().for_each(|host| host.lease.keep(true));
    world.table = HostTable::braked(rules, 7);
    for host in &rows {
        world.table.absorb(Host::clone(host), Revision(1), Cause::Api(Dialect::Native), at(0));
    }
    (world, rows)
}

#[test]
fn an_engine_says_who_is_late() {
    let rules = Rules { service: Rule { least: 2, ..Rule::default() }, ..Rules::default() };
    let (mut world, rows) = elsewhere(2, rules);
    let late = |count| Late { services: [(rows[0].service.clone(), count)].into(), all: count };
    assert_eq!(world.table.lapse(&[rows[0].key()], &late(1), at(1)).len(), 1);
    assert_eq!((world.held(), world.table.hosts().len()), (1, 2), "the other one is about to end");
    let (mut world, rows) = elsewhere(2, Rules::default());
    world.table.lapse(&[rows[0].key()], &late(0), at(1));
    assert_eq!((world.held(), world.table.hosts().len()), (0, 1), "the other one is well");
}

#[test]
fn what_others_keep_is_kept_here() {
    let (mut world, rows) = elsewhere(10, Rules::default());
    let until = at(3 * TTL);
    for (place, host) in rows.iter().take(6).enumerate() {
        let kept = |world: &mut World| world.table.absorb_kept(Host::clone(host), until, Revision(9), at(1));
        assert!(kept(&mut world).is_some());
        assert!(kept(&mut world).is_none(), "an echo");
        assert_eq!(world.held(), place + 1);
    }
    assert!(matches!(world.table.brake(9).services[0].1.phase, Phase::Braked { .. }));
    world.step();
    // Drained, it is kept on; heard of again, free; deregistered or let go elsewhere, gone.
    let drained = Host { draining: true, ..Host::clone(&rows[0]) };
    assert!(world.table.absorb_kept(drained, until, Revision(10), at(2)).is_some());
    assert_eq!(world.held(), 6);
    world.table.absorb(Host::clone(&rows[1]), Revision(11), Cause::Api(Dialect::Native), at(world.now));
    assert_eq!(world.held(), 5);
    world.table.absorb_removal(&rows[2].key(), Revision(12), Cause::Api(Dialect::Native), at(world.now));
    world.table.absorb_end(&rows[3].key(), Revision(13), at(world.now));
    world.step();
    assert_eq!((world.held(), world.table.hosts().len()), (3, 8));
    assert_eq!(world.table.brake(9).totals.released, [0, 0, 2, 1, 0]);
    // A server that starts has them, too.
    let stored: Vec<_> = world.table.hosts().iter().map(|host| Host::clone(host).into()).collect();
    world.table = HostTable::braked(Rules::default(), 7).filled(stored, Revision(14), at(world.now));
    world.step();
    assert_eq!((world.held(), world.table.hosts().len()), (3, 8));
}

#[test]
fn one_of_several_servers_lets_go() {
    let (mut world, rows) = elsewhere(10, Rules::default());
    let keys: Vec<HostKey> = rows.iter().take(6).map(Host::key).collect();
    world.table.lapse(&keys, &Late::default(), at(1));
    world.table.release(None, at(2));
    let run = |world: &mut World, decides: bool| {
        for _ in 0..100 {
            world.now += STEP;
            world.table.tick_of(at(world.now), 100, &|_| decides);
        }
        world.held()
    };
    assert_eq!(run(&mut world, false), 6, "that is another one's to do");
    assert_eq!(run(&mut world, true), 0);
    assert_eq!(world.table.hosts().len(), 4);
}

#[test]
fn a_lost_commit_keeps_no_host_longer() {
    let mut world = World::new(Rules::default()).with("web", 10, TTL, TTL / 3);
    world.silence(0..10);
    world.run(2 * TTL);
    let (hosts, revision) = (world.table.hosts().clone(), world.table.revision());
    let gone = world.table.apply(Event::Deregister(key("web", "h0001")), at(world.now)).expect("it is there");
    let drained = Event::Drain { host: key("web", "h0002"), enable: true };
    let drained = world.table.apply(drained, at(world.now)).expect("it is there");
    let undone = [gone.change().expect("a change").clone(), drained.change().expect("a change").clone()];
    world.table.roll_back(hosts, revision, &undone, at(world.now));
    world.run(STEP);
    assert_eq!((world.held(), world.table.hosts().len()), (10, 10));
    world.run(4 * TTL);
    assert_eq!((world.held(), world.table.hosts().len()), (0, 0));
}

#[test]
#[ignore = "a measurement"]
#[allow(clippy::disallowed_methods, reason = "it measures")]
#[allow(clippy::print_stdout, reason = "it measures")]
fn what_it_costs() {
    for count in [100_000_u64, 1_000_000] {
        for (what, rules) in [("off", None), ("on", Some(Rules::default()))] {
            let table = rules.map_or_else(HostTable::default, |rules| HostTable::braked(rules, 7));
            let mut world = World { table, ..World::new(Rules::default()) };
            let keys: Vec<HostKey> = (0..count).map(|n| key(&format!("s{}", n % 1000), &format!("h{n}"))).collect();
            keys.iter().for_each(|key| world.register(key, TTL));
            let mut timed = |name: &str, work: &mut dyn FnMut(&mut World)| {
                let start = std::time::Instant::now();
                work(&mut world);
                let each = start.elapsed().as_nanos() / u128::from(count);
                println!("{count} hosts, brake {what}: {name} {each} ns a host");
            };
            let tick_all = |world: &mut World| {
                while !world.table.tick(at(world.now), 256).is_empty()
                    || world.table.next_due().is_some_and(|next| next <= at(world.now))
                {}
            };
            for round in 1..=6 {
                let beat = |world: &mut World| {
                    world.now = round * TTL / 3;
                    for key in &keys {
                        world.table.apply(Event::Renew(key.clone()), at(world.now)).expect("it is there");
                    }
                };
                timed("heartbeats", &mut |world| beat(world));
                timed("deadlines", &mut |world| tick_all(world));
            }
            timed("all fall silent", &mut |world| {
                for _ in 0..TTL * 12 / 1000 / 10 {
                    world.now += 1000;
                    tick_all(world);
                }
            });
        }
    }
}
