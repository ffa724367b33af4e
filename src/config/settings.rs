//! The settings, one entry each: how it is read, how it is shown.
//!
//! A setting has one name in three spellings: `data_dir` in the file, `ROLLCALL_DATA_DIR` in the
//! environment, `--data-dir` on the command line.

use std::net::IpAddr;
use std::time::Duration;

use super::value::{self, one};
use super::{Config, Machine, brake, checks, dynamodb, etcd, messages, node};
use crate::dns::Listeners;
use crate::store::Kind;
use crate::table::Single;
use crate::zone::{AddressOrder, EmptyService, SrvSubset};
use crate::{limits, telemetry};

/// One setting.
pub(super) struct Setting {
    /// Its name in the file.
    pub(super) key: &'static str,
    /// The setting that it alters: itself, but for Lyft's forms.
    pub(super) shown_as: &'static str,
    /// Whether it takes several values.
    pub(super) is_list: bool,
    /// Puts values into the settings, or says which rule they break.
    pub(super) apply: fn(&mut Config, &[String], &Machine) -> Result<(), String>,
    /// The value as the file would have it.
    pub(super) show: fn(&Config) -> String,
}

type Apply = fn(&mut Config, &[String], &Machine) -> Result<(), String>;

const fn single(key: &'static str, apply: Apply, show: fn(&Config) -> String) -> Setting {
    Setting { key, shown_as: key, is_list: false, apply, show }
}

const fn list(key: &'static str, apply: Apply, show: fn(&Config) -> String) -> Setting {
    Setting { key, shown_as: key, is_list: true, apply, show }
}

/// Another form of `shown_as`, known to the environment only.
const fn foreign(key: &'static str, shown_as: &'static str, apply: Apply) -> Setting {
    Setting { key, shown_as, is_list: false, apply, show: |_| String::new() }
}

