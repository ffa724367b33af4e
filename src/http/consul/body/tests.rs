use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::http::consul::shapes::Weights;

fn service(body: &str) -> ServiceRegistration {
    ServiceRegistration::read(body.as_bytes()).unwrap_or_else(|refusal| panic!("{body}: {refusal}"))
}

fn refused(body: &str) -> String {
    ServiceRegistration::read(body.as_bytes()).expect_err(body).to_string()
}

#[test]
fn a_name_is_enough() {
    let read = service(r#"{"Name":"web"}"#);
    let wanted = ServiceRegistration { id: "web".into(), name: "web".into(), ..ServiceRegistration::default() };
    assert_eq!(read, wanted);
    assert_eq!(read.weights, Weights { passing: 1, warning: 1 });
}

#[test]
fn names_of_fields_come_in_any_case_and_null_is_nothing() {
    let python = r#"{"name":"web","id":"w1","address":"10.0.0.1","port":80,"tags":["a"],"enable_tag_override":true,
        "check":{"http":"http://10.0.0.1/","interval":"10s","timeout":null,"tls_skip_verify":true,
        "deregister_critical_service_after":"1m"},"meta":null,"weights":null}"#;
    let go = r#"{"Kind":"","ID":"w1","Name":"web","Tags":["a"],"Port":80,"Address":"10.0.0.1","EnableTagOverride":true,
        "Check":null,"Proxy":null,"Connect":null,"Locality":null,"TaggedAddresses":null,
        "Checks":[{"HTTP":"http://10.0.0.1/","Interval":10000000000,"TLSSkipVerify":true,
        "DeregisterCriticalServiceAfter":"1m"}]} trailing"#;
    let (python, go) = (service(python), service(go));
    assert_eq!(python, go);
    let check = &python.checks[0];
    assert_eq!((check.id.as_str(), check.name.as_str(), check.kind()), ("service:w1", "Service 'web' check", "http"));
    assert_eq!((check.interval, check.timeout), (Duration::from_secs(10), Duration::ZERO));
    assert_eq!(check.deregister_critical_service_after, Duration::from_secs(60));
    let tagged = Address { address: "10.0.0.1".into(), port: 80 };
    assert_eq!(python.tagged_addresses, [("lan_ipv4".into(), tagged.clone()), ("wan_ipv4".into(), tagged)].into());
    assert_eq!(service(r#"{"Name":"a","name":"b"}"#).name, "b");
}

#[test]
fn several_checks_are_numbered_and_check_comes_first() {
    let body = r#"{"Name":"web","Check":{"TTL":"15s"},"Checks":[{"TCP":"a:1","Interval":"5s","CheckID":"own","Name":"n"},
        {"H2PING":"a:1","Interval":"5s"},{"AliasService":"db"},{"Args":["x"],"Interval":"1s"}]}"#;
    let checks = service(body).checks;
    let shown: Vec<_> = checks.iter().map(|check| (check.id.as_str(), check.kind())).collect();
    let wanted = [
        ("service:web:1", "ttl"),
        ("own", "tcp"),
        ("service:web:3", "h2ping"),
        ("service:web:4", "alias"),
        ("service:web:5", "script"),
    ];
    assert_eq!(shown, wanted);
    assert!(checks[2].h2ping_use_tls && !checks[1].h2ping_use_tls);
}

