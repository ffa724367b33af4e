//! The settings: what each is, and which of four places it comes from.
//!
//! Flags win over the environment (`ROLLCALL_<SETTING>`, then the names that Lyft's server read), that
//! over the file, that over the defaults. Every value is checked wherever it stands, also where another
//! one wins, and an [`Error`] names the place: the flag, the variable, or file, line and key.

mod brake;
mod checks;
mod dynamodb;
mod env;
mod etcd;
mod file;
mod messages;
mod node;
mod origin;
mod settings;
mod value;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::zone::Policy;
use crate::{dns, http, limits, probe, store, telemetry};

pub use brake::Brake;
pub use env::{Environment, Machine};
pub use origin::{Error, Origin};

/// The effective settings of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where every HTTP API listens.
    pub http_listen: SocketAddr,
    /// The HTTP APIs.
    pub http: http::Settings,
    /// The DNS side.
    pub dns: Dns,
    /// The brake on mass expiry.
    pub brake: Brake,
    /// Networks that no check asks.
    pub check_deny: Vec<(IpAddr, u8)>,
    /// Networks that checks ask beside the addresses of their own host.
    pub check_allow: Vec<(IpAddr, u8)>,
    /// Whether checks that ask for it follow redirects.
    pub check_redirects: bool,
    /// Time between two probes of the check that hosts of Lyft's API get, if they get one.
    pub lyft_check_interval: Duration,
    /// The same of the checks that hosts of minos' API get.
    pub minos_check_interval: Duration,
    /// Where the table is kept.
    pub store: store::Settings,
    /// The node's name, as the Consul dialect shows it.
    pub node_name: String,
    /// Its UUID as Consul's clients see it; `None` makes one of the machine and the name.
    pub node_id: Option<String>,
    /// What it carries for them.
    pub node_meta: Vec<(String, String)>,
    /// Whether Consul's catalog leaves out critical hosts.
    pub catalog_hides_critical: bool,
    /// Threads of each kind: for requests, datagrams, streams.
    pub threads: usize,
    /// The log.
    pub log: telemetry::Settings,
    /// How long the server still answers after it was asked to stop and `/readyz` says no.
    pub shutdown_grace: Duration,
}

/// Settings of the DNS side.
#[derive(Clone, Debug)]
pub struct Dns {
    /// Where DNS is answered, each over UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// Whose code carries packets to the engine.
    pub listeners: dns::Listeners,
    /// The domain, lower case, without the final dot: its zone is `service.<domain>`.
    pub domain: String,
    /// Further zones of the same names, without the final dot.
    pub apexes: Vec<String>,
    /// The zone of Kubernetes' names, without the final dot.
    pub kubernetes_zone: Option<String>,
    /// The zone of Consul's names, without the final dot.
    pub consul_zone: Option<String>,
    /// The datacenter in Consul's names and answers: one label, lower case.
    pub datacenter: String,
    /// Networks whose addresses have names.
    pub reverse: Vec<(IpAddr, u8)>,
    /// How hosts are rendered and put in order.
    pub policy: Policy,
    /// Directory of static zones, `*.zone`.
    pub zones_dir: Option<PathBuf>,
    /// Octets of the longest datagram that is sent.
    pub udp_octets: u16,
    /// Networks from which queries are answered.
    pub allow_query: Vec<(IpAddr, u8)>,
    /// Replies a second over UDP to one network about one thing; 0: any number.
    pub rate_limit: u32,
    /// One of how many queries is logged; 0 is none.
    pub query_log: u32,
    /// Networks that get any number.
    pub rate_limit_exempt: Vec<(IpAddr, u8)>,
    /// What is done about DNS cookies.
    pub cookies: dns::CookiePolicy,
    /// What signs them, then what else is known; empty: a secret of the process.
    pub cookie_secrets: Vec<dns::CookieSecret>,
    /// The name of this server for clients that ask by NSID.
    pub nsid: Option<String>,
    /// Whether `id.server` and `version.bind` of class CH are answered.
    pub chaos_identity: bool,
    /// Addresses that `ns.<zone>` has; empty: those that the listeners can be reached at.
    pub advertise: Vec<IpAddr>,
}

impl Config {
    /// The defaults on `machine`.
    pub fn for_machine(machine: &Machine) -> Config {
        Config {
            http_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8500)),
            http: http::Settings::default(),
            dns: Dns {
                listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8600))],
                listeners: dns::Listeners::Own,
                domain: "local".into(),
                apexes: Vec::new(),
                kubernetes_zone: Some("cluster.local".into()),
                consul_zone: Some("consul".into()),
                datacenter: "dc1".into(),
                reverse: Vec::new(),
                policy: Policy::default(),
                zones_dir: None,
                udp_octets: limits::UDP_REPLY_OCTETS,
                allow_query: vec![(Ipv4Addr::UNSPECIFIED.into(), 0), (Ipv6Addr::UNSPECIFIED.into(), 0)],
                rate_limit: 0,
                query_log: 0,
                rate_limit_exempt: messages::private_networks(),
                cookies: dns::CookiePolicy::On,
                cookie_secrets: Vec::new(),
                nsid: None,
                chaos_identity: true,
                advertise: Vec::new(),
            },
            brake: Brake::default(),
            check_deny: probe::DENIED.to_vec(),
            check_allow: probe::ALLOWED.to_vec(),
            check_redirects: false,
            lyft_check_interval: Duration::from_secs(10),
            minos_check_interval: http::minos::CHECK_INTERVAL,
            store: store::Settings {
                dynamodb: store::dynamodb::Settings {
                    region: machine.aws_region.clone(),
                    endpoint: machine.aws_endpoint.clone(),
                    ..Default::default()
                },
                ..store::Settings::file(machine.data_dir.clone().unwrap_or_default())
            },
            node_name: machine.node_name.clone(),
            node_id: None,
            node_meta: Vec::new(),
            catalog_hides_critical: false,
            threads: machine.threads,
            log: telemetry::Settings::default(),
            shutdown_grace: Duration::ZERO,
        }
    }
}

