//! Our reply, in the form of the references'.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use rollcall::clock::Timestamp;
use rollcall::zone::{
    Answer, Asker, Data, Grammar, Name, Policy, Question, Random, Record, Zone, Zones, parse_file, rtype, write_name,
};

use crate::dataset::Case;
use crate::reply::{Records, Reply};

/// The zones of a file, or why it is refused.
pub(crate) fn load(path: &Path) -> Result<Zones, String> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = parse_file(&text, &Name::root()).map_err(|error| error.to_string())?;
    let policy = Policy::default();
    Ok(Zones::new(vec![Zone::new(file, Grammar::Static, &policy, &[])], policy))
}

/// What we reply, and its additional section.
pub(crate) fn ask(zones: &Zones, case: &Case) -> (Reply, Records) {
    let name = Name::parse("name", &case.name, &Name::root()).expect("a name");
    let question = Question { name: name.as_wire(), qtype: number(&case.qtype) };
    let Some(zone) = zones.find_for(&question) else {
        return (Reply { rcode: "REFUSED".into(), ..Reply::default() }, Records::new());
    };
    let answer = zone.answer(&question, &Asker::at(Timestamp::from_micros(0)), &mut Random::new(1));
    let text =
        |records: &[Record<'_>]| records.iter().map(|record| print(record, &answer, &question)).collect::<Records>();
    let mut reply = Reply {
        rcode: answer.rcode.as_str().into(),
        authoritative: answer.authoritative,
        answer: text(&answer.answer),
        authority: text(&answer.authority),
    };
    reply.leave_out();
    (reply, text(&answer.additional))
}

fn number(mnemonic: &str) -> u16 {
    match mnemonic {
        "A" => rtype::A,
        "AAAA" => rtype::AAAA,
        "CNAME" => rtype::CNAME,
        "DNAME" => rtype::DNAME,
        "NS" => rtype::NS,
        "SOA" => rtype::SOA,
        "TXT" => rtype::TXT,
        other => panic!("the dataset asks for {other}"),
    }
}

fn print(record: &Record<'_>, answer: &Answer<'_>, question: &Question<'_>) -> String {
    let owner = answer.name(record.owner, question.name).expect("a zone without hosts");
    format!("{} {} IN {}", name_of(owner), record.ttl, data(&record.data, answer))
}

fn data(data: &Data<'_>, answer: &Answer<'_>) -> String {
    match data {
        Data::Soa { soa, serial } => format!(
            "SOA {} {} {serial} {} {} {} {}",
            soa.mname, soa.rname, soa.refresh, soa.retry, soa.expire, soa.minimum
        ),
        Data::Static { rtype: rtype::NS, rdata } => format!("NS {}", name_of(rdata)),
        Data::Static { rtype: rtype::CNAME, rdata } => format!("CNAME {}", name_of(rdata)),
        Data::Static { rtype: rtype::DNAME, rdata } => format!("DNAME {}", name_of(rdata)),
        Data::Static { rtype: rtype::TXT, rdata } => format!("TXT \"{}\"", String::from_utf8_lossy(&rdata[1..])),
        Data::Static { rtype: rtype::A, rdata } => {
            let octets: [u8; 4] = (*rdata).try_into().expect("four octets");
            format!("A {}", Ipv4Addr::from(octets))
        }
        Data::Static { rtype: rtype::AAAA, rdata } => {
            let octets: [u8; 16] = (*rdata).try_into().expect("sixteen octets");
            format!("AAAA {}", Ipv6Addr::from(octets))
        }
        Data::Alias(place) => format!("CNAME {}", name_of(&answer.made[*place])),
        Data::A(_)
        | Data::Aaaa(_)
        | Data::Srv { .. }
        | Data::Svcb { .. }
        | Data::Ptr { .. }
        | Data::Txt(_)
        | Data::Pair(_)
        | Data::Static { .. } => panic!("the dataset has no {data:?}"),
    }
}

fn name_of(wire: &[u8]) -> String {
    let mut text = String::new();
    write_name(&mut text, wire).expect("a string takes everything");
    text
}
