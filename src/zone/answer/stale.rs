//! Hosts that are kept past their lease: in the answer, behind all others, and said to be there.
//!
//! They are listed also where others are well: a service of which a half fell silent would have its whole load on the
//! other half, when most likely all of them serve. Who takes the first record, or has room for few, gets one that is well.

use std::net::IpAddr;

use super::hosts::{address_of, addresses};
use super::{Answer, Data, ExtendedError, Search, Words};
use crate::table::Host;
use crate::zone::order;
use crate::zone::schema::Facet;
use crate::zone::schema::resolve::Members;

/// "Stale Answer" (RFC 8914 4.4).
const STALE: u16 = 3;
/// Why an answer is marked: see [`Answer::mark_stale`].
pub(super) const KEPT: &str = "hosts kept past their lease";
/// The same.
pub(super) const AWAY: &str = "the store cannot be reached, hosts as last known";

impl Answer<'_> {
    /// Says that a host in it is not known to be alive (R101): resolvers shall ask again soon.
    pub(super) fn mark_stale(&mut self, ttl: u32, why: &'static str) {
        for record in self.answer.iter_mut().chain(&mut self.additional) {
            record.ttl = record.ttl.min(ttl);
        }
        if !self.answer.is_empty() && self.extended.is_none() {
            self.extended = Some(ExtendedError { code: STALE, text: Words::Fixed(why) });
        }
    }
}

impl<'z> Search<'z, '_> {
    /// Takes note of members that are kept past their lease.
    pub(super) fn look_for_stale(&mut self, members: &Members<'z>) {
        self.is_stale |= members.live(self.asker.now).any(|host| host.lease.is_stale(self.asker.now));
    }

    /// Puts the addresses first that a host has whose lease lasts.
    pub(super) fn fresh_addresses_first(&mut self, members: &Members<'z>, qtype: u16, start: usize) {
        if !self.is_stale {
            return;
        }
        let fresh = self.fresh(members).flat_map(|host| addresses(host, qtype));
        let mut fresh: Vec<Option<IpAddr>> = fresh.map(|data| address_of(&data)).collect();
        fresh.sort_unstable();
        self.answer.answer[start..].sort_by_key(|record| fresh.binary_search(&address_of(&record.data)).is_err());
    }

    /// The same of SRV records.
    pub(super) fn fresh_services_first(&mut self, facet: Facet<'z>, members: &Members<'z>, start: usize) {
        if !self.is_stale {
            return;
        }
        let mut fresh: Vec<Data<'z>> = Vec::new();
        for host in self.fresh(members) {
            let ports = host.ports.iter().filter(|port| facet.shows_port(port));
            fresh.extend(ports.filter_map(|port| self.service(host, port)));
        }
        fresh.sort_unstable_by(order::services);
        let is_stale = |data: &Data<'z>| fresh.binary_search_by(|one| order::services(one, data)).is_err();
        self.answer.answer[start..].sort_by_cached_key(|record| is_stale(&record.data));
    }

    fn fresh<'m>(&self, members: &'m Members<'z>) -> impl Iterator<Item = &'z Host> + use<'m, 'z> {
        let now = self.asker.now;
        members.live(now).filter(move |host| host.lease.is_fresh(now)).map(|host| &**host)
    }
}
