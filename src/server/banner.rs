//! What a start says to people: where it listens, and commands to paste.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::Config;
use crate::store::Kind;

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    /// The HTTP listener.
    pub(super) http: SocketAddr,
    /// The DNS listeners.
    pub(super) dns: &'a [SocketAddr],
}

/// The lines for a server that is ready.
pub(super) fn text(config: &Config, places: &Places<'_>) -> String {
    let zone = format!("service.{}", config.dns.domain);
    let url = format!("http://{}", from_here(places.http));
    let dns: Vec<_> = places.dns.iter().map(ToString::to_string).collect();
    let kept = match config.store.kind {
        Kind::File => format!("in {}", config.store.data_dir.display()),
        Kind::Etcd => {
            let members: Vec<_> = config.store.etcd.endpoints.iter().map(ToString::to_string).collect();
            format!("in etcd at {}, below {}", members.join(", "), config.store.etcd.prefix)
        }
        Kind::DynamoDb => format!("in DynamoDB, {}", config.store.dynamodb.table),
        Kind::Memory => "in memory: a stop forgets it".into(),
    };
    let mut text = format!(
        "\nrollcall {} is ready\n  HTTP   {url} (documentation: {url}/docs)\n  DNS    {}, UDP and TCP, for {zone}.\n  table  {kept}\n",
        env!("CARGO_PKG_VERSION"),
        dns.join(", "),
    );
    text.push_str("\nTry it: two hosts check in, anyone finds them\n");
    for (id, address) in [("web-1", "10.0.0.1"), ("web-2", "10.0.0.2")] {
        let body = format!(r#"{{"address":"{address}","port":8080}}"#);
        push(&mut text, &format!("curl -X PUT {url}/v1/hosts/web/{id} --data '{body}'"));
    }
    if let Some(address) = places.dns.first() {
        let address = from_here(*address);
        for kind in ["A", "SRV"] {
            push(&mut text, &format!("dig @{} -p {} web.{zone} {kind}", address.ip(), address.port()));
        }
    }
    text.push('\n');
    text
}

/// Writes `text` where the log goes.
pub(super) fn print(text: &str) {
    // A closed standard error is no reason to stop.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

fn push(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {line}");
}

/// The address that a command on this machine can use.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_commands_to_paste() {
        let mut config = Config::for_machine(&crate::config::Environment::default().machine());
        config.store.data_dir = "/var/lib/rollcall".into();
        let dns = ["0.0.0.0:53".parse().expect("an address"), "[::1]:5353".parse().expect("an address")];
        let text = text(&config, &Places { http: "127.0.0.1:8500".parse().expect("an address"), dns: &dns });
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            r#"
rollcall {version} is ready
  HTTP   http://127.0.0.1:8500 (documentation: http://127.0.0.1:8500/docs)
  DNS    0.0.0.0:53, [::1]:5353, UDP and TCP, for service.local.
  table  in /var/lib/rollcall

Try it: two hosts check in, anyone finds them
  curl -X PUT http://127.0.0.1:8500/v1/hosts/web/web-1 --data '{{"address":"10.0.0.1","port":8080}}'
  curl -X PUT http://127.0.0.1:8500/v1/hosts/web/web-2 --data '{{"address":"10.0.0.2","port":8080}}'
  dig @127.0.0.1 -p 53 web.service.local A
  dig @127.0.0.1 -p 53 web.service.local SRV

"#
        );
        assert_eq!(text, expected);
    }
}
