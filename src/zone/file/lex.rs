//! Text into entries: comments, quotes and parentheses resolved, escapes left as they are (RFC 1035 5.1).

use super::FileError;

/// A word, or a string in quotes.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) quoted: bool,
    /// Whether nothing stands between it and the token before, as in `alpn="h2"` (RFC 9460 2.1).
    pub(super) joined: bool,
}

/// One record or directive.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) owner_left_out: bool,
    pub(super) tokens: Vec<Token>,
}

/// What is still to be read.
pub(super) struct Entries<'a> {
    text: &'a str,
    line: usize,
}

impl<'a> Entries<'a> {
    pub(super) fn new(text: &'a str) -> Entries<'a> {
        Entries { text, line: 1 }
    }

    /// The next entry that says anything.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>, FileError> {
        loop {
            if self.text.is_empty() {
                return Ok(None);
            }
            let entry = self.read()?;
            if !entry.tokens.is_empty() {
                return Ok(Some(entry));
            }
        }
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.text.chars();
        let next = chars.next()?;
        self.text = chars.as_str();
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn read(&mut self) -> Result<Entry, FileError> {
        let line = self.line;
        let fail = |line: usize, what: &str| FileError { line, what: what.into() };
        let owner_left_out = self.text.starts_with([' ', '\t']);
        let mut tokens: Vec<Token> = Vec::new();
        let mut open = false;
        let mut joined = false;
        while let Some(next) = self.take() {
            let joins = std::mem::take(&mut joined);
            match next {
                '\n' if !open => break,
                ' ' | '\t' | '\r' | '\n' => {}
                ';' => {
                    let end = self.text.find('\n').unwrap_or(self.text.len());
                    self.text = &self.text[end..];
                }
                '(' if open => return Err(fail(self.line, "a parenthesis inside another")),
                '(' => open = true,
                ')' if !open => return Err(fail(self.line, "a closing parenthesis without an opening one")),
                ')' => open = false,
                _ => {
                    let text = match next {
                        '"' => self.quoted().ok_or_else(|| fail(line, "a quote is not closed"))?,
                        first => self.word(first),
                    };
                    tokens.push(Token { text, quoted: next == '"', joined: joins });
                    joined = true;
                }
            }
        }
        if open {
            return Err(fail(line, "a parenthesis is not closed"));
        }
        Ok(Entry { line, owner_left_out, tokens })
    }

    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.take()? {
                '"' => return Some(text),
                '\n' => return None,
                '\\' => {
                    text.push('\\');
                    text.push(self.take()?);
                }
                other => text.push(other),
            }
        }
    }

    fn word(&mut self, first: char) -> String {
        let mut text = String::from(first);
        let mut escaped = first == '\\';
        while let Some(next) = self.text.chars().next() {
            if !escaped && (next.is_whitespace() || ['(', ')', ';', '"'].contains(&next)) {
                break;
            }
            escaped = next == '\\' && !escaped;
            text.push(next);
            self.take();
        }
        text
    }
}
