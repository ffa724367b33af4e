use super::*;

fn origin() -> Name {
    Name::parse("origin", "service.local.", &Name::root()).expect("origin")
}

const HEAD: &str = "$TTL 1h\n@ IN SOA ns hostmaster ( 1 4h ; refresh\n 1h 1w 5 )\n NS ns\n";

#[test]
fn reads_every_form() {
    let text = format!(
        "{HEAD}ns A 127.0.0.1\n   AAAA ::1\n30 IN A 10.0.0.30\nwww 60 CNAME web\n*.wild TXT \"a b\" c\\\"d \"\\065\"\nmail MX 10 mx.example.com.\n\
         _x._tcp SRV 1 2 3 web\nodd TYPE65280 \\# 2 abCD\n"
    );
    let zone = parse(&text, &origin()).expect("parses");
    assert_eq!((zone.soa.refresh, zone.soa.minimum, zone.soa.ttl), (14_400, 5, 3600));
    let sets = |name: &str| &zone.records[&Name::parse("n", name, &origin()).expect("name")];
    assert_eq!(sets("ns").len(), 2);
    assert_eq!(sets("30")[0].rdata, [Box::from([10, 0, 0, 30])]);
    assert_eq!(sets("www")[0].ttl, 60);
    assert_eq!(&*sets("*.wild")[0].rdata[0], b"\x03a b\x03c\"d\x01A");
    assert_eq!(&*sets("odd")[0].rdata[0], [0xab, 0xcd]);
}

#[test]
fn mistakes_name_their_line() {
    let cases = [
        ("x A 1.2.3\n", 5, "A takes one IPv4 address: \"1.2.3\" is none"),
        ("\n\nx WHAT 1\n", 7, "\"WHAT\" is no record type"),
        ("x A 1.2.3.4\nx CNAME y\n", 6, "x.service.local. has a CNAME and other records"),
        ("x TYPE1 \\# 1 ff\n", 5, "these octets are no A record"),
        ("x DNAME y\nx DNAME z\n", 6, "x.service.local. has more than one DNAME"),
        ("x DNAME y\nx NS z\n", 6, "x.service.local. has DNAME and NS records, and is not the apex"),
        ("x DNAME y\nx CNAME z\n", 6, "x.service.local. has a CNAME and other records"),
        ("x MX 10 a b\n", 5, "MX takes a preference and a name"),
        ("x MX 65536 a\n", 5, "MX takes a preference and a name: value \"65536\" is no number in range"),
        ("x ANY y\n", 5, "ANY cannot stand in a zone"),
        ("x TYPE255 \\# 0\n", 5, "TYPE255 cannot stand in a zone"),
        ("x NULL y\n", 5, "\"NULL\" is no record type"),
        ("x TYPE10 y\n", 5, "TYPE10 takes the form \\# LENGTH HEX here (RFC 3597)"),
        ("a.example.com. A 1.2.3.4\n", 5, "a.example.com. is outside the zone service.local."),
        ("x TXT \"open\n", 5, "a quote is not closed"),
        ("x A ( 1.2.3.4\n", 5, "a parenthesis is not closed"),
        ("@ SOA a b 1 2 3 4 5\n", 5, "the zone has a second SOA record"),
        (
            "x 2147483648 A 1.2.3.4\n",
            5,
            "\"2147483648\" is no time in seconds (0 to 2147483647) or units such as 1h30m",
        ),
        ("x CH A 1.2.3.4\n", 5, "class CH is not served, only IN"),
        ("$INCLUDE other\n", 5, "$INCLUDE is not understood; $ORIGIN and $TTL are"),
    ];
    for (text, line, what) in cases {
        let error = parse(&format!("{HEAD}{text}"), &origin()).expect_err(text);
        assert_eq!((error.line, error.what.as_str()), (line, what), "{text}");
    }
    assert_eq!(parse("", &origin()).expect_err("empty").what, "the zone has no SOA record");
}

