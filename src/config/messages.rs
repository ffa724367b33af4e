//! Settings of DNS messages: who may ask, cookies, what this server says of itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::value::{self, one};
use super::{Config, Machine};
use crate::dns::{CookiePolicy, CookieSecret, Networks, RateLimit};
use crate::limits;

/// Secrets at a time: one that signs, and the one before or after it.
const COOKIE_SECRETS: usize = 2;

pub(super) fn set_allow_query(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let networks = value::each(values, limits::DNS_NETWORKS, value::network)?;
    if networks.is_empty() {
        return Err("takes at least one network; 0.0.0.0/0 and ::/0 are everybody".into());
    }
    config.dns.allow_query = networks;
    Ok(())
}

pub(super) fn set_udp_octets(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let (least, most) = (limits::UDP_REPLY_OCTETS_NO_EDNS as u64, u64::from(limits::UDP_REPLY_OCTETS_MOST));
    let octets = value::number(one(values)?, least, most)?;
    config.dns.udp_octets = u16::try_from(octets).unwrap_or(limits::UDP_REPLY_OCTETS);
    Ok(())
}

pub(super) fn set_stale_ttl(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let ttl = value::seconds(one(values)?, Duration::from_secs(1), limits::STALE_TTL_MAX)?;
    config.dns.policy.stale_ttl = u32::try_from(ttl.as_secs()).unwrap_or(1);
    Ok(())
}

pub(super) fn set_rate_limit(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let rate = value::number(one(values)?, 0, u64::from(limits::DNS_RATE_MOST))?;
    config.dns.rate_limit = u32::try_from(rate).unwrap_or_default();
    Ok(())
}

pub(super) fn set_rate_limit_exempt(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.rate_limit_exempt = value::each(values, limits::DNS_NETWORKS, value::network)?;
    Ok(())
}

/// The networks of nobody in particular: loopback, private (RFC 1918, RFC 4193) and link-local.
pub(super) fn private_networks() -> Vec<(IpAddr, u8)> {
    vec![
        (Ipv4Addr::new(127, 0, 0, 0).into(), 8),
        (Ipv4Addr::new(10, 0, 0, 0).into(), 8),
        (Ipv4Addr::new(172, 16, 0, 0).into(), 12),
        (Ipv4Addr::new(192, 168, 0, 0).into(), 16),
        (Ipv4Addr::new(169, 254, 0, 0).into(), 16),
        (Ipv6Addr::LOCALHOST.into(), 128),
        (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0).into(), 7),
        (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0).into(), 10),
    ]
}

pub(super) fn set_cookies(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.cookies = value::word(one(values)?, &CookiePolicy::ALL.map(|policy| (policy.name(), policy)))?;
    Ok(())
}

pub(super) fn set_cookie_secret(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    // Never what was given: it may be a secret with a slip.
    let rule = || "a secret is 32 hexadecimal digits, such as `openssl rand -hex 16` prints".to_owned();
    let secrets = value::each(values, COOKIE_SECRETS, |text| CookieSecret::parse(text).ok_or_else(rule))?;
    config.dns.cookie_secrets = secrets;
    Ok(())
}

pub(super) fn set_nsid(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.nsid = match one(values)? {
        "none" => None,
        text if !text.is_empty()
            && text.len() <= limits::NSID_OCTETS
            && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) =>
        {
            Some(text.into())
        }
        _ => return Err(format!("takes 1 to {} printable ASCII characters", limits::NSID_OCTETS)),
    };
    Ok(())
}

pub(super) fn set_chaos_identity(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.dns.chaos_identity = value::boolean(one(values)?)?;
    Ok(())
}

impl super::Dns {
    /// The networks that may ask.
    pub fn allowed(&self) -> Networks {
        Networks::new(&self.allow_query)
    }

    /// The limit of replies, if there is one.
    pub fn limited(&self) -> Option<RateLimit> {
        let exempt = Networks::new(&self.rate_limit_exempt);
        (self.rate_limit > 0).then_some(RateLimit { rate: self.rate_limit, exempt })
    }
}
