//! The grammar: `or` binds less than `and`, `and` less than `not`; words are lower case; parentheses group.
//!
//! ```text
//! any      = all { space "or" space all }
//! all      = not { space "and" space not }
//! not      = "not" space not | "(" any ")" | match
//! match    = selector operator value | selector "is" [ "not" ] "empty" | value [ "not" ] "in" selector
//! selector = identifier { "." identifier | "[" literal "]" }
//! value    = selector | number | literal
//! ```
//!
//! A way that fails is given up for the next one, as `not` may also be the name of a field. No part is read more than a
//! few times, since the ways differ early.

use super::quoting::unquoted;
use super::scan::{Found, Scanner, SyntaxError};
use super::syntax::{Comparison, Expression, Operator, Selector};
use crate::limits;

/// Reads a whole expression.
pub fn parse(text: &str) -> Result<Expression, SyntaxError> {
    if text.len() > limits::FILTER_OCTETS {
        return Err(SyntaxError::TooLong(text.len()));
    }
    let mut scanner = Scanner::new(text);
    scanner.space();
    if let Some(expression) = any(&mut scanner, 0)? {
        scanner.space();
        if scanner.end() {
            return Ok(expression);
        }
    }
    Err(scanner.unexpected())
}

fn any(scanner: &mut Scanner<'_>, depth: usize) -> Found<Expression> {
    chain(scanner, "or", "\"or\"", |scanner| all(scanner, depth), Expression::Any)
}

fn all(scanner: &mut Scanner<'_>, depth: usize) -> Found<Expression> {
    chain(scanner, "and", "\"and\"", |scanner| not(scanner, depth), Expression::All)
}

/// One part, or several with a word between them.
fn chain(
    scanner: &mut Scanner<'_>,
    word: &str,
    shown: &'static str,
    part: impl Fn(&mut Scanner<'_>) -> Found<Expression>,
    joined: impl FnOnce(Vec<Expression>) -> Expression,
) -> Found<Expression> {
    let Some(first) = part(scanner)? else { return Ok(None) };
    let mut parts = vec![first];
    let mut end = scanner.mark();
    while scanner.space() && scanner.word(word, shown) && scanner.space() {
        let Some(next) = part(scanner)? else { break };
        parts.push(next);
        end = scanner.mark();
    }
    scanner.back_to(end);
    Ok(Some(if parts.len() == 1 { parts.remove(0) } else { joined(parts) }))
}

fn not(scanner: &mut Scanner<'_>, depth: usize) -> Found<Expression> {
    if depth > limits::FILTER_DEPTH {
        return Err(scanner.too_deep());
    }
    let mark = scanner.mark();
    if scanner.word("not", "\"not\"")
        && scanner.space()
        && let Some(inner) = not(scanner, depth + 1)?
    {
        return Ok(Some(inner.negated()));
    }
    scanner.back_to(mark);
    group(scanner, depth)
}

fn group(scanner: &mut Scanner<'_>, depth: usize) -> Found<Expression> {
    if !scanner.word("(", "\"(\"") {
        return comparison(scanner);
    }
    scanner.space();
    let Some(inner) = any(scanner, depth + 1)? else { return Ok(None) };
    scanner.space();
    if scanner.word(")", "\")\"") { Ok(Some(inner)) } else { Err(scanner.broken("grouping", "Unmatched parentheses")) }
}

fn comparison(scanner: &mut Scanner<'_>) -> Found<Expression> {
    let mark = scanner.mark();
    for way in [selector_first, selector_alone, value_first] {
        if let Some(comparison) = way(scanner)? {
            return Ok(Some(Expression::Match(comparison)));
        }
        scanner.back_to(mark);
    }
    Ok(None)
}

fn selector_first(scanner: &mut Scanner<'_>) -> Found<Comparison> {
    const NOT: (&str, &str) = ("not", "\"not\"");
    const CONTAINS: (&str, &str) = ("contains", "\"contains\"");
    const MATCHES: (&str, &str) = ("matches", "\"matches\"");
    let Some(selector) = selector(scanner)? else { return Ok(None) };
    let operator = if sign(scanner, "==", "\"==\"") {
        Operator::Equal
    } else if sign(scanner, "!=", "\"!=\"") {
        Operator::NotEqual
    } else if words(scanner, &[CONTAINS]) && scanner.space() {
        Operator::In
    } else if words(scanner, &[NOT, CONTAINS]) && scanner.space() {
        Operator::NotIn
    } else if words(scanner, &[MATCHES]) && scanner.space() {
        Operator::Matches
    } else if words(scanner, &[NOT, MATCHES]) && scanner.space() {
        Operator::NotMatches
    } else {
        return Ok(None);
    };
    Ok(value(scanner)?.map(|value| Comparison { selector, operator, value }))
}

fn selector_alone(scanner: &mut Scanner<'_>) -> Found<Comparison> {
    const IS: (&str, &str) = ("is", "\"is\"");
    const NOT: (&str, &str) = ("not", "\"not\"");
    const EMPTY: (&str, &str) = ("empty", "\"empty\"");
    let Some(selector) = selector(scanner)? else { return Ok(None) };
    let operator = if words(scanner, &[IS, EMPTY]) {
        Operator::IsEmpty
    } else if words(scanner, &[IS, NOT, EMPTY]) {
        Operator::IsNotEmpty
    } else {
        return Ok(None);
    };
    Ok(Some(Comparison { selector, operator, value: String::new() }))
}

fn value_first(scanner: &mut Scanner<'_>) -> Found<Comparison> {
    const NOT: (&str, &str) = ("not", "\"not\"");
    const IN: (&str, &str) = ("in", "\"in\"");
    let Some(value) = value(scanner)? else { return Ok(None) };
    let operator = if words(scanner, &[IN]) && scanner.space() {
        Operator::In
    } else if words(scanner, &[NOT, IN]) && scanner.space() {
        Operator::NotIn
    } else {
        return Ok(None);
    };
    match selector(scanner)? {
        Some(selector) => Ok(Some(Comparison { selector, operator, value })),
        None => Err(scanner.broken("match", "Invalid selector")),
    }
}

/// A sign, with or without space around it.
fn sign(scanner: &mut Scanner<'_>, sign: &str, shown: &'static str) -> bool {
    let mark = scanner.mark();
    scanner.space();
    let found = scanner.word(sign, shown);
    if found {
        scanner.space();
    } else {
        scanner.back_to(mark);
    }
    found
}

/// Words, each with space before it.
fn words(scanner: &mut Scanner<'_>, words: &[(&str, &'static str)]) -> bool {
    let mark = scanner.mark();
    let found = words.iter().all(|(word, shown)| scanner.space() && scanner.word(word, shown));
    if !found {
        scanner.back_to(mark);
    }
    found
}

