//! Writers that remember what was acknowledged, and the comparison with what a server knows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;

use rollcall::zone::Random;

use crate::client::{self, Client};

const IDS: usize = 40;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Host {
    port: u16,
    weight: u16,
    draining: bool,
}

/// What one writer knows of its service: nobody else writes there.
pub(crate) struct Ledger {
    writer: usize,
    random: Random,
    hosts: BTreeMap<usize, Host>,
    /// The host of the request that was not answered, as it would be if it had been heard.
    pub(crate) in_flight: Option<(usize, Option<Host>)>,
}

/// Rings once, when a number of writes was acknowledged.
pub(crate) struct Bell {
    left: AtomicUsize,
    ring: SyncSender<()>,
}

impl Bell {
    pub(crate) fn new(after: usize, ring: SyncSender<()>) -> Bell {
        Bell { left: AtomicUsize::new(after), ring }
    }

    fn strike(&self) {
        let last = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) == Ok(1);
        if last {
            self.ring.send(()).expect("somebody listens");
        }
    }
}

impl Ledger {
    pub(crate) fn new(writer: usize, seed: u64) -> Ledger {
        Ledger { writer, random: Random::new(seed), hosts: BTreeMap::new(), in_flight: None }
    }

    fn service(&self) -> String {
        format!("load{}", self.writer)
    }

    /// Writes until the server is gone.
    pub(crate) fn write(&mut self, server: SocketAddr, bell: &Bell) {
        let Ok(mut client) = Client::connect(server) else { return };
        loop {
            let id = self.random.below(IDS);
            let old = self.hosts.get(&id).copied();
            let (method, path, body, new) = self.next(id, old);
            self.in_flight = Some((id, new));
            let Ok((status, answer)) = client.ask(method, &path, &body) else { return };
            let text = String::from_utf8_lossy(&answer);
            assert!((200..300).contains(&status), "{method} {path} {body}: {status} {text}");
            self.in_flight = None;
            match new {
                Some(host) => self.hosts.insert(id, host),
                None => self.hosts.remove(&id),
            };
            bell.strike();
        }
    }

    /// A request, and the host after it.
    fn next(&mut self, id: usize, old: Option<Host>) -> (&'static str, String, String, Option<Host>) {
        let path = format!("/v1/hosts/{}/h{id}", self.service());
        let value = 1 + self.random.below(60_000) as u16;
        let Some(host) = old else {
            return register(path, self.writer, id, Host { port: value, weight: 1, draining: false });
        };
        match self.random.below(4) {
            0 => register(path, self.writer, id, Host { port: value, ..host }),
            1 => ("DELETE", path, String::new(), None),
            2 => {
                let body = format!(r#"{{"enable":{}}}"#, !host.draining);
                ("PUT", path + "/drain", body, Some(Host { draining: !host.draining, ..host }))
            }
            _ => ("PUT", path + "/weight", format!(r#"{{"weight":{value}}}"#), Some(Host { weight: value, ..host })),
        }
    }

    /// Compares with what a server lists and answers; takes over what became of the request in flight.
    /// Gives whether that was heard.
    pub(crate) fn settle(&mut self, http: SocketAddr, dns: SocketAddr) -> bool {
        let found = self.listed(http);
        let mut heard = false;
        if let Some((id, new)) = self.in_flight.take()
            && found.get(&id).copied() == new
            && self.hosts.get(&id).copied() != new
        {
            heard = true;
            match new {
                Some(host) => self.hosts.insert(id, host),
                None => self.hosts.remove(&id),
            };
        }
        assert_eq!(found, self.hosts, "what {} was told is not what is there", self.service());
        let shown = self.hosts.iter().filter(|(_, host)| !host.draining);
        let expected: BTreeSet<_> = shown
            .map(|(id, host)| (host.weight, host.port, format!("0a{:02x}00{id:02x}.addr.service.local.", self.writer)))
            .collect();
        let answered = client::services(dns, &self.service());
        assert_eq!(answered, (!expected.is_empty()).then_some(expected), "{} in DNS", self.service());
        heard
    }

    fn listed(&self, http: SocketAddr) -> BTreeMap<usize, Host> {
        let path = format!("/v1/hosts/{}", self.service());
        let mut client = Client::connect(http).expect("a connection");
        let (status, answer) = client.ask("GET", &path, "").expect("a list");
        let list: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(status, 200, "{list}");
        let number =
            |value: &serde_json::Value| value.as_u64().and_then(|it| u16::try_from(it).ok()).expect("a number");
        let hosts = list["hosts"].as_array().expect("a list").iter().map(|host| {
            let id = host["id"].as_str().and_then(|id| id.strip_prefix('h')?.parse().ok()).expect("an id");
            let draining = host["draining"].as_bool().expect("a flag");
            (id, Host { port: number(&host["ports"][0]["port"]), weight: number(&host["weight"]), draining })
        });
        hosts.collect()
    }
}

fn register(path: String, writer: usize, id: usize, host: Host) -> (&'static str, String, String, Option<Host>) {
    ("PUT", path, format!(r#"{{"address":"10.{writer}.0.{id}","port":{}}}"#, host.port), Some(host))
}
