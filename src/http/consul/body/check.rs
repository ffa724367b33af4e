//! A check as a registration describes it.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use super::decode::{DecodeError, Field, Fields, Read, object};
use super::tree::Tree;
use crate::duration::go::Nanoseconds;

/// A check that is of one of the known kinds, with the times that its kind needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Check {
    /// Unique on the node; empty where the service's id makes one.
    pub id: String,
    /// For people; empty where the service's name makes one.
    pub name: String,
    /// What it begins as: `passing`, `warning` or `critical`; empty is critical.
    pub status: String,
    /// For people.
    pub notes: String,
    /// The service it is of, where it is registered by itself.
    pub service_id: String,
    /// Command and arguments.
    pub script: Vec<String>,
    /// The container the command runs in.
    pub docker_container: String,
    /// The shell in that container.
    pub shell: String,
    /// A URL.
    pub http: String,
    /// Headers of that request.
    pub header: BTreeMap<String, Vec<String>>,
    /// Its method, GET where empty.
    pub method: String,
    /// Its body.
    pub body: String,
    /// Whether a redirect is not followed.
    pub disable_redirects: bool,
    /// Host and port.
    pub tcp: String,
    /// Whether that is TLS.
    pub tcp_use_tls: bool,
    /// Host and port.
    pub udp: String,
    /// Host, port and service.
    pub grpc: String,
    /// Whether that is TLS.
    pub grpc_use_tls: bool,
    /// Host and port.
    pub h2ping: String,
    /// Whether that is TLS, as it is where nothing is said.
    pub h2ping_use_tls: bool,
    /// A unit of the service manager.
    pub os_service: String,
    /// The node that it follows.
    pub alias_node: String,
    /// The service that it follows.
    pub alias_service: String,
    /// The name in the certificate.
    pub tls_server_name: String,
    /// Whether any certificate will do.
    pub tls_skip_verify: bool,
    /// Time between two questions; zero for kinds that ask none.
    pub interval: Duration,
    /// Time for an answer; zero is the default of the kind.
    pub timeout: Duration,
    /// Time that a verdict holds; zero for other kinds.
    pub ttl: Duration,
    /// Good answers in a row that make it passing.
    pub success_before_passing: u32,
    /// Bad ones that make it warning.
    pub failures_before_warning: u32,
    /// Bad ones that make it critical.
    pub failures_before_critical: u32,
    /// Time as critical after which its service is deregistered; zero is never.
    pub deregister_critical_service_after: Duration,
    /// Octets kept of its output; zero is the default.
    pub output_max_size: u32,
}

impl Check {
    /// What answers call its kind: the first that fits, in Consul's order.
    pub fn kind(&self) -> &'static str {
        let asks = !self.interval.is_zero();
        let script = !self.script.is_empty();
        let kinds = [
            ("grpc", asks && !self.grpc.is_empty()),
            ("http", asks && !self.http.is_empty()),
            ("ttl", !self.ttl.is_zero()),
            ("tcp", asks && !self.tcp.is_empty()),
            ("udp", asks && !self.udp.is_empty()),
            ("alias", !self.alias_node.is_empty() || !self.alias_service.is_empty()),
            ("docker", asks && script && !self.docker_container.is_empty()),
            ("script", script),
            ("h2ping", asks && !self.h2ping.is_empty()),
            ("os_service", asks && !self.os_service.is_empty()),
        ];
        kinds.iter().find(|(_, fits)| *fits).map_or("", |(kind, _)| kind)
    }
}

/// Why a check is refused, in Consul's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CheckError {
    /// It would ask and wait to be told.
    #[error("Interval and TTL cannot both be specified")]
    IntervalAndTtl,
    /// It has something to ask and no time between.
    #[error("Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks")]
    NoInterval,
    /// It would ask and follow another.
    #[error("Interval cannot be set for Alias checks")]
    AliasAsks,
    /// It would wait to be told and follow another.
    #[error("TTL must be not be set for Alias checks")]
    AliasWithTtl,
    /// It is of no kind.
    #[error("TTL must be > 0 for TTL checks")]
    NoTtl,
    /// A negative size.
    #[error("MaxOutputMaxSize must be positive")]
    NegativeSize,
    /// It would be critical before it warns.
    #[error("FailuresBeforeWarning can't be higher than FailuresBeforeCritical")]
    WarningLater,
    /// A number of answers that is none.
    #[error("{0} must be from 0 to 4294967295")]
    NoCount(&'static str),
}

/// A check as sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sent {
    check: Check,
    h2ping_use_tls: Option<bool>,
    interval: Nanoseconds,
    timeout: Nanoseconds,
    ttl: Nanoseconds,
    deregister_after: Nanoseconds,
    success_before_passing: i64,
    failures_before_warning: i64,
    failures_before_critical: i64,
    output_max_size: i64,
    /// Said by clients, of no use without proxies.
    proxy: String,
    token: String,
}

impl Read for Sent {
    fn read(tree: Tree, field: &str) -> Result<Sent, DecodeError> {
        object(tree, field)
    }
}

