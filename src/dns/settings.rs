//! What an operator decides about messages, whatever they ask for.

use std::net::IpAddr;

use super::cookie::Cookies;
use super::rate::RateLimit;
use crate::limits;

/// The settings of an [`Engine`](super::Engine).
#[derive(Clone, Debug)]
pub struct Settings {
    /// Octets of the longest datagram that is sent, and of what clients are told to send (RFC 6891 6.2.4).
    pub udp_octets: u16,
    /// The name of this server for clients that ask by NSID (RFC 5001), at most
    /// [`NSID_OCTETS`](crate::limits::NSID_OCTETS).
    pub nsid: Option<String>,
    /// What `id.server` and `hostname.bind` say (RFC 4892); `None` refuses class CH.
    pub identity: Option<String>,
    /// Cookies, where they are on.
    pub cookies: Option<Cookies>,
    /// Who may ask.
    pub allow_query: Networks,
    /// How many replies a network gets, where that is limited.
    pub rate_limit: Option<RateLimit>,
    /// One of how many queries is logged; 0 is none.
    pub query_log: u32,
}

/// No name, no cookies, no limits.
impl Default for Settings {
    fn default() -> Settings {
        Settings {
            udp_octets: limits::UDP_REPLY_OCTETS,
            nsid: None,
            identity: None,
            cookies: None,
            allow_query: Networks::All,
            rate_limit: None,
            query_log: 0,
        }
    }
}

/// A set of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Networks {
    /// Every address.
    #[default]
    All,
    /// The addresses that agree with one of these in the first bits, as many as the number says.
    These(Box<[(IpAddr, u8)]>),
}

impl Networks {
    /// The networks in a list of addresses and prefix lengths.
    pub fn new(networks: &[(IpAddr, u8)]) -> Networks {
        let whole = |v4: bool| networks.iter().any(|(address, prefix)| *prefix == 0 && address.is_ipv4() == v4);
        if whole(true) && whole(false) { Networks::All } else { Networks::These(networks.into()) }
    }

    /// Whether an address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        match self {
            Networks::All => true,
            Networks::These(networks) => {
                let address = address.to_canonical();
                networks.iter().any(|(network, prefix)| is_in(address, *network, *prefix))
            }
        }
    }
}

fn is_in(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let behind = 32_u32.saturating_sub(u32::from(prefix));
            (address.to_bits() ^ network.to_bits()).checked_shr(behind).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let behind = 128_u32.saturating_sub(u32::from(prefix));
            (address.to_bits() ^ network.to_bits()).checked_shr(behind).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_compared_by_their_first_bits() {
        let parse = |text: &str| text.parse::<IpAddr>().expect("an address");
        let networks = Networks::new(&[(parse("10.0.0.0"), 8), (parse("192.0.2.7"), 32), (parse("fd00::"), 8)]);
        for (address, inside) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.6", false),
            ("::ffff:10.0.0.1", true),
            ("fdff::1", true),
            ("fe00::1", false),
            ("::1", false),
        ] {
            assert_eq!(networks.contain(parse(address)), inside, "{address}");
        }
        let v4 = Networks::new(&[(parse("0.0.0.0"), 0)]);
        assert!(v4.contain(parse("203.0.113.1")) && !v4.contain(parse("::1")));
        assert_eq!(Networks::new(&[(parse("0.0.0.0"), 0), (parse("::"), 0)]), Networks::All);
    }
}
