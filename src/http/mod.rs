//! Registration in: one module a foreign system, all on one listener.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::Registry;

/// Settings of the HTTP side.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The lease of native registrations that name none; `None` is for ever.
    pub host_ttl: Option<Duration>,
    /// The lease of Lyft's registrations.
    pub lyft_host_ttl: Duration,
    /// `env` in Lyft's lists: APPLICATION_ENV.
    pub lyft_env: String,
    /// Whether the last entry of X-Forwarded-For names the client.
    pub trust_forwarded_for: bool,
    /// Networks whose addresses Lyft's `auto_ip` accepts, as address and prefix length.
    pub auto_ip_networks: Vec<(std::net::IpAddr, u8)>,
}

/// What every handler gets.
#[derive(Clone)]
pub struct App {
    /// The table.
    pub registry: Arc<Registry>,
    /// The settings.
    pub settings: Arc<Settings>,
    /// The counts.
    pub metrics: Arc<Metrics>,
    /// Whether the server may be given work.
    pub readiness: Arc<Readiness>,
}

impl App {
    /// What the handlers of one server share.
    pub fn new(
        registry: Arc<Registry>,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
        readiness: Arc<Readiness>,
    ) -> App {
        App { registry, settings, metrics, readiness }
    }
}

/// Serves `/readyz` only (stub while the rest is being written).
pub async fn serve(listener: TcpListener, app: App, shutdown: CancellationToken) {
    let ready = move || {
        let status = if app.readiness.is_ready() { 200 } else { 503 };
        std::future::ready(axum::http::StatusCode::from_u16(status).unwrap_or_default())
    };
    let router = axum::Router::new().route("/readyz", axum::routing::get(ready));
    let service = hyper_util::service::TowerToHyperService::new(router);
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(hyper_util::rt::TokioIo::new(stream), service.clone());
        tokio::spawn(async move { drop(connection.await) });
    }
}