impl Fields for Sent {
    fn set(&mut self, lower: &str, field: Field<'_>) -> Result<bool, DecodeError> {
        let check = &mut self.check;
        match lower {
            "id" | "checkid" => field.into(&mut check.id),
            "name" => field.into(&mut check.name),
            "status" => field.into(&mut check.status),
            "notes" => field.into(&mut check.notes),
            "serviceid" | "service_id" => field.into(&mut check.service_id),
            "args" | "scriptargs" | "script_args" => field.into(&mut check.script),
            "dockercontainerid" | "docker_container_id" => field.into(&mut check.docker_container),
            "shell" => field.into(&mut check.shell),
            "http" => field.into(&mut check.http),
            "header" => field.into(&mut check.header),
            "method" => field.into(&mut check.method),
            "body" => field.into(&mut check.body),
            "disableredirects" | "disable_redirects" => field.into(&mut check.disable_redirects),
            "tcp" => field.into(&mut check.tcp),
            "tcpusetls" | "tcp_use_tls" => field.into(&mut check.tcp_use_tls),
            "udp" => field.into(&mut check.udp),
            "grpc" => field.into(&mut check.grpc),
            "grpcusetls" | "grpc_use_tls" => field.into(&mut check.grpc_use_tls),
            "h2ping" => field.into(&mut check.h2ping),
            "h2pingusetls" | "h2ping_use_tls" => field.into(&mut self.h2ping_use_tls),
            "osservice" => field.into(&mut check.os_service),
            "aliasnode" => field.into(&mut check.alias_node),
            "aliasservice" => field.into(&mut check.alias_service),
            "tlsservername" | "tls_server_name" => field.into(&mut check.tls_server_name),
            "tlsskipverify" | "tls_skip_verify" => field.into(&mut check.tls_skip_verify),
            "interval" => field.into(&mut self.interval),
            "timeout" => field.into(&mut self.timeout),
            "ttl" => field.into(&mut self.ttl),
            "successbeforepassing" => field.into(&mut self.success_before_passing),
            "failuresbeforewarning" => field.into(&mut self.failures_before_warning),
            "failuresbeforecritical" => field.into(&mut self.failures_before_critical),
            "deregistercriticalserviceafter" | "deregister_critical_service_after" => {
                field.into(&mut self.deregister_after)
            }
            "outputmaxsize" => field.into(&mut self.output_max_size),
            "proxyhttp" | "proxygrpc" => field.into(&mut self.proxy),
            "token" => field.into(&mut self.token),
            _ => Ok(false),
        }
    }
}

impl Sent {
    /// Whether nothing was said: no check.
    pub(super) fn is_empty(&self) -> bool {
        *self == Sent::default()
    }

    /// Its name, and what it begins as.
    pub(super) fn name_and_status(&self) -> (&str, &str) {
        (&self.check.name, &self.check.status)
    }

    /// The check, if it is one of a kind; tests go in Consul's order.
    pub(super) fn checked(self) -> Result<Check, CheckError> {
        let Sent { mut check, interval, timeout, ttl, deregister_after, .. } = self;
        let targets = [&check.http, &check.tcp, &check.udp, &check.grpc, &check.h2ping, &check.os_service];
        let asks = !check.script.is_empty() || targets.iter().any(|target| !target.is_empty());
        let alias = !check.alias_node.is_empty() || !check.alias_service.is_empty();
        let zero = Nanoseconds(0);
        let rules = [
            (interval > zero && ttl > zero, CheckError::IntervalAndTtl),
            (asks && interval <= zero, CheckError::NoInterval),
            (asks && alias, CheckError::AliasAsks),
            (alias && ttl > zero, CheckError::AliasWithTtl),
            (!asks && !alias && ttl <= zero, CheckError::NoTtl),
            (self.output_max_size < 0, CheckError::NegativeSize),
            (self.failures_before_warning > self.failures_before_critical, CheckError::WarningLater),
        ];
        if let Some((_, error)) = rules.iter().find(|(broken, _)| *broken) {
            return Err(*error);
        }
        let count = |number: i64, field| u32::try_from(number).map_err(|_| CheckError::NoCount(field));
        check.success_before_passing = count(self.success_before_passing, "SuccessBeforePassing")?;
        check.failures_before_warning = count(self.failures_before_warning, "FailuresBeforeWarning")?;
        check.failures_before_critical = count(self.failures_before_critical, "FailuresBeforeCritical")?;
        check.output_max_size = count(self.output_max_size, "OutputMaxSize")?;
        check.h2ping_use_tls = self.h2ping_use_tls.unwrap_or(!check.h2ping.is_empty());
        check.interval = positive(interval);
        check.timeout = positive(timeout);
        check.ttl = positive(ttl);
        check.deregister_critical_service_after = positive(deregister_after);
        Ok(check)
    }
}

/// Less than nothing is nothing.
fn positive(nanoseconds: Nanoseconds) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds.0).unwrap_or(0))
}
