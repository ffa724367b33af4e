//! What this server says of itself to Consul's clients.

use std::net::{IpAddr, Ipv4Addr};

/// The node that this server shows itself as, and choices of the dialect.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The datacenter: one label, lower case.
    pub datacenter: String,
    /// The name of the node.
    pub node_name: String,
    /// A UUID that stays the same.
    pub node_id: String,
    /// What the node carries.
    pub node_meta: Vec<(String, String)>,
    /// Where the node is reached: the address of hosts that register without one.
    pub node_address: IpAddr,
    /// Whether critical hosts are left out of `/v1/catalog/service/:service`, for clients that look at no check.
    pub catalog_hides_critical: bool,
    /// Whether other servers have the same table.
    pub shares_table: bool,
}

/// A server that nobody configured.
impl Default for Settings {
    fn default() -> Settings {
        Settings {
            datacenter: "dc1".into(),
            node_name: "rollcall".into(),
            node_id: "00000000-0000-4000-8000-000000000000".into(),
            node_meta: Vec::new(),
            node_address: Ipv4Addr::LOCALHOST.into(),
            catalog_hides_critical: false,
            shares_table: false,
        }
    }
}
