//! Names of resources: which hosts a cluster means.

use crate::limits;
use crate::registry::{Snapshot, Topic};
use crate::table::{Namespace, Port};

/// What a name means: `[namespace/]service[:port]`.
///
/// `web` is the service `web` of the namespace `default`, as the name is in DNS; `web:http` its ports of that name;
/// `prod/web` that of the namespace `prod`. Case counts in none of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Resource {
    /// The name as it was asked for, which the answer repeats.
    pub(super) name: String,
    /// The service, in whatever case.
    pub(super) service: String,
    /// Its namespace; `None` where the name has something that cannot be one: no host is meant.
    pub(super) namespace: Option<Namespace>,
    /// The name of the port; the first one without.
    pub(super) port: Option<Box<str>>,
}

impl Resource {
    /// Reads a name. There is none that is refused: what can mean nothing means no host.
    pub(super) fn parse(name: &str) -> Resource {
        let (namespace, rest) = match name.split_once('/') {
            Some((namespace, rest)) => (Namespace::parse("namespace", namespace).ok(), rest),
            None => (Some(Namespace::DEFAULT), name),
        };
        // A port is a label; what is none belongs to the service, so `a:b c` is a service of that name.
        let port =
            rest.rsplit_once(':').and_then(|(service, port)| Some((service, Port::parse_name("port", port).ok()?)));
        let (service, port) = match port {
            Some((service, port)) => (service, Some(port)),
            None => (rest, None),
        };
        // No service has a longer name: it need not be kept to know that there is none.
        let service = if service.len() > limits::NAME_OCTETS { "" } else { service };
        Resource { name: name.to_owned(), service: service.to_owned(), namespace, port }
    }

    /// How many rows are looked at for it.
    pub(super) fn rows(&self, snapshot: &Snapshot) -> usize {
        snapshot.hosts.any_case(&self.service).map(|name| snapshot.hosts.count(name.as_str())).sum()
    }

    /// What to wait for to hear of its changes.
    pub(super) fn topic(&self) -> Topic {
        Topic::service(&self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_service_with_a_namespace_and_a_port_if_it_says_so() {
        let read = |name: &str| {
            let resource = Resource::parse(name);
            let namespace = resource.namespace.map(|namespace| namespace.as_str().to_owned());
            (namespace.unwrap_or_default(), resource.service, resource.port.map(String::from))
        };
        let is = |namespace: &str, service: &str, port: Option<&str>| {
            (namespace.to_owned(), service.to_owned(), port.map(str::to_owned))
        };
        assert_eq!(read("web"), is("default", "web", None));
        assert_eq!(read("Web:HTTP"), is("default", "Web", Some("http")));
        assert_eq!(read("prod/web.v1:http"), is("prod", "web.v1", Some("http")));
        assert_eq!(read("default/web"), is("default", "web", None));
        assert_eq!(read("a b/web"), is("", "web", None));
        assert_eq!(read("web:"), is("default", "web:", None));
        assert_eq!(read(""), is("default", "", None));
        assert_eq!(read(&"x".repeat(300)), is("default", "", None));
    }
}