/// Every setting, in the order in which they are shown.
pub(super) const SETTINGS: &[Setting] = &[
    single("http", set_http, |config| value::quoted(config.http_listen)),
    list("dns", set_dns, |config| value::list(&config.dns.listen, ToString::to_string)),
    single("dns_listeners", set_dns_listeners, |config| value::quoted(config.dns.listeners.name())),
    single("store", set_store, |config| value::quoted(config.store.kind.as_str())),
    single("data_dir", set_data_dir, |config| value::quoted(config.store.data_dir.display())),
    list("etcd_endpoints", etcd::set_endpoints, |config| {
        value::list(&config.store.etcd.endpoints, |uri| uri.to_string().trim_end_matches('/').to_owned())
    }),
    single("etcd_prefix", etcd::set_prefix, |config| value::quoted(&config.store.etcd.prefix)),
    single("etcd_services", etcd::set_services, |config| config.store.etcd.services.to_string()),
    single("etcd_skydns", etcd::set_skydns, |config| {
        value::quoted(config.store.etcd.skydns.as_deref().unwrap_or("none"))
    }),
    single("etcd_user", etcd::set_user, |config| value::quoted(config.store.etcd.user.as_deref().unwrap_or("none"))),
    single("etcd_password_file", etcd::set_password_file, |config| {
        etcd::shown(config.store.etcd.password_file.as_ref())
    }),
    single("etcd_ca_file", etcd::set_ca_file, |config| etcd::shown(config.store.etcd.tls.authorities.as_ref())),
    single("etcd_cert_file", etcd::set_cert_file, |config| etcd::shown(config.store.etcd.tls.certificate.as_ref())),
    single("etcd_key_file", etcd::set_key_file, |config| etcd::shown(config.store.etcd.tls.key.as_ref())),
    single("dynamodb_table", dynamodb::set_table, |config| value::quoted(&config.store.dynamodb.table)),
    single("dynamodb_create_table", dynamodb::set_create_table, |config| {
        config.store.dynamodb.create_table.to_string()
    }),
    single("dynamodb_region", dynamodb::set_region, |config| {
        value::quoted(config.store.dynamodb.region.as_deref().unwrap_or("auto"))
    }),
    single("dynamodb_endpoint", dynamodb::set_endpoint, |config| {
        value::quoted(config.store.dynamodb.endpoint.as_deref().unwrap_or("auto"))
    }),
    single("dynamodb_poll", dynamodb::set_poll, |config| value::quoted(value::show(config.store.dynamodb.poll))),
    single("max_stale", etcd::set_max_stale, |config| {
        value::quoted(config.store.max_stale.map_or("forever".into(), value::show))
    }),
    single("domain", set_domain, |config| value::quoted(&config.dns.domain)),
    list("apexes", set_apexes, |config| value::list(&config.dns.apexes, Clone::clone)),
    single("kubernetes_zone", set_kubernetes_zone, |config| {
        value::quoted(config.dns.kubernetes_zone.as_deref().unwrap_or("none"))
    }),
    single("consul_zone", set_consul_zone, |config| value::quoted(config.dns.consul_zone.as_deref().unwrap_or("none"))),
    list("reverse", set_reverse, |config| {
        value::list(&config.dns.reverse, |(address, prefix)| format!("{address}/{prefix}"))
    }),
    single("record_ttl", set_record_ttl, |config| value::quoted(shown_seconds(config.dns.policy.record_ttl))),
    single("stale_ttl", messages::set_stale_ttl, |config| value::quoted(shown_seconds(config.dns.policy.stale_ttl))),
    single("negative_ttl", set_negative_ttl, |config| value::quoted(shown_seconds(config.dns.policy.negative_ttl))),
    single("only_passing", set_only_passing, |config| config.dns.policy.only_passing.to_string()),
    single("empty_service", set_empty_service, |config| {
        value::quoted(word_of(config.dns.policy.empty_service, &EmptyService::ALL))
    }),
    single("address_order", set_address_order, |config| {
        value::quoted(word_of(config.dns.policy.address_order, &AddressOrder::ALL))
    }),
    single("srv_subset", set_srv_subset, |config| {
        value::quoted(word_of(config.dns.policy.srv_subset, &SrvSubset::ALL))
    }),
    single("srv_weight_scale", set_srv_weight_scale, |config| config.dns.policy.srv_weight_scale.to_string()),
    single("record_limit", set_record_limit, |config| config.dns.policy.record_limit.to_string()),
    single("txt", set_txt, |config| config.dns.policy.txt.to_string()),
    single("zones_dir", set_zones_dir, |config| match &config.dns.zones_dir {
        Some(path) => value::quoted(path.display()),
        None => value::quoted("none"),
    }),
    list("advertise", set_advertise, |config| value::list(&config.dns.advertise, ToString::to_string)),
    single("udp_octets", messages::set_udp_octets, |config| config.dns.udp_octets.to_string()),
    list("allow_query", messages::set_allow_query, |config| value::list(&config.dns.allow_query, network)),
    single("rate_limit", messages::set_rate_limit, |config| config.dns.rate_limit.to_string()),
    list("rate_limit_exempt", messages::set_rate_limit_exempt, |config| {
        value::list(&config.dns.rate_limit_exempt, network)
    }),
    single("query_log", set_query_log, |config| config.dns.query_log.to_string()),
    single("cookies", messages::set_cookies, |config| value::quoted(config.dns.cookies.name())),
    // It is a secret here, too: that there is one is all that is said.
    list("cookie_secret", messages::set_cookie_secret, |config| {
        value::list(&config.dns.cookie_secrets, |_| "set".to_owned())
    }),
    single("nsid", messages::set_nsid, |config| value::quoted(config.dns.nsid.as_deref().unwrap_or("none"))),
    single("chaos_identity", messages::set_chaos_identity, |config| config.dns.chaos_identity.to_string()),
    single("host_ttl", set_host_ttl, |config| value::quoted(config.http.host_ttl.map_or("none".into(), value::show))),
    single("lyft_host_ttl", set_lyft_host_ttl, |config| value::quoted(value::show(config.http.lyft_host_ttl))),
    single("brake", brake::set_brake, |config| config.brake.rules.service.enabled.to_string()),
    single("brake_share", brake::set_share, |config| config.brake.rules.service.share.to_string()),
    single("brake_table_share", brake::set_table_share, |config| config.brake.rules.table_share.to_string()),
    single("brake_least", brake::set_least, |config| config.brake.rules.service.least.to_string()),
    single("brake_cap", brake::set_cap, |config| config.brake.rules.service.cap.to_string()),
    single("brake_cap_most", brake::set_cap_most, |config| {
        value::quoted(value::show(config.brake.rules.service.cap_most))
    }),
    single("brake_single", brake::set_single, |config| {
        value::quoted(word_of(config.brake.rules.service.single, &Single::ALL))
    }),
    single("brake_release_rate", brake::set_release_rate, |config| config.brake.rules.release_rate.to_string()),
    list("brake_services", brake::set_services, |config| {
        value::list(&config.brake.services, |(service, words)| format!("{service} {}", words.join(" ")))
    }),
    list("check_deny", set_check_deny, |config| value::list(&config.check_deny, network)),
    list("check_allow", set_check_allow, |config| value::list(&config.check_allow, network)),
    single("check_redirects", set_check_redirects, |config| config.check_redirects.to_string()),
    single("check_os_services", set_check_os_services, |config| config.http.check_os_services.to_string()),
    single("lyft_check", checks::set_lyft_check, |config| checks::show(config.http.lyft_check.as_ref())),
    single("lyft_check_interval", checks::set_lyft_check_interval, |config| {
        value::quoted(value::show(config.lyft_check_interval))
    }),
    single("application_env", set_application_env, |config| value::quoted(&config.http.lyft_env)),
    list("auto_ip", set_auto_ip, |config| value::list(&config.http.auto_ip_networks, network)),
    single("trust_forwarded_for", set_trust_forwarded_for, |config| config.http.trust_forwarded_for.to_string()),
    single("minos_check", checks::set_minos_check, |config| checks::show(config.http.minos.check.as_ref())),
    single("minos_check_interval", checks::set_minos_check_interval, |config| {
        value::quoted(value::show(config.minos_check_interval))
    }),
    single("minos_replace", checks::set_minos_replace, |config| config.http.minos.replace.to_string()),
    single("node_name", node::set_node_name, |config| value::quoted(&config.node_name)),
    single("node_id", node::set_node_id, |config| value::quoted(config.node_id.as_deref().unwrap_or("auto"))),
    list("node_meta", node::set_node_meta, |config| {
        value::list(&config.node_meta, |(key, value)| format!("{key}={value}"))
    }),
    single("catalog_hides_critical", node::set_catalog_hides_critical, |config| {
        config.catalog_hides_critical.to_string()
    }),
    single("datacenter", node::set_datacenter, |config| value::quoted(&config.dns.datacenter)),
    single("threads", set_threads, |config| config.threads.to_string()),
    single("log_format", set_log_format, |config| value::quoted(config.log.format.name())),
    single("log_level", set_log_level, |config| value::quoted(config.log.level.name())),
    single("shutdown_grace", set_shutdown_grace, |config| value::quoted(value::show(config.shutdown_grace))),
];

