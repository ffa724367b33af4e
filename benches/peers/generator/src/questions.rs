//! Questions as packets, and what an answer to one must be.

use std::fs;
use std::ops::RangeInclusive;

use anyhow::{Context as _, anyhow, ensure};

use crate::arguments::Load;

/// What clients offer that follow the recommendation of the DNS flag day.
const UDP_OCTETS: u16 = 1232;
const HEADER: usize = 12;
/// Root, type OPT, size, flags, no options.
const OPT_OCTETS: usize = 11;

pub(crate) struct Questions {
    packets: Vec<Vec<u8>>,
    rcode: u8,
    answers: RangeInclusive<u16>,
    random: u64,
}

impl Questions {
    pub(crate) fn read(load: &Load) -> anyhow::Result<Questions> {
        let text = fs::read_to_string(&load.file).with_context(|| load.file.display().to_string())?;
        let packets = text.lines().map(packet).collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(!packets.is_empty(), "{} has no question", load.file.display());
        Ok(Questions { packets, rcode: load.rcode, answers: load.answers.clone(), random: 0x9e37_79b9_7f4a_7c15 })
    }

    /// One of them, by Marsaglia's xorshift: quick, and the same at every run.
    pub(crate) fn pick(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % self.packets.len() as u64) as usize
    }

    /// The packet of a question, with the id zero.
    pub(crate) fn packet(&self, question: usize) -> &[u8] {
        &self.packets[question]
    }

    /// Whether this is an answer to that question, whole and as expected; its id was looked at before.
    pub(crate) fn answers(&self, question: usize, reply: &[u8]) -> bool {
        let packet = &self.packets[question];
        let asked = &packet[HEADER..packet.len() - OPT_OCTETS];
        let Some(repeated) = reply.get(HEADER..HEADER + asked.len()) else { return false };
        let (is_reply, is_cut) = (reply[2] & 0x80 != 0, reply[2] & 0x02 != 0);
        is_reply
            && !is_cut
            && reply[3] & 15 == self.rcode
            && self.answers.contains(&u16::from_be_bytes([reply[6], reply[7]]))
            && repeated.eq_ignore_ascii_case(asked)
    }
}

/// A query with EDNS, the id zero, no recursion asked for.
pub(crate) fn packet(line: &str) -> anyhow::Result<Vec<u8>> {
    let (name, kind) = line.trim().split_once(' ').with_context(|| format!("not a name and a type: {line}"))?;
    let kind: u16 = match kind {
        "A" => 1,
        "AAAA" => 28,
        "SRV" => 33,
        other => return Err(anyhow!("unknown type {other}")),
    };
    let mut packet = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.trim_end_matches('.').split('.') {
        ensure!((1..=63).contains(&label.len()), "a label of {} octets: {line}", label.len());
        packet.push(label.len() as u8);
        packet.extend_from_slice(label.as_bytes());
    }
    packet.push(0);
    packet.extend_from_slice(&kind.to_be_bytes());
    packet.extend_from_slice(&[0, 1, 0, 0, 41]);
    packet.extend_from_slice(&UDP_OCTETS.to_be_bytes());
    packet.extend_from_slice(&[0; 6]);
    Ok(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions() -> Questions {
        let packets = vec![packet("web.service.local A").expect("a question")];
        Questions { packets, rcode: 0, answers: 1..=2, random: 1 }
    }

    fn reply(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut reply = packet("WEB.service.local A").expect("a question");
        reply[2] |= 0x80;
        reply[7] = 1;
        change(&mut reply);
        reply
    }

    #[test]
    fn only_the_expected_answer_to_the_question_counts() {
        let questions = questions();
        assert!(questions.answers(0, &reply(|_| ())));
        assert!(!questions.answers(0, &reply(|reply| reply[2] &= 0x7f)), "a query");
        assert!(!questions.answers(0, &reply(|reply| reply[2] |= 2)), "cut");
        assert!(!questions.answers(0, &reply(|reply| reply[3] |= 3)), "NXDOMAIN");
        assert!(!questions.answers(0, &reply(|reply| reply[7] = 3)), "three records");
        assert!(!questions.answers(0, &reply(|reply| reply[14] = b'x')), "another name");
        assert!(!questions.answers(0, &reply(|reply| reply.truncate(20))), "a piece");
    }
}
