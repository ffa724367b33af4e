//! A node, a service and checks as the catalog is told of them from outside. What clients send because they were told it
//! before, such as indices, is taken and left alone.

use std::collections::BTreeMap;

use super::Refusal;
use super::decode::{DecodeError, Field, Fields, Read, body, object};
use super::service::{Address, Mesh};
use super::tree::Tree;
use crate::http::consul::shapes::Weights;

/// The body of `/v1/catalog/register`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalRegistration {
    /// The datacenter; empty for this one.
    pub datacenter: String,
    /// The node.
    pub node: ExternalNode,
    /// Whether what is known of the node stays as it is.
    pub skip_node_update: bool,
    /// A service on the node.
    pub service: Option<ExternalService>,
    /// Checks of the node, and of services on it.
    pub checks: Vec<ExternalCheck>,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalNode {
    /// A UUID, or empty.
    pub id: String,
    /// Its name.
    pub name: String,
    /// An IP address or a host name.
    pub address: String,
    /// Its addresses by what they are for.
    pub tagged_addresses: BTreeMap<String, String>,
    /// What it carries.
    pub meta: BTreeMap<String, String>,
}

/// A service on a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalService {
    /// Unique on the node; empty for the name.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Empty for a typical one.
    pub kind: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Empty for that of the node.
    pub address: String,
    /// Its addresses by what they are for.
    pub tagged_addresses: BTreeMap<String, Address>,
    /// What it carries.
    pub meta: BTreeMap<String, String>,
    /// As sent.
    pub port: i64,
    /// As sent; 1 and 1 where nothing is said.
    pub weights: Weights,
    /// Whether others may change the tags.
    pub enable_tag_override: bool,
    /// What it says of proxies and localities, as sent.
    pub mesh: Mesh,
}

/// A check that somebody else does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalCheck {
    /// Unique on the node; empty for the name.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub notes: String,
    /// As sent; empty is critical.
    pub status: String,
    /// What was said with the status.
    pub output: String,
    /// The service it is of; empty for one of the node.
    pub service_id: String,
    /// What is to be asked by whoever does the check.
    pub definition: Tree,
}

/// The body of `/v1/catalog/deregister`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deregistration {
    /// The datacenter; empty for this one.
    pub datacenter: String,
    /// The node.
    pub node: String,
    /// The service that goes.
    pub service_id: String,
    /// The check that goes, where no service does.
    pub check_id: String,
}

impl ExternalRegistration {
    /// Reads the body of `/v1/catalog/register`.
    pub fn read(octets: &[u8]) -> Result<ExternalRegistration, Refusal> {
        Ok(body(octets)?)
    }
}

impl Deregistration {
    /// Reads the body of `/v1/catalog/deregister`.
    pub fn read(octets: &[u8]) -> Result<Deregistration, Refusal> {
        Ok(body(octets)?)
    }
}

macro_rules! read_as_object {
    ($($name:ident),*) => {
        $(impl Read for $name {
            fn read(tree: Tree, field: &str) -> Result<$name, DecodeError> {
                object(tree, field)
            }
        })*
    };
}

read_as_object!(ExternalRegistration, ExternalService, ExternalCheck, Deregistration, SentAddress, SentWeights);

impl Fields for ExternalRegistration {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        let node = &mut self.node;
        match lower {
            "datacenter" => field.into(&mut self.datacenter),
            "id" => field.into(&mut node.id),
            "node" => field.into(&mut node.name),
            "address" => field.into(&mut node.address),
            "taggedaddresses" | "tagged_addresses" => field.into(&mut node.tagged_addresses),
            "nodemeta" | "node_meta" => field.into(&mut node.meta),
            "skipnodeupdate" | "skip_node_update" => field.into(&mut self.skip_node_update),
            "service" => field.into(&mut self.service),
            "check" => {
                let mut check: Option<ExternalCheck> = None;
                field.into(&mut check)?;
                // One check comes before several, in whichever order they were sent.
                self.checks.splice(0..0, check);
                Ok(true)
            }
            "checks" => {
                let mut checks: Vec<ExternalCheck> = Vec::new();
                field.into(&mut checks)?;
                self.checks.extend(checks);
                Ok(true)
            }
            "locality" | "partition" | "peername" => Ok(true),
            _ => Ok(false),
        }
    }
}

impl Fields for ExternalService {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        match lower {
            "id" => field.into(&mut self.id),
            "service" => field.into(&mut self.name),
            "kind" => field.into(&mut self.kind),
            "tags" => field.into(&mut self.tags),
            "address" => field.into(&mut self.address),
            "taggedaddresses" | "tagged_addresses" => {
                let mut sent: BTreeMap<String, SentAddress> = BTreeMap::new();
                field.into(&mut sent)?;
                let known = |sent: SentAddress| Address {
                    address: sent.address,
                    port: u16::try_from(sent.port).unwrap_or_default(),
                };
                self.tagged_addresses = sent.into_iter().map(|(form, sent)| (form, known(sent))).collect();
                Ok(true)
            }
            "meta" => field.into(&mut self.meta),
            "port" => field.into(&mut self.port),
            "weights" => {
                let mut sent: Option<SentWeights> = None;
                field.into(&mut sent)?;
                let weight = |number: i64| u16::try_from(number).unwrap_or(u16::MAX);
                if let Some(sent) = sent {
                    self.weights =
                        Weights { passing: weight(sent.passing.max(1)), warning: weight(sent.warning.max(0)) };
                }
                Ok(true)
            }
            "enabletagoverride" | "enable_tag_override" => field.into(&mut self.enable_tag_override),
            "proxy" => field.into(&mut self.mesh.proxy),
            "connect" => field.into(&mut self.mesh.connect),
            "locality" => field.into(&mut self.mesh.locality),
            "socketpath" | "createindex" | "modifyindex" | "contenthash" | "datacenter" | "peername" | "namespace"
            | "partition" => Ok(true),
            _ => Ok(false),
        }
    }
}

impl Fields for ExternalCheck {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        match lower {
            "checkid" | "check_id" | "id" => field.into(&mut self.id),
            "name" => field.into(&mut self.name),
            "notes" => field.into(&mut self.notes),
            "status" => field.into(&mut self.status),
            "output" => field.into(&mut self.output),
            "serviceid" | "service_id" => field.into(&mut self.service_id),
            "definition" => field.into(&mut self.definition),
            "node" | "servicename" | "servicetags" | "type" | "interval" | "timeout" | "exposedport"
            | "createindex" | "modifyindex" | "peername" | "namespace" | "partition" => Ok(true),
            _ => Ok(false),
        }
    }
}

impl Fields for Deregistration {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        match lower {
            "datacenter" => field.into(&mut self.datacenter),
            "node" => field.into(&mut self.node),
            "serviceid" | "service_id" => field.into(&mut self.service_id),
            "checkid" | "check_id" => field.into(&mut self.check_id),
            "namespace" | "partition" | "peername" | "address" => Ok(true),
            _ => Ok(false),
        }
    }
}

#[derive(Default)]
struct SentAddress {
    address: String,
    port: i64,
}

impl Fields for SentAddress {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        match lower {
            "address" => field.into(&mut self.address),
            "port" => field.into(&mut self.port),
            _ => Ok(false),
        }
    }
}

#[derive(Default)]
struct SentWeights {
    passing: i64,
    warning: i64,
}

impl Fields for SentWeights {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        match lower {
            "passing" => field.into(&mut self.passing),
            "warning" => field.into(&mut self.warning),
            _ => Ok(false),
        }
    }
}
