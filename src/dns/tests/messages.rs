//! What a message may ask for beside its question: options, cookies, class CH.

use super::*;

const CLIENT: &str = "192.0.2.1";
const NOW: Timestamp = Timestamp::from_micros(1_000_000);

fn settings(required: bool) -> Settings {
    let secret = CookieSecret::parse("000102030405060708090a0b0c0d0e0f").expect("a secret");
    Settings {
        nsid: Some("node-7".into()),
        identity: Some("node-7".into()),
        cookies: Some(Cookies { secret, other: None, required }),
        ..Settings::default()
    }
}

/// A query whose OPT holds options.
fn with_options(name: &str, qtype: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut packet = query(name, qtype, Some((1232, 0)));
    let mut rdata = Vec::new();
    for (code, data) in options {
        rdata.extend_from_slice(&code.to_be_bytes());
        rdata.extend_from_slice(&(data.len() as u16).to_be_bytes());
        rdata.extend_from_slice(data);
    }
    let length = packet.len() - 2;
    packet[length..].copy_from_slice(&(rdata.len() as u16).to_be_bytes());
    packet.extend(rdata);
    packet
}

fn ask_as(settings: &Settings, packet: &[u8], transport: Transport) -> (Answered, Vec<u8>) {
    let view = View { zones: &zones(3), loaded: true, settings, limiter: None, stale: false };
    let client = Some(CLIENT.parse().expect("an address"));
    let keep = Some(Duration::from_secs(30));
    let request = Request { packet, transport, client, spare: 0, keep, ahead: Ahead::default() };
    let mut out = Vec::new();
    match respond(&view, &request, NOW, &mut Random::new(3), &mut out) {
        Outcome::Answered(answered) => (answered, out),
        Outcome::Dropped(reason) => panic!("{reason:?}"),
    }
}

/// The data of an option of a reply: OPT is its last record.
fn option(reply: &[u8], code: u16) -> Option<Vec<u8>> {
    let message = read(reply);
    let edns = message.edns.as_ref()?;
    edns.options().as_ref().iter().find_map(|(number, option)| {
        let data = Vec::<u8>::try_from(option).expect("an option");
        (u16::from(*number) == code).then_some(data)
    })
}

#[test]
fn options_that_are_not_asked_for_do_not_come() {
    let (_, reply) = ask_as(&settings(false), &query("web.service.local", rtype::A, Some((1232, 0))), Transport::Tcp);
    assert_eq!(read(&reply).edns.expect("OPT").options().as_ref().len(), 0);
    // Known or not, nothing is echoed.
    let options: [(u16, &[u8]); 3] = [(65_001, b"x"), (8, &[0, 1, 24, 0, 192, 0, 2]), (12, &[0; 8])];
    let (answered, reply) =
        ask_as(&settings(false), &with_options("web.service.local", rtype::A, &options), Transport::Udp);
    assert_eq!(answered.code, Code::Of(crate::zone::Rcode::NoError));
    assert_eq!(read(&reply).edns.expect("OPT").options().as_ref().len(), 0);
}

#[test]
fn the_longest_datagram_is_a_setting() {
    for (udp_octets, payload, most) in [(512, 4096, 512), (1400, 4096, 1400), (4096, 65_535, 4096), (4096, 900, 900)] {
        let settings = Settings { udp_octets, ..Settings::default() };
        let view = View { zones: &zones(300), loaded: true, settings: &settings, limiter: None, stale: false };
        let packet = &query("web.service.local", rtype::SRV, Some((payload, 0)));
        let request = Request::own(packet, Transport::Udp);
        let mut reply = Vec::new();
        respond(&view, &request, NOW, &mut Random::new(3), &mut reply);
        assert!(reply.len() <= most && reply.len() + 45 > most, "{}", reply.len());
        assert_eq!(read(&reply).edns.expect("OPT").max_payload(), udp_octets);
        assert_eq!(option(&reply, 15), None, "no word of 64 kB");
    }
}

#[test]
fn nsid_and_keepalive_come_when_asked() {
    let packet = with_options("web.service.local", rtype::A, &[(3, b""), (11, b"")]);
    let (answered, reply) = ask_as(&settings(false), &packet, Transport::Tcp);
    assert_eq!(option(&reply, 3).as_deref(), Some(&b"node-7"[..]));
    assert_eq!(option(&reply, 11).as_deref(), Some(&300_u16.to_be_bytes()[..]));
    assert!(answered.keeps);
    let (answered, reply) = ask_as(&settings(false), &packet, Transport::Udp);
    assert_eq!((option(&reply, 3).is_some(), option(&reply, 11)), (true, None));
    assert!(!answered.keeps);
    let (_, reply) = ask_as(&Settings::default(), &packet, Transport::Udp);
    assert_eq!(option(&reply, 3), None, "there is no name");
}

