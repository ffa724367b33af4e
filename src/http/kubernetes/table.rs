//! Tables: what `kubectl get` prints (`meta.k8s.io`), with the columns that its users know.

use serde::Serialize;
use serde_json::{Value, json};

use super::object::{Body, Object};
use super::params::Include;
use super::resource::Resource;

/// Items in a cell; the rest is counted.
const IN_A_CELL: usize = 3;
/// The age of what nobody remembers the beginning of.
const UNKNOWN: &str = "<unknown>";

/// A column: its name, whether it is shown by `-o wide` alone, what it says.
type Column = (&'static str, bool, &'static str);

const NAME: Column = ("Name", false, "The name, unique among the objects of its kind in its namespace.");
const AGE: Column = ("Age", false, "Not kept.");

fn columns(resource: Resource) -> &'static [Column] {
    match resource {
        Resource::Endpoints => {
            &[NAME, ("Endpoints", false, "The addresses that are in the answers, with their ports."), AGE]
        }
        Resource::Services => &[
            NAME,
            ("Type", false, "ClusterIP."),
            ("Cluster-IP", false, "None: there are no virtual addresses."),
            ("External-IP", false, "None."),
            ("Port(s)", false, "The ports of the hosts."),
            AGE,
            ("Selector", true, "None: hosts say themselves which service they offer."),
        ],
        Resource::EndpointSlices => &[
            NAME,
            ("AddressType", false, "IPv4, IPv6 or FQDN."),
            ("Ports", false, "The ports that each host has."),
            ("Endpoints", false, "The addresses, of hosts that are not in the answers too."),
            AGE,
        ],
        Resource::Pods => &[
            NAME,
            ("Ready", false, "Whether the host is in the answers."),
            ("Status", false, "Running, or Terminating while it drains."),
            ("Restarts", false, "Not counted."),
            AGE,
            ("IP", true, "Its first address."),
            ("Node", true, "The node of Consul's catalog that it stands on."),
            ("Nominated Node", true, "None."),
            ("Readiness Gates", true, "None."),
        ],
        Resource::Namespaces => &[NAME, ("Status", false, "Active."), AGE],
    }
}

/// `columnDefinitions`.
pub(super) fn definitions(resource: Resource) -> Value {
    let definition = |(name, wide, description): &Column| {
        json!({
            "name": name,
            "type": "string",
            "format": if *name == "Name" { "name" } else { "" },
            "description": description,
            "priority": u8::from(*wide),
        })
    };
    columns(resource).iter().map(definition).collect()
}

/// A row.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    cells: Vec<String>,
    object: Option<Beside<'a>>,
}

/// What stands beside the cells.
#[derive(Serialize)]
#[serde(untagged)]
enum Beside<'a> {
    Whole(&'a Object<'a>),
    #[serde(rename_all = "camelCase")]
    Metadata {
        kind: &'static str,
        api_version: &'static str,
        metadata: &'a super::object::Metadata<'a>,
    },
}

impl<'a> Row<'a> {
    /// The row of an object in a table of that version.
    pub(super) fn of(object: &'a Object<'a>, include: Include, api_version: &'static str) -> Row<'a> {
        let beside = match include {
            Include::Nothing => None,
            Include::Object => Some(Beside::Whole(object)),
            Include::Metadata => {
                let metadata = &object.metadata;
                Some(Beside::Metadata { kind: "PartialObjectMetadata", api_version, metadata })
            }
        };
        Row { cells: cells(object), object: beside }
    }
}

fn cells(object: &Object<'_>) -> Vec<String> {
    let name = object.metadata.name.to_string();
    let text = str::to_owned;
    match &object.body {
        Body::Endpoints(body) => {
            let known = body.subsets.iter().flat_map(|subset| {
                let bare = subset.ports.is_empty().then_some(None);
                let ports = subset.ports.iter().map(|port| Some(port.port)).chain(bare);
                ports.flat_map(|port| subset.addresses.iter().map(move |address| (address.ip, port)))
            });
            let shown = known.map(|(ip, port)| match port {
                Some(port) => std::net::SocketAddr::new(ip, port).to_string(),
                None => ip.to_string(),
            });
            vec![name, few(shown, "<none>"), text(UNKNOWN)]
        }
        Body::Service(body) => {
            let ports: Vec<String> =
                body.spec.ports.iter().map(|port| format!("{}/{}", port.port, port.protocol)).collect();
            let ports = if ports.is_empty() { text("<none>") } else { ports.join(",") };
            vec![name, text("ClusterIP"), text("None"), text("<none>"), ports, text(UNKNOWN), text("<none>")]
        }
        Body::Slice(body) => {
            let ports = few(body.ports.iter().map(|port| port.port.to_string()), "<unset>");
            let addresses = body.endpoints.iter().flat_map(|endpoint| endpoint.addresses.iter().cloned());
            vec![name, text(body.address_type), ports, few(addresses, "<unset>"), text(UNKNOWN)]
        }
        Body::Pod(body) => {
            let status = if body.status.drains { "Terminating" } else { "Running" };
            let ready = format!("{}/1", u8::from(body.is_ready()));
            let ip = body.status.pod_ip.map_or_else(|| text("<none>"), |ip| ip.to_string());
            let node = body.spec.node_name.unwrap_or("<none>");
            let none = || text("<none>");
            vec![name, ready, text(status), text("0"), text(UNKNOWN), ip, text(node), none(), none()]
        }
        Body::Namespace(_) => vec![name, text("Active"), text(UNKNOWN)],
    }
}

/// The first items, and how many more there are.
fn few(mut items: impl Iterator<Item = String>, none: &str) -> String {
    let shown: Vec<String> = items.by_ref().take(IN_A_CELL).collect();
    match items.count() {
        _ if shown.is_empty() => none.to_owned(),
        0 => shown.join(","),
        more => format!("{} + {more} more...", shown.join(",")),
    }
}
