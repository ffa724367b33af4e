//! Regular expressions in the syntax of RE2 as Go has it, on an engine that differs in details.
//!
//! What Go reads and the engine reads otherwise is written in a form that both read alike: `\w`, `\d`, `\s` and `\b`
//! are ASCII, `[` inside a class is a character, `{` that counts nothing is one too. What Go refuses is refused in its
//! words. Either way a search is linear in the text, and the compiled form is bounded.

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use super::re2;
use crate::limits;

/// Why a text is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("error parsing regexp: {0}")]
pub struct PatternError(pub(super) String);

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    pub(super) fn compile(text: &str) -> Result<Pattern, PatternError> {
        let translated = re2::translate(text)?;
        let compiled = RegexBuilder::new(&translated)
            .size_limit(limits::FILTER_PATTERN_OCTETS)
            .nest_limit(limits::FILTER_PATTERN_DEPTH)
            .build();
        compiled.map(Pattern).map_err(|error| {
            let large = matches!(error, regex::Error::CompiledTooBig(_));
            PatternError(format!("{}: `{text}`", if large { "expression too large" } else { "invalid expression" }))
        })
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}
