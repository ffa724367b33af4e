//! Where the table is, and how it is followed.

use std::time::Duration;

/// The region where none is named: that of Lyft's library.
pub(super) const REGION: &str = "us-east-1";

/// The settings of the store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the table.
    pub table: String,
    /// The region; `None` is `REGION`.
    pub region: Option<String>,
    /// A URL in the place of the region's: an emulator, or an endpoint of one's own network.
    pub endpoint: Option<String>,
    /// Pause between two readings of the table.
    pub poll: Duration,
    /// Whether a table that is missing is made.
    pub create_table: bool,
    /// The lease of hosts that Lyft's service registers, which does not stand in the table.
    pub lyft_ttl: Duration,
    /// What this server is called among those of the table, before something random.
    pub node_name: String,
}

/// The table `rollcall`, read every five seconds.
impl Default for Settings {
    fn default() -> Settings {
        Settings {
            table: "rollcall".into(),
            region: None,
            endpoint: None,
            poll: Duration::from_secs(5),
            create_table: false,
            lyft_ttl: Duration::from_secs(600),
            node_name: "rollcall".into(),
        }
    }
}

/// Where DynamoDB is in a region.
pub(super) fn endpoint_of(region: &str) -> String {
    // China is a world of its own.
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://dynamodb.{region}.{domain}")
}
