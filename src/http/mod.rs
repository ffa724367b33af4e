//! Registration in: one module a foreign system, all on one listener.
//!
//! Each dialect gives its routes with their documentation ([`utoipa_axum::router::OpenApiRouter`]); [`router`]
//! merges them, so `/openapi.json` and `/docs` cannot forget one. Around all of them stands one gate
//! (`gate.rs`) with the bounds on what a request may be, and [`serve`] with those on connections.

mod client;
pub mod consul;
mod desk;
mod docs;
mod envoy;
mod gate;
mod kubernetes;
mod listen;
pub mod minos;
pub mod native;
mod ops;
mod percent;
mod pieces;
pub mod problem;
mod progress;
mod prometheus;
mod rows;
mod short;
mod stretch;
mod watchers;
mod worded;

pub(crate) mod lyft;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::layer::layer_fn;
use utoipa_axum::router::OpenApiRouter;

use crate::limits;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::registry::Registry;
use crate::table::Terms;

pub use desk::{
    AnswerView, BrokenZones, Desk, ExtendedErrorView, JudgedView, LoadedZone, ReasonView, RecordView, Reload,
};
pub use listen::serve;
pub use rows::RowForm;
pub use stretch::thread_rests;

/// Settings of the HTTP side.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The lease of native registrations that name none; `None` is for ever.
    pub host_ttl: Option<Duration>,
    /// Whether checks may ask for services of this machine.
    pub check_os_services: bool,
    /// The lease of Lyft's registrations.
    pub lyft_host_ttl: Duration,
    /// The check that every host of Lyft's API gets.
    pub lyft_check: Option<Arc<Terms>>,
    /// Those of minos' API.
    pub minos: minos::Settings,
    /// `env` in Lyft's lists: APPLICATION_ENV.
    pub lyft_env: String,
    /// Whether the last entry of X-Forwarded-For names the client.
    pub trust_forwarded_for: bool,
    /// Networks whose addresses Lyft's `auto_ip` accepts, as address and prefix length.
    pub auto_ip_networks: Vec<(std::net::IpAddr, u8)>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            host_ttl: None,
            check_os_services: false,
            lyft_host_ttl: Duration::from_secs(600),
            lyft_check: None,
            minos: minos::Settings::default(),
            lyft_env: "development".into(),
            trust_forwarded_for: false,
            auto_ip_networks: vec![([192, 168, 0, 0].into(), 16)],
        }
    }
}

/// What every handler gets. One pointer: every request clones it several times.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What an [`App`] points to.
#[derive(Clone)]
pub struct Shared {
    /// The table.
    pub registry: Arc<Registry>,
    /// The settings.
    pub settings: Arc<Settings>,
    /// The counts.
    pub metrics: Arc<Metrics>,
    /// Whether the server may be given work.
    pub readiness: Arc<Readiness>,
    /// What Consul's clients are shown of this server.
    pub consul: Arc<consul::Settings>,
    /// Fires when the server stops: whoever waits for a change ends its wait.
    pub stopping: CancellationToken,
    /// Free places for long polls and event streams.
    watchers: Arc<Semaphore>,
    /// Room for bodies that are being read, in units of [`gate::BODY_UNIT`].
    bodies: Arc<Semaphore>,
    /// What knows the files; one request at a time has them read.
    desk: Option<Arc<dyn Desk>>,
    reloading: Arc<tokio::sync::Mutex<()>>,
    documents: Arc<docs::Documents>,
    /// Which service has which endpoint, for minos' gateway.
    endpoints: Arc<minos::Endpoints>,
    /// What Envoys are told, each resource once for all of them.
    encodings: Arc<envoy::Encodings>,
    /// How whole rows are written and read.
    rows: Option<RowForm>,
    /// Free places for exports.
    exports: Arc<Semaphore>,
    /// The last digest of the table; one is made at a time.
    digest: Arc<tokio::sync::Mutex<Option<native::Digest>>>,
}

impl App {
    /// What the handlers of one server share.
    pub fn new(
        registry: Arc<Registry>,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
        readiness: Arc<Readiness>,
    ) -> App {
        App(Arc::new(Shared {
            registry,
            settings,
            metrics,
            readiness,
            consul: Arc::default(),
            stopping: CancellationToken::new(),
            watchers: Arc::new(Semaphore::new(limits::WATCHERS)),
            bodies: Arc::new(Semaphore::new(limits::HTTP_BODIES_OCTETS / gate::BODY_UNIT)),
            desk: None,
            reloading: Arc::default(),
            documents: Arc::default(),
            endpoints: Arc::default(),
            encodings: Arc::default(),
            rows: None,
            exports: Arc::new(Semaphore::new(limits::EXPORTS)),
            digest: Arc::default(),
        }))
    }

    /// The same with a desk, which some routes need.
    #[must_use]
    pub fn with_desk(mut self, desk: Arc<dyn Desk>) -> App {
        self.edit().desk = Some(desk);
        self
    }

    /// The same with a form of whole rows, which some routes need.
    #[must_use]
    pub fn with_rows(mut self, rows: RowForm) -> App {
        self.edit().rows = Some(rows);
        self
    }

    /// The same, shown to Consul's clients as this node.
    #[must_use]
    pub fn with_consul(mut self, settings: consul::Settings) -> App {
        self.edit().consul = Arc::new(settings);
        self
    }

    /// For what is set before the first request.
    fn edit(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.0)
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The routes of every dialect, with their documentation.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(docs::preamble())
        .merge(native::routes())
        .merge(lyft::routes())
        .merge(consul::routes())
        .merge(minos::routes())
        .merge(kubernetes::routes())
        .merge(envoy::routes())
        .merge(prometheus::routes())
        .merge(ops::routes())
}

/// Everything the HTTP listener answers.
pub fn router(mut app: App) -> Router {
    let (router, api) = routes().split_for_parts();
    app.edit().documents = Arc::new(docs::Documents::render(&api));
    let gated = app.clone();
    router
        .fallback(problem::unknown_path)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(layer_fn(move |inner| gate::Gate::new(gated.clone(), inner)))
        .with_state(app)
}
