//! Messages of every form: what is no question, what cannot be read, what nobody serves.

use super::*;

fn good() -> Vec<u8> {
    query("web.service.local", rtype::A, Some((1232, 0)))
}

/// A question and records behind it, each in the section (1 to 3) that is named.
fn with_records(records: &[(usize, &[u8])]) -> Vec<u8> {
    let mut packet = query("web.service.local", rtype::A, None);
    for (section, octets) in records {
        packet[5 + 2 * section] += 1;
        packet.extend_from_slice(octets);
    }
    packet
}

fn code(packet: &[u8]) -> (ResponseCode, bool, usize) {
    let message = read(&ask(&zones(1), packet, Transport::Udp).expect("a reply"));
    (message.metadata.response_code, message.edns.is_some(), message.answers.len())
}

#[test]
fn bits_that_mean_nothing_in_a_query_are_not_in_its_reply() {
    let zones = zones(1);
    for bits in 0..=0xff_u8 {
        let mut packet = good();
        packet[2] |= bits & 0x07;
        packet[3] = bits;
        let reply = ask(&zones, &packet, Transport::Udp).expect("a reply");
        // QR, AA and RD as it came; RA, Z, AD, CD and the code are clear.
        assert_eq!((reply[2], reply[3]), (0x84 | packet[2] & 1, 0), "{bits:02x}");
        assert_eq!(read(&reply).answers.len(), 1);
    }
}

#[test]
fn every_opcode_but_query_is_not_implemented() {
    let zones = zones(1);
    for opcode in 1..16 {
        let mut packet = good();
        packet[2] = opcode << 3;
        let reply = ask(&zones, &packet, Transport::Udp).expect("a reply");
        assert_eq!((reply[2] & 0xf8, reply[3]), (0x80 | opcode << 3, 4), "{opcode}");
        assert!(read(&reply).edns.is_some());
    }
}

