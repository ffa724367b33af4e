//! The servers of a table: each has an item that it writes at every reading. Who has stopped doing so is gone, and what
//! it looked after (checks, leases that end) is the others'.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::engine::Engine;
use super::expression;
use super::item::{CHECK_IN, Item};
use super::place::{self, Place};
use crate::clock::Timestamp;
use crate::registry::Duty;

/// Readings without a word of a server after which it counts as gone.
const PATIENCE: u32 = 3;
/// Time without a word after which the item of a server is deleted.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// What is known of the servers.
#[derive(Debug)]
pub(super) struct Servers {
    own: String,
    /// The last word of each other, and when it was first seen.
    others: BTreeMap<Box<str>, (Box<str>, Timestamp)>,
}

impl Servers {
    /// One that calls itself so, and knows of nobody else yet.
    pub(super) fn new(own: String) -> Servers {
        Servers { own, others: BTreeMap::new() }
    }

    /// Takes an item for what it says of a server, if it is of one.
    pub(super) fn hear(&mut self, item: &Item, now: Timestamp) {
        let Some(key) = item.key().filter(|key| *key.service == *place::SERVERS) else { return };
        let Ok(Place::Server(name)) = place::read(&key) else { return };
        let word = item.text(CHECK_IN).unwrap_or_default();
        if *name == *self.own || self.others.get(&name).is_some_and(|(known, _)| **known == *word) {
            return;
        }
        self.others.insert(name, (word.into(), now));
    }

    /// Who lives, and who is to be forgotten.
    fn judge(&mut self, patience: Duration, now: Timestamp) -> (Duty, Vec<Box<str>>) {
        let silent = |since: Timestamp| now.since(since);
        let living = self.others.iter().filter(|(_, (_, since))| silent(*since) <= patience);
        let duty = Duty::new(&self.own, living.map(|(name, _)| name.to_string()));
        let gone = self.others.iter().filter(|(_, (_, since))| silent(*since) > FORGOTTEN.max(patience));
        let gone: Vec<Box<str>> = gone.map(|(name, _)| name.clone()).collect();
        self.others.retain(|name, _| !gone.contains(name));
        (duty, gone)
    }
}

impl Engine {
    /// Says that this server lives, and works out what it looks after.
    pub(super) async fn announce(&self) {
        let (own, duty, gone) = {
            let mut servers = self.servers.lock();
            let patience = self.settings.poll * PATIENCE + Duration::from_secs(2);
            let (duty, gone) = servers.judge(patience, self.registry.now());
            (servers.own.clone(), duty, gone)
        };
        self.stats.servers.store(duty.servers() as u64, Ordering::Relaxed);
        self.registry.set_duty(duty);
        let live = expression::live(&place::of_server(&own), &self.moment());
        if let Err(trouble) = self.client.set(live).await {
            tracing::debug!(%trouble, "the other servers are not told that this one lives");
            return;
        }
        for name in gone {
            let _ = self.client.forget(&place::of_server(&name)).await;
        }
    }

    /// Takes leave of the others.
    pub(super) async fn leave(&self) {
        let own = self.servers.lock().own.clone();
        if self.registry.away().is_none() {
            let key = place::of_server(&own);
            let _ = tokio::time::timeout(Duration::from_secs(1), self.client.forget(&key)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::dynamodb::item::{ADDRESS, SERVICE, text};

    fn word(name: &str, moment: &str) -> Item {
        let mut item = Item::default();
        item.set(SERVICE, text(place::SERVERS));
        item.set(ADDRESS, text(name));
        item.set(CHECK_IN, text(moment));
        item
    }

    #[test]
    fn who_says_nothing_new_is_gone() {
        let at = |secs: u64| Timestamp::from_micros(secs * 1_000_000);
        let patience = Duration::from_secs(15);
        let mut servers = Servers::new("a".into());
        servers.hear(&word("a", "1"), at(0));
        servers.hear(&word("b", "1"), at(0));
        assert_eq!(servers.judge(patience, at(10)).0, Duty::new("a", ["b".into()]));
        servers.hear(&word("b", "1"), at(14));
        assert_eq!(servers.judge(patience, at(16)).0, Duty::new("a", []));
        servers.hear(&word("b", "2"), at(20));
        assert_eq!(servers.judge(patience, at(20)).0, Duty::new("a", ["b".into()]));
        assert_eq!(servers.judge(patience, at(700)).1, ["b".into()]);
        assert!(servers.others.is_empty());
    }
}
