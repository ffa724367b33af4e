//! Zones without hosts: aliases, delegations, wildcards. The names of tests say the section of the RFC.

use std::fmt::Write as _;

use super::super::*;
use crate::zone::{Grammar, Policy, Zone, parse_file, write_name};

const HEAD: &str = "$TTL 60\n@ SOA ns h 1 1h 1h 1h 30\n@ NS ns\nns A 10.0.0.53\n";
const DENIED: &str = "\n; example. SOA";

fn name(text: &str) -> Name {
    let origin = Name::parse("origin", "example.", &Name::root()).expect("origin");
    Name::parse("name", text, &origin).expect("name")
}

fn zone_at(origin: &str, text: &str) -> Zone {
    let file = parse_file(&format!("{HEAD}{text}"), &name(origin)).expect("a zone file");
    Zone::new(file, Grammar::Static, &Policy::default(), &[])
}

fn zone(text: &str) -> Zones {
    Zones::new(vec![zone_at("@", text)], Policy::default())
}

/// Code, AA where it is not as expected of an answer, and the sections in order: `;` authority, `+` additional.
fn ask(zones: &Zones, asked: &str, qtype: u16) -> String {
    let asked = name(asked);
    let question = Question { name: asked.as_wire(), qtype };
    let zone = zones.find_for(&question).expect("a zone of ours");
    let answer = zone.answer(&question, &Asker::at(Timestamp::from_micros(0)), &mut Random::new(1));
    let mut text = answer.rcode.as_str().to_owned();
    if !answer.authoritative {
        text.push_str(" not authoritative");
    }
    let sections = [("", &answer.answer[..]), ("; ", &answer.authority[..]), ("+ ", &answer.additional[..])];
    for (mark, records) in sections {
        for record in records {
            let _ = write!(text, "\n{mark}");
            let _ = write_name(&mut text, answer.name(record.owner, question.name).expect("no hosts"));
            let _ = print(&mut text, record, &answer);
        }
    }
    text
}

fn print(text: &mut String, record: &Record<'_>, answer: &Answer<'_>) -> std::fmt::Result {
    match record.data {
        Data::Soa { .. } => write!(text, " SOA"),
        Data::Alias(place) => {
            write!(text, " {} CNAME ", record.ttl)?;
            write_name(text, &answer.made[place])
        }
        Data::Static { rtype: rtype::CNAME, rdata } => write!(text, " CNAME ").and_then(|()| write_name(text, rdata)),
        Data::Static { rtype: rtype::DNAME, rdata } => write!(text, " DNAME ").and_then(|()| write_name(text, rdata)),
        Data::Static { rtype: rtype::NS, rdata } => write!(text, " NS ").and_then(|()| write_name(text, rdata)),
        Data::Static { rtype: rtype::A, rdata } => write!(text, " A {}", rdata[3]),
        Data::Static { rtype, .. } => write!(text, " TYPE{rtype}"),
        Data::A(_)
        | Data::Aaaa(_)
        | Data::Srv { .. }
        | Data::Svcb { .. }
        | Data::Ptr { .. }
        | Data::Txt(_)
        | Data::Pair(_) => {
            write!(text, " of a host")
        }
    }
}

fn check(zone: &Zones, cases: &[(&str, u16, &str)]) {
    for (asked, qtype, expected) in cases {
        assert_eq!(ask(zone, asked, *qtype), *expected, "{asked} {qtype}");
    }
}

mod aliases;
mod delegations;
mod wildcards;