#[test]
fn there_is_one_question() {
    let mut two = query("web.service.local", rtype::A, None);
    let question = two[12..].to_vec();
    two[5] = 2;
    two.extend(question);
    assert_eq!(code(&two), (ResponseCode::FormErr, false, 0), "RFC 9619");
    let none = [0x12, 0x34, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(code(&none), (ResponseCode::FormErr, false, 0));
}

#[test]
fn what_cannot_be_read_is_a_format_error_of_twelve_octets() {
    let zones = zones(1);
    type Edit<'e> = &'e dyn Fn(&mut Vec<u8>);
    let edits: [(&str, Edit<'_>); 12] = [
        ("a label of the kind 01", &|packet| packet[12] = 0x43),
        ("a label of the kind 10", &|packet| packet[12] = 0x83),
        ("a pointer to itself", &|packet| packet[12..14].copy_from_slice(&[0xc0, 12])),
        ("a pointer ahead", &|packet| packet[12..14].copy_from_slice(&[0xc0, 20])),
        ("a pointer into the header", &|packet| packet[12..14].copy_from_slice(&[0xc0, 4])),
        ("a pointer behind the end", &|packet| packet[12..14].copy_from_slice(&[0xff, 0xff])),
        ("a name without an end", &|packet| packet.truncate(20)),
        ("a name without a type", &|packet| packet.truncate(12 + 19 + 1)),
        ("a header alone", &|packet| packet.truncate(12)),
        ("half an OPT", &|packet| packet.truncate(packet.len() - 4)),
        ("records that are not there", &|packet| packet[7] = 9),
        ("options that are not there", &|packet| *packet.last_mut().expect("an octet") = 7),
    ];
    for (what, edit) in edits {
        let mut packet = good();
        edit(&mut packet);
        let reply = ask(&zones, &packet, Transport::Udp).expect("a reply");
        assert_eq!(reply[..2], packet[..2], "{what}");
        assert_eq!((reply[2] & 0xfe, reply[3]), (0x80, 1), "{what}");
        assert!(reply.len() == 12 && reply[4..] == [0; 8] || read(&reply).queries.len() == 1, "{what}: {reply:02x?}");
        assert_eq!(read(&reply).answers.len(), 0, "{what}");
    }
}

#[test]
fn opt_is_one_additional_record_of_the_root() {
    let opt: &[u8] = &[0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0];
    let named: &[u8] = &[1, b'x', 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0];
    assert_eq!(code(&with_records(&[(3, opt)])), (ResponseCode::NoError, true, 1));
    for records in [&[(3, opt), (3, opt)][..], &[(3, named)], &[(1, opt)], &[(2, opt)], &[(1, opt), (3, opt)]] {
        assert_eq!(code(&with_records(records)).0, ResponseCode::FormErr, "{records:?}");
    }
}

/// The extended error of a reply (RFC 8914).
fn extended(reply: &[u8]) -> Option<u16> {
    let message = read(reply);
    message.edns.as_ref()?.options().as_ref().iter().find_map(|(code, option)| {
        let data = Vec::<u8>::try_from(option).expect("an option");
        (u16::from(*code) == 15).then(|| u16::from_be_bytes([data[0], data[1]]))
    })
}

#[test]
fn no_class_but_in_has_data() {
    let zones = zones(1);
    for class in [0, 2, 3, 4, 5, 254, 255, 4660, 0xffff_u16] {
        let mut packet = good();
        let at = packet.len() - 13;
        packet[at..at + 2].copy_from_slice(&class.to_be_bytes());
        let reply = ask(&zones, &packet, Transport::Udp).expect("a reply");
        let message = read(&reply);
        assert_eq!((message.metadata.response_code, extended(&reply)), (ResponseCode::Refused, Some(21)), "{class}");
        assert!(!message.metadata.authoritative && message.answers.is_empty() && message.authorities.is_empty());
    }
}

#[test]
fn types_of_messages_are_no_types_of_data() {
    let zones = zones(1);
    for (qtype, expected, error) in [
        (rtype::OPT, ResponseCode::FormErr, None),
        (rtype::NXNAME, ResponseCode::FormErr, Some(30)),
        (rtype::TSIG, ResponseCode::NotImp, None),
        (rtype::TKEY, ResponseCode::NotImp, None),
        (rtype::MAILA, ResponseCode::NotImp, None),
        (rtype::MAILB, ResponseCode::NotImp, None),
        (rtype::AXFR, ResponseCode::Refused, Some(18)),
        (rtype::IXFR, ResponseCode::Refused, Some(18)),
    ] {
        let reply = ask(&zones, &query("web.service.local", qtype, Some((1232, 0))), Transport::Tcp).expect("a reply");
        assert_eq!((read(&reply).metadata.response_code, extended(&reply)), (expected, error), "{qtype}");
    }
}

#[test]
fn types_that_nobody_knows_are_like_any_other() {
    let zones = zones(1);
    for qtype in (0..128).chain([257, 666, 4711, 65_280, 65_535]).filter(|qtype| *qtype != rtype::OPT) {
        for (name, expected) in
            [("web.service.local", ResponseCode::NoError), ("nothing.service.local", ResponseCode::NXDomain)]
        {
            let message = read(&ask(&zones, &query(name, qtype, None), Transport::Udp).expect("a reply"));
            assert_eq!(message.metadata.response_code, expected, "{name} {qtype}");
            assert_eq!(message.answers.is_empty(), message.authorities.len() == 1, "{name} {qtype}");
        }
    }
}

/// Octets beyond ASCII have no case (RFC 4343 3).
#[test]
fn letters_have_two_cases_and_other_octets_one() {
    let origin = Name::parse("origin", "service.local.", &Name::root()).expect("origin");
    let text = "@ 60 SOA ns h 1 1h 1h 1h 5\n@ 60 NS ns\n\\228z[ 60 A 10.0.0.1\n";
    let zone = Zone::new(parse_file(text, &origin).expect("a zone"), Grammar::Static, &Policy::default(), &[]);
    let zones = Zones::new(vec![zone], Policy::default());
    let rcode = |label: [u8; 3]| {
        let mut packet = query("xxx.service.local", rtype::A, None);
        packet[13..16].copy_from_slice(&label);
        read(&ask(&zones, &packet, Transport::Udp).expect("a reply")).metadata.response_code
    };
    assert_eq!(rcode([228, b'z', b'[']), ResponseCode::NoError);
    assert_eq!(rcode([228, b'Z', b'[']), ResponseCode::NoError);
    assert_eq!(rcode([196, b'z', b'[']), ResponseCode::NXDomain, "a letter of another alphabet");
    assert_eq!(rcode([228, b'z', b'{']), ResponseCode::NXDomain, "no letter, though 32 apart as letters are");
}

/// What is not of RFC 1035 stands without pointers (RFC 3597 4), so that whoever does not know it can copy it.
#[test]
fn only_the_oldest_types_hold_pointers() {
    let origin = Name::parse("origin", "service.local.", &Name::root()).expect("origin");
    let text = "@ 60 SOA ns h 1 1h 1h 1h 5\n@ 60 NS ns\n\
        a 60 SVCB 1 b.a\na 60 HTTPS 1 b.a\na 60 NAPTR 1 2 s http \"\" b.a\na 60 SRV 1 2 3 b.a\nd 60 DNAME b.a\na 60 RP b.a b.a\n";
    let zone = Zone::new(parse_file(text, &origin).expect("a zone"), Grammar::Static, &Policy::default(), &[]);
    let zones = Zones::new(vec![zone], Policy::default());
    for (name, qtype) in [("a", 64), ("a", 65), ("a", 35), ("a", rtype::SRV), ("d", 39), ("a", 17)] {
        let packet = query(&format!("{name}.service.local"), qtype, None);
        let reply = ask(&zones, &packet, Transport::Udp).expect("a reply");
        assert_eq!(read(&reply).answers.len(), 1, "{qtype}");
        let target = b"\x01b\x01a\x07service\x05local\0";
        assert!(reply[packet.len()..].windows(target.len()).any(|octets| octets == target), "{qtype}: {reply:02x?}");
    }
}

/// A stream has room for 64 kB; what is more is cut, and the reply says why.
#[test]
fn a_set_of_more_than_64_kb_says_so() {
    let zones = zones(1500);
    let packet = query("web.service.local", rtype::SRV, Some((1232, 0)));
    let reply = ask(&zones, &packet, Transport::Tcp).expect("a reply");
    let message = read(&reply);
    assert!(message.metadata.truncation && message.answers.len() > 1300 && reply.len() > 65_000);
    assert_eq!(extended(&reply), Some(0));
    let whole = ask(&zones, &query("web.service.local", rtype::A, Some((1232, 0))), Transport::Tcp).expect("a reply");
    assert_eq!((read(&whole).metadata.truncation, extended(&whole)), (false, None));
}
