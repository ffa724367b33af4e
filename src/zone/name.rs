//! Domain names: as they stand on the wire, and as keys that sort in DNSSEC's canonical order.
//!
//! A [`NameKey`] is the part of a name left of the zone's origin, labels reversed, each ended by a zero
//! octet. Octet order of keys is the canonical order of names (RFC 4034 6.1), a name's descendants are the
//! keys that begin with its own, and so existence of anything below a name is one range look-up.

use std::fmt;

use smallvec::SmallVec;

use crate::table::Invalid;

/// Octets of the longest name on the wire (RFC 1035 2.3.4).
pub const NAME_OCTETS: usize = 255;

/// An absolute domain name in wire form: length-prefixed labels in lower case, the root at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

impl Name {
    /// The root.
    pub fn root() -> Name {
        Name(Box::new([0]))
    }

    /// A name from lower-case wire octets that were checked before.
    pub(super) fn from_wire(wire: &[u8]) -> Name {
        debug_assert_eq!(wire.last(), Some(&0));
        Name(wire.into())
    }

    /// Parses presentation form (RFC 1035 5.1): `\.` and `\065` escapes; a name without a final dot is completed by
    /// `origin`; `@` is `origin` itself.
    pub fn parse(field: &str, text: &str, origin: &Name) -> Result<Name, Invalid> {
        let bad = |rule: &str| Invalid::new(field, format!("{text:?} {rule}"));
        if text == "@" {
            return Ok(origin.clone());
        }
        if text == "." {
            return Ok(Name::root());
        }
        let mut wire: Vec<u8> = vec![0];
        let mut label = 0;
        let mut rest = text.bytes();
        let mut absolute = false;
        while let Some(byte) = rest.next() {
            absolute = false;
            match byte {
                b'.' => {
                    if wire.len() == label + 1 {
                        return Err(bad("has an empty label"));
                    }
                    label = wire.len();
                    wire.push(0);
                    absolute = true;
                    continue;
                }
                b'\\' => wire.push(escaped(&mut rest).ok_or_else(|| bad("has a broken escape"))?),
                _ => wire.push(byte.to_ascii_lowercase()),
            }
            wire[label] += 1;
            if wire[label] > 63 {
                return Err(bad("has a label of more than 63 octets"));
            }
        }
        if wire.len() == 1 {
            return Err(bad("is no domain name"));
        }
        if !absolute {
            wire.extend_from_slice(&origin.0);
        }
        if wire.len() > NAME_OCTETS {
            return Err(bad("is longer than 255 octets"));
        }
        Ok(Name(wire.into()))
    }

    /// This name with a label before it, lower case, of 1 to 63 octets.
    pub(super) fn with_label(&self, label: &[u8]) -> Name {
        let mut wire = vec![label.len() as u8];
        wire.extend_from_slice(label);
        wire.extend_from_slice(&self.0);
        Name(wire.into())
    }

    /// The octets, the root's zero included.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from the left, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        labels(&self.0)
    }

    /// The name one label up; the root has none.
    pub fn parent(&self) -> Option<Name> {
        let length = usize::from(*self.0.first()?);
        (length > 0).then(|| Name(self.0[1 + length..].into()))
    }

    /// The octets of `name` left of this name, if `name` (lower case) is at or below it.
    pub fn relative<'a>(&self, name: &'a [u8]) -> Option<&'a [u8]> {
        let split = name.len().checked_sub(self.0.len())?;
        if name[split..] != self.0[..] {
            return None;
        }
        // The suffix must begin where a label begins: "xservice.local" is not below "service.local".
        let mut at = 0;
        while at < split {
            at += 1 + usize::from(name[at]);
        }
        (at == split).then(|| &name[..split])
    }
}

fn escaped(rest: &mut std::str::Bytes<'_>) -> Option<u8> {
    let first = rest.next()?;
    if !first.is_ascii_digit() {
        return Some(first.to_ascii_lowercase());
    }
    let mut value = u32::from(first - b'0');
    for _ in 0..2 {
        let digit = rest.next().filter(u8::is_ascii_digit)?;
        value = value * 10 + u32::from(digit - b'0');
    }
    u8::try_from(value).ok().map(|byte| byte.to_ascii_lowercase())
}

fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let (&length, tail) = rest.split_first()?;
        if length == 0 {
            return None;
        }
        let (label, tail) = tail.split_at_checked(usize::from(length))?;
        rest = tail;
        Some(label)
    })
}

/// The root.
impl Default for Name {
    fn default() -> Name {
        Name::root()
    }
}

impl std::borrow::Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// Presentation form, absolute.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, &self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Writes wire octets in presentation form, absolute.
pub fn write_name(f: &mut impl fmt::Write, wire: &[u8]) -> fmt::Result {
    let mut empty = true;
    for label in labels(wire) {
        empty = false;
        for &byte in label {
            match byte {
                b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => write!(f, "\\{}", char::from(byte))?,
                0x21..=0x7e => f.write_char(char::from(byte))?,
                _ => write!(f, "\\{byte:03}")?,
            }
        }
        f.write_char('.')?;
    }
    if empty { f.write_char('.') } else { Ok(()) }
}

/// A name inside a zone, as it sorts; up to `N` octets are kept in place.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key<const N: usize>(SmallVec<[u8; N]>);

/// A name that is kept.
pub type NameKey = Key<24>;

/// A name that is asked for: any fits in place, so that no look-up asks for memory.
pub(super) type Path = Key<256>;

impl<const N: usize> Key<N> {
    /// The key of the labels left of the origin, in lower-case wire form.
    pub fn from_relative(relative: &[u8]) -> Key<N> {
        let mut key = Key::default();
        key.set_relative(relative);
        key
    }

    /// [`Key::from_relative`] into an existing key.
    pub fn set_relative(&mut self, relative: &[u8]) {
        self.0.clear();
        if let Some((length, label)) = relative.split_first()
            && usize::from(*length) == label.len()
        {
            self.push_label(label);
            return;
        }
        let mut starts: SmallVec<[u8; 128]> = SmallVec::new();
        let mut at = 0;
        while at < relative.len() {
            // A name has at most 255 octets, so a start fits one.
            starts.push(at as u8);
            at += 1 + usize::from(relative[at]);
        }
        for &start in starts.iter().rev() {
            let start = usize::from(start);
            self.push_label(&relative[start + 1..start + 1 + usize::from(relative[start])]);
        }
    }

    /// A key from octets of another one, cut at the end of a label.
    pub(super) fn from_bytes(bytes: &[u8]) -> Key<N> {
        Key(SmallVec::from_slice(bytes))
    }

    /// Adds a label below.
    pub fn push_label(&mut self, label: &[u8]) {
        // Looks at all, as there mostly is none: no decision an octet.
        if !label.iter().fold(false, |odd, byte| odd | (*byte <= 1)) {
            self.0.extend_from_slice(label);
        } else {
            // A zero ends a label and one begins an escape, so that order stays octet order.
            for &byte in label {
                if byte <= 1 {
                    self.0.extend_from_slice(&[1, byte + 1]);
                } else {
                    self.0.push(byte);
                }
            }
        }
        self.0.push(0);
    }

