//! Which host of a service the variables speak of. Pure.

use std::net::IpAddr;

use serde_json::Value;

/// What a host offers: where, and its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// Its first address, or its name.
    pub(super) address: String,
    /// At least one.
    pub(super) ports: Vec<Port>,
    priority: u64,
    weight: u64,
}

/// A port of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    /// Its name, where it has one.
    pub(super) name: Option<String>,
    /// `tcp`, `udp` or `sctp`.
    pub(super) protocol: String,
    /// Its number.
    pub(super) number: u64,
}

impl Offer {
    /// The hosts of a list that have an address and a port. What a server sends that is neither becomes no variable.
    pub(super) fn all(answer: &Value) -> Vec<Offer> {
        let hosts = answer.get("hosts").and_then(Value::as_array);
        hosts.into_iter().flatten().filter_map(Offer::read).collect()
    }

    fn read(host: &Value) -> Option<Offer> {
        let address = host.get("addresses")?.get(0)?.as_str().filter(|address| is_address(address))?;
        let ports: Vec<Port> = host.get("ports")?.as_array()?.iter().filter_map(Port::read).collect();
        let number = |key: &str| host.get(key).and_then(Value::as_u64);
        (!ports.is_empty()).then(|| Offer {
            address: address.to_owned(),
            ports,
            priority: number("priority").unwrap_or(0),
            weight: number("weight").unwrap_or(1),
        })
    }
}

impl Port {
    fn read(port: &Value) -> Option<Port> {
        let number = port.get("port")?.as_u64()?;
        let name = port.get("name").and_then(Value::as_str).map(str::to_owned);
        let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("tcp");
        let fits = protocol.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Port { name, protocol: protocol.to_owned(), number })
    }
}

/// The host that `lot` says: of those with the lowest priority, each as often as its weight says (RFC 2782).
pub(super) fn one(hosts: &[Offer], lot: u64) -> Option<&Offer> {
    let lowest = hosts.iter().map(|host| host.priority).min()?;
    let best: Vec<&Offer> = hosts.iter().filter(|host| host.priority == lowest).collect();
    // A host of weight 0 is drawn where there is no other (RFC 2782): as one of a very small weight.
    let share = |host: &Offer| host.weight.saturating_mul(1000).max(1);
    let all = best.iter().fold(0_u64, |sum, host| sum.saturating_add(share(host)));
    let mut left = lot % all;
    best.into_iter().find(|host| {
        let found = left < share(host);
        left = left.saturating_sub(share(host));
        found
    })
}

/// An address or a host name, and nothing that means anything to a shell.
fn is_address(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    text.parse::<IpAddr>().is_ok() || (!text.is_empty() && text.bytes().all(fits))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn host(address: &str, priority: u64, weight: u64) -> Value {
        json!({"addresses": [address], "ports": [{"port": 80}], "priority": priority, "weight": weight})
    }

    #[test]
    fn hosts_are_drawn_by_weight_among_the_best() {
        let hosts =
            Offer::all(&json!({"hosts": [host("10.0.0.1", 1, 9), host("10.0.0.2", 0, 1), host("10.0.0.3", 0, 3)]}));
        let mut counts = [0; 2];
        for lot in 0..4000 {
            match one(&hosts, lot).expect("a host").address.as_str() {
                "10.0.0.2" => counts[0] += 1,
                "10.0.0.3" => counts[1] += 1,
                other => unreachable!("{other}"),
            }
        }
        assert_eq!(counts, [1000, 3000]);
        let light = Offer::all(&json!({"hosts": [host("10.0.0.1", 0, 0)]}));
        assert!(one(&light, u64::MAX).is_some());
        assert_eq!(one(&[], 1), None);
    }

    #[test]
    fn what_is_no_address_or_no_port_is_no_offer() {
        let odd = json!({"hosts": [
            host("$(reboot)", 0, 1), host("a b", 0, 1), host("", 0, 1), host("a\n", 0, 1),
            {"addresses": [], "ports": [{"port": 80}]},
            {"addresses": ["10.0.0.1"], "ports": []},
            {"addresses": ["10.0.0.1"], "ports": [{"port": "x"}]},
            {"addresses": ["10.0.0.1"], "ports": [{"port": 80, "protocol": "tcp;"}]},
            {"addresses": [1]}, 7,
        ]});
        assert_eq!(Offer::all(&odd), []);
        assert_eq!(Offer::all(&json!(null)), []);
        let fine = Offer::all(&json!({"hosts": [host("fd00::1", 0, 1), host("db.example.com", 0, 1)]}));
        assert_eq!(fine.iter().map(|offer| offer.address.as_str()).collect::<Vec<_>>(), ["fd00::1", "db.example.com"]);
    }
}
