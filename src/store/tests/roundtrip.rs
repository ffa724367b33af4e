//! Every row comes back as it went in; what cannot be read is refused by name.

use proptest::prelude::*;

use super::*;
use crate::store::record::{self, Unreadable};
use crate::table::{
    Check, CheckKind, Endpoint, HttpCheck, HttpUrl, Lease, Namespace, Place, Protocol, Status, Terms, Title, Tls,
    Weights, parse_meta, parse_tags,
};

fn words(most: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[^\\p{Cc}]{1,20}", 0..most)
}

fn place() -> impl Strategy<Value = Option<Place>> {
    prop::option::of("[^\\p{Cc}]{1,20}".prop_map(|text| Place::parse("place", &text).expect("place")))
}

fn target() -> impl Strategy<Value = Target> {
    let v4 = (1u8..=223, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| format!("{a}.{b}.{c}.{d}"));
    let v6 = any::<[u16; 4]>().prop_map(|[a, b, c, d]| format!("2001:db8::{a:x}:{b:x}:{c:x}:{d:x}"));
    prop_oneof![
        prop::collection::vec(prop_oneof![v4, v6], 1..5),
        "[A-Za-z][a-z0-9]{0,9}(\\.[a-z][a-z0-9]{0,9}){1,3}".prop_map(|name| vec![name]),
    ]
    .prop_map(|texts| Target::parse("address", texts.iter().map(String::as_str)).expect("target"))
}

fn port() -> impl Strategy<Value = Port> {
    (prop::option::of("[a-z][a-z0-9]{0,9}"), prop::sample::select(&Protocol::ALL[..]), 1u16..)
        .prop_map(|(name, protocol, number)| Port { name: name.map(String::into_boxed_str), protocol, number })
}

/// Terms of every kind, with what each can hold.
fn terms() -> impl Strategy<Value = Option<Arc<Terms>>> {
    let endpoint = prop::sample::select(vec![":", ":9000", "10.0.0.1:80", "[fd00::1]:5432", "db.example.com:1"]);
    let numbers = any::<(u16, u16, u16, Option<u32>, bool)>();
    (0..8, endpoint, "[a-z.]{1,9}", numbers).prop_map(|(kind, endpoint, word, numbers)| {
        let (passing, warning, critical, deregister, flag) = numbers;
        let endpoint = Endpoint::parse("endpoint", endpoint).expect("an endpoint");
        let tls = Tls { skip_verify: flag, server_name: (!flag).then(|| word.as_str().into()) };
        let security = (passing % 2 == 0).then_some(tls.clone());
        let url = if flag { "https:/up".to_owned() } else { format!("http://10.0.0.1:80/{word}?x") };
        let kind = match kind {
            0 => return None,
            1 => CheckKind::Reported,
            2 => CheckKind::Ttl(Duration::from_millis(u64::from(warning) + 1000)),
            3 => CheckKind::Http(Box::new(HttpCheck {
                url: HttpUrl::parse("url", &url).expect("a URL"),
                method: if flag { "GET" } else { "POST" }.into(),
                headers: [("x-key".into(), word.as_str().into())].into(),
                body: word.into(),
                tls,
                follow_redirects: flag,
                absent_passes: !flag,
            })),
            4 => CheckKind::Tcp(endpoint, security),
            5 => CheckKind::Udp(endpoint),
            6 => CheckKind::Grpc(endpoint, if flag { "".into() } else { word.into() }, security),
            7 => CheckKind::OsService("nginx.service".into()),
            _ => CheckKind::Alias(
                ServiceName::parse("service", &word).expect("a name"),
                flag.then(|| HostId::parse("id", "a").expect("an id")),
            ),
        };
        Some(Arc::new(Terms {
            kind,
            interval: Duration::from_millis(u64::from(passing)),
            timeout: Duration::from_millis(u64::from(warning)),
            success_before_passing: passing,
            failures_before_warning: warning,
            failures_before_critical: critical,
            output_octets: critical % 4097,
            deregister_critical_after: deregister.map(|millis| Duration::from_millis(u64::from(millis) + 1)),
        }))
    })
}

fn title() -> impl Strategy<Value = Option<Arc<Title>>> {
    prop::option::of(("[a-z]{1,3}", any::<String>(), any::<String>())).prop_map(|said| {
        let (name, notes, definition) = said?;
        Some(Arc::new(Title { name: name.into(), notes: notes.into(), definition: definition.into() }))
    })
}