#[test]
fn a_cookie_is_given_and_known_again() {
    for transport in Transport::ALL {
        let settings = settings(false);
        let (answered, reply) =
            ask_as(&settings, &with_options("web.service.local", rtype::A, &[(10, b"12345678")]), transport);
        assert_eq!(answered.cookie, CookieStanding::New);
        let cookie = option(&reply, 10).expect("a cookie");
        assert_eq!((&cookie[..8], cookie.len()), (&b"12345678"[..], 24));
        let (answered, reply) =
            ask_as(&settings, &with_options("web.service.local", rtype::A, &[(10, &cookie)]), transport);
        assert_eq!((answered.cookie, option(&reply, 10)), (CookieStanding::Valid, Some(cookie.clone())));
        // Errors have it, too: a client that saw one waits for it.
        let (_, reply) = ask_as(&settings, &with_options("example.com", rtype::A, &[(10, &cookie)]), transport);
        assert_eq!(option(&reply, 10), Some(cookie));
        let (answered, reply) =
            ask_as(&settings, &with_options("web.service.local", rtype::A, &[(10, &[9; 24])]), transport);
        assert_eq!((answered.cookie, read(&reply).answers.len()), (CookieStanding::Invalid, 3));
    }
    let (_, reply) = ask_as(
        &Settings::default(),
        &with_options("web.service.local", rtype::A, &[(10, b"12345678")]),
        Transport::Udp,
    );
    assert_eq!(option(&reply, 10), None, "off");
}

#[test]
fn required_cookies_are_required_over_udp() {
    let settings = settings(true);
    let plain = query("web.service.local", rtype::A, None);
    let (answered, reply) = ask_as(&settings, &plain, Transport::Udp);
    assert!(answered.truncated && read(&reply).answers.is_empty() && reply.len() == plain.len());
    assert_eq!(read(&ask_as(&settings, &plain, Transport::Tcp).1).answers.len(), 3);
    let packet = with_options("web.service.local", rtype::A, &[(10, b"12345678")]);
    let (answered, reply) = ask_as(&settings, &packet, Transport::Udp);
    assert_eq!(answered.code, Code::BadCookie);
    assert_eq!(read(&reply).metadata.response_code, ResponseCode::BADCOOKIE);
    assert!(read(&reply).answers.is_empty());
    assert_eq!(read(&ask_as(&settings, &packet, Transport::Tcp).1).answers.len(), 3);
    let cookie = option(&reply, 10).expect("a cookie");
    let (_, reply) = ask_as(&settings, &with_options("web.service.local", rtype::A, &[(10, &cookie)]), Transport::Udp);
    assert_eq!(read(&reply).answers.len(), 3);
}

#[test]
fn a_message_without_a_question_may_ask_for_a_cookie() {
    let settings = settings(false);
    let bare = |cookie: &[u8]| {
        let mut packet = vec![0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0];
        packet.extend_from_slice(&(4 + cookie.len() as u16).to_be_bytes());
        packet.extend_from_slice(&[0, 10]);
        packet.extend_from_slice(&(cookie.len() as u16).to_be_bytes());
        packet.extend_from_slice(cookie);
        packet
    };
    let (answered, reply) = ask_as(&settings, &bare(b"12345678"), Transport::Udp);
    assert_eq!(answered.code.number(), 0);
    let cookie = option(&reply, 10).expect("a cookie");
    assert_eq!(ask_as(&settings, &bare(&cookie), Transport::Udp).0.code.number(), 0);
    assert_eq!(ask_as(&settings, &bare(&[9; 24]), Transport::Udp).0.code, Code::BadCookie);
    assert_eq!(ask_as(&Settings::default(), &bare(&cookie), Transport::Udp).0.code.number(), 1);
    let without = [0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0];
    assert_eq!(ask_as(&settings, &without, Transport::Udp).0.code.number(), 1);
}

