//! Where a zone ends.

use super::*;

const FILE: &str = "sub NS ns.sub\nsub NS ns.other\nsub NS out.side.\nsub DS 1 8 2 ab\nsub TXT t\nns.sub A 10.0.0.1\n\
    x.sub A 10.0.0.2\nother NS ns.other\nns.other A 10.0.0.3\na CNAME x.sub\ndeep.sub NS ns.deep.sub\nns.deep.sub A 10.0.0.4\n\
    *.sub A 10.0.0.5\n";
/// Required glue is first, whatever the order of the NS records.
const REFERRAL: &str = "\n; sub.example. NS ns.sub.example.\n; sub.example. NS ns.other.example.\n; sub.example. NS out.side.\
    \n+ ns.sub.example. A 1\n+ ns.other.example. A 3";

#[test]
fn rfc_1034_4_3_2_names_at_and_below_a_cut_are_referred() {
    let zone = zone(FILE);
    for (asked, qtype) in [
        ("sub", rtype::A),
        ("sub", rtype::NS),
        ("sub", rtype::ANY),
        ("sub", rtype::SOA),
        ("sub", rtype::TXT),
        ("x.sub", rtype::A),
        ("nothing.sub", rtype::A),
        ("ns.sub", rtype::A),
        ("ns.sub", rtype::NS),
        ("x.deep.sub", rtype::A),
        ("deep.sub", rtype::DS),
    ] {
        assert_eq!(ask(&zone, asked, qtype), format!("NOERROR not authoritative{REFERRAL}"), "{asked} {qtype}");
    }
}

#[test]
fn rfc_4035_3_1_4_1_ds_at_a_cut_is_the_parents() {
    let zone = zone(FILE);
    check(
        &zone,
        &[("sub", rtype::DS, "NOERROR\nsub.example. TYPE43"), ("other", rtype::DS, &format!("NOERROR{DENIED}"))],
    );
}

#[test]
fn rfc_6604_2_an_alias_to_a_delegated_name_stays_authoritative() {
    let zone = zone(FILE);
    assert_eq!(ask(&zone, "a", rtype::A), format!("NOERROR\na.example. CNAME x.sub.example.{REFERRAL}"));
}

#[test]
fn rfc_9471_3_glue_below_the_cut_is_required() {
    let sizes = |zones: &Zones, asked: &str, qtype: u16| {
        let asked = name(asked);
        let question = Question { name: asked.as_wire(), qtype };
        let zone = zones.find_for(&question).expect("a zone of ours");
        let answer = zone.answer(&question, &Asker::at(Timestamp::from_micros(0)), &mut Random::new(1));
        (answer.required, answer.additional.len())
    };
    assert_eq!(sizes(&zone(FILE), "x.sub", rtype::A), (1, 2));
    assert_eq!(sizes(&zone("mail MX 1 ns\n"), "mail", rtype::MX), (0, 1), "only referrals need theirs");
}

/// RFC 1034 4.3.2 step 2 takes the zone nearest to the name; RFC 8020 2 keeps the names between two zones.
#[test]
fn rfc_8020_2_a_zone_inside_another_cuts_it() {
    let outer = "inner.deep A 10.0.0.1\nx.inner.deep A 10.0.0.2\na CNAME x.inner.deep\nm MX 1 x.inner.deep\n";
    let inner = zone_at("inner.deep", "x A 10.0.0.3\n");
    let zones = Zones::new(vec![zone_at("@", outer), inner], Policy::default());
    let dig = |asked: &str, qtype| ask(&zones, asked, qtype);
    let referral = "\n; inner.deep.example. NS ns.inner.deep.example.\n+ ns.inner.deep.example. A 53";
    assert_eq!(dig("x.inner.deep", rtype::A), "NOERROR\nx.inner.deep.example. A 3");
    assert_eq!(dig("inner.deep", rtype::A), "NOERROR\n; inner.deep.example. SOA");
    assert_eq!(dig("inner.deep", rtype::DS), format!("NOERROR{DENIED}"));
    assert_eq!(dig("deep", rtype::A), format!("NOERROR{DENIED}"), "a name between the two");
    assert_eq!(dig("m", rtype::MX), "NOERROR\nm.example. TYPE15", "what the inner zone has replaced");
    assert_eq!(dig("a", rtype::A), format!("NOERROR\na.example. CNAME x.inner.deep.example.{referral}"));
}

#[test]
fn rfc_9460_4_1_services_bring_the_addresses_of_their_targets() {
    let zone = zone("a HTTPS 1 . alpn=h2\na A 10.0.0.1\nb HTTPS 0 a\n_x.b SVCB 1 a port=1\n");
    check(
        &zone,
        &[
            ("a", rtype::HTTPS, "NOERROR\na.example. TYPE65\n+ a.example. A 1"),
            ("b", rtype::HTTPS, "NOERROR\nb.example. TYPE65\n+ a.example. A 1"),
            ("_x.b", rtype::SVCB, "NOERROR\n_x.b.example. TYPE64\n+ a.example. A 1"),
        ],
    );
}
