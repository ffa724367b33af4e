//! CNAME and DNAME.

use super::*;

/// Only names below the owner are redirected; the owner has records of its own.
#[test]
fn rfc_6672_2_3_the_owner_of_a_dname_is_not_redirected() {
    let zone = zone("d 7 DNAME t\nd A 10.0.0.1\nx.t A 10.0.0.2\n");
    check(
        &zone,
        &[
            ("d", rtype::A, "NOERROR\nd.example. A 1"),
            ("d", rtype::DNAME, "NOERROR\nd.example. DNAME t.example."),
            ("d", rtype::TXT, &format!("NOERROR{DENIED}")),
            (
                "x.d",
                rtype::A,
                "NOERROR\nd.example. DNAME t.example.\nx.d.example. 7 CNAME x.t.example.\nx.t.example. A 2",
            ),
        ],
    );
}

#[test]
fn rfc_6672_3_2_the_last_name_decides_the_code() {
    let zone = zone("d DNAME t\nx.t A 10.0.0.2\nout DNAME elsewhere.\n");
    let made = "\nd.example. DNAME t.example.\ny.d.example. 60 CNAME y.t.example.";
    check(
        &zone,
        &[
            ("y.d", rtype::A, &format!("NXDOMAIN{made}{DENIED}")),
            ("y.d", rtype::CNAME, &format!("NOERROR{made}")),
            ("y.d", rtype::ANY, &format!("NOERROR{made}")),
            ("x.out", rtype::A, "NOERROR\nout.example. DNAME elsewhere.\nx.out.example. 60 CNAME x.elsewhere."),
        ],
    );
}

/// A zone may be all elsewhere but for its apex.
#[test]
fn rfc_6672_2_3_a_dname_may_stand_at_the_apex() {
    let zone = zone("@ DNAME other.\n");
    check(
        &zone,
        &[
            ("@", rtype::NS, "NOERROR\nexample. NS ns.example."),
            ("a.b", rtype::A, "NOERROR\nexample. DNAME other.\na.b.example. 60 CNAME a.b.other."),
            ("ns", rtype::A, "NOERROR\nexample. DNAME other.\nns.example. 60 CNAME ns.other."),
        ],
    );
}

#[test]
fn rfc_6672_2_4_names_below_a_dname_are_occluded() {
    let zone = zone("d DNAME t.\nx.d A 10.0.0.1\nsub.d NS ns.sub.d\n*.d A 10.0.0.2\nm MX 1 x.d\nc CNAME x.d\n");
    for asked in ["x.d", "sub.d", "y.sub.d", "any.d"] {
        let made = format!("NOERROR\nd.example. DNAME t.\n{asked}.example. 60 CNAME {}t.", asked.trim_end_matches('d'));
        assert_eq!(ask(&zone, asked, rtype::A), made);
    }
    check(
        &zone,
        &[
            ("m", rtype::MX, "NOERROR\nm.example. TYPE15"),
            ("c", rtype::A, "NOERROR\nc.example. CNAME x.d.example.\nd.example. DNAME t.\nx.d.example. 60 CNAME x.t."),
        ],
    );
}

#[test]
fn rfc_6672_2_2_a_name_that_grows_too_long_is_yxdomain() {
    let label = "x".repeat(63);
    let zone = zone(&format!("d DNAME {label}.{label}.{label}.t.\n"));
    let fits = format!("{}.d", "y".repeat(57));
    assert!(ask(&zone, &fits, rtype::A).starts_with("NOERROR\nd.example. DNAME "));
    let long = format!("{}.d", "y".repeat(63));
    let answer = ask(&zone, &long, rtype::A);
    assert!(answer.starts_with("YXDOMAIN\nd.example. DNAME "), "{answer}");
    assert_eq!(answer.lines().count(), 2, "the DNAME says why");
}

/// The DNAME stands in the answer once, however often it is used.
#[test]
fn rfc_1034_3_6_2_chains_and_loops_end() {
    let grows = zone("d DNAME a.d\n");
    let answer = ask(&grows, "x.d", rtype::A);
    assert_eq!(answer.matches("DNAME").count(), 1);
    assert_eq!(answer.matches(" CNAME ").count(), limits::CNAME_CHAIN);
    let turns = zone("a DNAME b\nb DNAME a\n");
    let answer = ask(&turns, "x.a", rtype::A);
    assert_eq!(answer.matches(" CNAME ").count(), 2, "{answer}");
    let shrinks = zone("c.d DNAME d\nx.d A 10.0.0.1\n");
    assert!(
        ask(&shrinks, "x.c.c.d", rtype::A).ends_with("NXDOMAIN")
            || ask(&shrinks, "x.c.c.d", rtype::A).contains("CNAME")
    );
    let itself = zone("a CNAME a\nb CNAME B\n");
    check(
        &itself,
        &[
            ("a", rtype::A, "NOERROR\na.example. CNAME a.example."),
            ("b", rtype::A, "NOERROR\nb.example. CNAME b.example."),
        ],
    );
}

#[test]
fn rfc_1034_3_6_2_a_cname_is_followed_unless_it_is_asked_for() {
    let zone = zone("a CNAME b\nb CNAME c\nc A 10.0.0.1\n");
    let chain = "NOERROR\na.example. CNAME b.example.\nb.example. CNAME c.example.";
    check(
        &zone,
        &[
            ("a", rtype::A, &format!("{chain}\nc.example. A 1")),
            ("a", rtype::TXT, &format!("{chain}{DENIED}")),
            ("a", rtype::CNAME, "NOERROR\na.example. CNAME b.example."),
            ("a", rtype::ANY, "NOERROR\na.example. CNAME b.example."),
        ],
    );
}

#[test]
fn rfc_8482_4_1_any_is_the_smallest_set() {
    let zone = zone(
        "a TXT \"0123456789012345678901234567890123456789\"\na AAAA ::1\na A 10.0.0.1\na A 10.0.0.2\nb.a A 10.0.0.3\n",
    );
    check(
        &zone,
        &[
            ("a", rtype::ANY, "NOERROR\na.example. TYPE28"),
            ("nothing", rtype::ANY, &format!("NXDOMAIN{DENIED}")),
            ("@", rtype::ANY, "NOERROR\nexample. NS ns.example."),
        ],
    );
}

#[test]
fn rfc_4035_2_5_signatures_stand_beside_an_alias() {
    let zone = zone("a CNAME b\na NSEC b CNAME\nb A 10.0.0.1\n");
    check(
        &zone,
        &[
            ("a", rtype::NSEC, "NOERROR\na.example. TYPE47"),
            ("a", rtype::A, "NOERROR\na.example. CNAME b.example.\nb.example. A 1"),
        ],
    );
}
