//! Entries into records: what an entry leaves out is what the ones before said (RFC 1035 5.1).

use std::collections::BTreeMap;

use super::lex::{Entry, Token};
use super::rdata::rdata;
use super::schema::type_number;
use super::value::{number, seconds};
use super::{Soa, rtype};
use crate::limits;
use crate::zone::name::Name;
use crate::zone::statics::StaticSet;

/// What has been read of a file.
pub(super) struct Reader {
    origin: Name,
    owner: Option<Name>,
    default_ttl: Option<u32>,
    /// The last TTL that a record stated (RFC 1035 5.1).
    last_ttl: Option<u32>,
    pub(super) soa: Option<(Name, Soa)>,
    pub(super) records: BTreeMap<Name, Vec<StaticSet>>,
    /// Where each owner was last seen.
    pub(super) lines: BTreeMap<Name, usize>,
    count: usize,
}

impl Reader {
    pub(super) fn new(origin: &Name) -> Reader {
        Reader {
            origin: origin.clone(),
            owner: None,
            default_ttl: None,
            last_ttl: None,
            soa: None,
            records: BTreeMap::new(),
            lines: BTreeMap::new(),
            count: 0,
        }
    }

    /// Takes the next record or directive.
    pub(super) fn entry(&mut self, entry: Entry) -> Result<(), String> {
        let line = entry.line;
        let mut tokens = entry.tokens.into_iter().peekable();
        if !entry.owner_left_out {
            let Some(first) = tokens.next() else { return Ok(()) };
            if !first.quoted && first.text.starts_with('$') {
                return self.directive(&first.text, tokens.next().as_ref());
            }
            self.owner = Some(self.name(&first.text)?);
        }
        let owner = self.owner.clone().ok_or("the first record has no owner")?;
        let mut ttl = None;
        let rtype = loop {
            let token = tokens.next().ok_or("the record has no type")?;
            if token.text.eq_ignore_ascii_case("IN") {
                continue;
            }
            if ["CH", "HS", "CS"].iter().any(|class| token.text.eq_ignore_ascii_case(class)) {
                return Err(format!("class {} is not served, only IN", token.text));
            }
            if ttl.is_none() && token.text.starts_with(|first: char| first.is_ascii_digit()) {
                ttl = Some(seconds(&token.text)?);
                continue;
            }
            break type_number(&token.text)?;
        };
        self.last_ttl = ttl.or(self.last_ttl);
        let rest: Vec<Token> = tokens.collect();
        if rtype == rtype::SOA {
            return self.start_of_authority(owner, ttl, &rest);
        }
        let ttl = ttl
            .or(self.default_ttl)
            .or(self.last_ttl)
            .or(self.soa.as_ref().map(|(_, soa)| soa.minimum))
            .ok_or("the record has no TTL, and there is no $TTL above it")?;
        let rdata = rdata(rtype, &rest, &self.origin)?;
        self.count += 1;
        if self.count > limits::ZONE_FILE_RECORDS {
            return Err(format!("the file has more than {} records", limits::ZONE_FILE_RECORDS));
        }
        self.lines.insert(owner.clone(), line);
        let sets = self.records.entry(owner.clone()).or_default();
        match sets.iter_mut().find(|set| set.rtype == rtype) {
            // One TTL a set (RFC 2181 5.2): the lowest.
            Some(set) => {
                set.ttl = set.ttl.min(ttl);
                if !set.rdata.contains(&rdata) {
                    set.rdata.push(rdata);
                }
            }
            None => sets.push(StaticSet { owner, rtype, ttl, rdata: vec![rdata] }),
        }
        Ok(())
    }

    fn directive(&mut self, directive: &str, value: Option<&Token>) -> Result<(), String> {
        let value = value.map(|token| token.text.as_str()).ok_or_else(|| format!("{directive} has no value"))?;
        match directive.to_ascii_uppercase().as_str() {
            "$ORIGIN" => self.origin = self.name(value)?,
            "$TTL" => self.default_ttl = Some(seconds(value)?),
            _ => return Err(format!("{directive} is not understood; $ORIGIN and $TTL are")),
        }
        Ok(())
    }

    fn name(&self, text: &str) -> Result<Name, String> {
        Name::parse("name", text, &self.origin).map_err(|invalid| invalid.rule)
    }

    fn start_of_authority(&mut self, owner: Name, ttl: Option<u32>, fields: &[Token]) -> Result<(), String> {
        if self.soa.is_some() {
            return Err("the zone has a second SOA record".into());
        }
        let [mname, rname, serial, refresh, retry, expire, minimum] = fields else {
            return Err(format!("SOA takes 7 fields, has {}", fields.len()));
        };
        let minimum = seconds(&minimum.text)?;
        let soa = Soa {
            ttl: ttl.or(self.default_ttl).unwrap_or(minimum),
            mname: self.name(&mname.text)?,
            rname: self.name(&rname.text)?,
            serial: number(&serial.text, "serial")?,
            refresh: seconds(&refresh.text)?,
            retry: seconds(&retry.text)?,
            expire: seconds(&expire.text)?,
            minimum,
        };
        self.soa = Some((owner, soa));
        Ok(())
    }
}
