//! Lyft's fields: as an item has them, and as a row says them.

use serde_json::Value;
use smallvec::smallvec;

use super::item::{Item, PORT, REPO, REVISION, TAGS, number, text};
use crate::lyft::{self, AZ, Stored, WEIGHT, WEIGHTS};
use crate::table::{Host, Invalid, Place, Port, Protocol, Weights};

/// What Lyft's service keeps of a host beside its key and its last heartbeat.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Fields {
    /// 0 for a host without a TCP port, which no host of Lyft's is.
    port: u16,
    stored: Stored,
}

impl Fields {
    /// Those of an item. What would make Envoy drop a list is put right; what cannot be is no host.
    pub(super) fn of_item(item: &Item) -> Result<Fields, Invalid> {
        let digits = item.number(PORT).ok_or_else(|| Invalid::new(PORT, "must be a number"))?;
        let digits = digits.trim_end_matches('0').strip_suffix('.').unwrap_or(digits);
        let port = digits.parse().map_err(|_| Invalid::new(PORT, "must be 1 to 65535"))?;
        let revision = item.text(REVISION).ok_or_else(|| Invalid::new(REVISION, "must be text"))?;
        let rule = || Invalid::new(TAGS, "must be the text of a JSON object");
        let tags: Value = serde_json::from_str(item.text(TAGS).ok_or_else(rule)?).map_err(|_| rule())?;
        let Value::Object(tags) = tags else { return Err(rule()) };
        let service_repo_name = item.text(REPO).unwrap_or_default().to_owned();
        Ok(Fields {
            port,
            stored: Stored { service_repo_name, revision: revision.to_owned(), tags: lyft::mended(tags) },
        })
    }

    /// Those of a row: what Lyft's API shows of it.
    pub(super) fn of_host(host: &Host) -> Fields {
        let mut stored = Stored::of(host);
        // The row knows better than the tag: its weight may have been set through another API.
        if stored.weight().unwrap_or(1) != host.weights.passing {
            stored.tags.insert(WEIGHT.into(), host.weights.passing.clamp(*WEIGHTS.start(), *WEIGHTS.end()).into());
        }
        let port = host.ports.iter().find(|port| port.protocol == Protocol::Tcp).map_or(0, |port| port.number);
        Fields { port, stored }
    }

    /// Puts them into an item. `is_listed` says whether the index may have it.
    pub(super) fn write(&self, item: &mut Item, is_listed: bool) {
        item.set(PORT, number(self.port));
        item.set(REVISION, text(&self.stored.revision));
        item.set(TAGS, text(&Value::Object(self.stored.tags.clone()).to_string()));
        if is_listed && !self.stored.service_repo_name.is_empty() {
            item.set(REPO, text(&self.stored.service_repo_name));
        }
    }

    /// Makes a row say them, and leaves alone what they do not speak of.
    pub(super) fn put(self, host: &mut Host) -> Result<(), Invalid> {
        let before = Fields::of_host(host);
        let stored = self.stored;
        if self.port != before.port || self.port == 0 {
            host.ports = smallvec![Port::tcp(Port::parse_number(PORT, self.port.into())?)];
        }
        let repo = Some(stored.service_repo_name.as_str()).filter(|repo| !repo.is_empty());
        host.repo = repo.map(|repo| Place::parse(REPO, repo)).transpose()?;
        if stored.weight() != before.stored.weight() {
            host.weights = Weights::same(stored.weight().unwrap_or(1));
            host.weight = host.weights.of(host.status());
        }
        host.meta = lyft::meta_of(&stored);
        host.zone = lyft::place_of(&stored, AZ);
        host.region = lyft::place_of(&stored, "region");
        host.original = Some(stored.to_text()?);
        Ok(())
    }
}
