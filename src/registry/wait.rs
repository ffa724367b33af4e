//! Waiting for one thing: whoever waits for a service is woken by its changes and by no others, however many wait.
//!
//! What is waited for is a revision that the snapshot says ([`Topic::modified`]); a wake-up only says that it is worth a
//! look.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Registry, Snapshot};
use crate::table::{Change, Hosts, Revision, ServiceName, Standing};

/// What somebody waits for a change of.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Topic {
    /// The hosts of a service, and the nodes that they stand on. The name is in lower case: see [`Topic::service`].
    Service(Box<str>),
    /// The list of the services and their tags.
    Services,
    /// The nodes.
    Nodes,
    /// A node and what stands on it; see [`Standing::node`].
    Node(Box<str>),
    /// Anything.
    Everything,
}

impl Topic {
    /// A service, in whatever case.
    pub fn service(name: &str) -> Topic {
        Topic::Service(name.to_ascii_lowercase().into())
    }

    /// The revision since which it is as it is.
    pub fn modified(&self, snapshot: &Snapshot) -> Revision {
        let hosts = &snapshot.hosts;
        match self {
            Topic::Service(service) => hosts.modified(service),
            Topic::Services => hosts.list_modified(),
            Topic::Nodes => hosts.nodes_modified(),
            Topic::Node(node) => hosts.node_modified(node),
            Topic::Everything => snapshot.revision,
        }
    }
}

/// Those who wait, by what they wait for.
#[derive(Default)]
pub(super) struct Waiting {
    topics: Mutex<HashMap<Topic, Bell>>,
    /// How many wait: a change looks at nothing else while nobody does.
    count: AtomicUsize,
}

struct Bell {
    notify: Arc<Notify>,
    waiters: usize,
}

impl Waiting {
    /// Wakes who waits for what changed. Called after the swap, so that whoever looks sees it.
    pub(super) fn wake(&self, changes: &[Change], hosts: &Hosts) {
        if changes.is_empty() || self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let topics = self.topics.lock();
        let ring = |topic: &Topic| {
            if let Some(bell) = topics.get(topic) {
                bell.notify.notify_waiters();
            }
        };
        ring(&Topic::Everything);
        if changes.first().is_some_and(|first| hosts.list_modified() >= first.revision) {
            ring(&Topic::Services);
        }
        let mut last: Option<&ServiceName> = None;
        for host in changes.iter().map(Change::host) {
            match host.as_node() {
                Some(node) => {
                    ring(&Topic::Nodes);
                    ring(&Topic::Node(node.into()));
                    hosts.on_node(node).for_each(|host| ring(&Topic::service(host.service.as_str())));
                }
                None => {
                    if last != Some(&host.service) {
                        ring(&Topic::service(host.service.as_str()));
                        last = Some(&host.service);
                    }
                    ring(&Topic::Node(Standing::of(&host.id).node.into()));
                }
            }
        }
    }

    fn join(&self, topic: &Topic) -> Arc<Notify> {
        self.count.fetch_add(1, Ordering::SeqCst);
        let mut topics = self.topics.lock();
        let bell = topics.entry(topic.clone()).or_insert_with(|| Bell { notify: Arc::default(), waiters: 0 });
        bell.waiters += 1;
        Arc::clone(&bell.notify)
    }

    fn leave(&self, topic: &Topic) {
        self.count.fetch_sub(1, Ordering::SeqCst);
        if let Entry::Occupied(mut entry) = self.topics.lock().entry(topic.clone()) {
            entry.get_mut().waiters -= 1;
            if entry.get().waiters == 0 {
                entry.remove();
            }
        }
    }
}

/// A place among those who wait, free again when it is dropped.
struct Place<'a> {
    waiting: &'a Waiting,
    topic: &'a Topic,
    notify: Arc<Notify>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.leave(self.topic);
    }
}

impl Registry {
    /// Waits until what `topic` speaks of has changed after `seen`, and is visible; for ever where it never does.
    pub async fn changed_after(&self, topic: &Topic, seen: Revision) {
        let place = Place { waiting: &self.waiting, topic, notify: self.waiting.join(topic) };
        loop {
            let woken = place.notify.notified();
            tokio::pin!(woken);
            // From here on no wake-up is missed.
            woken.as_mut().enable();
            if topic.modified(&self.snapshot()) > seen {
                return;
            }
            woken.await;
        }
    }

    /// How many wait by [`Registry::changed_after`].
    pub fn waiting(&self) -> usize {
        self.waiting.count.load(Ordering::SeqCst)
    }
}
