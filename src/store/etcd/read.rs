//! Reading etcd: whole ranges, and what happens to them from then on.

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::book::Range;
use super::client::{Client, Trouble, pause};
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

/// Follows a range for ever, from `next` on: a watch that breaks is begun anew where it broke, and where etcd does not
/// remember what happened since, the range is read whole. `restart` is given when a watch is not to be trusted any more;
/// `true` in it asks for a whole list.
pub(super) async fn follow(
    client: std::sync::Arc<Client>,
    range: Range,
    prefix: Octets,
    mut next: i64,
    said: mpsc::Sender<(Range, Said)>,
    mut restart: watch::Receiver<bool>,
    random: u64,
) {
    let mut tries = 0;
    let mut whole = false;
    loop {
        let trouble = if whole {
            Trouble::Compacted
        } else {
            match client.watch(&prefix, next).await {
                Err(trouble) => trouble,
                Ok(watch) if watch.at < next - 1 && was_set_back(&client, &prefix, next).await => {
                    tracing::warn!(?range, has = watch.at, had = next - 1, "etcd was set back: it is read whole");
                    Trouble::Compacted
                }
                Ok(mut watch) => {
                    tries = 0;
                    if said.send((range, Said::Up)).await.is_err() {
                        return;
                    }
                    loop {
                        let heard = tokio::select! {
                            heard = watch.next() => heard,
                            changed = restart.changed() => {
                                if changed.is_err() {
                                    return;
                                }
                                whole = *restart.borrow_and_update();
                                Err(Trouble::Away("a watch is begun anew".into()))
                            }
                        };
                        match heard {
                            Err(trouble) => break trouble,
                            Ok(heard) => {
                                let events = heard.events;
                                let last = events.iter().map(|event| event.kv.mod_revision.0).max();
                                let at = last.unwrap_or(heard.header.revision.0);
                                next = next.max(at + 1);
                                if said.send((range, Said::Events(events, at))).await.is_err() {
                                    return;
                                }
                            }
                        }
                    }
                }
            }
        };
        if said.send((range, Said::Down(trouble.to_string()))).await.is_err() {
            return;
        }
        if trouble == Trouble::Compacted {
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
        sleep(pause(tries, random)).await;
        tries += 1;
    }
}

/// Whether etcd has less than what was heard of: a backup was restored, or it is another one. A member may lag behind, so
/// it is asked in a way that all have to agree on.
async fn was_set_back(client: &Client, prefix: &Octets, next: i64) -> bool {
    let request = RangeRequest { key: prefix.clone(), limit: Long(1), ..RangeRequest::default() };
    let answer: Result<RangeResponse, Trouble> = client.call("/v3/kv/range", &request).await;
    answer.is_ok_and(|answer| answer.header.revision.0 < next - 1)
}