/// The octets of a record in hexadecimal.
fn octets(record: &str) -> Result<String, String> {
    let text = format!("{HEAD}x {record}\n");
    let zone = parse(&text, &origin()).map_err(|error| error.what)?;
    let owner = Name::parse("name", "x", &origin()).expect("name");
    Ok(zone.records[&owner][0].rdata[0].iter().map(|octet| format!("{octet:02x}")).collect())
}

/// Examples of the RFCs, with their octets where those are printed there.
#[test]
fn types_have_their_own_form() {
    let cases = [
        // RFC 4034 4.3 and 5.4.
        (
            "DS 60485 5 1 ( 2BB183AF5F22588179A53B0A 98631FAD1A292118 )",
            "ec4505012bb183af5f22588179a53b0a98631fad1a292118",
        ),
        (
            "NSEC h. ( A MX RRSIG NSEC TYPE1234 )",
            "016800\
             0006400100000003\
             041b000000000000000000000000000000000000000000000000000020",
        ),
        ("DNSKEY 256 3 5 Zm9v YmFy", "01000305666f6f626172"),
        // RFC 1876 4, RFC 1035 3.3.2, RFC 3403 4.1, RFC 4255 3.2, RFC 7553 4.5, RFC 8659 4.1.1.
        ("LOC 42 21 54 N 71 06 18 W -24m 30m", "0033161389172dd070be15f000988d20"),
        ("HINFO PDP-11/70 UNIX", "095044502d31312f373004554e4958"),
        ("NAPTR 100 50 s http+I2R \"\" _h.", "0064003201730868747470 2b493252 00 025f6800"),
        ("SSHFP 2 1 123456789abcdef67890123456789abcdef67890", "0201123456789abcdef67890123456789abcdef67890"),
        ("URI 10 1 \"ftp://a\"", "000a00016674703a2f2f61"),
        ("CAA 128 issue \"a.b\"", "80056973737565612e62"),
        ("TLSA 0 0 1 d2abde24 0d7cd3ee", "000001d2abde240d7cd3ee"),
        ("RP a. .", "01610000"),
        ("AFSDB 1 a.", "0001016100"),
        ("SPF v a", "0176 0161"),
        ("NSEC3PARAM 1 0 12 aabbccdd", "0100000c04aabbccdd"),
        ("NSEC3PARAM 1 0 0 -", "0100000000"),
        ("RRSIG A 5 3 1d 20040509183619 1 2642 A. Zg==", "000105030001518 0409e7a23 00000001 0a52 016100 66"),
        ("CSYNC 66 3 A NS", "00000042000300 0160"),
        ("DNAME A.", "016100"),
        ("TYPE39 \\# 3 014100", "016100"),
        ("MX \\# 5 000a 0141 00", "000a016100"),
    ];
    for (record, expected) in cases {
        let expected = expected.replace(' ', "");
        assert_eq!(octets(record), Ok(expected.clone()), "{record}");
        // And in the form of RFC 3597 5.
        let rtype = record.split(' ').next().unwrap_or_default();
        let unknown = format!("{rtype} \\# {} {}", expected.len() / 2, expected.to_uppercase());
        assert_eq!(octets(&unknown), Ok(expected), "{unknown}");
    }
    for wrong in
        ["MX \\# 4 000a0141", "MX \\# 4 000ac00c", "NS \\# 4 01610000", "LOC 91 N 0 E 0m", "LOC 1 N 1 E", "TXT"]
    {
        assert!(octets(wrong).is_err(), "{wrong}");
    }
}

