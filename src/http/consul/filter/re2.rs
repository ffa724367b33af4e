//! RE2's syntax as Go has it (`regexp/syntax`), written anew in that of the engine.
//!
//! One thing that Go reads is refused: a repetition after flags, as in `a(?i)*`, which repeats what is before them.

use super::pattern::PatternError;

/// The most a counted repetition may count.
const REPEAT_MOST: u32 = 1000;

/// The same expression in the engine's syntax.
pub(super) fn translate(text: &str) -> Result<String, PatternError> {
    let mut translation =
        Translation { text, at: 0, written: String::with_capacity(text.len() + 16), last: Last::Nothing };
    let mut open = 0_usize;
    while let Some(c) = translation.next() {
        match c {
            '\\' => translation.escape()?,
            '[' => translation.class()?,
            '(' => {
                translation.open()?;
                open += 1;
            }
            ')' if open == 0 => return Err(error("unexpected )", text)),
            ')' => {
                open -= 1;
                translation.close();
            }
            '*' | '+' | '?' => translation.repeat(translation.at, 1)?,
            '{' => match counted(&text[translation.at..]) {
                Some((length, least, most)) => {
                    let from = translation.at;
                    let shown = &text[from..from + length];
                    if least > REPEAT_MOST || most.is_some_and(|most| most > REPEAT_MOST || most < least) {
                        return Err(error("invalid repeat count", shown));
                    }
                    translation.repeat(from, length)?;
                }
                None => translation.literal(c),
            },
            '|' => {
                translation.pass("|");
                translation.last = Last::Nothing;
            }
            '.' | '^' | '$' => {
                let mut own = [0; 4];
                translation.atom(c.encode_utf8(&mut own));
            }
            _ => translation.literal(c),
        }
    }
    if open > 0 { Err(error("missing closing )", text)) } else { Ok(translation.written) }
}

fn error(what: &str, part: &str) -> PatternError {
    PatternError(format!("{what}: `{part}`"))
}

/// What stands before a repetition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing that could be repeated.
    Nothing,
    /// Flags, up to their parenthesis.
    Flags,
    /// Something that can.
    Atom,
    /// A repetition, which began there.
    Repeat(usize),
}

struct Translation<'a> {
    text: &'a str,
    at: usize,
    written: String,
    last: Last,
}

