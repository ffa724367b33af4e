//! Who a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

use super::Settings;

/// The header in which a proxy says whom it speaks for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client, if it is known: what the nearest trusted proxy says, else the other end of the connection.
pub(super) fn address(headers: &HeaderMap, extensions: &Extensions, settings: &Settings) -> Option<IpAddr> {
    if settings.trust_forwarded_for
        && let Some(forwarded) = headers.get_all(FORWARDED_FOR).iter().next_back()
    {
        // The last entry is the one the proxy itself wrote; those before it are hearsay.
        return forwarded.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
    }
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(peer.ip().to_canonical())
}
