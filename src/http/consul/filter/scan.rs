//! Reading an expression from left to right: what fits moves on, what does not is remembered for the message.
//!
//! A message names the place where reading got farthest and everything that could have stood there, in the form that
//! Consul's clients know: `1:10 (9): no match found, expected: "and", "or", [ \t\r\n] or EOF`.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::limits;

/// Why an expression cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SyntaxError {
    /// Nothing that may stand there does.
    #[error("{at}: no match found, expected: {expected}")]
    Unexpected {
        /// Where reading got farthest.
        at: Place,
        /// What could stand there.
        expected: String,
    },
    /// Something began well and does not end well.
    #[error("{at}: rule \"{rule}\": {what}")]
    Broken {
        /// Where it was seen.
        at: Place,
        /// What was being read.
        rule: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// More octets than an expression may have.
    #[error("expression of {0} octets exceeds the limit ({limit})", limit = limits::FILTER_OCTETS)]
    TooLong(usize),
    /// More parentheses and `not` inside each other than an expression may have.
    #[error("{0}: nesting exceeds the limit ({limit})", limit = limits::FILTER_DEPTH)]
    TooDeep(Place),
}

/// A place in an expression, shown as `line:column (octets before it)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column} ({offset})")]
pub struct Place {
    line: usize,
    column: usize,
    offset: usize,
}

/// What a rule found: `None` where it does not fit and another may.
pub(super) type Found<T> = Result<Option<T>, SyntaxError>;

/// The expression, and how far it is read.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    farthest: usize,
    expected: BTreeSet<&'static str>,
}

impl<'a> Scanner<'a> {
    /// Stands before the first character.
    pub(super) fn new(text: &'a str) -> Scanner<'a> {
        Scanner { text, at: 0, farthest: 0, expected: BTreeSet::new() }
    }

    /// How far it is read; [`Scanner::back_to`] returns there.
    pub(super) fn mark(&self) -> usize {
        self.at
    }

    /// Reads again from an earlier place.
    pub(super) fn back_to(&mut self, mark: usize) {
        self.at = mark;
    }

    /// What was read since a place.
    pub(super) fn since(&self, mark: usize) -> &'a str {
        &self.text[mark..self.at]
    }

    /// Whether a word stands here, and passes it; `shown` is the word in quotes.
    pub(super) fn word(&mut self, word: &str, shown: &'static str) -> bool {
        let fits = self.rest().starts_with(word);
        if fits {
            self.at += word.len();
        } else {
            self.missed(shown);
        }
        fits
    }

    /// Whether one of a class of characters stands here, and passes it; `shown` is the class in brackets.
    pub(super) fn one(&mut self, class: impl Fn(char) -> bool, shown: &'static str) -> bool {
        let next = self.rest().chars().next().filter(|c| class(*c));
        match next {
            Some(c) => self.at += c.len_utf8(),
            None => self.missed(shown),
        }
        next.is_some()
    }

    /// Passes as many of a class as there are; whether there was one.
    pub(super) fn many(&mut self, class: impl Fn(char) -> bool + Copy, shown: &'static str) -> bool {
        let mark = self.at;
        while self.one(class, shown) {}
        self.at > mark
    }

    /// Passes white space; whether there was some.
    pub(super) fn space(&mut self) -> bool {
        self.many(is_space, r"[ \t\r\n]")
    }

    /// Whether nothing is left.
    pub(super) fn end(&mut self) -> bool {
        let end = self.rest().is_empty();
        if !end {
            self.missed(END);
        }
        end
    }

    /// The rest up to a character, and passes both; `None` where it does not come.
    pub(super) fn until(&mut self, closing: char) -> Option<&'a str> {
        let rest = self.rest();
        let end = rest.find(closing)?;
        self.at += end + closing.len_utf8();
        Some(&rest[..end])
    }

    /// Passes everything.
    pub(super) fn skip_rest(&mut self) {
        self.at = self.text.len();
    }

    /// The next character.
    pub(super) fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Something is broken where reading stands.
    pub(super) fn broken(&self, rule: &'static str, what: &'static str) -> SyntaxError {
        self.broken_at(self.at, rule, what)
    }

    /// Something is broken that began there.
    pub(super) fn broken_at(&self, offset: usize, rule: &'static str, what: &'static str) -> SyntaxError {
        SyntaxError::Broken { at: self.place(offset), rule, what }
    }

    /// Too much is open where reading stands.
    pub(super) fn too_deep(&self) -> SyntaxError {
        SyntaxError::TooDeep(self.place(self.at))
    }

    /// Nothing fitted: what could have, where reading got farthest.
    pub(super) fn unexpected(&self) -> SyntaxError {
        let mut names: Vec<&str> = self.expected.iter().copied().filter(|name| *name != END).collect();
        if self.expected.contains(END) {
            names.push(END);
        }
        let expected = match names.split_last() {
            None => String::new(),
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
        };
        SyntaxError::Unexpected { at: self.place(self.farthest), expected }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Remembers what did not stand here, if no other way got farther.
    fn missed(&mut self, what: &'static str) {
        if self.at > self.farthest {
            self.expected.clear();
            self.farthest = self.at;
        }
        if self.at == self.farthest {
            self.expected.insert(what);
        }
    }

    /// Lines count from one; so do columns, in characters, but that of a line's end is 0 of the next line.
    fn place(&self, offset: usize) -> Place {
        let (before, rest) = self.text.split_at(offset);
        let through = rest.chars().next().map_or(0, char::len_utf8);
        let read = &self.text[..offset + through];
        let line = 1 + read.matches('\n').count();
        let after_line = read.rfind('\n').map_or(read, |end| &read[end + 1..]);
        // The end of the text counts as one more character.
        let column = after_line.chars().count() + usize::from(rest.is_empty());
        Place { line, column, offset: before.len() }
    }
}

const END: &str = "EOF";

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}
