//! rollcall's own API (`/v1/hosts`, `/v1/services`, `/v1/watch`).

use utoipa_axum::router::OpenApiRouter;

use super::App;

/// The routes of the dialect.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
}
