//! A host checks in: its fields, tested in the order of the original, and the row they make.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use smallvec::smallvec;

use super::address;
use super::fields::Fields;
use super::reply::Failure;
use crate::limits;
use crate::lyft::{self, AZ, CANARY, Stored, Tags, WEIGHT, as_bool, as_integer, as_text, parse_weight};
use crate::table::{
    Check, CheckDefinition, Dialect, Host, HostId, Place, Port, Registration, ServiceName, Status, Target, Terms,
    Weights,
};

/// SRV priority of every host that registers here: the API has no word for one, and the default of the native API lets
/// hosts of both serve one name.
const PRIORITY: u16 = 0;

/// The id of the check that the setting of this name gives every host.
const CHECK: &str = "lyft_check";

/// The tags every host must have.
const REQUIRED_TAGS: [(&str, &str); 3] =
    [("az", "no tag az"), ("instance_id", "no tag instance_id"), ("region", "no tag region")];

/// A registration whose every field is good.
#[derive(Debug)]
pub(super) struct CheckIn {
    /// The service it offers.
    pub(super) service: ServiceName,
    /// Its address as text.
    pub(super) id: HostId,
    target: Target,
    port: u16,
    repo: Option<Place>,
    revision: String,
    tags: Tags,
}

impl CheckIn {
    /// Tests the fields; `client` is asked for the address of the client when `auto_ip` wants it.
    pub(super) fn parse(
        service: &str,
        fields: &Fields,
        client: impl FnOnce() -> Option<IpAddr>,
    ) -> Result<CheckIn, Failure> {
        let port = match fields.text("port")? {
            None => -1,
            Some(text) => {
                lyft::int(&text).ok_or_else(|| Failure::Named("port: must be an integer from 1 to 65535".into()))?
            }
        };
        let tags = fields.json("tags").map_err(|_| Failure::Named("Invalid json supplied in tags".into()))?;
        let ip = host_address(fields, client)?;
        if port == 0 {
            return Err(Failure::Silent("the port is 0"));
        }
        let revision = fields.text("revision")?.filter(|revision| !revision.is_empty());
        let revision = revision.ok_or(Failure::Silent("no revision"))?;
        if port < 0 {
            return Err(Failure::Silent("no port, or a negative one"));
        }
        let ip = ip.ok_or(Failure::Silent("the ip is no IPv4 or IPv6 address"))?.to_string();
        let tags = parse_tags(tags)?;
        let repo = fields.text("service_repo_name")?.filter(|repo| !repo.is_empty());
        Ok(CheckIn {
            service: ServiceName::parse("service", service)?,
            id: HostId::parse("ip", &ip)?,
            target: Target::parse("ip", [ip.as_str()])?,
            port: Port::parse_number("port", port)?,
            repo: repo.map(|repo| Place::parse("service_repo_name", &repo)).transpose()?,
            revision,
            tags,
        })
    }

    /// The row it makes beside the live one of the same key: tags sent now are laid over those of before.
    pub(super) fn registration(
        &self,
        current: Option<&Host>,
        ttl: Duration,
        check: Option<&Arc<Terms>>,
    ) -> Result<Registration, Failure> {
        let sent = Stored {
            service_repo_name: self.repo.as_ref().map_or("", |repo| repo.as_str()).to_owned(),
            revision: self.revision.clone(),
            tags: self.tags.clone(),
        };
        // A weight that this heartbeat does not send stays what the row has, whoever set it.
        let weight = sent.weight();
        let stored = match current.map(Stored::of) {
            None => sent,
            Some(mut before) => {
                before.tags.extend(sent.tags);
                Stored { tags: before.tags, ..sent }
            }
        };
        let original: Arc<str> = stored.to_text()?;
        let (service, id, target) = (self.service.clone(), self.id.clone(), self.target.clone());
        Ok(Registration {
            ports: smallvec![Port::tcp(self.port)],
            meta: lyft::meta_of(&stored),
            weights: weight.map(Weights::same),
            priority: PRIORITY,
            zone: lyft::place_of(&stored, AZ),
            region: lyft::place_of(&stored, "region"),
            ttl: Some(ttl),
            checks: checks_of(current, check),
            repo: self.repo.clone(),
            original: Some(original),
            ..Registration::new(service, Dialect::Lyft, id, target)
        })
    }
}

/// The checks of a row that is to have this one of the setting, or none of it; `None` where it is so already, which is
/// what a heartbeat finds.
fn checks_of(current: Option<&Host>, wanted: Option<&Arc<Terms>>) -> Option<Vec<CheckDefinition>> {
    let checks = current.map_or(&[][..], |host| &host.checks);
    let is_ours = |check: &&Check| *check.id == *CHECK && check.kind().is_asked();
    if checks.iter().find(is_ours).and_then(|ours| ours.terms.as_ref()) == wanted {
        return None;
    }
    let others = checks.iter().filter(|check| if wanted.is_some() { *check.id != *CHECK } else { !is_ours(check) });
    let mut defined: Vec<CheckDefinition> = others.map(CheckDefinition::from).collect();
    if let Some(terms) = wanted
        && defined.len() < limits::CHECKS
    {
        // A host that is in the answers stays there until it was asked: a new setting must not empty them.
        let status = current.map(|_| Status::Passing);
        defined.push(CheckDefinition { status, ..CheckDefinition::new(CHECK.into(), Some(Arc::clone(terms))) });
    }
    Some(defined)
}

/// The address to register: outside `Err` when none is given, `None` when it is none.
fn host_address(fields: &Fields, client: impl FnOnce() -> Option<IpAddr>) -> Result<Option<IpAddr>, Failure> {
    let given = |name| Ok::<_, Failure>(fields.text(name)?.filter(|text| !text.is_empty()));
    match (given("ip")?, given("auto_ip")?) {
        (Some(ip), _) => Ok(address::canonical(&ip)),
        (None, Some(_)) => client().map(Some).ok_or(Failure::Silent("auto_ip: the client has no acceptable address")),
        (None, None) => Err(Failure::Silent("neither ip nor auto_ip")),
    }
}

fn parse_tags(tags: Option<Value>) -> Result<Tags, Failure> {
    let mut tags = match tags {
        None => Tags::new(),
        Some(Value::Object(tags)) => tags,
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            return Err(Failure::Named("tags: must be a JSON object".into()));
        }
    };
    for (name, missing) in REQUIRED_TAGS {
        if !tags.contains_key(name) {
            return Err(Failure::Silent(missing));
        }
    }
    if let Some(az) = tags.get_mut(AZ) {
        *az = as_text(az).into();
    }
    if let Some(canary) = tags.get_mut(CANARY) {
        let rule = || Failure::Named("tags.canary: must be true or false".into());
        *canary = as_bool(canary).ok_or_else(rule)?.into();
    }
    if let Some(weight) = tags.get_mut(WEIGHT) {
        let rule = || Failure::Named(format!("tags.{WEIGHT}: must be an integer from 1 to 100"));
        *weight = as_integer(weight).and_then(parse_weight).ok_or_else(rule)?.into();
    }
    Ok(tags)
}