fn selector(scanner: &mut Scanner<'_>) -> Found<Selector> {
    let Some(first) = identifier(scanner) else { return Ok(None) };
    let mut names = vec![first];
    loop {
        let mark = scanner.mark();
        let next = if scanner.word(".", "\".\"") { identifier(scanner) } else { index(scanner)? };
        match next {
            Some(name) => names.push(name),
            None => {
                scanner.back_to(mark);
                return Ok(Some(Selector(names)));
            }
        }
    }
}

fn identifier(scanner: &mut Scanner<'_>) -> Option<String> {
    let mark = scanner.mark();
    if !scanner.one(|c| c.is_ascii_alphabetic(), "[a-zA-Z]") {
        return None;
    }
    scanner.many(|c| c.is_ascii_alphanumeric() || c == '_', "[a-zA-Z0-9_]");
    Some(scanner.since(mark).to_owned())
}

fn index(scanner: &mut Scanner<'_>) -> Found<String> {
    if !scanner.word("[", "\"[\"") {
        return Ok(None);
    }
    scanner.space();
    let Some(key) = literal(scanner)? else { return Err(scanner.broken("index", "Invalid index")) };
    scanner.space();
    if scanner.word("]", "\"]\"") { Ok(Some(key)) } else { Err(scanner.broken("index", "Unclosed index expression")) }
}

fn value(scanner: &mut Scanner<'_>) -> Found<String> {
    if let Some(bare) = selector(scanner)? {
        return Ok(Some(bare.0.join(".")));
    }
    match number(scanner)? {
        Some(number) => Ok(Some(number)),
        None => literal(scanner),
    }
}

/// A number in the words of JSON, without an exponent.
fn number(scanner: &mut Scanner<'_>) -> Found<String> {
    let mark = scanner.mark();
    let digit = |c: char| c.is_ascii_digit();
    scanner.word("-", "\"-\"");
    if !scanner.word("0", "\"0\"") {
        if !scanner.one(|c| ('1'..='9').contains(&c), "[1-9]") {
            scanner.back_to(mark);
            return Ok(None);
        }
        scanner.many(digit, "[0-9]");
    }
    let whole = scanner.mark();
    if !(scanner.word(".", "\".\"") && scanner.many(digit, "[0-9]")) {
        scanner.back_to(whole);
    }
    match scanner.next() {
        None | Some(' ' | '\t' | '\r' | '\n' | ')') => Ok(Some(scanner.since(mark).to_owned())),
        Some(_) => Err(scanner.broken("number", "Invalid number literal")),
    }
}

/// A text between backquotes as it is, or between double quotes with escapes. A double quote always ends it.
fn literal(scanner: &mut Scanner<'_>) -> Found<String> {
    let mark = scanner.mark();
    let quote = if scanner.word("`", "\"`\"") {
        '`'
    } else if scanner.word("\"", r#""\"""#) {
        '"'
    } else {
        return Ok(None);
    };
    let Some(inner) = scanner.until(quote) else {
        scanner.skip_rest();
        return Err(scanner.broken("string", "Unterminated string literal"));
    };
    // A raw text has no carriage returns (the Go Programming Language Specification, "String literals").
    let read = if quote == '`' { Some(inner.replace('\r', "")) } else { unquoted(inner) };
    read.map(Some).ok_or_else(|| scanner.broken_at(mark, "string", "invalid syntax"))
}
