//! The zones that are served: the one of the hosts, and those in the operator's directory.

use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::reachable_addresses;
use crate::config;
use crate::http::{BrokenZones, LoadedZone};
use crate::limits;
use crate::zone::{
    Datacenter, Grammar, Name, Prefix, StaticSet, Zone, ZoneFile, Zones, parse_file, reverse_origins, rtype,
};

/// The zone of the hosts where the operator has none of that name.
const DELIVERED: &str = include_str!("../../zones/service.local.zone");

/// Reads every zone as a start does, and says what is wrong: the directory, or file and line; what is doubtful where
/// nothing is wrong.
pub fn check_zones(settings: &config::Dns) -> Result<Vec<String>> {
    Ok(read(settings, &settings.listen)?.doubts)
}

/// The zones, and what can be served and is most likely a mistake: with file and line.
pub(super) struct Read {
    pub(super) zones: Zones,
    pub(super) doubts: Vec<String>,
}

/// Reads the zones for `settings`; hosts will be found below `service.<domain>` and the other zones made for them.
pub(super) fn read(settings: &config::Dns, listeners: &[SocketAddr]) -> Result<Read> {
    let own = reachable_addresses(&settings.advertise, listeners);
    if listeners.iter().any(|listener| listener.ip().is_unspecified()) && own.iter().all(IpAddr::is_loopback) {
        tracing::warn!(
            "this machine has no route to others: ns.service.{} says {own:?}, where only this machine finds the server; set `advertise`",
            settings.domain
        );
    }
    let policy = settings.policy;
    let made = made(settings)?;
    let mut zones = Vec::new();
    let mut doubts = Vec::new();
    let mut paths: Vec<(Name, PathBuf)> = Vec::new();
    for path in settings.zones_dir.as_deref().map(files).transpose()?.unwrap_or_default() {
        let file = of_file(&path)?;
        if let Some((_, other)) = paths.iter().find(|(origin, _)| *origin == file.origin) {
            let what = format!("{} is a zone of {} already", file.origin, other.display());
            return Err(Fault { file: path.display().to_string(), line: None, what }.into());
        }
        paths.push((file.origin.clone(), path.clone()));
        let grammar = made.iter().find(|(origin, ..)| *origin == file.origin).map_or(Grammar::Static, |made| made.1);
        let lines = file.warnings.iter().map(|doubt| format!("{}:{}: {}", path.display(), doubt.line, doubt.what));
        doubts.extend(lines);
        if grammar != Grammar::Static {
            doubts.extend(hidden(&file).map(|what| format!("{}: {what}", path.display())));
        }
        zones.push(Zone::new(file, grammar, &policy, &own));
    }
    let mut all = Vec::new();
    for (origin, grammar, text) in made {
        match zones.iter().position(|zone| *zone.origin() == origin) {
            // The operator's file in its place; the zones of hosts come first.
            Some(place) => all.push(zones.remove(place)),
            None => {
                let file = parse_file(&text, &origin).map_err(|error| anyhow!("{origin}: {error}"))?;
                all.push(Zone::new(file, grammar, &policy, &own));
            }
        }
    }
    all.extend(zones);
    Ok(Read { zones: Zones::new(all, policy), doubts })
}

/// Records at the words of the grammars, below which hosts are found: they would lead away from there.
fn hidden(file: &ZoneFile) -> impl Iterator<Item = String> {
    let is_word = |owner: &Name| {
        let first = file.origin.relative(owner.as_wire()).and_then(|relative| relative.get(1..));
        let words = ["_", "addr", "svc", "service", "dc", "node"];
        owner.labels().any(|label| label.starts_with(b"_"))
            || first.is_some_and(|first| words.iter().any(|word| first == word.as_bytes()))
    };
    let leads_away = |set: &&StaticSet| [rtype::CNAME, rtype::DNAME, rtype::NS].contains(&set.rtype);
    let sets = file.records.iter().filter(move |(owner, _)| **owner != file.origin && is_word(owner));
    sets.flat_map(move |(owner, sets)| {
        sets.iter().filter(leads_away).map(move |_| format!("{owner} leads away from the names of hosts below it"))
    })
}

