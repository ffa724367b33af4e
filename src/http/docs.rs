//! The documentation of the interface: the OpenAPI document, and the same as a page for people.

use bytes::Bytes;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};

/// What the page may load: nothing but its own style sheet.
pub(super) const CONTENT_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The two forms of the documentation, made once at the start.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) json: Bytes,
    pub(super) html: Bytes,
}

impl Documents {
    pub(super) fn render(api: &OpenApi) -> Documents {
        let json = api.to_json().unwrap_or_default();
        Documents { json: json.into(), html: Bytes::from_static(b"docs") }
    }
}

/// The document before any route is in it.
pub(super) fn preamble() -> OpenApi {
    OpenApiBuilder::new().info(InfoBuilder::new().title("rollcall").version(env!("CARGO_PKG_VERSION")).build()).build()
}