#[test]
fn options_that_cannot_be_read_are_format_errors_with_opt() {
    for (code, data) in [(10, &[1; 7][..]), (10, &[1; 9]), (10, &[1; 41]), (8, &[0, 1, 24, 0, 1, 2])] {
        let mut packet = with_options("web.service.local", rtype::A, &[(code, data)]);
        let (answered, reply) = ask_as(&settings(false), &packet, Transport::Udp);
        assert_eq!((answered.code.number(), read(&reply).edns.is_some()), (1, true), "{code} {data:?}");
        // The version is what is wrong first (R41).
        let version = packet.len() - 4 - data.len() - 5;
        packet[version] = 1;
        let (answered, reply) = ask_as(&settings(false), &packet, Transport::Udp);
        assert_eq!((answered.code.number(), read(&reply).edns.expect("OPT").version()), (16, 0), "{code} {data:?}");
    }
}

#[test]
fn opt_fits_beside_the_longest_name() {
    let labels = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(47));
    let settings = Settings { nsid: Some("n".repeat(limits::NSID_OCTETS)), ..settings(false) };
    for name in [format!("{labels}.service.local"), format!("{labels}.example.comm")] {
        let mut packet = with_options(&name, rtype::A, &[(10, b"12345678"), (3, b""), (11, b"")]);
        let payload = packet.len() - 2 - 12 - 4 - 4 - 6;
        packet[payload..payload + 2].copy_from_slice(&[2, 0]);
        let (_, reply) = ask_as(&settings, &packet, Transport::Udp);
        assert!(reply.len() <= 512 && option(&reply, 10).is_some(), "{}", reply.len());
        assert!(option(&reply, 3).is_some());
    }
}

#[test]
fn class_ch_says_who_answers_and_nothing_else() {
    let chaos = |settings: &Settings, name: &str, qtype: u16| {
        let mut packet = query(name, qtype, Some((1232, 0)));
        let class = packet.len() - 12;
        packet[class] = 3;
        let reply = ask_as(settings, &packet, Transport::Udp).1;
        let message = read(&reply);
        let records = message.answers.iter().map(|it| format!("{} {} {}", it.ttl, it.dns_class, it.data)).collect();
        (u16::from(message.metadata.response_code), message.metadata.authoritative, records)
    };
    let on = settings(false);
    let one = |text: &str| (0, true, vec![format!("0 CH {text}")]);
    for name in ["id.server", "HostName.Bind"] {
        assert_eq!(chaos(&on, name, rtype::TXT), one("node-7"));
    }
    for name in ["version.bind", "version.server"] {
        assert_eq!(chaos(&on, name, rtype::TXT), one("rollcall"));
        assert_eq!(chaos(&on, name, rtype::A), (5, false, Vec::<String>::new()), "no other type");
        assert_eq!(chaos(&Settings::default(), name, rtype::TXT), (5, false, Vec::new()));
    }
    for name in ["authors.bind", "bind", "web.service.local", "service.local"] {
        assert_eq!(chaos(&on, name, rtype::TXT), (5, false, Vec::new()), "{name}");
    }
    let packet = query("version.bind", rtype::TXT, None);
    assert_eq!(read(&ask_as(&on, &packet, Transport::Udp).1).metadata.response_code, ResponseCode::Refused, "class IN");
}

#[test]
fn who_may_not_ask_is_refused() {
    let networks = Networks::new(&[("10.0.0.0".parse().expect("an address"), 8)]);
    let settings = Settings { allow_query: networks, ..settings(false) };
    for packet in [query("web.service.local", rtype::A, Some((1232, 0))), query("nothing.example", rtype::A, None)] {
        let (answered, reply) = ask_as(&settings, &packet, Transport::Udp);
        assert_eq!(answered.code.number(), 5);
        let prohibited = option(&reply, 15).is_some_and(|data| data[..2] == [0, 18]);
        assert_eq!(prohibited, answered.edns, "EDE 18 where there is OPT");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Any options in any OPT give one reply that another codec reads, within its size, with OPT.
    #[test]
    fn any_options_are_survived(
        options in prop::collection::vec((prop::sample::select(vec![3_u16, 8, 10, 11, 15, 65_001]), prop::collection::vec(any::<u8>(), 0..44)), 0..5),
        cut in 0_usize..20,
        required in any::<bool>(),
        tcp in any::<bool>(),
        class in prop::sample::select(vec![1_u8, 3, 255]),
    ) {
        let options: Vec<(u16, &[u8])> = options.iter().map(|(code, data)| (*code, data.as_slice())).collect();
        let mut packet = with_options("id.server", rtype::TXT, &options);
        packet[12 + 11 + 3] = class;
        packet.truncate(packet.len() - cut.min(packet.len() - 12));
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        let (answered, reply) = ask_as(&settings(required), &packet, transport);
        prop_assert!(reply.len() <= 1232);
        prop_assert_eq!(read(&reply).edns.is_some(), answered.edns);
    }
}
