//! The floor of a registration over HTTP: axum, a JSON body, a map in 64 shards. Nothing is rendered, kept or told.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use ahash::RandomState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use clap::Parser;
use parking_lot::RwLock;
use serde::Deserialize;

const SHARDS: usize = 64;

#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is kept, as a registry would keep it")]
struct Host {
    service: String,
    host: String,
    ip: IpAddr,
    port: u16,
    #[serde(default)]
    tags: Vec<String>,
}

type Shard = RwLock<HashMap<String, HashMap<String, (Host, Instant)>>>;

#[derive(Clone)]
struct Table {
    shards: Arc<Vec<Shard>>,
    hash: RandomState,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut builder = match arguments.threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().build()?.block_on(serve(arguments.listen))
}

async fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
    let table = Table { shards: Arc::new(shards), hash: RandomState::with_seeds(1, 2, 3, 4) };
    let listener = tokio::net::TcpListener::bind(listen).await?.tap_io(|stream| {
        // Without it the option costs latency, not correctness.
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, Router::new().route("/v1/register", post(register)).with_state(table)).await?;
    Ok(())
}

async fn register(State(table): State<Table>, Json(host): Json<Host>) -> StatusCode {
    let shard = table.hash.hash_one(&host.service) as usize % SHARDS;
    let mut services = table.shards[shard].write();
    services.entry(host.service.clone()).or_default().insert(host.host.clone(), (host, Instant::now()));
    StatusCode::OK
}
