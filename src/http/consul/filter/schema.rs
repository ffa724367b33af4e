//! Which fields the rows of each endpoint have, and of what kind (as in Consul 1.20, "Filtering").
//!
//! What is not here cannot be filtered by, though the answer may show it: indices, definitions, localities.

/// The fields of a record, each with what it holds.
pub type Fields = &'static [(&'static str, Kind)];

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text: `==`, `!=`, `in`, `not in`, `matches`, `not matches`.
    Text,
    /// An integer: `==`, `!=`.
    Number,
    /// True or false: `==`, `!=`.
    Flag,
    /// Texts: `in`, `not in`, `is empty`, `is not empty`.
    Texts,
    /// Values by key: as for texts of the keys; each key leads on.
    Map(&'static Kind),
    /// Fields of its own, nothing by itself.
    Record(Fields),
    /// Several of those: `is empty`, `is not empty`; a field of them is compared until one fits.
    Records(Fields),
}

use Kind::{Flag, Map, Number, Record, Records, Text, Texts};

/// A row of `/v1/catalog/nodes`.
pub const NODE: Fields = &[
    ("ID", Text),
    ("Node", Text),
    ("Address", Text),
    ("Datacenter", Text),
    ("Partition", Text),
    ("PeerName", Text),
    ("TaggedAddresses", Map(&Text)),
    ("Meta", Map(&Text)),
];

/// A row of `/v1/agent/services`, `/v1/catalog/node/:node` and `/v1/catalog/node-services/:node`.
pub const SERVICE: Fields = &[
    ("Kind", Text),
    ("ID", Text),
    ("Service", Text),
    ("Tags", Texts),
    ("Address", Text),
    ("TaggedAddresses", Map(&Record(ADDRESS))),
    ("Meta", Map(&Text)),
    ("Port", Number),
    ("SocketPath", Text),
    ("Weights", Record(WEIGHTS)),
    ("EnableTagOverride", Flag),
    ("Proxy", Record(PROXY)),
    ("Connect", Record(CONNECT)),
    ("PeerName", Text),
];

/// A row of `/v1/agent/checks`, `/v1/health/node/:node`, `/v1/health/checks/:service` and `/v1/health/state/:state`.
pub const CHECK: Fields = &[
    ("Node", Text),
    ("CheckID", Text),
    ("Name", Text),
    ("Status", Text),
    ("Notes", Text),
    ("Output", Text),
    ("ServiceID", Text),
    ("ServiceName", Text),
    ("ServiceTags", Texts),
    ("Type", Text),
    ("Interval", Text),
    ("Timeout", Text),
    ("ExposedPort", Number),
    ("PeerName", Text),
];

/// A row of `/v1/health/service/:service`.
pub const SERVICE_ENTRY: Fields = &[("Node", Record(NODE)), ("Service", Record(SERVICE)), ("Checks", Records(CHECK))];

/// A row of `/v1/catalog/service/:service`, and of `/v1/catalog/services` before the names are collected.
pub const CATALOG_SERVICE: Fields = &[
    ("ID", Text),
    ("Node", Text),
    ("Address", Text),
    ("Datacenter", Text),
    ("TaggedAddresses", Map(&Text)),
    ("NodeMeta", Map(&Text)),
    ("ServiceKind", Text),
    ("ServiceID", Text),
    ("ServiceName", Text),
    ("ServiceTags", Texts),
    ("ServiceAddress", Text),
    ("ServiceTaggedAddresses", Map(&Record(ADDRESS))),
    ("ServiceWeights", Record(WEIGHTS)),
    ("ServiceMeta", Map(&Text)),
    ("ServicePort", Number),
    ("ServiceSocketPath", Text),
    ("ServiceEnableTagOverride", Flag),
    ("ServiceProxy", Record(PROXY)),
    ("ServiceConnect", Record(CONNECT)),
    ("PeerName", Text),
];

const ADDRESS: Fields = &[("Address", Text), ("Port", Number)];
const WEIGHTS: Fields = &[("Passing", Number), ("Warning", Number)];
const CONNECT: Fields = &[("Native", Flag)];
const MESH_GATEWAY: Fields = &[("Mode", Text)];

const PROXY: Fields = &[
    ("EnvoyExtensions", Records(EXTENSION)),
    ("DestinationServiceName", Text),
    ("DestinationServiceID", Text),
    ("LocalServiceAddress", Text),
    ("LocalServicePort", Number),
    ("LocalServiceSocketPath", Text),
    ("Mode", Text),
    ("Upstreams", Records(UPSTREAM)),
    ("MeshGateway", Record(MESH_GATEWAY)),
    ("Expose", Record(EXPOSE)),
    ("TransparentProxy", Record(&[("OutboundListenerPort", Number), ("DialedDirectly", Flag)])),
    ("AccessLogs", Record(ACCESS_LOGS)),
];

const EXTENSION: Fields = &[("Name", Text), ("Required", Flag), ("ConsulVersion", Text), ("EnvoyVersion", Text)];

const UPSTREAM: Fields = &[
    ("DestinationType", Text),
    ("DestinationNamespace", Text),
    ("DestinationPartition", Text),
    ("DestinationPeer", Text),
    ("DestinationName", Text),
    ("Datacenter", Text),
    ("LocalBindAddress", Text),
    ("LocalBindPort", Number),
    ("LocalBindSocketPath", Text),
    ("LocalBindSocketMode", Text),
    ("MeshGateway", Record(MESH_GATEWAY)),
];

const EXPOSE: Fields = &[
    ("Checks", Flag),
    (
        "Paths",
        Records(&[
            ("ListenerPort", Number),
            ("Path", Text),
            ("LocalPathPort", Number),
            ("Protocol", Text),
            ("ParsedFromCheck", Flag),
        ]),
    ),
];

const ACCESS_LOGS: Fields = &[
    ("Enabled", Flag),
    ("DisableListenerLogs", Flag),
    ("Type", Text),
    ("Path", Text),
    ("JSONPath", Text),
    ("TextPath", Text),
];