/// Lyft's forms of settings.
const FOREIGN: &[Setting] = &[
    foreign("http_port", "http", set_http_port),
    foreign("backend_storage", "store", set_backend_storage),
    foreign("dynamodb_create_tables_in_app", "dynamodb_create_table", dynamodb::set_create_tables_in_app),
    foreign("host_ttl_seconds", "lyft_host_ttl", set_host_ttl_seconds),
];

/// Whether the file may hold this key.
pub(super) fn is_key(key: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key == key)
}

/// Whether the file has the value of this key without quotes.
pub(super) fn is_bare(key: &str) -> bool {
    matches!(
        key,
        "brake"
            | "brake_cap"
            | "brake_least"
            | "brake_release_rate"
            | "brake_share"
            | "brake_table_share"
            | "catalog_hides_critical"
            | "chaos_identity"
            | "dynamodb_create_table"
            | "etcd_services"
            | "check_os_services"
            | "check_redirects"
            | "minos_replace"
            | "only_passing"
            | "query_log"
            | "rate_limit"
            | "record_limit"
            | "srv_weight_scale"
            | "threads"
            | "trust_forwarded_for"
            | "txt"
            | "udp_octets"
    )
}

/// The setting with this name.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().chain(FOREIGN).find(|setting| setting.key == key)
}

/// The environment variable of a setting.
pub(super) fn variable(key: &str) -> String {
    format!("ROLLCALL_{}", key.to_ascii_uppercase())
}

