//! Consul's zone where its rows differ from others: nodes, hosts that have the address of their node, ids on nodes.

use super::*;
use crate::table::{Standing, node_key, parse_meta};
use crate::zone::{Datacenter, Prefix, Subject};

const FAR: &str = "n2.far";

/// A world with `consul.`, and the zones of 10.0.0.0/8 and fd00::/8.
fn world() -> World {
    world_of(Policy::default(), &[("consul.", Grammar::Consul(Datacenter::new("dc1").expect("a label")))])
}

fn world_of(policy: Policy, others: &[(&str, Grammar)]) -> World {
    let reverse = ["10.in-addr.arpa.", "d.f.ip6.arpa."];
    let reverse = reverse.map(|origin| (origin, Grammar::Reverse(Prefix::of(&n(origin)).expect("a reverse zone"))));
    World::with_zones(policy, &[others, &reverse].concat())
}

fn target(addresses: &[&str]) -> Target {
    Target::parse("address", addresses.iter().copied()).expect("a target")
}

impl World {
    fn node(&mut self, name: &str, addresses: &[&str], change: impl FnOnce(&mut Registration)) {
        self.node_row(name, name == "n1", addresses, change);
    }

    fn node_row(&mut self, name: &str, is_self: bool, addresses: &[&str], change: impl FnOnce(&mut Registration)) {
        let key = node_key(name, is_self).expect("a node");
        let mut registration = Registration::new(key.service, key.dialect, key.id, target(addresses));
        change(&mut registration);
        self.apply(Event::Register(Box::new(registration)), 0);
    }

    /// A host of `web` that stands on a node, at the node's address.
    fn on_node(&mut self, node: &str, id: &str, port: u16, change: impl FnOnce(&mut Registration)) {
        let row = self.table.hosts().node(node).expect("a node").target.clone();
        self.stands(node, id, row, port, |registration| {
            registration.at_node = true;
            change(registration);
        });
    }

    fn stands(&mut self, node: &str, id: &str, at: Target, port: u16, change: impl FnOnce(&mut Registration)) {
        let id = Standing { node, id }.to_id("id").expect("an id");
        let service = ServiceName::parse("service", "web").expect("a service");
        let mut registration = Registration {
            ports: [Port::tcp(port)].into_iter().collect(),
            ..Registration::new(service, Dialect::Consul, id, at)
        };
        change(&mut registration);
        self.apply(Event::Register(Box::new(registration)), 0);
    }
}

fn critical(registration: &mut Registration) {
    let failing = CheckDefinition { status: Some(Status::Critical), ..CheckDefinition::new("disk".into(), None) };
    registration.checks = Some(vec![failing]);
}

