//! Names that stand for others.

use super::*;

/// The zone of the RFC, its questions and answers.
#[test]
fn rfc_4592_2_2_1_the_example() {
    let zone = zone(
        "*.example. TXT t\n*.example. MX 10 host1\nsub.*.example. TXT s\nhost1 A 10.0.0.1\n_ssh._tcp.host1 SRV 0 0 1 host1\n\
         _ssh._tcp.host2 SRV 0 0 1 host1\nsubdel NS ns.example.com.\nsubdel NS ns.example.net.\n",
    );
    let exists = format!("NOERROR{DENIED}");
    let referral =
        "NOERROR not authoritative\n; subdel.example. NS ns.example.com.\n; subdel.example. NS ns.example.net.";
    check(
        &zone,
        &[
            ("host3", rtype::MX, "NOERROR\nhost3.example. TYPE15\n+ host1.example. A 1"),
            ("host3", rtype::A, &exists),
            ("foo.bar", rtype::TXT, "NOERROR\nfoo.bar.example. TYPE16"),
            ("host1", rtype::MX, &exists),
            ("sub.*", rtype::MX, &exists),
            ("_telnet._tcp.host1", rtype::SRV, &format!("NXDOMAIN{DENIED}")),
            ("host.subdel", rtype::A, referral),
            ("ghost.*", rtype::MX, &format!("NXDOMAIN{DENIED}")),
            ("*", rtype::TXT, "NOERROR\n*.example. TYPE16"),
        ],
    );
}

#[test]
fn rfc_4592_4_3_a_cname_at_a_wildcard_is_an_alias_of_each_name() {
    let zone = zone("*.w CNAME t\nt A 10.0.0.1\n*.n CNAME nothing\n");
    check(
        &zone,
        &[
            ("x.w", rtype::A, "NOERROR\nx.w.example. CNAME t.example.\nt.example. A 1"),
            ("x.y.w", rtype::CNAME, "NOERROR\nx.y.w.example. CNAME t.example."),
            ("x.n", rtype::A, &format!("NXDOMAIN\nx.n.example. CNAME nothing.example.{DENIED}")),
        ],
    );
}

/// A wildcard that is only there because of names below it has no records, and all the same it is there.
#[test]
fn rfc_4592_4_9_a_wildcard_may_be_an_empty_non_terminal() {
    let zone = zone("a.*.w A 10.0.0.1\n");
    check(
        &zone,
        &[
            ("x.w", rtype::A, &format!("NOERROR{DENIED}")),
            ("a.x.w", rtype::A, &format!("NOERROR{DENIED}")),
            ("a.*.w", rtype::A, "NOERROR\na.*.w.example. A 1"),
            ("b.*.w", rtype::A, &format!("NXDOMAIN{DENIED}")),
        ],
    );
}

#[test]
fn rfc_4592_4_4_a_dname_reached_by_a_wildcard_redirects_nothing() {
    let zone = zone("*.w DNAME t\n");
    check(
        &zone,
        &[
            ("x.w", rtype::A, &format!("NOERROR{DENIED}")),
            (
                "x.*.w",
                rtype::A,
                &format!("NXDOMAIN\n*.w.example. DNAME t.example.\nx.*.w.example. 60 CNAME x.t.example.{DENIED}"),
            ),
        ],
    );
}
