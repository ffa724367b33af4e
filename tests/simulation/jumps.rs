//! The wall clock is set by an hour, by ten years, by a second, and back, while hosts register, beat and fall silent
//! (promise 6: clock jumps change nothing). One history is lived twice, with jumps and without: the same rows, the same
//! moments at which leases and checks end, the same answers. With the store in a file also over restarts, whose clocks begin
//! wherever the wall clock is by then.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rollcall::clock::{Clock, Timestamp};
use rollcall::registry::{Durability, Registry};
use rollcall::store;
use rollcall::table::{
    Applied, CheckDefinition, CheckKind, Dialect, Event, HostId, HostKey, Port, Registration, ServiceName, Status,
    Target, Terms, Wishes,
};
use rollcall::zone::{Asker, Name, Policy, Question, Random, rtype};

use crate::ask;
use crate::dice::Dice;

/// A day of 2027.
const START: u64 = 1_800_000_000_000_000;
const SECOND: i64 = 1_000_000;
const YEAR: i64 = 365 * 86_400 * SECOND;
const OFFSETS: [i64; 7] = [0, SECOND, -SECOND, 3600 * SECOND, -3600 * SECOND, 10 * YEAR, -10 * YEAR];
/// Steps over a file, each of which waits for a disk.
const STEPS_OF_FILE: u64 = 120;

/// One random history; returns how many hosts' leases have ended in it.
pub(crate) fn history(seed: u64, steps: u64) -> u64 {
    let mut ended = 0;
    for (durability, steps) in [(Durability::Immediate, steps), (Durability::Grouped, steps.min(STEPS_OF_FILE))] {
        let (calm, jumping) = (Run::lived(seed, steps, durability, false), Run::lived(seed, steps, durability, true));
        for (step, (calm, jumping)) in calm.told.iter().zip(&jumping.told).enumerate() {
            assert_eq!(calm, jumping, "{durability:?}, step {step}");
        }
        assert_eq!(calm.told.len(), jumping.told.len());
        ended += jumping.ended;
    }
    ended
}

/// A server between its start and its end.
struct Life {
    registry: Arc<Registry>,
    writer: Option<JoinHandle<()>>,
    /// What its clock began at.
    began: u64,
}

impl Life {
    fn start(durability: Durability, directory: &std::path::Path, began: u64) -> Life {
        let clock = Arc::new(Clock::manual(Timestamp::from_micros(began)));
        let registry = Arc::new(Registry::new(clock, ask::empty_zones(Policy::default()), durability));
        if durability == Durability::Immediate {
            registry.load([], rollcall::table::Revision::default(), 7);
            return Life { registry, writer: None, began };
        }
        let mut store = store::open(&store::Settings::file(directory.to_owned())).expect("a store").store;
        let loaded = store.load().expect("rows");
        registry.load(loaded.rows, loaded.revision, loaded.serial);
        let writes = Arc::clone(&registry);
        let writer = std::thread::spawn(move || store::run_writer(&writes, store, |_| {}));
        Life { registry, writer: Some(writer), began }
    }

    fn end(&mut self) {
        self.registry.close();
        if let Some(writer) = self.writer.take() {
            writer.join().expect("the writer ends");
        }
    }
}

struct Run {
    life: Life,
    dice: Dice,
    /// Decides about the wall clock only, so that both runs throw the same dice.
    wind: Option<Dice>,
    /// Microseconds of the lives before.
    before: u64,
    barriers: u16,
    told: Vec<String>,
    ended: u64,
}

impl Run {
    fn lived(seed: u64, steps: u64, durability: Durability, jumps: bool) -> Run {
        let directory = tempfile::tempdir().expect("a directory");
        let life = Life::start(durability, directory.path(), START);
        let wind = jumps.then(|| Dice::new(seed ^ 0x5eed));
        let mut run = Run { life, dice: Dice::new(seed), wind, before: 0, barriers: 0, told: Vec::new(), ended: 0 };
        for _ in 0..steps {
            run.jump();
            if durability == Durability::Grouped && run.dice.one_in(40) {
                run.restart(durability, directory.path());
            }
            run.step();
        }
        run.ended += run.life.registry.ended();
        run.life.end();
        run
    }

    fn offset(&mut self) -> i64 {
        self.wind.as_mut().map_or(0, |wind| OFFSETS[wind.below(OFFSETS.len())])
    }

    fn jump(&mut self) {
        let offset = self.offset();
        self.life.registry.clock().set_wall(offset);
    }

    fn restart(&mut self, durability: Durability, directory: &std::path::Path) {
        self.life.end();
        self.ended += self.life.registry.ended();
        self.before += self.life.registry.now().as_micros() - self.life.began;
        let began = (START + self.before).saturating_add_signed(self.offset());
        self.life = Life::start(durability, directory, began);
    }

