//! One stream's state, without the stream: what is subscribed, what was sent, what was said about it.
//!
//! The rules are those of the xDS protocol, state of the world, for resources that may be sent alone:
//!
//! * An answer has a nonce. A request with another nonce than that of the last answer is stale and says nothing.
//! * A request names all that is wanted; what it names no more is wanted no more.
//! * One answer is under way at a time. The next goes when the last was acknowledged or rejected, and says what there is
//!   then: a client that is slow gets fewer answers, not older ones.
//! * What was rejected is not sent again before it is another.
//! * What takes too long for one answer is divided among several ([`limits::EDS_ROWS`]).

use std::collections::BTreeMap;

use super::answer::{Answer, Made, version};
use super::proto::DiscoveryRequest;
use super::resource::Resource;
use crate::limits;
use crate::registry::Snapshot;
use crate::table::Revision;

/// What a request came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// The first of the stream.
    Begun,
    /// It speaks of an answer before the last.
    Stale,
    /// The last answer is used.
    Acknowledged,
    /// It is not, and why.
    Rejected(String),
}

/// The state.
#[derive(Default)]
pub(super) struct Session {
    subscribed: BTreeMap<String, Subscription>,
    /// The number of the last answer; its nonce.
    sent: u64,
    /// Whether that was neither acknowledged nor rejected.
    under_way: bool,
    has_begun: bool,
}

/// A resource that is wanted.
struct Subscription {
    resource: Resource,
    /// Whether there may be something to send.
    is_due: bool,
    /// What was sent last.
    number: Option<u64>,
    /// Since when what it is made of was as it is, when it was looked at last.
    seen: Revision,
}

impl Session {
    /// Takes a request.
    pub(super) fn hear(&mut self, request: DiscoveryRequest) -> Heard {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        // A first request may speak of an answer of an earlier stream.
        if !is_first && request.response_nonce != self.nonce() {
            return Heard::Stale;
        }
        let was_under_way = std::mem::take(&mut self.under_way);
        self.subscribe(request.resource_names);
        match request.error_detail {
            _ if is_first => Heard::Begun,
            Some(status) if was_under_way => Heard::Rejected(status.message),
            // It says nothing that is new of the answer: only what is wanted may be another.
            Some(_) | None if !was_under_way => Heard::Begun,
            Some(_) | None => Heard::Acknowledged,
        }
    }

    fn subscribe(&mut self, names: Vec<String>) {
        let mut before = std::mem::take(&mut self.subscribed);
        for name in names {
            let kept = before.remove(&name);
            let new = || Subscription {
                resource: Resource::parse(&name),
                is_due: true,
                number: None,
                seen: Revision::default(),
            };
            let subscription = kept.unwrap_or_else(new);
            self.subscribed.entry(name).or_insert(subscription);
        }
    }

    /// What is to be looked at for the next answer, if one may be sent: [`Session::answer`] gets it as it is.
    pub(super) fn due(&mut self, snapshot: &Snapshot) -> Vec<Resource> {
        let mut due = Vec::new();
        let mut rows = 0;
        let may = !self.under_way;
        for subscription in self.subscribed.values_mut().filter(|subscription| may && subscription.is_due) {
            if rows >= limits::EDS_ROWS {
                break;
            }
            rows += subscription.resource.rows(snapshot);
            subscription.is_due = false;
            due.push(subscription.resource.clone());
        }
        due
    }

    /// The answer made of what was due; `None` where nothing of it is another than what was sent.
    pub(super) fn answer(&mut self, made: Vec<Made>) -> Option<Answer> {
        let mut resources = Vec::new();
        for made in made {
            let Some(subscription) = self.subscribed.get_mut(&*made.name) else { continue };
            subscription.seen = made.seen;
            if subscription.number.replace(made.number) != Some(made.number) {
                resources.push(made.octets);
            }
        }
        if resources.is_empty() {
            return None;
        }
        self.sent += 1;
        self.under_way = true;
        let version = version(self.subscribed.values().filter_map(|subscription| subscription.number));
        Some(Answer { version, nonce: self.nonce(), resources })
    }

    /// Whether [`Session::due`] has more to look at than it gave in one go, and may.
    pub(super) fn has_more(&self) -> bool {
        !self.under_way && self.subscribed.values().any(|subscription| subscription.is_due)
    }

    /// The resources whose changes are to be waited for, each with since when it is as it was seen.
    pub(super) fn waits(&self) -> impl Iterator<Item = (&str, &Resource, Revision)> {
        let waiting = self.subscribed.iter().filter(|(_, subscription)| !subscription.is_due);
        waiting.map(|(name, subscription)| (name.as_str(), &subscription.resource, subscription.seen))
    }

    /// A resource may be another now.
    pub(super) fn changed(&mut self, name: &str) {
        if let Some(subscription) = self.subscribed.get_mut(name) {
            subscription.is_due = true;
        }
    }

    fn nonce(&self) -> String {
        if self.sent == 0 { String::new() } else { self.sent.to_string() }
    }
}