/// The known setting that `key` is most likely a slip of.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    let start: String = key.chars().take(limits::SETTING_NAME_OCTETS).collect();
    let key = start.to_ascii_lowercase().replace('-', "_");
    let known = || SETTINGS.iter().map(|setting| setting.key);
    let (slips, closest) = known().map(|known| (distance(&key, known), known)).min()?;
    let related = known().find(|known| key.len() > 2 && (known.contains(&key) || key.contains(known)));
    (slips <= 1 + key.len() / 4).then_some(closest).or(related)
}

/// Insertions, deletions and replacements between two names (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[right.len()]
}

fn network((address, prefix): &(IpAddr, u8)) -> String {
    format!("{address}/{prefix}")
}

fn set_http(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.http_listen = value::listener(one(values)?)?;
    Ok(())
}

fn set_http_port(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let port = value::number(one(values)?, 0, u64::from(u16::MAX))?;
    config.http_listen.set_port(u16::try_from(port).unwrap_or_default());
    Ok(())
}

fn set_dns(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let listen = value::each(values, limits::DNS_LISTENERS, value::listener)?;
    if listen.is_empty() {
        return Err("takes at least one address and port".into());
    }
    let twice = listen.iter().enumerate().find(|(i, address)| address.port() != 0 && listen[..*i].contains(address));
    if let Some((_, address)) = twice {
        return Err(format!("names {address} twice"));
    }
    config.dns.listen = listen;
    Ok(())
}

fn set_dns_listeners(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.listeners = value::word(one(values)?, &Listeners::ALL.map(|listeners| (listeners.name(), listeners)))?;
    Ok(())
}

fn set_store(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let known = [Kind::Memory, Kind::File, Kind::Etcd, Kind::DynamoDb].map(|kind| (kind.as_str(), kind));
    config.store.kind = value::word(one(values)?, &known)?;
    Ok(())
}

fn set_backend_storage(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let known = [("InMemory", Kind::Memory), ("InFile", Kind::File), ("DynamoDB", Kind::DynamoDb)];
    config.store.kind = value::word(one(values)?, &known)?;
    Ok(())
}

fn set_data_dir(config: &mut Config, values: &[String], machine: &Machine) -> Result<(), String> {
    config.store.data_dir = match one(values)? {
        "" => return Err("must not be empty; `auto` is the default".into()),
        "auto" => machine.data_dir.clone().unwrap_or_default(),
        path => path.into(),
    };
    Ok(())
}

fn set_domain(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.domain = value::domain(one(values)?)?;
    Ok(())
}

fn set_apexes(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.apexes = value::each(values, limits::APEXES, apex)?;
    Ok(())
}

/// An apex of ours: never `local`, which is multicast DNS' (RFC 6762), and no word that means something else.
fn apex(text: &str) -> Result<String, String> {
    match text {
        "true" | "false" | "off" | "no" => Err(format!("`{text}` is not a zone; `none` is the word for none")),
        _ => value::domain(text).and_then(|domain| match domain.as_str() {
            "local" => Err("`local` belongs to multicast DNS (RFC 6762)".into()),
            _ => Ok(domain),
        }),
    }
}

fn set_kubernetes_zone(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.kubernetes_zone = match one(values)? {
        "none" => None,
        text => Some(apex(text)?),
    };
    Ok(())
}

fn set_consul_zone(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.consul_zone = match one(values)? {
        "none" => None,
        text => Some(apex(text)?),
    };
    Ok(())
}

fn set_reverse(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.reverse = value::each(values, limits::REVERSE_NETWORKS, value::network)?;
    Ok(())
}

