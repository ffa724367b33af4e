//! What an item of either program says of its host.

use super::super::item::{BEAT, PORT, REPO, ROW, TAGS, VERSION, number, text};
use super::super::row;
use super::*;
use crate::table::{Check, Host, Port, Registration, Status, Target, Weights};

const TAGS_OF_LYFT: &str =
    r#"{"region": "us-east-1", "az": "us-east-1a", "instance_id": "i-1", "load_balancing_weight": 7}"#;

fn web() -> HostKey {
    key("web", Dialect::Lyft, "10.0.0.1")
}

fn read(item: &Item, known: Option<&Host>) -> Host {
    row::host(item, &web(), known, TTL, at(100)).expect("a host")
}

/// What a rollcall writes of a row, as somebody else reads it.
fn again(host: &Host) -> Item {
    row::item(host, TTL)
}

#[test]
fn a_host_of_lyfts_needs_nothing_else() {
    let host = read(&lyfts(80, TAGS_OF_LYFT), None);
    assert_eq!(host.key(), web());
    assert_eq!((host.ports.to_vec(), host.weight), (vec![Port::tcp(80)], 7));
    assert_eq!(host.zone.as_ref().map(|zone| zone.as_str()), Some("us-east-1a"));
    assert_eq!(host.repo.as_ref().map(|repo| repo.as_str()), Some("webrepo"));
    assert_eq!((host.lease.ttl(), host.lease.renewed()), (Some(TTL), at(100)));
    let item = again(&host);
    assert_eq!(item.get(ROW), None, "Lyft's fields say all of it");
    assert_eq!((item.number(PORT), item.text(REPO)), (Some("80"), Some("webrepo")));
    assert!(read(&item, None).same_content(&host));
}

#[test]
fn a_host_without_a_repository_is_in_no_index() {
    let mut item = lyfts(80, TAGS_OF_LYFT);
    item.set(REPO, serde_json::json!({ "NULL": true }));
    assert_eq!(again(&read(&item, None)).get(REPO), None);
}

#[test]
fn more_than_lyfts_fields_say_is_kept() {
    let mut host = read(&lyfts(80, TAGS_OF_LYFT), None);
    host.draining = true;
    host.weights = Weights { passing: 500, warning: 3 };
    host.checks = [Check::new("disk".into(), None, Status::Critical, "full", at(5))].into();
    let item = again(&host);
    assert!(item.text(ROW).is_some());
    assert!(item.text(TAGS).expect("tags").contains("\"load_balancing_weight\":100"), "as much as Envoy takes");
    let found = read(&item, None);
    assert!(found.same_content(&host), "{found:?}");
    assert_eq!(found.weight, 500);
}

#[test]
fn lyfts_fields_win_where_another_program_changed_them() {
    let mut host = read(&lyfts(80, TAGS_OF_LYFT), None);
    host.draining = true;
    let mut item = again(&host);
    item.set(VERSION, number(3));
    item.set(PORT, number(81));
    item.set(TAGS, text(r#"{"az": "b", "instance_id": "i-2", "region": "r", "load_balancing_weight": 9}"#));
    let found = read(&item, Some(&host));
    assert_eq!((found.ports[0].number, found.weight, found.draining), (81, 9, true));
    assert_eq!(found.zone.as_ref().map(|zone| zone.as_str()), Some("b"));
    assert!(found.meta.iter().any(|(key, value)| (&**key, &**value) == ("instance_id", "i-2")));
}

#[test]
fn what_lyfts_service_drops_is_kept_from_the_row_that_was_known() {
    let mut known = read(&lyfts(80, TAGS_OF_LYFT), None);
    known.draining = true;
    known.lease.renew(at(150));
    let found = read(&lyfts(81, TAGS_OF_LYFT), Some(&known));
    assert_eq!((found.ports[0].number, found.draining, found.lease.renewed()), (81, true, at(150)));
    assert!(again(&found).text(ROW).is_some(), "it is to be written again");
    assert!(!read(&lyfts(81, TAGS_OF_LYFT), None).draining, "who comes now cannot know");
}

#[test]
fn what_a_rollcall_took_away_is_kept_from_no_row() {
    let plain = read(&lyfts(80, TAGS_OF_LYFT), None);
    let mut known = plain.clone();
    known.draining = true;
    known.checks = [Check::new("disk".into(), None, Status::Critical, "full", at(5))].into();
    known.lease.renew(at(150));
    let mut item = again(&plain);
    item.set(VERSION, number(4));
    assert_eq!(item.get(ROW), None, "Lyft's fields say all of it");
    let found = read(&item, Some(&known));
    assert!(found.same_content(&plain), "{found:?}");
    assert_eq!(found.lease.renewed(), at(150));
}

#[test]
fn rows_of_every_dialect_come_back_as_they_were() {
    for dialect in [Dialect::Native, Dialect::Consul, Dialect::Minos, Dialect::Lyft] {
        let key = key("a/b", dialect, "x");
        let target = Target::parse("address", ["10.0.0.7", "fd00::7"]).expect("addresses");
        let mut host = Host::new(Registration::new(key.service.clone(), dialect, key.id.clone(), target), at(1));
        host.draining = true;
        let item = row::item(&host, TTL);
        assert_eq!(item.get(REPO), None);
        assert_eq!((item.number(PORT), item.text(TAGS).is_some()), (Some("0"), true), "what Lyft's model requires");
        let found = row::host(&item, &key, None, TTL, at(100)).expect("a host");
        assert!(found.same_content(&host));
    }
}

#[test]
fn what_is_no_host_says_why() {
    let refused = |item: &Item, key: &HostKey| row::host(item, key, None, TTL, at(1)).expect_err("no host").to_string();
    let mut no_port = lyfts(80, TAGS_OF_LYFT);
    no_port.set(PORT, text("80"));
    assert_eq!(refused(&no_port, &web()), "port: must be a number");
    no_port.set(PORT, number(99_999));
    assert_eq!(refused(&no_port, &web()), "port: must be 1 to 65535");
    no_port.set(PORT, number(0));
    assert_eq!(refused(&no_port, &web()), "port: must be 1 to 65535");
    for tags in ["", "[1]", "{\"az\": NaN}", "null"] {
        assert_eq!(refused(&lyfts(80, tags), &web()), "tags: must be the text of a JSON object");
    }
    let named = key("web", Dialect::Lyft, "db.example.com");
    assert_eq!(refused(&lyfts(80, TAGS_OF_LYFT), &named), "ip_address: must be an IPv4 or IPv6 address");
    let foreign = key("web", Dialect::Native, "a");
    assert!(refused(&lyfts(80, TAGS_OF_LYFT), &foreign).starts_with("rollcall: must be there"));
    let mut broken = lyfts(80, TAGS_OF_LYFT);
    broken.set(ROW, text("{\"version\":99}"));
    assert!(refused(&broken, &web()).contains("version 99"), "{}", refused(&broken, &web()));
    let other = row::item(&read(&lyfts(80, TAGS_OF_LYFT), None), Duration::from_secs(1));
    assert!(refused(&other, &key("web", Dialect::Lyft, "10.0.0.2")).contains("of the row that the key names"));
}

#[test]
fn reports_on_checks_have_names_of_their_own() {
    let mut item = lyfts(80, TAGS_OF_LYFT);
    item.set(&format!("{BEAT}disk"), text("2026-11-20T17:08:14.758176+0000"));
    assert_eq!(super::super::seen::Seen::of(&item, true).beats.len(), 1);
    read(&item, None);
}
