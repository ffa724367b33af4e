//! Reading etcd: whole ranges, and what happens to them from then on.

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::book::Range;
use super::client::{Client, Trouble, Watch, pause};
use super::wire::{KeyValue, Long, Octets, RangeRequest, RangeResponse, WatchEvent};
use crate::limits;

/// A whole range, as it was at one revision.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) keys: Vec<KeyValue>,
    pub(super) revision: i64,
}

/// Reads all keys that begin with `prefix`, page by page at one revision.
pub(super) async fn list(client: &Client, prefix: &Octets) -> Result<Listed, Trouble> {
    let mut listed = Listed { keys: Vec::new(), revision: 0 };
    let mut from = prefix.clone();
    loop {
        let request = RangeRequest {
            key: from,
            range_end: Some(prefix.range_end()),
            limit: Long(limits::ETCD_PAGE),
            revision: Long(listed.revision),
        };
        let page: RangeResponse = client.call("/v3/kv/range", &request).await?;
        if listed.revision == 0 {
            listed.revision = page.header.revision.0;
        }
        listed.keys.extend(page.kvs);
        match listed.keys.last() {
            Some(last) if page.more => from = last.key.next(),
            _ => return Ok(listed),
        }
    }
}

/// What a watch has to say.
#[derive(Debug)]
pub(super) enum Said {
    /// It runs: what happens is heard of.
    Up,
    /// It does not.
    Down(String),
    /// What happened, up to this revision.
    Events(Vec<WatchEvent>, i64),
    /// What happened is not known; this is what there is.
    Listed(Listed),
}

/// How often whole lists were asked for; whatever is sent, a watch that is under way is begun anew.
pub(super) type Anew = watch::Receiver<u64>;

/// Follows a range for ever, from `next` on: a watch that breaks is begun anew where it broke, and where etcd does not
/// remember what happened since, the range is read whole. `anew` changes when a watch is not to be trusted any more.
pub(super) async fn follow(
    client: std::sync::Arc<Client>,
    range: Range,
    prefix: Octets,
    mut next: i64,
    said: mpsc::Sender<(Range, Said)>,
    mut anew: Anew,
    random: u64,
) {
    let (mut tries, mut whole, mut wholes) = (0, false, *anew.borrow_and_update());
    loop {
        let begun = async {
            if whole {
                return Err(Trouble::Compacted);
            }
            let watch = client.watch(&prefix, next).await?;
            if watch.at < next - 1 && was_set_back(&client, &prefix, next).await {
                tracing::warn!(?range, has = watch.at, had = next - 1, "etcd was set back: it is read whole");
                return Err(Trouble::Compacted);
            }
            Ok(watch)
        };
        let begun = tokio::select! {
            begun = begun => Some(begun),
            changed = anew.changed() => if changed.is_ok() { None } else { return },
        };
        let trouble = match begun {
            None => None,
            Some(Err(trouble)) => Some(trouble),
            Some(Ok(watch)) => {
                tries = 0;
                match listen(watch, range, &mut next, &said, &mut anew).await {
                    End::Anew => None,
                    End::Broken(trouble) => Some(trouble),
                    End::Over => return,
                }
            }
        };
        let reason = trouble.as_ref().map_or_else(|| "it is begun anew".into(), ToString::to_string);
        if said.send((range, Said::Down(reason))).await.is_err() {
            return;
        }
        if trouble == Some(Trouble::Compacted) {
            match list(&client, &prefix).await {
                Ok(listed) => {
                    next = listed.revision + 1;
                    whole = false;
                    if said.send((range, Said::Listed(listed))).await.is_err() {
                        return;
                    }
                    continue;
                }
                Err(trouble) => {
                    if said.send((range, Said::Down(trouble.to_string()))).await.is_err() {
                        return;
                    }
                }
            }
        }
        if trouble.is_some() {
            tokio::select! {
                () = sleep(pause(tries, random)) => tries += 1,
                changed = anew.changed() => if changed.is_err() { return },
            }
        }
        let asked = *anew.borrow_and_update();
        whole |= asked != wholes;
        wholes = asked;
    }
}

/// How a watch ended.
enum End {
    /// It is to be begun anew.
    Anew,
    Broken(Trouble),
    /// Nobody hears what it says.
    Over,
}

/// Passes on what a watch says.
async fn listen(
    mut watch: Watch,
    range: Range,
    next: &mut i64,
    said: &mpsc::Sender<(Range, Said)>,
    anew: &mut Anew,
) -> End {
    if said.send((range, Said::Up)).await.is_err() {
        return End::Over;
    }
    loop {
        let heard = tokio::select! {
            heard = watch.next() => heard,
            changed = anew.changed() => return if changed.is_ok() { End::Anew } else { End::Over },
        };
        let heard = match heard {
            Err(trouble) => return End::Broken(trouble),
            Ok(heard) => heard,
        };
        let events = heard.events;
        let last = events.iter().map(|event| event.kv.mod_revision.0).max();
        let at = last.unwrap_or(heard.header.revision.0);
        *next = (*next).max(at + 1);
        if said.send((range, Said::Events(events, at))).await.is_err() {
            return End::Over;
        }
    }
}

/// Whether etcd has less than what was heard of: a backup was restored, or it is another one. A member may lag behind, so
/// it is asked in a way that all have to agree on.
async fn was_set_back(client: &Client, prefix: &Octets, next: i64) -> bool {
    let request = RangeRequest { key: prefix.clone(), limit: Long(1), ..RangeRequest::default() };
    let answer: Result<RangeResponse, Trouble> = client.call("/v3/kv/range", &request).await;
    answer.is_ok_and(|answer| answer.header.revision.0 < next - 1)
}
