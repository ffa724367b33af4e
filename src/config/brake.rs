//! Settings of the brake on mass expiry.

use std::collections::HashSet;
use std::time::Duration;

use super::value::{self, one};
use super::{Config, Machine};
use crate::limits;
use crate::table::{Rule, Rules, Single};

/// Settings of the brake: the rules of most services, and what others have instead.
#[derive(Clone, Debug, Default)]
pub struct Brake {
    /// The rules, but for those of single services.
    pub rules: Rules,
    /// Services with what they have instead, in words of [`Rule`]'s settings.
    pub services: Vec<(String, Vec<String>)>,
}

impl Brake {
    /// The rules of all services.
    pub fn rules(&self) -> Rules {
        let mut rules = self.rules.clone();
        for (service, words) in &self.services {
            // They were looked at one by one when they were read.
            let rule = words.iter().try_fold(self.rules.service, |rule, word| with(rule, word)).unwrap_or_default();
            rules.services.insert(service.to_lowercase().into(), rule);
        }
        rules
    }
}

pub(super) fn set_brake(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.brake.rules.service.enabled = value::boolean(one(values)?)?;
    Ok(())
}

pub(super) fn set_share(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.brake.rules.service.share = percent(one(values)?)?;
    Ok(())
}

pub(super) fn set_table_share(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.brake.rules.table_share = percent(one(values)?)?;
    Ok(())
}

pub(super) fn set_least(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.brake.rules.service.least = least(one(values)?)?;
    Ok(())
}

pub(super) fn set_cap(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.brake.rules.service.cap = cap(one(values)?)?;
    Ok(())
}

pub(super) fn set_cap_most(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.brake.rules.service.cap_most = cap_most(one(values)?)?;
    Ok(())
}

pub(super) fn set_single(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.brake.rules.service.single = value::word(one(values)?, &Single::ALL)?;
    Ok(())
}

pub(super) fn set_release_rate(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let rate = value::number(one(values)?, 1, limits::BRAKE_RELEASE_RATE)?;
    config.brake.rules.release_rate = u32::try_from(rate).unwrap_or(1);
    Ok(())
}

pub(super) fn set_services(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.brake.services = value::each(values, limits::BRAKE_SERVICES, |text| {
        let mut words = text.split_whitespace().map(str::to_owned);
        let service = words.next().ok_or_else(|| value::refused(text, RULE))?;
        let words: Vec<String> = words.collect();
        if words.is_empty() {
            return Err(value::refused(text, RULE));
        }
        words.iter().try_fold(Rule::default(), |rule, word| with(rule, word))?;
        Ok((service, words))
    })?;
    let mut named = HashSet::new();
    // They are compared as names in DNS are.
    if let Some((service, _)) = config.brake.services.iter().find(|(service, _)| !named.insert(service.to_lowercase()))
    {
        return Err(format!("names the service `{service}` twice: what it has instead stands together in one entry"));
    }
    Ok(())
}

const RULE: &str = "a service and what it has instead, such as `web off` or `web share=50 cap=1`; the words are on, off, \
                    share=PERCENT, least=HOSTS, cap=TTLS, cap-most=TIME and single=expire|with-table|hold";

fn with(rule: Rule, word: &str) -> Result<Rule, String> {
    Ok(match word.split_once('=') {
        None if word == "on" => Rule { enabled: true, ..rule },
        None if word == "off" => Rule { enabled: false, ..rule },
        Some(("share", text)) => Rule { share: percent(text)?, ..rule },
        Some(("least", text)) => Rule { least: least(text)?, ..rule },
        Some(("cap", text)) => Rule { cap: cap(text)?, ..rule },
        Some(("cap-most", text)) => Rule { cap_most: cap_most(text)?, ..rule },
        Some(("single", text)) => Rule { single: value::word(text, &Single::ALL)?, ..rule },
        _ => return Err(value::refused(word, RULE)),
    })
}

fn percent(text: &str) -> Result<u8, String> {
    Ok(u8::try_from(value::number(text, 1, 100)?).unwrap_or(100))
}

fn least(text: &str) -> Result<u32, String> {
    Ok(u32::try_from(value::number(text, 1, limits::HOSTS as u64)?).unwrap_or(u32::MAX))
}

fn cap(text: &str) -> Result<u32, String> {
    Ok(u32::try_from(value::number(text, 1, limits::BRAKE_CAP_TIMES)?).unwrap_or(1))
}

fn cap_most(text: &str) -> Result<Duration, String> {
    value::duration(text, limits::LEASE_MIN, limits::BRAKE_CAP_MAX)
}
