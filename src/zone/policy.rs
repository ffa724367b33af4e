//! How hosts are rendered and put in order: what an operator decides.

/// How hosts are rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// TTL of records made from hosts, in seconds; a lease that ends earlier lowers it.
    pub record_ttl: u32,
    /// The same where one of the hosts is kept past its lease, at most; in seconds.
    pub stale_ttl: u32,
    /// TTL of negative answers, in seconds.
    pub negative_ttl: u32,
    /// Whether hosts with the status warning are left out too.
    pub only_passing: bool,
    /// What a service says whose hosts are all unhealthy.
    pub empty_service: EmptyService,
    /// The order of A and AAAA records.
    pub address_order: AddressOrder,
    /// Which SRV records are in a reply that does not hold all.
    pub srv_subset: SrvSubset,
    /// What a host's weight is multiplied by in SRV records, 1 to 65535; the product ends at 65535.
    pub srv_weight_scale: u16,
    /// The most records of a set that an answer holds; 0 is no bound.
    pub record_limit: u16,
    /// Whether tags and pairs of hosts are shown as TXT.
    pub txt: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            record_ttl: 5,
            stale_ttl: 5,
            negative_ttl: 5,
            only_passing: false,
            empty_service: EmptyService::NxDomain,
            address_order: AddressOrder::Weighted,
            srv_subset: SrvSubset::Random,
            srv_weight_scale: 1,
            record_limit: 0,
            txt: false,
        }
    }
}

/// What a service says whose hosts are all unhealthy. Hosts whose lease has ended are never in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EmptyService {
    /// There is no such name (Kubernetes, Consul).
    #[default]
    NxDomain,
    /// The name exists and has no records.
    NoData,
    /// All of them, as if they were healthy, but for those that an operator took out.
    All,
}

impl EmptyService {
    /// Every policy with its word in the settings.
    pub const ALL: [(&'static str, EmptyService); 3] =
        [("nxdomain", EmptyService::NxDomain), ("nodata", EmptyService::NoData), ("all", EmptyService::All)];
}

/// The order of A and AAAA records; a client that takes the first spreads its load by it (R25).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AddressOrder {
    /// Random, a host of twice the weight twice as often first.
    #[default]
    Weighted,
    /// Random.
    Uniform,
    /// The order of the ids.
    Fixed,
}

impl AddressOrder {
    /// Every order with its word in the settings.
    pub const ALL: [(&'static str, AddressOrder); 3] =
        [("weighted", AddressOrder::Weighted), ("uniform", AddressOrder::Uniform), ("fixed", AddressOrder::Fixed)];
}

/// Which SRV records are in a reply that does not hold all (R26).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SrvSubset {
    /// Others each time.
    #[default]
    Random,
    /// For one client the same, as far as its hosts stay (HAProxy keeps its slots).
    Stable,
}

impl SrvSubset {
    /// Every choice with its word in the settings.
    pub const ALL: [(&'static str, SrvSubset); 2] = [("random", SrvSubset::Random), ("stable", SrvSubset::Stable)];
}