    /// The key of labels given from the origin outwards, lower-cased.
    pub fn of_labels<'a>(outwards: impl IntoIterator<Item = &'a str>) -> Key<N> {
        Key::default().below(outwards)
    }

    /// The key of labels below this one, from here outwards, lower-cased.
    #[must_use]
    pub fn below<'a>(&self, outwards: impl IntoIterator<Item = &'a str>) -> Key<N> {
        let mut key = Key(SmallVec::from_slice(&self.0));
        for label in outwards {
            let start = key.0.len();
            key.push_label(label.as_bytes());
            key.0[start..].make_ascii_lowercase();
        }
        key
    }

    /// The key of labels as they are kept in keys, from the origin outwards.
    pub(super) fn of_kept<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Key<N> {
        let mut key = Key::default();
        for label in labels {
            key.0.extend_from_slice(label);
            key.0.push(0);
        }
        key
    }

    /// The labels from the origin outwards, as they are kept.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.strip_suffix(&[0]).unwrap_or(&self.0).split(|byte| *byte == 0).filter(|label| !label.is_empty())
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is the origin itself.
    pub fn is_apex(&self) -> bool {
        self.0.is_empty()
    }

    /// The ends, in octets, of the keys of its ancestors below the origin and of itself, shortest first.
    pub fn ends(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.0.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(index, _)| index + 1)
    }

    /// Appends the labels in wire form, without the origin.
    pub fn write_relative(&self, wire: &mut Vec<u8>) {
        let mut labels: Vec<&[u8]> = self.0.split(|byte| *byte == 0).collect();
        labels.pop();
        for label in labels.into_iter().rev() {
            let at = wire.len();
            wire.push(0);
            let mut bytes = label.iter();
            while let Some(&byte) = bytes.next() {
                let byte = if byte == 1 { bytes.next().map_or(1, |escaped| escaped - 1) } else { byte };
                wire.push(byte);
                wire[at] += 1;
            }
        }
    }
}

/// A derived clone copies octet by octet, and every change clones the keys of the tree nodes it touches.
impl<const N: usize> Clone for Key<N> {
    fn clone(&self) -> Key<N> {
        Key::from_bytes(&self.0)
    }
}

impl<const N: usize> std::borrow::Borrow<[u8]> for Key<N> {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Key<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wire = Vec::new();
        self.write_relative(&mut wire);
        wire.push(0);
        write_name(f, &wire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Name {
        Name::parse("name", text, &Name::root()).expect("name")
    }

    #[test]
    fn parses_and_prints_presentation_form() {
        for (text, printed) in
            [("Web.Service.local.", "web.service.local."), ("a\\.b.c.", "a\\.b.c."), ("\\000x.", "\\000x."), (".", ".")]
        {
            assert_eq!(n(text).to_string(), printed);
        }
        assert_eq!(Name::parse("x", "web", &n("service.local.")).expect("name"), n("web.service.local."));
        assert_eq!(Name::parse("x", "@", &n("service.local.")).expect("name"), n("service.local."));
        let long = "a.".repeat(128);
        for bad in ["", "a..b", ".a", "\\", "\\25", "\\256", &"x".repeat(64), &long] {
            assert!(Name::parse("x", bad, &Name::root()).is_err(), "{bad:?}");
        }
        assert_eq!(n(&"a.".repeat(127)).as_wire().len(), 255);
    }

    #[test]
    fn relative_stops_at_label_edges() {
        let origin = n("service.local.");
        assert_eq!(origin.relative(n("web.service.local.").as_wire()), Some(&b"\x03web"[..]));
        assert_eq!(origin.relative(n("service.local.").as_wire()), Some(&b""[..]));
        assert_eq!(origin.relative(n("xservice.local.").as_wire()), None);
        assert_eq!(origin.relative(n("local.").as_wire()), None);
        // A label whose content looks like the origin's wire form.
        assert_eq!(origin.relative(b"\x0fa\x07service\x05local\x00"), None);
    }

    /// RFC 4034 6.1 has this order as its example.
    #[test]
    fn keys_sort_canonically() {
        let origin = n("example.");
        let ordered = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "z.a.example.",
            "zabc.a.example.",
            "z.example.",
            "\\001.z.example.",
            "*.z.example.",
            "\\200.z.example.",
        ];
        let keys: Vec<NameKey> = ordered
            .iter()
            .map(|text| NameKey::from_relative(origin.relative(n(text).as_wire()).expect("below")))
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
        for (key, text) in keys.iter().zip(ordered) {
            let mut wire = Vec::new();
            key.write_relative(&mut wire);
            wire.extend_from_slice(origin.as_wire());
            assert_eq!(Name::from_wire(&wire), n(text));
        }
        assert!(NameKey::of_labels(["A", "z"]).as_bytes().starts_with(NameKey::of_labels(["a"]).as_bytes()));
    }
}
