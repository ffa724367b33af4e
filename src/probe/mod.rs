//! Asking the hosts: a follower of the table that does the checks and says what it heard.
//!
//! What is due when (`schedule`), which checks there are (`book`), how many results flip a status (`tally`) and
//! whom nobody may ask (`guard`) are pure. The [`Prober`] is one task that keeps them; each probe is a task of its own
//! with a slot, a time-out and at most one at a time for a check: a host that hangs costs its own slot. A verdict goes
//! in as [`Event::Observe`], which changes something only where the status is another.

mod alias;
mod book;
mod guard;
mod http;
mod http2;
mod net;
mod os_service;
mod pace;
mod resolver;
mod schedule;
mod sockets;
mod stats;
mod tally;
mod tls;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use rustix::process::{Resource, getrlimit};
use tokio::task::{JoinError, JoinSet};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Timestamp};
use crate::limits;
use crate::registry::{Follower, Registry};
use crate::table::{Check, CheckKind, Event, Host, Status, Terms};
use book::{Book, CheckKey, Job};
use net::{Failure, Heard, Net, Probe};
use pace::Budget;

pub use guard::{ALLOWED, DENIED};
pub use resolver::Resolver;
pub use stats::{Stats, StatsCollector};

/// Whom the prober may ask.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Networks that are never asked.
    pub deny: Vec<(IpAddr, u8)>,
    /// Networks that are asked where they are not the host's own address.
    pub allow: Vec<(IpAddr, u8)>,
    /// The listeners of this server, which are never asked either.
    pub own: Vec<SocketAddr>,
    /// Whether a redirect is followed where a check asks for it.
    pub redirects: bool,
    /// What is run to ask for a service of this machine; `None`: nobody may have it asked.
    pub systemctl: Option<OsString>,
    /// Roots of trust beside those of the system.
    pub roots: Vec<CertificateDer<'static>>,
}

/// What an operator has who sets nothing, on a server without listeners.
impl Default for Settings {
    fn default() -> Settings {
        Settings {
            deny: DENIED.to_vec(),
            allow: ALLOWED.to_vec(),
            own: Vec::new(),
            redirects: false,
            systemctl: None,
            roots: Vec::new(),
        }
    }
}

/// Does the checks of a table.
pub struct Prober {
    registry: Arc<Registry>,
    net: Arc<Net>,
    book: Book,
    running: JoinSet<Ended>,
    slots: usize,
    /// Probes under way of checks that are not known to be quick.
    unproven: usize,
    budget: Budget,
    stats: Arc<Stats>,
}

/// A probe that is over.
struct Ended {
    job: Job,
    heard: Result<Heard, Failure>,
    took: Duration,
}

impl Prober {
    /// A prober of the checks in `registry`.
    pub fn new(registry: Arc<Registry>, settings: Settings) -> Prober {
        let net = Arc::new(Net::new(settings, Arc::clone(registry.clock())));
        Prober {
            registry,
            net,
            book: Book::default(),
            running: JoinSet::new(),
            slots: slots(),
            unproven: 0,
            budget: Budget::default(),
            stats: Arc::default(),
        }
    }

    /// What is counted.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// Does checks until `shutdown`; probes that are under way are dropped then.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let registry = Arc::clone(&self.registry);
        let mut follower = registry.follow();
        let mut duty = registry.watch_duty();
        self.begin(&mut follower);
        loop {
            let due = self.start_due();
            self.stats.now(self.book.len(), self.running.len());
            let timer = async {
                match due {
                    Some(at) => registry.clock().sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                changes = follower.next(&registry) => match changes {
                    Ok(changes) => {
                        let now = registry.now();
                        changes.iter().for_each(|change| self.book.follow(change, now));
                        self.settle_aliases();
                    }
                    Err(_) => self.begin(&mut follower),
                },
                // What another server did is ours now, or the other way round. The registry keeps the sender.
                Ok(()) = duty.changed() => self.begin(&mut follower),
                Some(ended) = self.running.join_next() => self.finish(ended),
                () = timer => {}
            }
        }
        self.running.shutdown().await;
    }

    /// Reads the table whole.
    fn begin(&mut self, follower: &mut Follower) {
        let snapshot = self.registry.snapshot_arc();
        follower.seek(snapshot.revision);
        self.book.reset(&snapshot.hosts, self.registry.duty(), self.registry.now());
        tracing::debug!(checks = self.book.len(), "the prober has read the table");
        self.settle_aliases();
    }

    /// Starts what is due, as far as there are slots and the budget of the second goes. Gives the moment at which to go
    /// on; `None` where no time but the end of a probe, or a change, is what it takes.
    fn start_due(&mut self) -> Option<Timestamp> {
        let now = self.registry.now();
        while self.running.len() < self.slots {
            let due = self.book.next_due()?;
            if due > now {
                return Some(due);
            }
            if let Err(later) = self.budget.take(now) {
                return Some(later);
            }
            let job = self.book.take_due(now)?;
            if !job.is_quick && self.unproven >= self.slots - self.slots / limits::PROBES_QUICK_SHARE {
                self.budget.give_back();
                self.book.put_off(&job, limits::PROBE_PUT_OFF, now);
                continue;
            }
            self.unproven += usize::from(!job.is_quick);
            let (net, registry) = (Arc::clone(&self.net), Arc::clone(&self.registry));
            self.running.spawn(async move {
                let heard = unharmed(ask(&net, &job)).await;
                Ended { job, heard, took: registry.now().since(now) }
            });
        }
        None
    }