fn word_of<T: PartialEq>(value: T, words: &[(&'static str, T)]) -> &'static str {
    words.iter().find(|(_, other)| *other == value).map_or("", |(word, _)| word)
}

fn set_empty_service(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.policy.empty_service = value::word(one(values)?, &EmptyService::ALL)?;
    Ok(())
}

fn set_address_order(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.policy.address_order = value::word(one(values)?, &AddressOrder::ALL)?;
    Ok(())
}

fn set_srv_subset(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.policy.srv_subset = value::word(one(values)?, &SrvSubset::ALL)?;
    Ok(())
}

fn set_srv_weight_scale(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let scale = value::number(one(values)?, 1, u64::from(u16::MAX))?;
    config.dns.policy.srv_weight_scale = u16::try_from(scale).unwrap_or(1);
    Ok(())
}

fn set_record_limit(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let limit = value::number(one(values)?, 0, u64::from(u16::MAX))?;
    config.dns.policy.record_limit = u16::try_from(limit).unwrap_or_default();
    Ok(())
}

fn set_query_log(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let every = value::number(one(values)?, 0, u64::from(u32::MAX))?;
    config.dns.query_log = u32::try_from(every).unwrap_or_default();
    Ok(())
}

fn set_txt(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.policy.txt = value::boolean(one(values)?)?;
    Ok(())
}

/// A TTL of records: whole seconds (RFC 1035 3.2.1).
fn record_seconds(text: &str) -> Result<u32, String> {
    let ttl = value::seconds(text, Duration::ZERO, limits::RECORD_TTL_MAX)?;
    Ok(u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX))
}

fn shown_seconds(ttl: u32) -> String {
    value::show(Duration::from_secs(ttl.into()))
}

fn set_record_ttl(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.policy.record_ttl = record_seconds(one(values)?)?;
    Ok(())
}

fn set_negative_ttl(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.policy.negative_ttl = record_seconds(one(values)?)?;
    Ok(())
}

fn set_only_passing(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.policy.only_passing = value::boolean(one(values)?)?;
    Ok(())
}

fn set_zones_dir(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.zones_dir = match one(values)? {
        "" => return Err("must not be empty; `none` is the default".into()),
        "none" => None,
        path => Some(path.into()),
    };
    Ok(())
}

fn set_advertise(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let addresses = value::each(values, limits::ADDRESSES, value::address)?;
    if let Some(address) = addresses.iter().find(|address| address.is_unspecified() || address.is_multicast()) {
        return Err(format!("{address} is not an address that a client can send to"));
    }
    config.dns.advertise = addresses;
    Ok(())
}

fn set_host_ttl(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.http.host_ttl = match one(values)? {
        "none" => None,
        text => Some(value::duration(text, limits::LEASE_MIN, limits::LEASE_MAX)?),
    };
    Ok(())
}

fn set_lyft_host_ttl(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.http.lyft_host_ttl = value::duration(one(values)?, limits::LEASE_MIN, limits::LEASE_MAX)?;
    Ok(())
}

fn set_host_ttl_seconds(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let seconds = value::number(one(values)?, limits::LEASE_MIN.as_secs(), limits::LEASE_MAX.as_secs())?;
    config.http.lyft_host_ttl = Duration::from_secs(seconds);
    Ok(())
}

fn set_application_env(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.http.lyft_env = value::name(one(values)?)?;
    Ok(())
}

fn set_check_deny(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.check_deny = value::each(values, limits::CHECK_NETWORKS, value::network)?;
    Ok(())
}

fn set_check_allow(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.check_allow = value::each(values, limits::CHECK_NETWORKS, value::network)?;
    Ok(())
}

fn set_check_redirects(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.check_redirects = value::boolean(one(values)?)?;
    Ok(())
}

fn set_check_os_services(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.http.check_os_services = value::boolean(one(values)?)?;
    Ok(())
}

fn set_auto_ip(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.http.auto_ip_networks = value::each(values, limits::AUTO_IP_NETWORKS, value::network)?;
    Ok(())
}

fn set_trust_forwarded_for(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.http.trust_forwarded_for = value::boolean(one(values)?)?;
    Ok(())
}

fn set_threads(config: &mut Config, values: &[String], machine: &Machine) -> Result<(), String> {
    config.threads = match one(values)? {
        "auto" => machine.threads,
        text => usize::try_from(value::number(text, 1, limits::THREADS)?).unwrap_or(1),
    };
    Ok(())
}

fn set_log_format(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.log.format = value::word(one(values)?, &telemetry::Format::ALL.map(|format| (format.name(), format)))?;
    Ok(())
}

fn set_log_level(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.log.level = value::word(one(values)?, &telemetry::Level::ALL.map(|level| (level.name(), level)))?;
    Ok(())
}

fn set_shutdown_grace(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.shutdown_grace = value::duration(one(values)?, Duration::ZERO, limits::SHUTDOWN_GRACE_MAX)?;
    Ok(())
}
