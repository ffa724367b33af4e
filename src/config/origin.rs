//! Where a value comes from, and the error that says so.

use std::fmt;
use std::path::PathBuf;

/// The place a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the configuration file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line, from 1; 0 stands for the file as a whole.
        line: usize,
        /// The key on it, where the line has one that is known.
        key: Option<String>,
    },
    /// An environment variable.
    Variable(String),
    /// A flag, as it is typed.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line: 0, .. } => write!(f, "{}", path.display()),
            Origin::File { path, line, .. } => write!(f, "{}:{line}", path.display()),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag(flag) => f.write_str(flag),
        }
    }
}

/// A setting that cannot be used: one line that names the place and the rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    origin: Origin,
    rule: String,
}

impl Error {
    pub(super) fn new(origin: Origin, rule: &str) -> Error {
        // A value may hold line breaks; the message is one line all the same.
        let rule = rule.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Error { origin, rule }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => f.write_str(&self.rule),
            Origin::File { key: Some(key), .. } => write!(f, "{}: {key}: {}", self.origin, self.rule),
            Origin::File { key: None, .. } | Origin::Variable(_) | Origin::Flag(_) => {
                write!(f, "{}: {}", self.origin, self.rule)
            }
        }
    }
}

impl std::error::Error for Error {}
