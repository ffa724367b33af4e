//! The documentation of the interface: the OpenAPI document, and the same as a page for people.
//!
//! The page is made of the document on the server: what is not in the one cannot be in the other, and a
//! browser needs neither scripts nor anything from elsewhere to show it.

mod page;

use bytes::Bytes;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};

/// What the page may load: nothing but its own style sheet.
pub(super) const CONTENT_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The two forms of the documentation, made once at the start.
#[derive(Debug, Default)]
pub(super) struct Documents {
    /// The OpenAPI document.
    pub(super) json: Bytes,
    /// The page.
    pub(super) html: Bytes,
}

impl Documents {
    /// Both forms of `api`.
    pub(super) fn render(api: &OpenApi) -> Documents {
        // A document made of routes always serializes.
        let document = serde_json::to_value(api).unwrap_or_default();
        Documents { json: document.to_string().into(), html: page::render(&document).into() }
    }
}

/// The document before any route is in it.
pub(super) fn preamble() -> OpenApi {
    let tag = |name: &str, text: &str| TagBuilder::new().name(name).description(Some(text)).build();
    let info = InfoBuilder::new()
        .title("rollcall")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "DNS-based service discovery: hosts check in over HTTP, anything that resolves a name finds them. \
             A write is answered when its change is visible in DNS on this server; a refused write changes nothing. \
             Every route may also answer 400 (the request is no HTTP/1.1 request), 408 (the body did not arrive within \
             30 s), 413 (the body has more than 65536 octets), 414 (path and query have more than 8192 octets), \
             415 (the body has a content encoding) and 431 (more than 100 headers, or more than 16384 octets of them).",
        ))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .tags(Some([
            tag(
                "native",
                "rollcall's own API. Errors are problem documents (RFC 9457) that name the field and the rule.",
            ),
            tag("lyft", "The API of Lyft's discovery service, with its paths and answers."),
            tag("minos", "The API of minos' discovery service, for its framework and its gateway."),
            tag("consul", "The API of Consul's agents and catalog, for its clients as they are. Errors are bare text."),
            tag(
                "kubernetes",
                "The look-ups of Kubernetes' API, for its clients as they are, without a cluster. Errors are Status objects.",
            ),
            tag(
                "envoy",
                "Endpoints for Envoy (EDS v3). The same by gRPC on this listener: StreamEndpoints, FetchEndpoints, and \
                 StreamAggregatedResources for this type of resources.",
            ),
            tag("prometheus", "Hosts as targets for Prometheus (http_sd)."),
            tag("operation", "What orchestrators, monitors and people ask of the server itself."),
        ]))
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::http::{consul, envoy, kubernetes, lyft, minos, native, ops, prometheus};
    use crate::limits;

    #[test]
    fn no_two_dialects_share_a_name_of_a_schema() {
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        for (dialect, routes) in [
            ("native", native::routes()),
            ("lyft", lyft::routes()),
            ("consul", consul::routes()),
            ("minos", minos::routes()),
            ("kubernetes", kubernetes::routes()),
            ("envoy", envoy::routes()),
            ("prometheus", prometheus::routes()),
            ("operation", ops::routes()),
        ] {
            let components = routes.into_openapi().components.unwrap_or_default();
            // Problems are the same for all of them.
            for name in components.schemas.into_keys().filter(|name| name != "Problem") {
                let other = owners.insert(name.clone(), dialect);
                assert_eq!(other, None, "{name} is a schema of {dialect} too");
            }
        }
        assert!(owners.contains_key("LyftServiceList") && owners.contains_key("ServiceList"), "{owners:?}");
    }

    #[test]
    fn the_prose_has_the_bounds() {
        let text = preamble().info.description.unwrap_or_default();
        for bound in [
            format!("{} s)", limits::HTTP_BODY_TIME.as_secs()),
            format!("more than {} octets)", limits::HTTP_BODY_OCTETS),
            format!("more than {} octets)", limits::HTTP_URL_OCTETS),
            format!("more than {} headers, or more than {} octets", limits::HTTP_HEADERS, limits::HTTP_HEADER_OCTETS),
        ] {
            assert!(text.contains(&bound), "{bound}: {text}");
        }
    }

    #[test]
    fn every_native_write_says_when_it_cannot_be_kept() {
        let document = serde_json::to_value(native::routes().into_openapi()).expect("serializes");
        let paths = document["paths"].as_object().expect("paths");
        let writes = paths
            .iter()
            .flat_map(|(path, item)| ["put", "post", "delete"].map(|method| (path, method, &item[method])).into_iter());
        let mut seen = 0;
        // Neither a reload nor an end of the brake writes anything to the store.
        let unstored = ["/v1/reload", "/v1/brake/release"];
        let writes = writes.filter(|(path, _, operation)| operation.is_object() && !unstored.contains(&path.as_str()));
        for (path, method, operation) in writes {
            seen += 1;
            for status in ["400", "503", "507"] {
                assert!(operation["responses"][status].is_object(), "{method} {path} {status}");
            }
        }
        assert_eq!(seen, 8);
        let ttl = &document["components"]["schemas"]["Registration"]["properties"]["ttl"];
        assert_eq!(ttl["type"], serde_json::json!(["string", "number", "null"]), "{ttl}");
        assert!(ttl["description"].is_string(), "{ttl}");
    }
}