fn check() -> impl Strategy<Value = Check> {
    ("[^\\p{Cc}]{1,20}", terms(), title(), prop::sample::select(&Status::ALL[..]), any::<String>(), any::<u64>())
        .prop_map(|(id, terms, title, status, output, since)| {
            Check::new(id.into(), terms, status, &output, Timestamp::from_micros(since)).titled(title)
        })
}

prop_compose! {
    fn host()(
        names in ("[^\\p{Cc}]{1,30}", "[^\\p{Cc}]{1,30}", "[a-z][a-z0-9]{0,9}"),
        dialect in prop::sample::select(&Dialect::ALL[..]),
        numbers in any::<(bool, (u16, u16), u16, u64, u64, Option<u32>)>(),
        target in target(),
        ports in prop::collection::vec(port(), 0..4),
        tags in words(4),
        meta in prop::collection::btree_map("[a-z./_-]{1,9}", any::<String>(), 0..4),
        places in (place(), place(), place()),
        hostname in prop::option::of("[a-z][a-z0-9]{0,9}"),
        checks in prop::collection::vec(check(), 0..4),
        original in prop::option::of(any::<String>()),
    ) -> Host {
        let (draining, (passing, warning), priority, created, modified, ttl) = numbers;
        let weights = Weights { passing, warning };
        let ttl = ttl.map(|millis| Duration::from_millis(u64::from(millis) + 1));
        Host {
            service: ServiceName::parse("service", &names.0).expect("service"),
            dialect,
            draining,
            node_status: Status::default(),
            at_node: draining,
            weight: weights.passing,
            weights,
            priority,
            id: HostId::parse("id", &names.1).expect("id"),
            namespace: Namespace::parse("namespace", &names.2).expect("namespace"),
            target,
            ports: ports.into_iter().collect(),
            tags: parse_tags("tags", tags.iter().map(String::as_str)).expect("tags"),
            meta: parse_meta("meta", meta.iter().map(|(k, v)| (&**k, &**v))).expect("meta"),
            zone: places.0,
            region: places.1,
            hostname: hostname.map(String::into_boxed_str),
            checks: checks.into_boxed_slice(),
            lease: Lease::new(ttl, Timestamp::from_micros(9)),
            repo: places.2,
            original: original.map(Arc::from),
            created: Revision(created),
            modified: Revision(modified),
        }
    }
}

proptest! {
    #[test]
    fn every_row_comes_back(host in host()) {
        let back = record::host(&record::key(&host), &record::value(&host), Some(&host)).expect("reads");
        prop_assert!(back.same_content(&host), "{back:?} {host:?}");
        prop_assert_eq!((back.created, back.modified), (host.created, host.modified));
        let same = |(a, b): (&Check, &Check)| a.since == b.since && *a.output.read() == *b.output.read();
        prop_assert!(back.checks.iter().zip(&host.checks).all(same));
        prop_assert_eq!(shown(&back), shown(&host));
    }

    #[test]
    fn every_row_comes_back_from_text(host in host()) {
        let text = record::to_json(&host);
        prop_assert!(!text.contains('\n'), "{text}");
        let back = record::from_json(text.as_bytes()).expect("reads");
        prop_assert!(back.same_content(&host), "{back:?} {host:?}");
        prop_assert_eq!((back.key(), back.created, back.modified), (host.key(), host.created, host.modified));
        prop_assert_eq!(shown(&back), shown(&host));
        prop_assert_eq!(record::to_json(&back), text);
    }

    #[test]
    fn keys_sort_as_rows_do(a in host(), b in host()) {
        prop_assert_eq!(record::key(&a).cmp(&record::key(&b)), a.key().cmp(&b.key()));
    }

    #[test]
    fn noise_is_refused(key in any::<Vec<u8>>(), value in any::<Vec<u8>>()) {
        let _ = record::host(&key, &value, None);
        prop_assert!(record::from_json(&value).is_err());
        let mut value = value;
        value.insert(0, record::VERSION);
        prop_assert!(record::host(b"web\0\0a", &value, None).is_err());
    }
}

