//! The engine asked by its own program: the reply of zones to a question, and the reasons behind it.

use std::path::Path;

use anyhow::{Result, anyhow};

use super::zones;
use crate::clock::Timestamp;
use crate::config;
use crate::dns::{self, Dissected, RecordText, Request, Transport, View};
use crate::http::{AnswerView, ExtendedErrorView, JudgedView, ReasonView, RecordView};
use crate::limits;
use crate::table::{Host, Invalid, Status};
use crate::zone::{Judged, Name, Question, Random, Reason, Subject, Zones};

/// What there is to ask.
pub(super) struct World<'w> {
    pub(super) zones: &'w Zones,
    pub(super) loaded: bool,
    pub(super) now: Timestamp,
    pub(super) udp_octets: u16,
    /// Begins the order of records.
    pub(super) seed: u64,
}

/// A name and a type.
pub(super) struct Asked {
    name: Name,
    qtype: u16,
}

/// Reads what people write: a name that ends in a dot, or is in one of `zones`, stands as it is; any other is completed
/// by `origin`.
pub(super) fn question(name: &str, qtype: &str, origin: Option<&Name>, zones: &Zones) -> Result<Asked, Invalid> {
    let number = dns::type_number(qtype);
    let qtype = number.ok_or_else(|| Invalid::new("type", "must be a type such as A, AAAA, SRV or TYPE65"))?;
    let absolute = Name::parse("name", name, &Name::root());
    let is_ours = absolute.as_ref().is_ok_and(|name| zones.find(name.as_wire()).is_some());
    let name = match origin {
        Some(origin) if name == "@" || !is_ours => Name::parse("name", name, origin)?,
        Some(_) | None => absolute?,
    };
    Ok(Asked { name, qtype })
}

/// What a zone file answers, without a server and without hosts: as dig prints it.
pub fn answer_of_file(settings: &config::Dns, path: &Path, name: &str, qtype: &str) -> Result<String> {
    let zones = zones::of_one_file(settings, path)?;
    let origin = zones.iter().next().map(|zone| zone.origin().clone());
    let asked = question(name, qtype, origin.as_ref(), &zones)?;
    let now = Timestamp::default();
    let world = World { zones: &zones, loaded: true, now, udp_octets: settings.udp_octets, seed: 0 };
    let reply = world.reply(&asked).ok_or_else(|| anyhow!("the engine gives no reply"))?;
    Ok(reply.to_string())
}

impl World<'_> {
    /// What a client with EDNS gets over UDP; the rules about who may ask how often are left out.
    fn reply(&self, asked: &Asked) -> Option<Dissected> {
        let packet = dns::query(&asked.name, asked.qtype, limits::UDP_REPLY_OCTETS);
        let settings = dns::Settings { udp_octets: self.udp_octets, ..dns::Settings::default() };
        let view = View { zones: self.zones, loaded: self.loaded, settings: &settings, limiter: None, stale: false };
        let request = Request::own(&packet, Transport::Udp);
        let mut out = Vec::new();
        dns::respond(&view, &request, self.now, &mut Random::new(self.seed), &mut out);
        Dissected::read(&out)
    }

    /// The reply, and each host that it could speak of.
    pub(super) fn told(&self, asked: &Asked) -> Result<AnswerView, Invalid> {
        let reply = self.reply(asked).ok_or_else(|| Invalid::new("name", "must be one that the engine answers"))?;
        let question = Question { name: asked.name.as_wire(), qtype: asked.qtype };
        let zone = self.zones.find_for(&question);
        let explanation = zone.filter(|_| self.loaded).and_then(|zone| zone.explain(&question, self.now));
        let (text, truncated) = (reply.to_string(), reply.truncated());
        let records = |list: Vec<RecordText>| list.into_iter().map(RecordView::from).collect();
        let mut view = AnswerView {
            name: asked.name.to_string(),
            qtype: dns::type_name(asked.qtype),
            zone: zone.map(|zone| zone.origin().to_string()),
            status: reply.status,
            flags: reply.flags,
            truncated,
            octets: reply.octets,
            extended_error: reply.extended_error.map(|(code, text)| ExtendedErrorView { code, text }),
            answer: records(reply.answer),
            authority: records(reply.authority),
            additional: records(reply.additional),
            text,
            service: None,
            namespace: None,
            node: None,
            hosts: Vec::new(),
            notes: Vec::new(),
        };
        if let Some(explanation) = explanation {
            let limit = usize::from(self.zones.policy().record_limit);
            let shown = explanation.hosts.iter().filter(|judged| judged.reasons.is_empty()).count();
            if limit > 0 && shown > limit {
                view.notes.push(format!("record_limit is set: an answer has {limit} records of the set at most"));
            }
            if asked.qtype == crate::zone::rtype::ANY {
                view.notes.push("ANY gets one set, the smallest (RFC 8482): ask for a type to see all of it".into());
            }
            if truncated {
                view.notes.push("truncated over UDP: the reply above has a part of what is in the answer".into());
            }
            if explanation.total > explanation.hosts.len() {
                view.notes.push(format!("the service has {} hosts, not all are listed", explanation.total));
            }
            match explanation.subject {
                Subject::Service { name, namespace } => (view.service, view.namespace) = (Some(name), Some(namespace)),
                Subject::Node(name) => view.node = Some(name),
            }
            view.hosts = explanation.hosts.iter().map(judged).collect();
        }
        Ok(view)
    }
}

impl From<RecordText> for RecordView {
    fn from(record: RecordText) -> RecordView {
        let RecordText { name, ttl, rtype, data } = record;
        RecordView { name, ttl, rtype, data }
    }
}

fn judged(judged: &Judged) -> JudgedView {
    let host = &judged.host;
    let reason = |reason: &Reason| ReasonView { reason: reason.as_str(), detail: detail(reason, host) };
    JudgedView {
        // The id of a node's row says nothing.
        id: host.as_node().map_or(host.id.as_str(), |_| host.service.as_str()).to_owned(),
        origin: host.dialect.as_str(),
        addresses: match host.target.name() {
            None => host.target.addresses().iter().map(ToString::to_string).collect(),
            Some(name) => vec![name.to_string()],
        },
        answered: judged.reasons.is_empty(),
        reasons: judged.reasons.iter().map(reason).collect(),
    }
}

/// The reason, and of checks which one and what it said.
fn detail(reason: &Reason, host: &Host) -> String {
    let of = |status: Status| {
        let checks = host.checks.iter().filter(|check| check.status == status);
        let said = |output: &str| if output.is_empty() { String::new() } else { format!(": {output}") };
        let lines =
            checks.map(|check| format!("check {} since {}{}", check.id, check.since, said(&check.output.read())));
        lines.collect::<Vec<_>>().join(", ")
    };
    #[allow(clippy::wildcard_enum_match_arm, reason = "the others say all there is")]
    match reason {
        Reason::Critical => format!("{reason}: {}", of(Status::Critical)),
        Reason::Warning => format!("{reason}: {}", of(Status::Warning)),
        _ => reason.to_string(),
    }
}
