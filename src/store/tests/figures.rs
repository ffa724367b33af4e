//! How fast it is: run in release with `--ignored --nocapture`.

use std::io::Write;

use super::*;
use crate::store::{FILE_NAME, Settings, open};

fn say(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").expect("writes");
}

fn fill(store: &mut Box<dyn Store>, count: usize) {
    let mut table = crate::table::HostTable::default();
    let now = clock().now();
    for first in (0..count).step_by(1000) {
        let mut changes = Vec::new();
        for number in first..count.min(first + 1000) {
            let mut registration = registration(&format!("service-{}", number % 2000), &format!("i-{number:017x}"));
            registration.tags = crate::table::parse_tags("tags", ["blue", "canary", "v1.2.3"]).expect("tags");
            registration.meta = crate::table::parse_meta("meta", [("az", "us-east-1a"), ("rack", "17")]).expect("meta");
            let address = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
            registration.target = Target::parse("address", [&*address]).expect("address");
            let applied = table.apply(Event::Register(Box::new(registration)), now).expect("registers");
            changes.push(applied.change().cloned().expect("a change"));
        }
        store.commit(&changes, table.revision(), 1).expect("commits");
    }
}

#[test]
#[ignore = "a measurement"]
fn loading() {
    let clock = Clock::system();
    for count in [100_000, 1_000_000] {
        let directory = tempfile::tempdir().expect("directory");
        let settings = Settings::file(directory.path().to_owned());
        let mut store = open(&settings).expect("opens").store;
        fill(&mut store, count);
        let killed = directory.path().join("killed");
        std::fs::create_dir(&killed).expect("makes");
        std::fs::copy(directory.path().join(FILE_NAME), killed.join(FILE_NAME)).expect("copies");
        drop(store);
        let octets = std::fs::metadata(directory.path().join(FILE_NAME)).expect("is there").len();
        for (name, data_dir) in [("closed", directory.path().to_owned()), ("killed", killed)] {
            let began = clock.now();
            let mut opened = open(&Settings::file(data_dir)).expect("opens");
            assert_eq!(opened.notices, []);
            let rows = opened.store.load().expect("loads").rows.len();
            say(&format!("{name}: {rows} rows of a {octets} octet file in {:?}", clock.now().since(began)));
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn committing() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(&Settings::file(directory.path().to_owned())).expect("opens").store;
    let commits = Arc::new(parking_lot::Mutex::new((0u32, Duration::ZERO)));
    let counter = Arc::clone(&commits);
    let running = Running::start(Arc::new(Clock::system()), store, move |outcome| {
        let mut counter = counter.lock();
        *counter = (counter.0 + 1, counter.1 + outcome.took);
    });
    let clock = Clock::system();
    for (submitters, each) in [(1, 1000), (64, 2000), (256, 500)] {
        *commits.lock() = (0, Duration::ZERO);
        let began = clock.now();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("runtime");
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for submitter in 0..submitters {
                let registry = Arc::clone(&running.registry);
                tasks.spawn(async move {
                    for number in 0..each {
                        let id = format!("{submitters}-{submitter}-{number}");
                        registry.submit(register(&format!("service-{submitter}"), &id)).await.expect("registers");
                    }
                });
            }
            tasks.join_all().await;
        });
        let took = clock.now().since(began);
        let (count, busy) = *commits.lock();
        let rate = f64::from(submitters * each) / took.as_secs_f64();
        say(&format!("{submitters} submitters: {rate:.0} registrations/s, {count} commits of {:?}", busy / count));
    }
    running.stop();
}
