//! Words of a label selector, as the lexer of Kubernetes' `labels` package finds them.

/// What a word is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// A sign that is no operator by itself.
    Error,
    End,
    Close,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Identifier,
    In,
    Less,
    NotEquals,
    NotIn,
    Open,
}

/// A word and how it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Word<'a> {
    pub(super) token: Token,
    pub(super) text: &'a str,
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_special(octet: u8) -> bool {
    matches!(octet, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}

fn special(text: &str) -> Option<Token> {
    Some(match text {
        ")" => Token::Close,
        "," => Token::Comma,
        "!" => Token::Not,
        "==" => Token::DoubleEquals,
        "=" => Token::Equals,
        "!=" => Token::NotEquals,
        "(" => Token::Open,
        ">" => Token::Greater,
        "<" => Token::Less,
        _ => return None,
    })
}

/// The words of a text, with [`Token::End`] last.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8));
    while let Some(first) = rest.bytes().next() {
        let length = if is_special(first) {
            special_length(rest)
        } else {
            rest.bytes().position(|octet| is_special(octet) || is_space(octet)).unwrap_or(rest.len())
        };
        let (word, after) = rest.split_at(length);
        let token = match word {
            "in" => Token::In,
            "notin" => Token::NotIn,
            _ if is_special(first) => special(word).unwrap_or(Token::Error),
            _ => Token::Identifier,
        };
        words.push(Word { token, text: word });
        rest = after.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8));
    }
    words.push(Word { token: Token::End, text: "" });
    words
}

/// Octets of the longest operator at the beginning.
fn special_length(text: &str) -> usize {
    let two = text.get(..2).filter(|two| special(two).is_some());
    two.map_or(1, str::len)
}