/// The zone of one file as a server with these settings would have it, and no other.
pub(super) fn of_one_file(settings: &config::Dns, path: &Path) -> Result<Zones> {
    let own = reachable_addresses(&settings.advertise, &settings.listen);
    let policy = settings.policy;
    let file = of_file(path)?;
    let made = made(settings)?;
    let grammar = made.iter().find(|(origin, ..)| *origin == file.origin).map_or(Grammar::Static, |made| made.1);
    Ok(Zones::new(vec![Zone::new(file, grammar, &policy, &own)], policy))
}

/// The zones that hosts are in, each with the file it has where the operator has none of that name.
fn made(settings: &config::Dns) -> Result<Vec<(Name, Grammar, String)>> {
    let hosts = format!("service.{}.", settings.domain);
    let mut made = vec![(name(&hosts)?, Grammar::Service, DELIVERED.to_owned())];
    for apex in &settings.apexes {
        made.push((name(&format!("{apex}."))?, Grammar::Service, DELIVERED.to_owned()));
    }
    if let Some(apex) = &settings.kubernetes_zone {
        let file = "$TTL 3600\n@ SOA ns.dns hostmaster 1 4h 1h 1w 5\n@ NS ns.dns\n";
        made.push((name(&format!("{apex}."))?, Grammar::Kubernetes, file.to_owned()));
    }
    if let Some(apex) = &settings.consul_zone {
        let datacenter = Datacenter::new(&settings.datacenter)
            .ok_or_else(|| anyhow!("datacenter: `{}` is not one label", settings.datacenter))?;
        made.push((name(&format!("{apex}."))?, Grammar::Consul(datacenter), DELIVERED.to_owned()));
    }
    for (address, prefix) in &settings.reverse {
        for origin in reverse_origins(*address, *prefix) {
            let origin = name(&origin)?;
            let prefix = Prefix::of(&origin).ok_or_else(|| anyhow!("reverse: {origin} is no reverse zone"))?;
            let file = format!("$TTL 3600\n@ SOA ns.{hosts} hostmaster.{hosts} 1 4h 1h 1w 5\n@ NS ns.{hosts}\n");
            made.push((origin, Grammar::Reverse(prefix), file));
        }
    }
    for (place, (origin, ..)) in made.iter().enumerate() {
        if made[..place].iter().any(|(other, ..)| other == origin) {
            bail!("the zone {origin} is named twice: by domain, apexes, kubernetes_zone, consul_zone or reverse");
        }
    }
    Ok(made)
}

/// The `*.zone` files of a directory, in the order of their names.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("zones_dir: cannot read the directory {}", directory.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.extension().is_some_and(|extension| extension == "zone") {
            paths.push(path);
        }
        if paths.len() > limits::ZONE_FILES {
            bail!("zones_dir: {} holds more than {} zones", directory.display(), limits::ZONE_FILES);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The zone in a file, which is called after its origin.
fn of_file(path: &Path) -> Result<ZoneFile> {
    let fault = |line: Option<usize>, what: String| Fault { file: path.display().to_string(), line, what };
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let stem = stem.ok_or_else(|| fault(None, "the name is no origin".into()))?;
    let origin =
        name(&format!("{}.", stem.trim_end_matches('.'))).map_err(|error| fault(None, format!("{error:#}")))?;
    let mut text = String::new();
    let bound = limits::ZONE_FILE_OCTETS;
    let read = File::open(path).and_then(|file| file.take(bound + 1).read_to_string(&mut text));
    read.map_err(|error| fault(None, error.to_string()))?;
    if text.len() as u64 > bound {
        return Err(fault(None, format!("more than {bound} octets")).into());
    }
    let file = parse_file(&text, &origin).map_err(|error| fault(Some(error.line), error.what))?;
    if file.origin != origin {
        return Err(fault(None, "the SOA is not that of the origin the file is called after".into()).into());
    }
    Ok(file)
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
struct Fault {
    file: String,
    line: Option<usize>,
    what: String,
}

/// `FILE:LINE: what`, as compilers say it.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Fault { file, line, what } = self;
        match line {
            Some(line) => write!(f, "{file}:{line}: {what}"),
            None => write!(f, "{file}: {what}"),
        }
    }
}

/// An error of [`read`] for who asked for it.
pub(super) fn broken(error: &anyhow::Error) -> BrokenZones {
    let fault = error.downcast_ref::<Fault>();
    BrokenZones {
        file: fault.map(|fault| fault.file.clone()),
        line: fault.and_then(|fault| fault.line),
        what: fault.map_or_else(|| format!("{error:#}"), |fault| fault.what.clone()),
    }
}