    fn step(&mut self) {
        let event = self.event();
        let outcome = match submit(&self.life.registry, event) {
            Ok(Applied::Created(_)) => "created".into(),
            Ok(Applied::Updated(_)) => "updated".into(),
            Ok(Applied::Removed(_)) => "removed".into(),
            Ok(Applied::Unchanged(_)) => "unchanged".into(),
            Err(error) => error.to_string(),
        };
        let passes = Duration::from_millis(self.dice.below(1500) as u64);
        self.life.registry.clock().advance(passes);
        self.jump();
        while self.life.registry.expire_due() {}
        // What was staged before it is published with it.
        self.barriers = self.barriers % 1000 + 1;
        submit(&self.life.registry, registration("barrier", "b", self.barriers, None, None)).expect("a barrier");
        let told = self.tell(&outcome);
        self.told.push(told);
    }

    fn event(&mut self) -> Event {
        let service = ["web", "db"][self.dice.below(2)];
        let id = ["a", "b", "c", "d"][self.dice.below(4)];
        let host = key(service, id);
        match self.dice.below(10) {
            0..=3 => {
                let ttl = Duration::from_secs(2 + self.dice.below(6) as u64);
                let check = self.dice.one_in(3).then(|| Duration::from_secs(1 + self.dice.below(3) as u64));
                registration(service, id, 80, self.dice.below(5).checked_sub(1).map(|_| ttl), check)
            }
            4..=6 => Event::Renew(host),
            7 => Event::Report { host, check: "alive".into(), status: Status::Passing, output: "".into() },
            8 => Event::Drain { host, enable: self.dice.one_in(2) },
            _ => Event::Deregister(host),
        }
    }

    /// Time since the first start; of what never comes a word.
    fn moment(&self, at: Option<Timestamp>) -> String {
        at.map_or("never".into(), |at| (at.as_micros() - self.life.began + self.before).to_string())
    }

    /// All that anybody could see.
    fn tell(&self, outcome: &str) -> String {
        let registry = &self.life.registry;
        let (snapshot, now) = (registry.snapshot_arc(), registry.now());
        let mut told = format!("{} {outcome}\n", self.moment(Some(now)));
        for host in snapshot.hosts.iter() {
            let (key, served, revision) = (host.key(), snapshot.serves(host, now), host.modified);
            let (renewed, ends) = (self.moment(Some(host.lease.renewed())), self.moment(host.lease.expires()));
            told.push_str(&format!("{key} {:?} {served} {revision} {renewed} {ends}\n", host.status()));
        }
        for (at, key) in registry.deadlines(1000) {
            told.push_str(&format!("{} is due for {key}\n", self.moment(Some(at))));
        }
        for name in ["web.service.local", "db.service.local", "a.web.service.local"] {
            let name = Name::parse("name", &format!("{name}."), &Name::root()).expect("a name");
            for qtype in [rtype::A, rtype::SRV] {
                let question = Question { name: name.as_wire(), qtype };
                let zone = snapshot.zones.find_for(&question).expect("a zone");
                let answer = zone.answer(&question, &Asker::at(now), &mut Random::new(1));
                let records = answer.answer.iter().map(|record| format!("{} {:?}", record.ttl, record.data));
                told.push_str(&format!("{name} {qtype} {:?} {:?}\n", answer.rcode, records.collect::<Vec<_>>()));
            }
        }
        told
    }
}

fn submit(registry: &Registry, event: Event) -> Result<Applied, rollcall::registry::SubmitError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(registry.submit(event))
}

fn key(service: &str, id: &str) -> HostKey {
    HostKey {
        service: ServiceName::parse("service", service).expect("a name"),
        dialect: Dialect::Native,
        id: HostId::parse("id", id).expect("an id"),
    }
}

fn registration(service: &str, id: &str, port: u16, ttl: Option<Duration>, check: Option<Duration>) -> Event {
    let HostKey { service, dialect, id } = key(service, id);
    let check = check.map(|ttl| {
        let terms = Terms::parse("", CheckKind::Ttl(ttl), Wishes::default()).expect("terms");
        CheckDefinition { status: Some(Status::Passing), ..CheckDefinition::new("alive".into(), Some(Arc::new(terms))) }
    });
    Event::Register(Box::new(Registration {
        ports: [Port::tcp(port)].into_iter().collect(),
        ttl,
        checks: Some(check.into_iter().collect()),
        ..Registration::new(service, dialect, id, Target::parse("address", ["10.0.0.1"]).expect("an address"))
    }))
}
