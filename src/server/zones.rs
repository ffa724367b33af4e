//! The zones that are served: the one of the hosts, and those in the operator's directory.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::reachable_addresses;
use crate::config;
use crate::limits;
use crate::zone::{Grammar, Name, Policy, Zone, ZoneFile, Zones, parse_file};

/// The zone of the hosts where the operator has none of that name.
const DELIVERED: &str = include_str!("../../zones/service.local.zone");

/// Reads every zone as a start does, and says what is wrong: the directory, or file and line.
pub fn check_zones(settings: &config::Dns) -> Result<()> {
    read(settings, &settings.listen).map(drop)
}

/// Reads the zones for `settings`; hosts will be found below `service.<domain>`.
pub(super) fn read(settings: &config::Dns, listeners: &[SocketAddr]) -> Result<Zones> {
    let own = reachable_addresses(&settings.advertise, listeners);
    if listeners.iter().any(|listener| listener.ip().is_unspecified()) && own.iter().all(IpAddr::is_loopback) {
        tracing::warn!(
            "this machine has no route to others: ns.service.{} says {own:?}, where only this machine finds the server; set `advertise`",
            settings.domain
        );
    }
    let hosts = format!("service.{}.", settings.domain);
    let mut zones = Vec::new();
    for path in settings.zones_dir.as_deref().map(files).transpose()?.unwrap_or_default() {
        zones.push(of_file(&path, &hosts, settings, &own)?);
    }
    let origin = name(&hosts)?;
    if !zones.iter().any(|zone| *zone.origin() == origin) {
        let file = parse_file(DELIVERED, &origin).map_err(|error| anyhow!("{hosts}: {error}"))?;
        zones.push(Zone::new(file, Grammar::Service, policy(settings), &own));
    }
    Ok(Zones::new(zones))
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
fn of_file(path: &Path, hosts: &str, settings: &config::Dns, own: &[IpAddr]) -> Result<Zone> {
    let shown = path.display();
    let stem =
        path.file_stem().and_then(|stem| stem.to_str()).ok_or_else(|| anyhow!("{shown}: the name is no origin"))?;
    let origin = name(&format!("{}.", stem.trim_end_matches('.'))).with_context(|| shown.to_string())?;
    let mut text = String::new();
    let bound = limits::ZONE_FILE_OCTETS;
    let file = File::open(path).with_context(|| shown.to_string())?;
    file.take(bound + 1).read_to_string(&mut text).with_context(|| shown.to_string())?;
    if text.len() as u64 > bound {
        bail!("{shown}: more than {bound} octets");
    }
    let file: ZoneFile =
        parse_file(&text, &origin).map_err(|error| anyhow!("{shown}:{}: {}", error.line, error.what))?;
    if file.origin != origin {
        bail!("{shown}: the SOA is not that of the origin the file is called after");
    }
    let grammar = if origin == name(hosts)? { Grammar::Service } else { Grammar::Static };
    Ok(Zone::new(file, grammar, policy(settings), own))
}

fn policy(settings: &config::Dns) -> Policy {
    let seconds = |duration: std::time::Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    Policy {
        record_ttl: seconds(settings.record_ttl),
        negative_ttl: seconds(settings.negative_ttl),
        only_passing: settings.only_passing,
    }
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
        let zones = read(settings, &settings.listen).expect("valid zones");
        zones.iter().map(|zone| (zone.origin().to_string(), zone.grammar())).collect()
    }

    const SOA: &str = "@ IN SOA ns hostmaster 1 4h 1h 1w 5\n@ IN NS ns\n";

    #[test]
    fn the_zone_of_the_hosts_follows_the_domain() {
        let mut settings = Config::default().dns;
        settings.domain = "example.org".into();
        assert_eq!(served(&settings), [("service.example.org.".into(), Grammar::Service)]);
    }

    #[test]
    fn files_are_zones_of_their_own_or_that_of_the_hosts() {
        let (_kept, mut settings) =
            settings(&[("internal.zone", SOA), ("service.local.zone", SOA), ("README", "no zone")]);
        let expected = [("service.local.".into(), Grammar::Service), ("internal.".into(), Grammar::Static)];
        assert_eq!(served(&settings), expected);
        settings.zones_dir = None;
        assert_eq!(served(&settings), expected[..1]);
    }

    #[test]
    fn errors_name_file_and_line() {
        let (_kept, mut settings) = settings(&[("internal.zone", &format!("{SOA}\nx IN A 10.0.0.300\n"))]);
        let error = read(&settings, &[]).expect_err("a wrong address").to_string();
        assert!(error.contains("internal.zone:4: "), "{error}");
        settings.zones_dir = Some("/nowhere".into());
        let error = read(&settings, &[]).expect_err("no directory").to_string();
        assert!(error.starts_with("zones_dir: cannot read the directory /nowhere"), "{error}");
    }
}