/// Rows as version 1 writes them. These literals must read for ever.
#[test]
fn version_one_reads_for_ever() {
    let least = record::host(b"web\0\x00a", b"\x01{\"a\":[\"10.0.0.1\"]}", None).expect("reads");
    assert_eq!((least.weight, least.priority, least.draining, least.lease.ttl()), (1, 0, false, None));
    let json = "{\"n\":\"prod\",\"a\":[\"10.0.0.1\",\"2001:db8::1\"],\"p\":[{\"n\":53,\"t\":\"udp\",\"s\":\"dns\"},\
                {\"n\":80}],\"t\":[\"blue\"],\"m\":[[\"k\",\"v\"]],\"w\":5,\"r\":2,\"z\":\"z1\",\"g\":\"r1\",\
                \"c\":[{\"i\":\"disk\",\"s\":\"warning\",\"o\":\"87%\",\"t\":1700000000000000}],\"l\":60000000,\
                \"d\":true,\"o\":\"repo\",\"x\":\"{}\",\"b\":3,\"e\":9}";
    let value = format!("\x01{json}");
    let most = record::host(b"web\0\x01a", value.as_bytes(), None).expect("reads");
    assert_eq!(String::from_utf8(record::value(&most)), Ok(value), "and is written the same way");
}

#[test]
fn an_unknown_field_is_ignored_a_newer_version_is_not() {
    assert!(record::host(b"web\0\x00a", b"\x01{\"a\":[\"10.0.0.1\"],\"later\":[1,{}]}", None).is_ok());
    let newer = record::host(b"web\0\x00a", b"\x02anything", None);
    assert!(matches!(newer, Err(Unreadable::Newer(2))));
    for (key, value) in [
        (&b"web"[..], &b"\x01{\"a\":[\"10.0.0.1\"]}"[..]),
        (b"web\0", b"\x01{\"a\":[\"10.0.0.1\"]}"),
        (b"web\0\x63a", b"\x01{\"a\":[\"10.0.0.1\"]}"),
        (b"\xff\0\x00a", b"\x01{\"a\":[\"10.0.0.1\"]}"),
        (b"web\0\x00a", b""),
        (b"web\0\x00a", b"\x00{\"a\":[\"10.0.0.1\"]}"),
        (b"web\0\x00a", b"\x01{\"a\":[\"0.0.0.0\"]}"),
        (b"web\0\x00a", b"\x01{\"a\":[\"10.0.0.1\"],\"p\":[{\"n\":0}]}"),
    ] {
        assert!(record::host(key, value, None).is_err(), "{key:?}");
    }
}

/// A row as text, as version 1 writes it. It must read for ever.
#[test]
fn text_of_version_one_reads_for_ever() {
    let text = "{\"version\":1,\"service\":\"web\",\"dialect\":\"consul\",\"id\":\"n2/web-1\",\"a\":[\"10.0.0.1\"],\
                \"p\":[{\"n\":80}],\"l\":60000000,\"b\":3,\"e\":9}";
    let host = record::from_json(text.as_bytes()).expect("reads");
    assert_eq!(record::to_json(&host), text, "and is written the same way");
    for dialect in Dialect::ALL.into_iter().chain([Dialect::Node]) {
        let text = format!(
            "{{\"id\":\"a\",\"later\":1,\"a\":[\"::1\"],\"service\":\"web\",\"dialect\":\"{dialect}\",\"version\":1}}"
        );
        assert_eq!(record::from_json(text.as_bytes()).map(|host| host.dialect).ok(), Some(dialect));
    }
}

#[test]
fn text_that_cannot_be_read_says_why() {
    for (text, why) in [
        ("{\"version\":2,\"a\":7}", "version 2 of the stored form"),
        ("{\"version\":70000}", "version 255 of the stored form"),
        ("{\"version\":0}", "no such version"),
        ("{\"service\":\"web\"}", "missing field `version`"),
        ("{\"version\":1,\"service\":\"web\",\"dialect\":\"native\"}", "missing field `id`"),
        ("{\"version\":1,\"service\":\"web\",\"dialect\":\"x\",\"id\":\"a\",\"a\":[]}", "dialect: must be native"),
        ("{\"version\":1,\"service\":\"\",\"dialect\":\"native\",\"id\":\"a\",\"a\":[]}", "service: must not be empty"),
        (
            "{\"version\":1,\"service\":\"w\",\"dialect\":\"native\",\"id\":\"a\",\"a\":[\"0.0.0.0\"]}",
            "addresses: 0.0.0.0 is no address",
        ),
        ("[1]", "malformed"),
    ] {
        let error = record::from_json(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}
