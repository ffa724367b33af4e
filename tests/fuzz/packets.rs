//! Queries: of every type and form, about names that are there, nearly there or elsewhere; then spoiled.

use crate::dice::Dice;
use crate::wire::OPT;

const TYPES: [u16; 34] = [
    1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 35, 39, 41, 43, 46, 47, 48, 50, 52, 59, 60, 64, 65, 99, 128, 249, 250, 251,
    252, 253, 254, 255, 257, 65_535,
];
/// Types that are data wherever they are asked for.
pub(crate) const DATA_TYPES: [u16; 14] = [1, 2, 6, 12, 13, 15, 16, 28, 33, 64, 65, 99, 257, 666];
/// Types that hosts have.
const HOST_TYPES: [u16; 3] = [1, 28, 33];
/// Codes of options that mean something to somebody.
const OPTIONS: [u16; 12] = [3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 18, 65_001];

/// A query and what is known of it.
pub(crate) struct Query {
    pub(crate) packet: Vec<u8>,
    /// One question of class IN and opcode QUERY, of a type that is data, with nothing or one good OPT behind it.
    pub(crate) plain: bool,
}

/// A name as people write it, as octets; labels hold no dots.
pub(crate) fn wire_name(text: &str) -> Vec<u8> {
    let mut name = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        name.push(label.len() as u8);
        name.extend(label.as_bytes());
    }
    name.push(0);
    name
}

/// One of `names`, or one that is near.
pub(crate) fn name(dice: &mut Dice, names: &[Vec<u8>]) -> Vec<u8> {
    let mut name = dice.pick(names).clone();
    for _ in 0..dice.below(3) {
        match dice.below(9) {
            0 => prepend(dice, &mut name),
            1 => {
                // Its parent.
                let first = usize::from(name[0]);
                if first > 0 {
                    name.drain(..=first);
                }
            }
            2 => {
                // A letter of its first label is another.
                let first = usize::from(name[0]);
                if first > 0 {
                    let at = 1 + dice.below(first);
                    name[at] = dice.octet();
                }
            }
            3 => capitals(dice, &mut name),
            4 => fill(dice, &mut name),
            5 => {
                let other = dice.pick(names);
                let first = usize::from(other[0]);
                name.splice(0..0, other[..=first].iter().copied().filter(|_| first > 0));
            }
            _ => {}
        }
    }
    if name.len() > 255 { wire_name("web.service.local") } else { name }
}

/// Puts a label before a name.
fn prepend(dice: &mut Dice, name: &mut Vec<u8>) {
    const LABELS: [&str; 17] = [
        "_tcp", "_udp", "_http", "_web", "v1", "www", "*", "addr", "svc", "default", "0a000001", "_sub", "_zone",
        "pin", "a", "_", "_dns-sd",
    ];
    let label = if dice.once_in(4) { dice.octets(63) } else { dice.pick(&LABELS).as_bytes().to_vec() };
    if !label.is_empty() {
        name.splice(0..0, std::iter::once(label.len() as u8).chain(label));
    }
}

/// Sets the case of each letter by chance.
pub(crate) fn capitals(dice: &mut Dice, name: &mut [u8]) {
    let mut at = 0;
    while let Some(length) = name.get(at).copied().map(usize::from).filter(|length| (1..=63).contains(length)) {
        for octet in name.iter_mut().skip(at + 1).take(length) {
            if octet.is_ascii_alphabetic() && dice.once_in(2) {
                *octet ^= 0x20;
            }
        }
        at += 1 + length;
    }
}

/// Puts labels before a name until it has 255 octets.
fn fill(dice: &mut Dice, name: &mut Vec<u8>) {
    while name.len() < 254 {
        let room = (254 - name.len()).min(63);
        // One octet left over could not be filled.
        let length = if 255 - name.len() - room - 1 == 1 { room - 1 } else { room };
        let letter = *dice.pick(b"abz-_0");
        name.splice(0..0, std::iter::once(length as u8).chain(std::iter::repeat_n(letter, length)));
    }
}

/// A query that is in order, if not always one that servers like.
pub(crate) fn query(dice: &mut Dice, names: &[Vec<u8>]) -> Query {
    let qtype = match dice.below(6) {
        0 => *dice.pick(&TYPES),
        1 => dice.number(),
        2 | 3 => *dice.pick(&HOST_TYPES),
        _ => *dice.pick(&DATA_TYPES),
    };
    let class: u16 = if dice.once_in(12) { *dice.pick(&[0, 2, 3, 4, 254, 255, 65_535]) } else { 1 };
    let opcode = if dice.once_in(16) { dice.below(16) as u8 } else { 0 };
    let bits = dice.bits();
    let mut packet = vec![bits as u8, (bits >> 8) as u8];
    // AA, TC, RD, RA, Z, AD, CD and a response code mean nothing here (RFC 8906 3.2).
    let flags =
        if dice.once_in(4) { [(bits >> 16) as u8 & 7, (bits >> 24) as u8] } else { [(bits >> 16) as u8 & 1, 0] };
    packet.extend([opcode << 3 | flags[0], flags[1], 0, 1, 0, 0, 0, 0, 0, 0]);
    packet.extend(name(dice, names));
    packet.extend(qtype.to_be_bytes());
    packet.extend(class.to_be_bytes());
    let mut good = true;
    if !dice.once_in(3) {
        good = opt(dice, &mut packet);
    }
    let plain = good && class == 1 && opcode == 0 && DATA_TYPES.contains(&qtype);
    Query { packet, plain }
}

