//! A reply without what servers may choose freely: the order of records, and records nobody has to send.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use crate::dataset::Case;

/// The records of a section, one a line.
pub(crate) type Records = BTreeSet<String>;

/// What a reply says.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reply {
    pub(crate) rcode: String,
    pub(crate) authoritative: bool,
    pub(crate) answer: Records,
    /// Of a negative answer or a referral: with an answer, the apex' NS records are there or not as a server likes.
    pub(crate) authority: Records,
}

/// What the reference servers say.
pub(crate) struct Verdict {
    /// What most servers say; several where as many say one thing as another.
    pub(crate) replies: Vec<Reply>,
    /// The additional section, where all of those agree on it.
    pub(crate) additional: Option<Records>,
    /// Whether most of those that loaded the zone say it.
    pub(crate) is_majority: bool,
}

impl Verdict {
    /// Counts the servers' votes.
    pub(crate) fn of(case: &Case) -> Verdict {
        let mut votes: BTreeMap<Reply, (usize, BTreeSet<Records>)> = BTreeMap::new();
        let whole = case.responses.iter().filter(|response| !response.lines.is_empty() && !response.is_truncated());
        for response in whole {
            let (mut reply, mut additional) = read(&response.lines);
            if !case.follows_the_rfcs {
                reply.leave_out_ttls();
                additional = without_ttls(&additional);
            }
            let vote = votes.entry(reply).or_default();
            vote.0 += response.servers.len();
            vote.1.insert(additional);
        }
        let loaded: usize = votes.values().map(|(servers, _)| *servers).sum();
        let servers = votes.values().map(|(servers, _)| *servers).max().unwrap_or_default();
        votes.retain(|_, (count, _)| *count == servers);
        let agreed = match votes.values().next() {
            Some((_, additional)) if votes.len() == 1 && additional.len() == 1 => additional.first().cloned(),
            _ => None,
        };
        Verdict {
            replies: votes.into_keys().collect(),
            additional: agreed,
            is_majority: servers * 2 > loaded && servers > 1,
        }
    }
}

/// Reads the lines of dnspython's text form: the reply and its additional section.
fn read(lines: &[String]) -> (Reply, Records) {
    let mut reply = Reply::default();
    let mut additional = Records::new();
    let mut section = "";
    for line in lines {
        match line.split_once(' ') {
            _ if line.starts_with(';') => section = line,
            Some(("rcode", rcode)) if section.is_empty() => reply.rcode = rcode.into(),
            Some(("flags", flags)) if section.is_empty() => {
                reply.authoritative = flags.split(' ').any(|flag| flag == "AA");
            }
            Some(_) => {
                let records = match section {
                    ";ANSWER" => &mut reply.answer,
                    ";AUTHORITY" => &mut reply.authority,
                    ";ADDITIONAL" => &mut additional,
                    _ => continue,
                };
                records.insert(plain(line));
            }
            None => {}
        }
    }
    reply.leave_out();
    (reply, additional)
}

/// A record in one form: small letters, the shortest form of addresses.
fn plain(line: &str) -> String {
    let mut fields: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    if fields.get(3).is_some_and(|rtype| rtype == "AAAA")
        && let Some(address) = fields.get(4).and_then(|address| address.parse::<Ipv6Addr>().ok())
    {
        fields[4] = address.to_string();
    }
    for (index, field) in fields.iter_mut().enumerate() {
        if index == 0 || (index > 3 && !field.starts_with('"')) {
            field.make_ascii_lowercase();
        }
    }
    fields.join(" ")
}

impl Reply {
    pub(crate) fn leave_out_ttls(&mut self) {
        self.answer = without_ttls(&self.answer);
        self.authority = without_ttls(&self.authority);
    }

    /// Leaves out the NS records that some servers add to an authoritative answer (RFC 1034 4.3.2 step 6 allows both),
    /// and the TTL of the SOA of a negative answer: Bind says 0 where the SOA was asked for, others do not.
    pub(crate) fn leave_out(&mut self) {
        let denial = |record: &String| record.split(' ').nth(3) == Some("SOA");
        if let Some(record) = self.authority.iter().find(|record| denial(record)).cloned() {
            let mut fields: Vec<&str> = record.split(' ').collect();
            fields[1] = "-";
            self.authority.remove(&record);
            self.authority.insert(fields.join(" "));
        }
        if self.authoritative && self.rcode == "NOERROR" && !self.answer.is_empty() {
            self.authority.retain(|record| record.split(' ').nth(3) != Some("NS"));
        }
    }
}

/// Records of a zone that states no TTL: PowerDNS has one of its own.
pub(crate) fn without_ttls(records: &Records) -> Records {
    let without = |record: &String| {
        let fields: Vec<&str> =
            record.split(' ').enumerate().filter(|(at, _)| *at != 1).map(|(_, field)| field).collect();
        fields.join(" ")
    };
    records.iter().map(without).collect()
}

/// Presentation form, for people.
impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.rcode, if self.authoritative { " AA" } else { "" })?;
        for (mark, records) in [("", &self.answer), ("; ", &self.authority)] {
            for record in records {
                write!(f, "\n      {mark}{record}")?;
            }
        }
        Ok(())
    }
}
