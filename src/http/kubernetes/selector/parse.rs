//! Label selectors from text: the grammar and the words of Kubernetes' parser.

use std::collections::BTreeSet;

use super::labels::{Operator, Requirement};
use super::lex::{Token, Word, words};
use crate::http::kubernetes::labels::{check_key, check_value};
use crate::limits;

/// The operators between a key and its value, as messages list them.
const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

/// Reads the requirements of a selector.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser { words: words(text), at: 0 };
    let mut requirements = Vec::new();
    let begins = |word: &Word<'_>| matches!(word.token, Token::Identifier | Token::Not);
    let first = parser.peek_value();
    if first.token == Token::End {
        return Ok(requirements);
    }
    if !begins(&first) {
        return Err(format!("found '{}', expected: !, identifier, or 'end of string'", first.text));
    }
    loop {
        let requirement = parser.requirement().map_err(|why| format!("unable to parse requirement: {why}"))?;
        requirements.push(requirement);
        if requirements.len() > limits::FILTER_MATCHES {
            return Err(format!("must have at most {} requirements", limits::FILTER_MATCHES));
        }
        let next = parser.take_value();
        if next.token == Token::End {
            return Ok(requirements);
        }
        if next.token != Token::Comma {
            return Err(format!("found '{}', expected: ',' or 'end of string'", next.text));
        }
        let after = parser.peek_value();
        if !begins(&after) {
            return Err(format!("found '{}', expected: identifier after ','", after.text));
        }
    }
}

struct Parser<'a> {
    words: Vec<Word<'a>>,
    at: usize,
}

impl<'a> Parser<'a> {
    /// The next word; [`Token::End`] past the last.
    fn peek(&self) -> Word<'a> {
        self.words.get(self.at).cloned().unwrap_or(Word { token: Token::End, text: "" })
    }

    fn take(&mut self) -> Word<'a> {
        let word = self.peek();
        self.at += 1;
        word
    }

    /// The same where no operator can stand: `in` and `notin` are names there.
    fn peek_value(&self) -> Word<'a> {
        let word = self.peek();
        let is_name = matches!(word.token, Token::In | Token::NotIn);
        if is_name { Word { token: Token::Identifier, ..word } } else { word }
    }

    fn take_value(&mut self) -> Word<'a> {
        let word = self.peek_value();
        self.at += 1;
        word
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut word = self.take_value();
        let denied = word.token == Token::Not;
        if denied {
            word = self.take_value();
        }
        if word.token != Token::Identifier {
            return Err(format!("found '{}', expected: identifier", word.text));
        }
        check_key(word.text).map_err(|rule| format!("Invalid value: {:?}: {rule}", word.text))?;
        let key = word.text.to_owned();
        if denied {
            return Ok(Requirement { key, operator: Operator::Absent });
        }
        if matches!(self.peek_value().token, Token::End | Token::Comma) {
            return Ok(Requirement { key, operator: Operator::Present });
        }
        Ok(Requirement { operator: self.operator(&key)?, key })
    }

    fn operator(&mut self, key: &str) -> Result<Operator, String> {
        let word = self.take();
        Ok(match word.token {
            Token::In => Operator::In(self.values(key)?),
            Token::NotIn => Operator::NotIn(self.values(key)?),
            Token::Equals | Token::DoubleEquals => Operator::In(BTreeSet::from([self.value(key)?])),
            Token::NotEquals => Operator::NotIn(BTreeSet::from([self.value(key)?])),
            Token::Greater => Operator::Greater(number(&self.value(key)?)?),
            Token::Less => Operator::Less(number(&self.value(key)?)?),
            Token::Error | Token::End | Token::Close | Token::Comma | Token::Not | Token::Identifier | Token::Open => {
                return Err(format!("found '{}', expected: {OPERATORS}", word.text));
            }
        })
    }

    /// One value; none is the empty one.
    fn value(&mut self, key: &str) -> Result<String, String> {
        if matches!(self.peek_value().token, Token::End | Token::Comma) {
            return Ok(String::new());
        }
        let word = self.take_value();
        if word.token != Token::Identifier {
            return Err(format!("found '{}', expected: identifier", word.text));
        }
        checked(key, word.text)
    }

    /// The values in parentheses; a comma with nothing beside it is an empty one.
    fn values(&mut self, key: &str) -> Result<BTreeSet<String>, String> {
        let open = self.take_value();
        if open.token != Token::Open {
            return Err(format!("found '{}' expected: '('", open.text));
        }
        let mut values = BTreeSet::new();
        let mut wants_value = true;
        loop {
            let word = self.take_value();
            let ends = word.token == Token::Close;
            if ends && wants_value && values.is_empty() {
                return Err("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty".into());
            }
            if word.token == Token::Identifier && wants_value {
                values.insert(checked(key, word.text)?);
                wants_value = false;
            } else if ends || word.token == Token::Comma {
                if wants_value {
                    values.insert(String::new());
                }
                wants_value = true;
            } else {
                let wanted = if wants_value { "',', ')' or identifier" } else { "',' or ')'" };
                return Err(format!("found '{}', expected: {wanted}", word.text));
            }
            if ends {
                return Ok(values);
            }
        }
    }
}

fn checked(key: &str, value: &str) -> Result<String, String> {
    check_value(value).map_err(|rule| format!("values[0][{key}]: Invalid value: {value:?}: {rule}"))?;
    Ok(value.to_owned())
}

fn number(value: &str) -> Result<i64, String> {
    let rule = "for 'Gt', 'Lt' operators, the value must be an integer";
    value.parse().map_err(|_| format!("values[0]: Invalid value: {value:?}: {rule}"))
}