#[test]
fn nodes_have_names_in_consuls_zone_only() {
    let mut world = world();
    for name in ["node.consul.", "node.dc1.consul.", "n1.node.consul."] {
        assert!(world.dig(name, rtype::A, 0).starts_with("NXDOMAIN"), "{name}");
    }
    world.node("N1", &["10.0.0.1", "fd00::1"], |_| {});
    world.node(FAR, &["10.0.0.2"], critical);
    for name in ["n1.node.consul.", "n1.node.dc1.consul.", "n1.node.dc1.dc.consul."] {
        assert_eq!(world.dig(name, rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.1", "{name}");
        assert_eq!(world.dig(name, rtype::AAAA, 0), "NOERROR\n@ 5 AAAA fd00::1", "{name}");
    }
    assert_eq!(world.dig("n2.far.node.consul.", rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.2", "whatever its checks say");
    let nothing = "NOERROR\n; consul. 5 SOA 3";
    for (name, qtype) in [
        ("far.node.consul.", rtype::A),
        ("node.consul.", rtype::A),
        ("node.dc1.consul.", rtype::TXT),
        ("n1.node.consul.", rtype::TXT),
        ("n1.node.consul.", rtype::SRV),
        ("n1.node.consul.", rtype::MX),
        ("n1.node.consul.", rtype::PTR),
        ("n1.node.consul.", rtype::HTTPS),
        ("n2.far.node.consul.", rtype::AAAA),
    ] {
        assert_eq!(world.dig(name, qtype, 0), nothing, "{name} {qtype}");
    }
    for name in [
        "x.n1.node.consul.",
        "x.node.consul.",
        "n2.node.consul.",
        "n1.node.dc2.consul.",
        "n1.consul.",
        "n1.service.consul.",
        "n1",
        "n1.node",
        "node",
        "0a000001.addr",
        "addr",
        "svc",
    ] {
        assert!(world.dig(name, rtype::A, 0).starts_with("NXDOMAIN"), "{name}");
    }
    let key = node_key("n1", false).expect("a key");
    world.apply(Event::Drain { host: key.clone(), enable: true }, 0);
    assert!(world.dig("n1.node.consul.", rtype::A, 0).starts_with("NXDOMAIN"), "an operator took it out");
    for key in [key, node_key(FAR, false).expect("a key")] {
        world.apply(Event::Deregister(key), 0);
    }
    assert!(world.dig("node.consul.", rtype::A, 0).starts_with("NXDOMAIN"));
}

#[test]
fn a_node_says_its_pairs() {
    let mut world = world();
    world.node("n1", &["10.0.0.1"], |registration| {
        let pairs = [("rfc1035-a", "x=y"), ("role", "`db`"), ("rfc1035-b", "x=y"), ("x", "y")];
        registration.meta = parse_meta("meta", pairs).expect("pairs");
    });
    assert_eq!(
        world.dig("n1.node.consul.", rtype::TXT, 0),
        "NOERROR\n@ 5 TXT \"\\u{3}x=y\"\n@ 5 TXT \"\\u{b}role=``db``\""
    );
    assert_eq!(world.dig("n1.node.consul.", rtype::ANY, 0), "NOERROR\n@ 5 A 10.0.0.1", "the smallest set");
    let serial = world.zones.serial();
    world.node("n1", &["10.0.0.1"], |_| {});
    assert_eq!(world.zones.serial(), serial + 1);
    world.node("n1", &["10.0.0.1"], critical);
    assert_eq!(world.zones.serial(), serial + 1, "no record says it");
}

#[test]
fn hosts_without_an_address_are_reached_by_their_node() {
    let mut world = world();
    world.node("n1", &["10.0.0.1", "fd00::1"], |_| {});
    world.node(FAR, &["10.0.0.2"], |_| {});
    world.on_node("", "web-1", 80, |registration| registration.weights = Some(Weights { passing: 5, warning: 2 }));
    world.on_node("", "web-2", 81, |_| {});
    world.on_node(FAR, "web-1", 80, |_| {});
    world.stands("", "web-3", target(&["10.0.0.1"]), 82, |_| {});
    let services = "NOERROR\n@ 5 SRV 1 1 80 n2.far.node\n@ 5 SRV 1 1 81 n1.node\n@ 5 SRV 1 1 82 0a000001.addr\
        \n@ 5 SRV 1 5 80 n1.node\n+ 0a000001.addr 5 A 10.0.0.1\n+ n1.node 5 A 10.0.0.1\n+ n1.node 5 AAAA fd00::1\
        \n+ n2.far.node 5 A 10.0.0.2";
    for name in ["web.service.consul.", "web.service.dc1.consul.", "_web._tcp.service.consul.", "_web._tcp.consul."] {
        assert_eq!(world.dig(name, rtype::SRV, 0), services, "{name}");
    }
    assert_eq!(world.dig("web.service.consul.", rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.1\n@ 5 A 10.0.0.2");
    let own = world.dig("web", rtype::SRV, 0);
    assert!(own.contains("SRV 0 5 80 <10.0.0.1>") && !own.contains("node"), "{own}");
    let bindings = world.dig("web.service.consul.", rtype::SVCB, 0);
    assert!(bindings.contains("\n+ n1.node 5 AAAA fd00::1\n+ n2.far.node 5 A 10.0.0.2"), "{bindings}");
    // A node that is not there any more, and one that DNS cannot name.
    world.apply(Event::Deregister(node_key(FAR, false).expect("a key")), 0);
    world.apply(Event::Deregister(node_key("n1", true).expect("a key")), 0);
    world.node_row("not a name", true, &["10.0.0.1"], |_| {});
    let literal = world.dig("web.service.consul.", rtype::SRV, 0);
    assert!(literal.ends_with("\n+ 0a000001.addr 5 A 10.0.0.1\n+ 0a000002.addr 5 A 10.0.0.2"), "{literal}");
    assert!(!literal.contains("node"), "{literal}");
}

/// A node that got another address, before the hosts on it have it: what is asked for is the same name.
#[test]
fn a_target_comes_once_though_addresses_differ() {
    let mut world = world();
    world.node("n1", &["10.0.0.1"], |_| {});
    world.on_node("", "a", 80, |_| {});
    world.node("n1", &["10.0.0.9"], |_| {});
    world.on_node("", "b", 80, |_| {});
    let once = "NOERROR\n@ 5 SRV 1 1 80 n1.node\n+ n1.node 5 A 10.0.0.9";
    assert_eq!(world.dig("web.service.consul.", rtype::SRV, 0), once);
}

#[test]
fn an_address_has_the_names_of_its_nodes_too() {
    let mut world = world();
    world.node("n1", &["10.0.0.1", "fd00::1"], |_| {});
    world.node(FAR, &["10.0.0.1"], critical);
    world.on_node("", "web-1", 80, |_| {});
    world.on_node(FAR, "web-1", 81, |_| {});
    world.register("api", &["10.0.0.1"], 90, |_| {});
    assert_eq!(
        world.dig("1.0.0.10.in-addr.arpa.", rtype::PTR, 0),
        "NOERROR\n@ 5 PTR 10-0-0-1.api.default.svc.service.local.\n@ 5 PTR n1.node.dc1.consul.\
         \n@ 5 PTR n2.far.node.dc1.consul.\n@ 5 PTR web-1.web.default.svc.service.local."
    );
    let v6 = format!("1.{}d.f.ip6.arpa.", "0.".repeat(29));
    assert_eq!(
        world.dig(&v6, rtype::PTR, 0),
        "NOERROR\n@ 5 PTR n1.node.dc1.consul.\n@ 5 PTR web-1.web.default.svc.service.local."
    );
    world.node("n3", &["10.0.3.1"], |_| {});
    assert_eq!(world.dig("1.3.0.10.in-addr.arpa.", rtype::PTR, 0), "NOERROR\n@ 5 PTR n3.node.dc1.consul.");
    assert!(world.dig("3.0.10.in-addr.arpa.", rtype::PTR, 0).starts_with("NOERROR\n;"));
    world.node("n3", &["10.0.4.1"], |_| {});
    assert!(world.dig("3.0.10.in-addr.arpa.", rtype::PTR, 0).starts_with("NXDOMAIN"));
    // Without Consul's zone a node has no name.
    let mut world = world_of(Policy::default(), &[]);
    world.node("n1", &["10.0.0.1"], |_| {});
    for name in ["1.0.0.10.in-addr.arpa.", "0.0.10.in-addr.arpa."] {
        assert!(world.dig(name, rtype::PTR, 0).starts_with("NXDOMAIN"), "{name}");
    }
    world.register("web", &["10.0.0.1"], 80, |registration| registration.hostname = Some("a".into()));
    let names = "NOERROR\n@ 5 PTR a.web.default.svc.service.local.";
    assert_eq!(world.dig("1.0.0.10.in-addr.arpa.", rtype::PTR, 0), names);
}

/// What people call a host is the part of the id behind its node.
#[test]
fn ids_are_those_on_the_node() {
    let mut world = world_of(
        Policy { txt: true, ..Policy::default() },
        &[("consul.", Grammar::Consul(Datacenter::new("dc1").expect("a label")))],
    );
    world.node("n1", &["10.0.0.1"], |_| {});
    world.node("n2", &["10.0.0.2"], |_| {});
    world.on_node("n2", "web-1", 80, |_| {});
    let name = "web-1.web.default.svc";
    assert_eq!(world.dig(name, rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.2");
    assert_eq!(world.dig("_web._tcp", rtype::PTR, 0).lines().nth(1), Some("@ 5 PTR web-1._web._tcp.service.local."));
    assert_eq!(
        world.dig("web-1._web._tcp", rtype::SRV, 0),
        "NOERROR\n@ 5 SRV 0 1 80 <10.0.0.2>\n+ <10.0.0.2> 5 A 10.0.0.2"
    );
    assert_eq!(world.dig("web", rtype::TXT, 0), "NOERROR\n@ 5 TXT \"\\u{8}id=web-1\"");
    for name in ["n2/web-1.web.default.svc", "n2/web-1._web._tcp"] {
        assert!(world.dig(name, rtype::A, 0).starts_with("NXDOMAIN"), "{name}");
    }
    // Two of one id are called alike, and a slash of another dialect's is its own.
    world.on_node("", "web-1", 80, |_| {});
    world.register("web", &["10.0.0.3"], 80, |registration| {
        registration.id = HostId::parse("id", "n2/web-1").expect("id")
    });
    assert_eq!(world.dig(name, rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.1\n@ 5 A 10.0.0.2");
    assert_eq!(world.dig("n2/web-1._web._tcp", rtype::SRV, 0).lines().nth(1), Some("@ 5 SRV 0 1 80 <10.0.0.3>"));
    let id = Standing { node: "n2", id: "web-1" }.to_id("id").expect("an id");
    let row = world.table.hosts().find("web", Dialect::Consul, id.as_str()).expect("a row").key();
    world.apply(Event::Deregister(row), 0);
    assert_eq!(world.dig(name, rtype::A, 0), "NOERROR\n@ 5 A 10.0.0.1");
}

#[test]
fn the_names_of_meshes_and_queries_are_not_there() {
    let mut world = world();
    world.node("n1", &["10.0.0.1"], |_| {});
    world.on_node("", "a", 80, with_tags(&["V1", "b.c", "query"]));
    world.on_node("", "b", 81, |_| {});
    for name in [
        "web.query.consul.",
        "_web._tcp.query.consul.",
        "query.consul.",
        "web.query.dc1.consul.",
        "web.connect.consul.",
        "web.virtual.consul.",
        "web.ingress.consul.",
        "ingress.consul.",
        "web.service.dc2.consul.",
        "web.service.peer1.peer.consul.",
        "web.service.dc.consul.",
        "web.service.default.ns.dc1.consul.",
        "x.0a000001.addr.consul.",
        "0a000001.addr.dc2.consul.",
        "0a00000.addr.consul.",
        "0a00000g.addr.consul.",
        "_web._v2.service.consul.",
        "v1.b.web.service.consul.",
    ] {
        for qtype in [rtype::A, rtype::SRV, rtype::TXT] {
            assert_eq!(world.dig(name, qtype, 0), "NXDOMAIN\n; consul. 5 SOA 4", "{name}");
        }
    }
    let tagged = "NOERROR\n@ 5 SRV 1 1 80 n1.node\n+ n1.node 5 A 10.0.0.1";
    for name in [
        "V1.web.service.consul.",
        "v1.web.service.dc1.consul.",
        "b.c.web.service.consul.",
        "query.web.service.consul.",
        "_web._v1.service.consul.",
        "_WEB._V1.service.dc1.consul.",
        "_web._v1.dc1.consul.",
    ] {
        assert_eq!(world.dig(name, rtype::SRV, 0), tagged, "{name}");
    }
}

#[test]
fn why_a_node_is_not_in_an_answer() {
    let mut world = world();
    world.node("n1", &["10.0.0.1"], critical);
    let explain = |name: &str, qtype: u16| {
        let name = n(name);
        let question = Question { name: name.as_wire(), qtype };
        let explanation = world.zones.find_for(&question).expect("a zone").explain(&question, at(0)).expect("a node");
        assert_eq!(explanation.subject, Subject::Node(name.as_wire()[1..3].iter().map(|it| char::from(*it)).collect()));
        let words = |judged: &Judged| judged.reasons.iter().map(Reason::as_str).collect::<Vec<_>>().join(" ");
        explanation.hosts.iter().map(words).collect::<Vec<_>>()
    };
    assert_eq!(explain("n1.node.dc1.consul.", rtype::A), [""]);
    assert_eq!(explain("n1.node.consul.", rtype::AAAA), ["no-address"]);
    assert_eq!(explain("n1.node.consul.", rtype::TXT), ["no-records"]);
    assert_eq!(explain("n1.node.consul.", rtype::SRV), ["no-records"]);
    assert!(explain("n2.node.consul.", rtype::A).is_empty());
}