#[test]
fn what_is_refused_is_refused_in_consul_s_words() {
    let long = format!(r#"{{"Name":"a","Meta":{{"{}":"v"}}}}"#, "k".repeat(129));
    let pairs: Vec<String> = (0..65).map(|key| format!(r#""k{key}":"v""#)).collect();
    let many = format!(r#"{{"Name":"a","Meta":{{{}}}}}"#, pairs.join(","));
    let rows = [
        ("", "Request decode failed: EOF"),
        ("null", "Missing service name"),
        ("{}", "Missing service name"),
        (r#"{"Name":"a","Bogus":1}"#, "Request decode failed: json: unknown field \"Bogus\""),
        (r#"{"Name":"a","Check":{"Bogus":null}}"#, "Request decode failed: json: unknown field \"Bogus\""),
        (r#"{"Name":"a","Namespace":"x"}"#, "Request decode failed: json: unknown field \"Namespace\""),
        (
            r#"{"Name":"a","Port":"80"}"#,
            "Request decode failed: json: cannot unmarshal string into Go struct field .Port of type int",
        ),
        (r#"{"Name":"a","Check":{"TTL":"10"}}"#, "Request decode failed: time: missing unit in duration \"10\""),
        (r#"{"Name":"a","Address":"0.0.0.0"}"#, "Invalid service address"),
        (r#"{"Name":"a","Weights":{"Passing":0}}"#, "Invalid Weights: Passing must be greater than 0"),
        (
            r#"{"Name":"a","Weights":{"Passing":1,"Warning":-1}}"#,
            "Invalid Weights: Warning must be greater or equal than 0",
        ),
        (r#"{"Name":"a","Weights":{"Passing":65536}}"#, "Invalid Weights: DNS Weight must be between 0 and 65535"),
        (
            r#"{"Name":"a","Meta":{"a b":"v"}}"#,
            "Invalid Service Meta: Couldn't load metadata pair ('a b', 'v'): Key contains invalid characters",
        ),
        (
            r#"{"Name":"a","Meta":{"consul-x":"v"}}"#,
            "Invalid Service Meta: Couldn't load metadata pair ('consul-x', 'v'): Key prefix 'consul-' is reserved for internal use",
        ),
        (many.as_str(), "Invalid Service Meta: Node metadata cannot contain more than 64 key/value pairs"),
        (r#"{"Name":"a","Port":65536}"#, "Invalid service port: 65536 is not between 0 and 65535"),
        (r#"{"Name":"a","Check":{"Name":"x"}}"#, "Invalid check: TTL must be > 0 for TTL checks"),
        (
            r#"{"Name":"a","Check":{"HTTP":"x"}}"#,
            "Invalid check: Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks",
        ),
        (
            r#"{"Name":"a","Check":{"TTL":"1s","Status":"fine"}}"#,
            "Status for checks must 'passing', 'warning', 'critical'",
        ),
        (
            r#"{"Name":"a","TaggedAddresses":{"lan_ipv4":{"Address":"::1"}}}"#,
            "Service tagged address \"lan_ipv4\" must be a valid ipv4 address",
        ),
    ];
    for (body, said) in rows {
        assert_eq!(refused(body), said, "{body}");
    }
    assert!(refused(&long).ends_with("Key is too long (limit: 128 characters)"));
    assert!(refused("{").starts_with("Request decode failed: "));
    assert!(refused(&"[".repeat(100_000)).starts_with("Request decode failed: "));
}

#[test]
fn a_check_by_itself_needs_a_name() {
    let read = |body: &str| Check::read(body.as_bytes()).map_err(|refusal| refusal.to_string());
    let check = read(r#"{"name":"mem","ttl":"30s","service_id":"w1","status":"passing"}"#).expect("a check");
    assert_eq!((check.id.as_str(), check.service_id.as_str(), check.kind()), ("mem", "w1", "ttl"));
    assert_eq!(read(r#"{"TTL":"30s"}"#), Err("Missing check name".into()));
    assert_eq!(read(r#"{"Name":"a","TTL":"30s","Status":"x"}"#), Err("Bad check status".into()));
    assert_eq!(read(r#"{"Name":"a","Interval":1}"#), Err("Invalid check: TTL must be > 0 for TTL checks".into()));
}

proptest! {
    #[test]
    fn no_body_is_too_much(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ServiceRegistration::read(&octets);
        let _ = Check::read(&octets);
    }

    #[test]
    fn no_value_is_too_much(name in "(?i)port|weights|checks?|meta|tags|taggedaddresses|connect", value in prop::sample::select(vec![
        "null", "1e999", "-1", "99999999999999999999", "\"\\ud800\"", "[null]", "[[]]", "{}", "{\"a\":null}", "{\"ttl\":1e30}",
        "{\"TTL\":-1}", "{\"Passing\":1.0}", "true", "\"x\"", "[{\"Interval\":true}]",
    ])) {
        let body = format!(r#"{{"Name":"a","{name}":{value}}}"#);
        let _ = ServiceRegistration::read(body.as_bytes());
    }
}