/// The zones for who asked for them.
pub(super) fn summary(zones: &Zones) -> Vec<LoadedZone> {
    let loaded = |zone: &Zone| LoadedZone {
        origin: zone.origin().to_string(),
        kind: zone.grammar().as_str(),
        records: zone.static_records(),
    };
    zones.iter().map(loaded).collect()
}

fn name(text: &str) -> Result<Name> {
    Ok(Name::parse("zone", text, &Name::root())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn settings(files: &[(&str, &str)]) -> (tempfile::TempDir, config::Dns) {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("a file");
        }
        let mut settings = Config::default().dns;
        settings.zones_dir = Some(directory.path().into());
        (directory, settings)
    }

    fn served(settings: &config::Dns) -> Vec<(String, Grammar)> {
        let zones = read(settings, &settings.listen).expect("valid zones").zones;
        zones.iter().map(|zone| (zone.origin().to_string(), zone.grammar())).collect()
    }

    const SOA: &str = "@ IN SOA ns hostmaster 1 4h 1h 1w 5\n@ IN NS ns\n";

    #[test]
    fn the_zone_of_the_hosts_follows_the_domain() {
        let mut settings = Config::default().dns;
        settings.domain = "example.org".into();
        settings.kubernetes_zone = None;
        settings.consul_zone = None;
        assert_eq!(served(&settings), [("service.example.org.".into(), Grammar::Service)]);
    }

    #[test]
    fn files_are_zones_of_their_own_or_that_of_the_hosts() {
        let (_kept, mut settings) =
            settings(&[("internal.zone", SOA), ("service.local.zone", SOA), ("README", "no zone")]);
        let expected = [
            ("service.local.".into(), Grammar::Service),
            ("cluster.local.".into(), Grammar::Kubernetes),
            ("consul.".into(), Grammar::Consul(Datacenter::new("dc1").expect("a label"))),
            ("internal.".into(), Grammar::Static),
        ];
        assert_eq!(served(&settings), expected);
        settings.zones_dir = None;
        assert_eq!(served(&settings), expected[..3]);
    }

    #[test]
    fn hosts_are_in_every_zone_that_is_asked_for() {
        let mut settings = Config::default().dns;
        settings.apexes = vec!["internal".into()];
        settings.reverse = vec![("10.0.0.0".parse().expect("an address"), 15)];
        let zones: Vec<String> = served(&settings).into_iter().map(|(origin, _)| origin).collect();
        let expected =
            ["service.local.", "internal.", "cluster.local.", "consul.", "0.10.in-addr.arpa.", "1.10.in-addr.arpa."];
        assert_eq!(zones, expected);
        settings.apexes.push("cluster.local".into());
        let error = read(&settings, &[]).err().expect("twice").to_string();
        assert!(error.contains("cluster.local. is named twice"), "{error}");
    }

    #[test]
    fn errors_name_file_and_line() {
        let (_kept, mut settings) = settings(&[("internal.zone", &format!("{SOA}\nx IN A 10.0.0.300\n"))]);
        let error = read(&settings, &[]).err().expect("a wrong address").to_string();
        assert!(error.contains("internal.zone:4: "), "{error}");
        settings.zones_dir = Some("/nowhere".into());
        let error = read(&settings, &[]).err().expect("no directory").to_string();
        assert!(error.starts_with("zones_dir: cannot read the directory /nowhere"), "{error}");
    }

    #[test]
    fn one_zone_has_one_file() {
        let (_kept, settings) = settings(&[("internal.zone", SOA), ("INTERNAL.zone", SOA)]);
        let error = read(&settings, &[]).err().expect("two files").to_string();
        assert!(error.contains("internal.zone: internal. is a zone of "), "{error}");
    }

    #[test]
    fn what_leads_away_from_hosts_is_doubtful() {
        let file = format!("{SOA}addr 60 DNAME x\n_tcp.web 60 NS ns\ndocs 60 CNAME web\n");
        let (_kept, settings) = settings(&[("service.local.zone", &file), ("internal.zone", &file)]);
        let doubts = read(&settings, &[]).expect("valid zones").doubts;
        let of_hosts: Vec<_> = doubts.iter().filter(|doubt| doubt.contains("leads away")).collect();
        assert_eq!(of_hosts.len(), 2, "the zone of hosts, and not its aliases: {doubts:?}");
    }
}
