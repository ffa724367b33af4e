//! Settings of the node that this server is to Consul's clients.

use super::value::{self, one};
use super::{Config, Machine};
use crate::limits;
use crate::table::parse_meta;

pub(super) fn set_node_name(config: &mut Config, values: &[String], machine: &Machine) -> Result<(), String> {
    config.node_name = match one(values)? {
        "auto" => machine.node_name.clone(),
        name => value::name(name)?,
    };
    Ok(())
}

pub(super) fn set_datacenter(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let text = one(values)?;
    let name = value::name(text)?.to_ascii_lowercase();
    if !crate::table::is_label(&name.replace('_', "-")) {
        return Err(format!("`{text}` is not one label: the name is a part of DNS names"));
    }
    if ["addr", "dc", "node", "query", "service"].contains(&name.as_str()) {
        return Err(format!("`{text}` has a meaning of its own in Consul's names"));
    }
    config.dns.datacenter = name;
    Ok(())
}

pub(super) fn set_node_id(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.node_id = match one(values)? {
        "auto" => None,
        text => Some(uuid(text)?),
    };
    Ok(())
}

fn uuid(text: &str) -> Result<String, String> {
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    if text.len() == 36 && text.bytes().enumerate().all(fits) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("`{text}` is not a UUID such as 6f3a2c51-0b7d-4f18-9d6e-2f1b8a94c0de, or auto"))
    }
}

pub(super) fn set_node_meta(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let pair = |text: &str| match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(format!("`{text}` is not a pair: key=value")),
    };
    let pairs = value::each(values, limits::META_PAIRS, pair)?;
    parse_meta("node_meta", pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        .map_err(|invalid| invalid.to_string())?;
    config.node_meta = pairs;
    Ok(())
}

pub(super) fn set_catalog_hides_critical(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.catalog_hides_critical = value::boolean(one(values)?)?;
    Ok(())
}
