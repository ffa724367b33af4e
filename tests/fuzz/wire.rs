//! A reader of messages of its own: what the packet says, without the code under test and without hickory's.

use std::ops::Range;

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const SRV: u16 = 33;
pub(crate) const DNAME: u16 = 39;
pub(crate) const OPT: u16 = 41;
pub(crate) const ANY: u16 = 255;

const HEADER: usize = 12;

/// A record of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Lower-case wire form, without compression.
    pub(crate) owner: Vec<u8>,
    /// Whether the owner is the root, written as such and not by a pointer.
    pub(crate) root: bool,
    pub(crate) rtype: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    pub(crate) rdata: Vec<u8>,
}

/// A message, read as far as it can be.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// Where the first question stands, if it could be read.
    pub(crate) question: Option<Range<usize>>,
    pub(crate) name: Vec<u8>,
    pub(crate) qtype: u16,
    pub(crate) class: u16,
    /// Answer, authority, additional.
    pub(crate) sections: [Vec<Record>; 3],
    /// Whether everything that the counts promise was there.
    pub(crate) whole: bool,
    /// Octets behind it.
    pub(crate) left_over: usize,
}

impl Message {
    /// Reads a message that has a header.
    pub(crate) fn read(packet: &[u8]) -> Message {
        let mut message = Message::default();
        let mut reader = Reader { packet, at: HEADER };
        message.whole = reader.message(&mut message).is_some();
        message.left_over = packet.len().saturating_sub(reader.at);
        message
    }

    /// OPT records with their section.
    pub(crate) fn opts(&self) -> impl Iterator<Item = (usize, &Record)> {
        let sections = self.sections.iter().enumerate();
        sections
            .flat_map(|(section, records)| records.iter().map(move |record| (section, record)))
            .filter(|(_, record)| record.rtype == OPT)
    }
}

/// A count of the header, from 0.
pub(crate) fn count(packet: &[u8], section: usize) -> u16 {
    u16::from_be_bytes([packet[4 + 2 * section], packet[5 + 2 * section]])
}

struct Reader<'p> {
    packet: &'p [u8],
    at: usize,
}

impl<'p> Reader<'p> {
    fn message(&mut self, message: &mut Message) -> Option<()> {
        for number in 0..count(self.packet, 0) {
            let start = self.at;
            let name = self.name()?;
            let qtype = self.number()?;
            let class = self.number()?;
            if number == 0 {
                message.question = Some(start..self.at);
                message.name = name;
                message.qtype = qtype;
                message.class = class;
            }
        }
        for section in 0..3 {
            for _ in 0..count(self.packet, section + 1) {
                let record = self.record()?;
                message.sections[section].push(record);
            }
        }
        Some(())
    }

    fn take(&mut self, octets: usize) -> Option<&'p [u8]> {
        let taken = self.packet.get(self.at..self.at + octets)?;
        self.at += octets;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
    }

    fn record(&mut self) -> Option<Record> {
        let root = self.packet.get(self.at) == Some(&0);
        let owner = self.name()?;
        let rtype = self.number()?;
        let class = self.number()?;
        let ttl = u32::from(self.number()?) << 16 | u32::from(self.number()?);
        let length = self.number()?;
        let rdata = self.take(usize::from(length))?.to_vec();
        Some(Record { owner, root, rtype, class, ttl, rdata })
    }

    /// A name; pointers must go back.
    fn name(&mut self) -> Option<Vec<u8>> {
        let mut name = Vec::new();
        let mut bound = self.at;
        let mut behind = None;
        loop {
            let length = self.take(1)?[0];
            match length {
                0 => {
                    name.push(0);
                    self.at = behind.unwrap_or(self.at);
                    return (name.len() <= 255).then_some(name);
                }
                1..=63 => {
                    name.push(length);
                    name.extend(self.take(usize::from(length))?.to_ascii_lowercase());
                }
                0xc0.. => {
                    let target = usize::from(length & 0x3f) << 8 | usize::from(self.take(1)?[0]);
                    behind = behind.or(Some(self.at));
                    if target >= bound || target < HEADER {
                        return None;
                    }
                    (bound, self.at) = (target, target);
                }
                _ => return None,
            }
            if name.len() > 255 {
                return None;
            }
        }
    }
}