/// The defaults on this machine.
impl Default for Config {
    fn default() -> Config {
        Config::for_machine(&Environment::of_process().machine())
    }
}

/// Values given on the command line.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The file named by `--config`.
    pub file: Option<PathBuf>,
    /// Setting, flag as typed, values.
    pub values: Vec<(&'static str, &'static str, Vec<String>)>,
}

/// The settings, and what is to be said about them.
#[derive(Debug)]
pub struct Loaded {
    /// The effective settings.
    pub config: Config,
    /// What was accepted and has no effect: lines for the log.
    pub notes: Vec<String>,
    origins: BTreeMap<&'static str, Origin>,
}

impl Loaded {
    /// Every setting as a line of a configuration file, with the place it comes from as a comment.
    pub fn describe(&self) -> String {
        let lines: Vec<_> = settings::SETTINGS
            .iter()
            .map(|setting| {
                let origin = self.origins.get(setting.key).unwrap_or(&Origin::Default);
                (format!("{} = {}", setting.key, (setting.show)(&self.config)), origin)
            })
            .collect();
        let width = lines.iter().map(|(line, _)| line.len()).max().unwrap_or_default();
        let mut text = format!("{:<width$}  # the form of this file\n", "version = 1");
        for (line, origin) in lines {
            text.push_str(&format!("{line:<width$}  # {origin}\n"));
        }
        text
    }
}

/// Reads the settings from all four places.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Loaded, Error> {
    let machine = environment.machine();
    let mut loaded = Loaded { config: Config::for_machine(&machine), notes: Vec::new(), origins: BTreeMap::new() };
    let named = environment.config_file()?;
    if let Some(path) = flags.file.as_deref().or(named.as_deref()) {
        for given in file::read(path)? {
            loaded.take(given, &machine)?;
        }
    }
    let (given, notes) = environment.settings()?;
    loaded.notes = notes;
    for given in given {
        loaded.take(given, &machine)?;
    }
    for (key, flag, values) in &flags.values {
        loaded.take(Given { key: (*key).into(), values: values.clone(), origin: Origin::Flag(flag) }, &machine)?;
    }
    loaded.check()?;
    loaded.check_etcd(environment)?;
    Ok(loaded)
}

/// One setting as one place gives it.
#[derive(Debug)]
struct Given {
    key: String,
    values: Vec<String>,
    origin: Origin,
}

impl Loaded {
    fn take(&mut self, given: Given, machine: &Machine) -> Result<(), Error> {
        let Some(setting) = settings::find(&given.key) else {
            return Err(Error::new(given.origin, &unknown(&given.key)));
        };
        match (setting.apply)(&mut self.config, &given.values, machine) {
            Ok(()) => {
                self.origins.insert(setting.shown_as, given.origin);
                Ok(())
            }
            Err(rule) => Err(Error::new(given.origin, &rule)),
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.config.store.kind == store::Kind::File && self.config.store.data_dir == Path::new("") {
            return Err(Error::new(
                Origin::Default,
                "data_dir: none of STATE_DIRECTORY, XDG_STATE_HOME and HOME is set: give --data-dir, or --store memory",
            ));
        }
        Ok(())
    }

    /// What no setting of etcd shows alone.
    fn check_etcd(&self, environment: &Environment) -> Result<(), Error> {
        let store::etcd::Settings { prefix, skydns, .. } = &self.config.store.etcd;
        if let Some(skydns) = skydns.as_ref().filter(|skydns| etcd::overlap(prefix, skydns)) {
            let origin = ["etcd_skydns", "etcd_prefix"].into_iter().find_map(|key| self.origins.get(key));
            let rule =
                format!("etcd_skydns {skydns} and etcd_prefix {prefix}: neither may be, or be inside of, the other");
            return Err(Error::new(origin.cloned().unwrap_or(Origin::Default), &rule));
        }
        // With nothing in it, it is a variable that somebody forgot: this server would be alone, with an etcd of its own.
        let is_unset = self.config.store.kind == store::Kind::Etcd && !self.origins.contains_key("etcd_endpoints");
        match environment.empty("etcd_endpoints").filter(|_| is_unset) {
            Some(origin) => Err(Error::new(origin, "must not be empty: it takes the URLs of the members of etcd")),
            None => Ok(()),
        }
    }
}

/// The environment variable of every setting.
pub fn variables() -> impl Iterator<Item = String> {
    settings::SETTINGS.iter().map(|setting| settings::variable(setting.key))
}

fn unknown(key: &str) -> String {
    match settings::nearest(key) {
        Some(known) => format!("unknown setting `{key}`: did you mean `{known}`?"),
        None => format!("unknown setting `{key}`: `rollcall check-config` prints all there are"),
    }
}

#[cfg(test)]
mod tests;