impl<'a> Translation<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes what both syntaxes write alike.
    fn pass(&mut self, part: &str) {
        self.at += part.len();
        self.written.push_str(part);
    }

    fn atom(&mut self, part: &str) {
        self.pass(part);
        self.last = Last::Atom;
    }

    /// A character that stands for itself.
    fn literal(&mut self, c: char) {
        self.at += c.len_utf8();
        write_literal(&mut self.written, c);
        self.last = Last::Atom;
    }

    /// A repetition, greedy or with `?` not.
    fn repeat(&mut self, from: usize, length: usize) -> Result<(), PatternError> {
        let lazy = usize::from(self.text[from + length..].starts_with('?'));
        let whole = &self.text[from..from + length + lazy];
        match self.last {
            Last::Nothing | Last::Flags => {
                return Err(error("missing argument to repetition operator", whole));
            }
            Last::Repeat(before) => {
                return Err(error("invalid nested repetition operator", &self.text[before..from + length + lazy]));
            }
            Last::Atom => self.last = Last::Repeat(from),
        }
        self.pass(whole);
        Ok(())
    }

    /// A group: `(`, `(?flags)`, `(?flags:`, `(?P<name>` or `(?<name>`.
    fn open(&mut self) -> Result<(), PatternError> {
        let rest = self.rest();
        self.last = Last::Nothing;
        let Some(special) = rest.strip_prefix("(?") else {
            self.pass("(");
            return Ok(());
        };
        let head = if special.starts_with("P<") || special.starts_with('<') {
            special.find('>').map(|end| &rest[..end + 3]).ok_or_else(|| error("invalid named capture", rest))?
        } else {
            match special.char_indices().find(|(_, c)| !"imsU-".contains(*c)) {
                Some((end, ':')) => &rest[..end + 3],
                Some((end @ 1.., ')')) => &rest[..end + 3],
                Some((end, c)) => {
                    return Err(error("invalid or unsupported Perl syntax", &rest[..end + 2 + c.len_utf8()]));
                }
                None if special.is_empty() => return Err(error("invalid or unsupported Perl syntax", rest)),
                None => return Err(error("missing closing )", self.text)),
            }
        };
        // The parenthesis after flags alone is passed with the next turn as one that closes.
        let flags = head.strip_suffix(')');
        self.pass(flags.unwrap_or(head));
        if flags.is_some() {
            self.last = Last::Flags;
        }
        Ok(())
    }

    /// The end of a group, or of flags alone, which are nothing to repeat.
    fn close(&mut self) {
        let flags = self.last == Last::Flags;
        self.atom(")");
        if flags {
            self.last = Last::Nothing;
        }
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        let rest = self.rest();
        if let Some(raw) = rest.strip_prefix("\\Q") {
            let end = raw.find("\\E").unwrap_or(raw.len());
            self.at += 2;
            for c in raw[..end].chars() {
                self.literal(c);
            }
            self.at = (self.at + 2).min(self.text.len());
            return Ok(());
        }
        let length = self.one_escape(false)?;
        self.at += length;
        self.last = Last::Atom;
        Ok(())
    }

    /// Writes the escape that stands here; its octets.
    fn one_escape(&mut self, in_class: bool) -> Result<usize, PatternError> {
        let rest = self.rest();
        let Some(c) = rest[1..].chars().next() else {
            return Err(error("trailing backslash at end of expression", ""));
        };
        let length = 1 + c.len_utf8();
        let same = match c {
            'd' => "[0-9]",
            'D' => "[^0-9]",
            'w' => "[0-9A-Za-z_]",
            'W' => "[^0-9A-Za-z_]",
            's' => r"[\t\n\f\r ]",
            'S' => r"[^\t\n\f\r ]",
            'b' if !in_class => r"(?-u:\b)",
            'B' if !in_class => r"(?-u:\B)",
            'A' | 'z' if !in_class => &rest[..2],
            'a' | 'f' | 'n' | 'r' | 't' | 'v' => &rest[..2],
            'x' | 'p' | 'P' => {
                let whole = &rest[..braced(rest, if c == 'x' { 2 } else { 1 })];
                self.written.push_str(whole);
                return Ok(whole.len());
            }
            _ if c.is_ascii_punctuation() => {
                write_literal(&mut self.written, c);
                return Ok(length);
            }
            _ => return Err(error("invalid escape sequence", &rest[..length])),
        };
        self.written.push_str(same);
        Ok(length)
    }

    /// A class in brackets: everything but `]`, `\` and `[:name:]` stands for itself, a hyphen between two of those is a
    /// range.
    fn class(&mut self) -> Result<(), PatternError> {
        let whole = self.rest();
        self.pass("[");
        if self.next() == Some('^') {
            self.pass("^");
        }
        let mut first = true;
        loop {
            let Some(c) = self.next() else { return Err(error("missing closing ]", whole)) };
            if c == ']' && !first {
                self.atom("]");
                return Ok(());
            }
            first = false;
            let named = self.rest().strip_prefix("[:").and_then(|name| Some(&self.rest()[..name.find(":]")? + 4]));
            if let Some(named) = named {
                self.pass(named);
                continue;
            }
            let from = self.at;
            self.element(c)?;
            let after = self.rest().strip_prefix('-').and_then(|after| after.chars().next());
            if let Some(to) = after.filter(|to| *to != ']') {
                self.pass("-");
                self.element(to)?;
                if c > to && c != '\\' && to != '\\' {
                    return Err(error("invalid character class range", &self.text[from..self.at]));
                }
            }
        }
    }

    fn element(&mut self, c: char) -> Result<(), PatternError> {
        if c == '\\' {
            let length = self.one_escape(true)?;
            self.at += length;
        } else {
            self.literal(c);
        }
        Ok(())
    }
}

fn write_literal(written: &mut String, c: char) {
    // An escaped `<` or `>` is a word's edge for the engine.
    if c.is_ascii_punctuation() && c != '<' && c != '>' {
        written.push('\\');
    }
    written.push(c);
}

/// The octets of an escape with an argument: in braces, or so many characters.
fn braced(rest: &str, characters: usize) -> usize {
    if rest[2..].starts_with('{') {
        rest.find('}').map_or(rest.len(), |end| end + 1)
    } else {
        rest.char_indices().nth(2 + characters).map_or(rest.len(), |(end, _)| end)
    }
}

/// A counted repetition at the beginning: its octets, the least and, where there is one, the most.
fn counted(rest: &str) -> Option<(usize, u32, Option<u32>)> {
    let end = rest.find('}')?;
    let inner = &rest[1..end];
    // A number too long for the type is past every bound.
    let number = |digits: &str| {
        let valid = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        valid.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (least, most) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some((end + 1, least, most))
}