/// RFC 9460 D.
#[test]
fn service_parameters_are_those_of_the_appendix() {
    let foo = "03666f6f00";
    let cases = [
        ("HTTPS 0 foo.", ""),
        ("SVCB 16 foo. port=53", "000300020035"),
        ("SVCB 1 foo. key667=hello", "029b000568656c6c6f"),
        ("SVCB 1 foo. key667=\"hello\\210qoo\"", "029b000968656c6c6fd2716f6f"),
        ("SVCB 1 foo. ipv6hint=\"2001:db8::1\"", "0006001020010db8000000000000000000000001"),
        ("SVCB 16 foo. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"", "0001000c08665c6f6f2c626172026832"),
        (
            "SVCB 16 foo. ( alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1 )",
            "000000040001000400010009026832 0568332d3139 00040004c0000201",
        ),
    ];
    for (record, parameters) in cases {
        let octets = octets(record).expect(record);
        assert_eq!(octets[4..], format!("{foo}{parameters}").replace(' ', ""), "{record}");
    }
    let wrong = [
        "SVCB 1 foo. key123=abc key123=def",
        "SVCB 1 foo. mandatory",
        "SVCB 1 foo. alpn",
        "SVCB 1 foo. port",
        "SVCB 1 foo. ipv4hint",
        "SVCB 1 foo. no-default-alpn=abc",
        "SVCB 1 foo. no-default-alpn",
        "SVCB 1 foo. mandatory=key123",
        "SVCB 1 foo. mandatory=mandatory",
        "SVCB 1 foo. mandatory=key123,key123 key123=abc",
        "SVCB 1 foo. what=1",
        "SVCB \\# 14 0001 00 00030002 0035 00010001 00",
    ];
    for record in wrong {
        assert!(octets(record).is_err(), "{record}");
    }
    assert_eq!(octets("SVCB \\# 9 0001 00 00030002 0035"), octets("SVCB 1 . port=53"));
}

/// RFC 2181 10.3, RFC 6672 2.4, RFC 1034 4.2.1.
#[test]
fn doubts_are_said_and_served() {
    let text = "a CNAME b\n@ MX 1 a\nd DNAME b\nx.d A 1.2.3.4\nsub NS ns.sub\nns.sub A 1.2.3.4\nt.sub TXT t\nsub NS x.sub\n*.w DNAME b\n";
    let zone = parse(&format!("{HEAD}{text}"), &origin()).expect("a zone");
    let warnings: Vec<String> = zone.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "line 6: service.local. points at a.service.local., which is an alias (RFC 2181 10.3)",
            "line 8: x.d.service.local. is never answered: d.service.local. has DNAME records",
            "line 11: t.sub.service.local. is never answered: sub.service.local. has NS records",
            "line 12: sub.service.local. is delegated to x.sub.service.local., whose address is not here (RFC 1034 4.2.1)",
            "line 13: *.w.service.local. has DNAME or NS records, which a wildcard should not have (RFC 4592 4.2, 4.4)",
        ]
    );
}

/// Whatever stands in a file, reading it ends, with a zone or with a line that the file has.
#[test]
fn no_text_is_too_odd() {
    let words = [
        "@",
        "x",
        "a.b.",
        "$TTL",
        "$ORIGIN",
        "1h",
        "IN",
        "(",
        ")",
        "\"",
        ";",
        "\n",
        "\n ",
        "\\",
        "\\0",
        "\\300",
        "\\#",
        "2",
        "abcd",
        "0",
        "-1",
        "65536",
        "4294967296",
        "\u{e4}",
        "=",
        "alpn=",
        "\"h2,\\\\\"",
        "mandatory=port",
        "port=1",
        "ipv6hint=::",
        "20300101000000",
        "N",
        "90",
        "59.999",
        "W",
        "-100000m",
        "90000000.00m",
        "-",
        "Zg==",
        "::1",
        "1.2.3.4",
        "*",
    ];
    let types =
        ["A", "AAAA", "SOA", "LOC", "SVCB", "RRSIG", "NSEC", "NSEC3", "TXT", "CAA", "DNAME", "NS", "TYPE64", "TYPE29"];
    let mut random = crate::zone::Random::new(5);
    let mut zones = 0;
    for _ in 0..20_000 {
        let mut text = String::from(HEAD);
        for _ in 0..random.below(3) {
            text.push_str("x ");
            text.push_str(types[random.below(types.len())]);
            for _ in 0..random.below(9) {
                text.push_str([" ", "", "\t"][random.below(3)]);
                text.push_str(words[random.below(words.len())]);
            }
            text.push('\n');
        }
        match parse(&text, &origin()) {
            Ok(_) => zones += 1,
            Err(error) => assert!((1..=text.lines().count() + 1).contains(&error.line), "{error}: {text:?}"),
        }
    }
    assert!(zones > 1000, "{zones}");
}
