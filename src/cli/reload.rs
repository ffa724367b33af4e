//! `reload`: the zone files, read anew.

use axum::http::Method;
use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::read::{entries, show, text};
use super::table::aligned;
use super::{Failure, ServerFlag};
use crate::config::Environment;

/// `reload`.
#[derive(Debug, Args)]
pub(super) struct Reload {
    /// Print the answer of the server as it is, JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlag,
}

impl Reload {
    pub(super) fn run(&self, environment: &Environment) -> Result<(), Failure> {
        let answer = Client::new(&self.server, environment)?.call(Method::POST, &["v1", "reload"], None)?;
        show(&answer, self.json, zones_table)
    }
}

fn zones_table(answer: &Value) -> String {
    let field = |zone: &Value, key: &str| zone.get(key).map(text).unwrap_or_default();
    let row = |zone: &Value| ["origin", "kind", "records"].map(|key| field(zone, key)).to_vec();
    let rows: Vec<_> = entries(answer, "zones").iter().map(row).collect();
    aligned(&["ZONE", "KIND", "RECORDS"], &rows)
}