/// A query as most clients send it, about one of `names` as it is.
pub(crate) fn ordinary(dice: &mut Dice, names: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = vec![dice.octet(), dice.octet(), dice.below(2) as u8, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let mut name = dice.pick(names).clone();
    if dice.once_in(4) {
        capitals(dice, &mut name);
    }
    packet.extend(name);
    packet.extend(dice.pick(&[1_u16, 1, 28, 33, 33, 33, 33, 16, 65]).to_be_bytes());
    packet.extend([0, 1]);
    match dice.below(4) {
        0 => {}
        1 => {
            opt(dice, &mut packet);
        }
        _ => {
            let size = dice.pick(&[512, 700, 1232, 4096_u16]).to_be_bytes();
            packet.extend([0, 0, 41, size[0], size[1], 0, 0, 0, 0, 0, 0]);
            packet[11] = 1;
        }
    }
    packet
}

/// Adds an OPT record; says whether it is a good one of version 0.
fn opt(dice: &mut Dice, packet: &mut Vec<u8>) -> bool {
    let size = if dice.once_in(2) {
        512 + dice.below(800) as u16
    } else {
        *dice.pick(&[0, 100, 512, 513, 700, 1232, 1233, 4096, 65_535])
    };
    let version = if dice.once_in(12) { dice.octet() } else { 0 };
    let flags: [u8; 2] = *dice.pick(&[[0, 0], [0x80, 0], [0x40, 0], [0xff, 0xff]]);
    packet.push(0);
    packet.extend(OPT.to_be_bytes());
    packet.extend(size.to_be_bytes());
    packet.extend([0, version, flags[0], flags[1]]);
    let mut options = Vec::new();
    let mut unknown = true;
    for _ in 0..dice.below(4) {
        let code = *dice.pick(&OPTIONS);
        let data = match dice.below(4) {
            0 => Vec::new(),
            1 => vec![7; 8],
            2 => vec![9; 24],
            _ => dice.octets(50),
        };
        unknown &= code >= 1000;
        options.extend(code.to_be_bytes());
        options.extend((data.len() as u16).to_be_bytes());
        options.extend(data);
    }
    packet.extend((options.len() as u16).to_be_bytes());
    packet.extend(options);
    packet[11] += 1;
    // An option that is known may be malformed.
    version == 0 && unknown
}

/// A record in order, with an owner of any kind.
fn record(dice: &mut Dice) -> Vec<u8> {
    let mut record = match dice.below(4) {
        0 => vec![0],
        1 => vec![0xc0, 0x0c],
        2 => vec![0xc0, dice.octet()],
        _ => wire_name("www.service.local"),
    };
    let rtype = if dice.once_in(3) { OPT } else { *dice.pick(&TYPES) };
    record.extend(rtype.to_be_bytes());
    record.extend([4, 0, 0, 0, 0, 0]);
    let rdata = dice.octets(20);
    record.extend((rdata.len() as u16).to_be_bytes());
    record.extend(rdata);
    record
}

/// Any packet: in order, spoiled by somebody who knows the format, spoiled blindly, noise.
pub(crate) fn packet(dice: &mut Dice, names: &[Vec<u8>]) -> Query {
    if dice.once_in(12) {
        let mut packet = dice.octets(120);
        if packet.len() > 12 && !dice.once_in(4) {
            packet[2] &= 0x7f;
            let counts = [0, 1, 0, dice.below(2) as u8, 0, 0, 0, dice.below(3) as u8];
            packet[4..12].copy_from_slice(&counts);
        }
        return Query { packet, plain: false };
    }
    let mut query = query(dice, names);
    if dice.once_in(3) {
        return query;
    }
    query.plain = false;
    for _ in 0..1 + dice.below(2) {
        spoil_form(dice, &mut query.packet);
    }
    if dice.once_in(2) {
        let other = self::query(dice, names).packet;
        let head = query.packet.first_chunk::<12>().copied();
        dice.spoil(&mut query.packet, &other);
        // A broken header is looked at first; what comes behind it matters more.
        if let (Some(head), Some(place), false) = (head, query.packet.first_chunk_mut::<12>(), dice.once_in(4)) {
            *place = head;
        }
    }
    query
}

fn spoil_form(dice: &mut Dice, packet: &mut Vec<u8>) {
    match dice.below(8) {
        // A count that is wrong.
        0 => packet[4 + dice.below(8)] = dice.octet(),
        // A record more, in any section, counted or not.
        1 | 2 => {
            let section = 1 + dice.below(3);
            let more = record(dice);
            packet.extend(more);
            packet[5 + 2 * section] = packet[5 + 2 * section].wrapping_add(1);
        }
        // A label of another kind, or one that is too long.
        3 => packet[12] = *dice.pick(&[0x40, 0x80, 0xc0, 0xff, 0x3f, 0x7f, 0]),
        // A pointer somewhere.
        4 => {
            let at = 12 + dice.place(packet.len() - 12);
            let pointer = [0xc0, dice.octet()];
            packet.splice(at..at, pointer);
        }
        // A second question.
        5 => {
            packet[5] = 2;
            let question = packet[12..].to_vec();
            packet.splice(12..12, question.into_iter().take(30));
        }
        // Lengths at the end, where OPT has them.
        6 => {
            let at = packet.len() - 1 - dice.below(packet.len().min(12) - 1);
            packet[at] = dice.octet();
        }
        _ => packet.extend(dice.octets(40)),
    }
}
