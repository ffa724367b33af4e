//! The prober on a clock that moves only when told.

use super::*;
use crate::registry::Durability;
use crate::table::{CheckDefinition, Revision};
use crate::zone::Zones;

/// A table whose checks are done, so many probes at a time.
struct Bench {
    registry: Arc<Registry>,
    _stop: tokio_util::sync::DropGuard,
}

impl Bench {
    fn start(slots: usize) -> Bench {
        let registry = Arc::new(Registry::new(clock(), Zones::default(), Durability::Immediate));
        registry.load([], Revision::default(), 0);
        let stop = CancellationToken::new();
        let prober = Prober { slots, ..Prober::new(Arc::clone(&registry), Settings::default()) };
        tokio::spawn(prober.run(stop.clone()));
        Bench { registry, _stop: stop.drop_guard() }
    }

    async fn register(&self, id: &str, address: SocketAddr, interval: Duration) {
        let timeout = Some(limits::CHECK_TIMEOUT_MAX);
        let wishes = Wishes { interval: Some(interval), timeout, ..Wishes::default() };
        let terms = Terms::parse("", CheckKind::Http(Box::new(http("http:/"))), wishes).expect("terms");
        let check = CheckDefinition::new("up".into(), Some(Arc::new(terms)));
        let registration = Registration { checks: Some(vec![check]), ..registration(id, address) };
        self.registry.submit(Event::Register(Box::new(registration))).await.expect("a host");
    }

    /// Lets time go on, slowly enough for whoever answers.
    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let wait = async {
            while !holds() {
                self.registry.clock().advance(Duration::from_millis(20));
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            }
        };
        assert!(tokio::time::timeout(30 * SECOND, wait).await.is_ok(), "{what}");
    }
}

fn hits(target: &Target) -> usize {
    target.hits.load(Ordering::SeqCst)
}

#[tokio::test]
async fn hosts_that_hang_do_not_take_every_place() {
    let bench = Bench::start(4);
    let good = Target::http("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let hanging = Target::start(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    bench.register("good", good.address, SECOND).await;
    bench.until("one answer", || hits(&good) > 1).await;
    for id in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        bench.register(id, hanging.address, 60 * SECOND).await;
    }
    bench.until("three that hang", || hits(&hanging) == 3).await;
    let before = hits(&good);
    bench.until("the good one asked on", || hits(&good) > before + 3).await;
    assert_eq!(hits(&hanging), 3, "a place is kept for the good one");
}

#[tokio::test]
async fn a_probe_that_panics_is_put_off() {
    let panicked = unharmed(async { panic!("as a test wants it") }).await;
    assert!(matches!(panicked, Err(Failure::PutOff)));
}
