//! The last hosts whose lease has ended: they are no rows any more, but whoever asks why a service is empty wants to
//! hear of them.

use std::sync::Arc;

use imbl::{OrdMap, Vector};

use crate::limits;
use crate::table::Host;
use crate::zone::name::NameKey;
use crate::zone::schema::service::home;

/// At most [`limits::ENDED_HOSTS`] of them, the latest.
#[derive(Clone, Debug, Default)]
pub(in crate::zone) struct Ended {
    /// By the service's name.
    by_service: OrdMap<NameKey, Vector<Arc<Host>>>,
    /// In the order of their ends; some may be back already.
    order: Vector<Arc<Host>>,
}

impl Ended {
    /// Whether nobody's has ended a short time ago.
    pub(in crate::zone) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The ended hosts of the service at `key`.
    pub(in crate::zone) fn of(&self, key: &[u8]) -> impl Iterator<Item = &Arc<Host>> {
        self.by_service.get(key).into_iter().flatten()
    }

    pub(super) fn add(&mut self, host: &Arc<Host>) {
        let Some(key) = home(host) else { return };
        self.remove(host);
        self.by_service.entry(key).or_default().push_back(Arc::clone(host));
        self.order.push_back(Arc::clone(host));
        while self.order.len() > limits::ENDED_HOSTS {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(key) = home(&oldest) {
                self.forget(&key, |other| Arc::ptr_eq(other, &oldest));
            }
        }
    }

    /// Forgets a host: it is back.
    pub(super) fn remove(&mut self, host: &Host) {
        if self.order.is_empty() {
            return;
        }
        if let Some(key) = home(host) {
            self.forget(&key, |other| other.order() == host.order());
        }
    }

    fn forget(&mut self, key: &NameKey, is_it: impl Fn(&Arc<Host>) -> bool) {
        let Some(hosts) = self.by_service.get_mut(key) else { return };
        hosts.retain(|other| !is_it(other));
        if hosts.is_empty() {
            self.by_service.remove(key);
        }
    }
}