    fn finish(&mut self, ended: Result<Ended, JoinError>) {
        // Only a stop ends a probe from outside.
        let Ok(Ended { job, heard, took }) = ended else { return };
        self.unproven -= usize::from(!job.is_quick);
        self.stats.probed(&job.terms.kind, &heard);
        let now = self.registry.now();
        let Heard { status, output } = match heard {
            Ok(heard) => heard,
            Err(Failure::Critical(output)) => Heard { status: Status::Critical, output },
            Err(Failure::PutOff) => return self.book.put_off(&job, limits::PROBE_PUT_OFF, now),
        };
        if let Some(status) = self.book.done(&job, status, took, now) {
            let Job { key: CheckKey { host, check }, terms, .. } = job;
            let output = Check::cut_output(&output).into();
            self.say(Event::Observe { host, check, terms, status, output });
        }
    }

    /// Brings the checks that are what other hosts are up to date.
    fn settle_aliases(&mut self) {
        let stirred = self.book.take_stirred();
        if stirred.is_empty() {
            return;
        }
        let (snapshot, now) = (self.registry.snapshot_arc(), self.registry.now());
        for key in stirred {
            if let Some(event) = alias::observe(&snapshot.hosts, key, now) {
                self.say(event);
            }
        }
    }

    /// Puts a verdict in. It is staged when this returns; whether it is stored need not be waited for: where it is not,
    /// the next probe finds the old status in the table and says the same again.
    fn say(&self, event: Event) {
        let _ = self.registry.submit(event).now_or_never();
    }
}

/// How many probes there may be at a time: each needs a descriptor, and so do those whom we serve.
fn slots() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / limits::PROBES_PER_DESCRIPTORS;
    usize::try_from(descriptors).unwrap_or(usize::MAX).clamp(1, limits::PROBES_AT_A_TIME)
}

/// A probe that panics must not be the last one of its check.
async fn unharmed(asked: impl Future<Output = Result<Heard, Failure>>) -> Result<Heard, Failure> {
    AssertUnwindSafe(asked).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a probe failed in itself");
        Err(Failure::PutOff)
    })
}

/// Asks one host, for a program that looks after it and has no table.
pub struct Asker(Net);

impl Asker {
    /// Asks whom these settings allow.
    pub fn new(settings: Settings, clock: Arc<Clock>) -> Asker {
        Asker(Net::new(settings, clock))
    }

    /// One probe: the verdict, and what is said with it; `None` where this program lacks what it takes.
    pub async fn ask(&self, host: &Host, terms: &Terms) -> Option<(Status, String)> {
        match ask_host(&self.0, host, terms).await {
            Ok(Heard { status, output }) => Some((status, output)),
            Err(Failure::Critical(why)) => Some((Status::Critical, why)),
            Err(Failure::PutOff) => None,
        }
    }
}

/// One probe of a check that is due.
async fn ask(net: &Net, job: &Job) -> Result<Heard, Failure> {
    ask_host(net, &job.host, &job.terms).await
}

/// One probe, with its time-out.
async fn ask_host(net: &Net, host: &Host, terms: &Terms) -> Result<Heard, Failure> {
    let timeout = terms.timeout.clamp(limits::CHECK_TIMEOUT_MIN, limits::CHECK_TIMEOUT_MAX);
    let end = net.clock().now().after(timeout);
    let (probe, octets) = (Probe { net, host, end }, usize::from(terms.output_octets));
    let asked = async {
        match &terms.kind {
            CheckKind::Http(check) => http::ask(probe, check, octets).await,
            CheckKind::Tcp(endpoint, tls) => sockets::tcp(probe, endpoint, tls.as_ref()).await,
            CheckKind::Udp(endpoint) => sockets::udp(probe, endpoint).await,
            CheckKind::Grpc(endpoint, service, tls) => http2::grpc(probe, endpoint, service, tls.as_ref()).await,
            CheckKind::H2Ping(endpoint, tls) => http2::ping(probe, endpoint, tls.as_ref()).await,
            CheckKind::OsService(unit) => os_service::ask(net, unit).await,
            CheckKind::Reported | CheckKind::Ttl(_) | CheckKind::Alias(..) => Err(Failure::PutOff),
        }
    };
    match net.clock().before(end, asked).await {
        Some(heard) => heard,
        None => Err(Failure::Critical(format!("timeout: no answer within {timeout:?}"))),
    }
}

/// A check of the host's own port, where it has none.
fn no_port() -> Failure {
    Failure::Critical("the host has no port that could be asked".into())
}

#[cfg(test)]
mod tests;
