//! Places in lists, and the tokens that lead back to them.
//!
//! Lists are ordered by the name of the service, then by what an object is called within it. A service of several spellings
//! is one object, which stands where the first of them does. A token holds the revision of
//! the list's first page: a watch from there tells what changed while the pages were read.

use super::status::Status;
use crate::table::Revision;

/// Where an object stands in a list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    /// The service it belongs to; empty for a namespace.
    pub(super) service: String,
    /// What it is called within.
    pub(super) rest: String,
}

/// Where a list goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    /// The revision of the list; 0 is any.
    pub(super) revision: Revision,
    /// The last object before.
    pub(super) after: Place,
}

impl Token {
    /// Reads the text of a token.
    pub(super) fn parse(text: &str) -> Result<Token, Status> {
        let read = || {
            let octets: Option<Vec<u8>> =
                (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
            let text = String::from_utf8(octets?).ok()?;
            let (revision, rest) = text.split_once(' ')?;
            let (length, rest) = rest.split_once(' ')?;
            let (service, rest) = rest.split_at_checked(length.parse().ok()?)?;
            let after = Place { service: service.to_owned(), rest: rest.to_owned() };
            Some(Token { revision: Revision(revision.parse().ok()?), after })
        };
        read().ok_or_else(|| Status::bad("continue key is not valid: it must be that of the page before"))
    }

    /// The text: hex digits, as it stands in a query.
    pub(super) fn to_text(&self) -> String {
        let Token { revision, after: Place { service, rest } } = self;
        let text = format!("{revision} {} {service}{rest}", service.len());
        text.bytes().map(|octet| format!("{octet:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back() {
        let after = Place { service: "web 1".into(), rest: "0a/b é".into() };
        let token = Token { revision: Revision(7), after };
        assert_eq!(Token::parse(&token.to_text()), Ok(token));
        for bad in ["", "0", "zz", "é", "20", "3720"] {
            assert!(Token::parse(bad).is_err(), "{bad:?}");
        }
    }
}
