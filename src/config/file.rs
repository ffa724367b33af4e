//! The configuration file: TOML, flat, one key a setting; `version = 1` says which form it has.

use std::io::Read;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{Error, Given, Origin, settings, unknown};
use crate::limits;

/// The form of file that this program reads.
const VERSION: &str = "1";

/// Reads the settings in the file at `path`.
pub(super) fn read(path: &Path) -> Result<Vec<Given>, Error> {
    let whole = |rule: &str| Error::new(at(path, 0, None), rule);
    let mut text = String::new();
    let bound = limits::CONFIG_FILE_OCTETS + 1;
    let opened = std::fs::File::open(path);
    let read = opened.and_then(|file| file.take(bound as u64).read_to_string(&mut text));
    match read {
        Err(error) => Err(whole(&format!("cannot read the configuration file: {error}"))),
        Ok(octets) if octets > limits::CONFIG_FILE_OCTETS => {
            Err(whole(&format!("the configuration file has more than {} octets", limits::CONFIG_FILE_OCTETS)))
        }
        Ok(_) => parse(path, &text),
    }
}

/// Reads the settings in `text`; `path` is only named in errors.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Given>, Error> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(text, span.start));
        Error::new(at(path, line, None), error.message())
    })?;
    let mut entries: Vec<_> = table.into_inner().into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut version = None;
    let mut given = Vec::new();
    for (key, value) in entries {
        let line = line_of(text, key.span().start);
        let key = key.into_inner().into_owned();
        if key != "version" && !settings::is_key(&key) {
            return Err(Error::new(at(path, line, None), &unknown(&key)));
        }
        let origin = at(path, line, Some(key.clone()));
        let values = values(value.get_ref()).and_then(|values| bare(&key, value.get_ref(), values));
        let values = values.map_err(|rule| Error::new(origin.clone(), rule))?;
        if key == "version" {
            version = Some((values, origin));
        } else {
            given.push(Given { key, values, origin });
        }
    }
    match version {
        Some((values, _)) if values == [VERSION] => Ok(given),
        Some((_, origin)) => Err(Error::new(origin, "this program reads files of version 1")),
        None => Err(Error::new(at(path, 0, None), "the line `version = 1` is missing")),
    }
}

fn at(path: &Path, line: usize, key: Option<String>) -> Origin {
    Origin::File { path: path.into(), line, key }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Refuses a number, `true` or `false` in quotes where the file has it without: TOML has types, and other readers of
/// the file go by them.
fn bare(key: &str, value: &DeValue<'_>, values: Vec<String>) -> Result<Vec<String>, &'static str> {
    let is_bare = key == "version" || settings::is_bare(key);
    match value {
        DeValue::String(text) if is_bare && (text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok()) => {
            Err("must stand without quotes")
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => Ok(values),
    }
}

/// A value as text: the settings parse it, wherever it comes from.
fn values(value: &DeValue<'_>) -> Result<Vec<String>, &'static str> {
    match value {
        DeValue::Array(list) => list.iter().map(|item| scalar(item.get_ref())).collect(),
        DeValue::Table(_) => Err("a setting is a value or a list, not a table"),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            Ok(vec![scalar(value)?])
        }
    }
}

fn scalar(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().replace('_', "")),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => {
            Err("must be a text, a decimal integer, true or false")
        }
        DeValue::Array(_) | DeValue::Table(_) => Err("a list holds single values"),
    }
}
