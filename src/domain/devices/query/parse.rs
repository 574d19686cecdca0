//! Parser of the device query language:
//! `connection = connected and not (tags contains prod or metric:cpu_temp > 70)` (docs/protocol/rules.md, "Device queries"). Keywords, columns, and operators are case-insensitive. An
//! error has the column where it begins.

use super::columns::{self, Column, METRIC_OPERATORS, Values};
use crate::ids::UserId;
use crate::limits::{QUERY_BYTES, QUERY_COMPARISONS, QUERY_DEPTH};
use crate::store::devices::query::{Compare, Cond, Test};
use crate::store::fold::Pattern;

/// An error in a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {what}", at + 1)]
pub struct Mistake {
    /// Byte offset where it begins, from 0.
    pub at: usize,
    /// What is wrong, and what is expected.
    pub what: String,
}

/// A value that must exist in the product, and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Byte offset where it begins.
    pub at: usize,
    /// The kind of thing that the value names.
    pub kind: ErrorKind,
    pub value: String,
}

/// The kinds of things that a query names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A platform of devices.
    Platform,
    /// An architecture of devices.
    Architecture,
    /// A firmware's UUID.
    Firmware,
    /// A tag of devices.
    Tag,
    /// A deployment group.
    Group,
    /// A version of firmware on devices.
    Version,
}

/// A parsed query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Its conditions.
    pub cond: Cond,
    /// Whether it mentions `deleted`. If not, deleted devices are left out.
    pub names_deleted: bool,
    /// Values that must exist in the product.
    pub named: Vec<Named>,
}

/// The word that stands for "no value".
const NOT_SET: &str = ":not_set";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
    End,
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    comparisons: usize,
    names_deleted: bool,
    named: Vec<Named>,
    asker: UserId,
}

fn mistake<T>(at: usize, what: impl Into<String>) -> Result<T, Mistake> {
    let what = what.into();
    Err(Mistake { at, what })
}

/// Parses a query of this person. A text that is not a query, but plain text, is searched for as it is.
///
/// # Errors
/// The first error.
pub fn parse(text: &str, asker: UserId) -> Result<Query, Mistake> {
    if text.len() > QUERY_BYTES {
        return mistake(
            QUERY_BYTES,
            format!("the query is longer than {QUERY_BYTES} bytes"),
        );
    }
    let read = tokens(text).and_then(|tokens| {
        let mut r = Reader {
            tokens,
            next: 0,
            depth: 0,
            comparisons: 0,
            names_deleted: false,
            named: Vec::new(),
            asker,
        };
        let cond = r.any()?;
        match r.take() {
            (_, Token::End) => Ok(Query {
                cond,
                names_deleted: r.names_deleted,
                named: r.named,
            }),
            (at, _) => mistake(at, "expected and, or, or the end"),
        }
    });
    match read {
        Err(_) if is_plain(text) => {
            let text = text.trim().replace('\\', "\\\\");
            let pattern = Pattern::new(&format!("%{text}%"));
            Ok(Query {
                cond: Cond::Is(Test::Search(pattern)),
                names_deleted: false,
                named: Vec::new(),
            })
        }
        read => read,
    }
}

/// Whether a text that cannot be parsed was probably not meant as a query.
fn is_plain(text: &str) -> bool {
    let text = text.trim();
    let first = text
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_lowercase();
    !text.is_empty()
        && !text.contains(['=', '<', '>', '"', '('])
        && first != "not"
        && !first.starts_with("metric:")
        && columns::named(&first).is_none()
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Mistake> {
    let mut all = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let mut followed = |wanted: char| chars.next_if(|(_, c)| *c == wanted).is_some();
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Sign("("),
            ')' => Token::Sign(")"),
            '=' => Token::Sign("="),
            '!' if followed('=') => Token::Sign("!="),
            '>' if followed('=') => Token::Sign(">="),
            '>' => Token::Sign(">"),
            '<' if followed('=') => Token::Sign("<="),
            '<' => Token::Sign("<"),
            '"' => {
                let mut value = String::new();
                loop {
                    match chars.next() {
                        Some((_, '"')) => break,
                        Some((_, '\\')) => match chars.next() {
                            Some((_, c @ ('"' | '\\'))) => value.push(c),
                            _ => return mistake(at, "in quotes, \\ stands before \" or \\ only"),
                        },
                        Some((_, c)) => value.push(c),
                        None => return mistake(at, "the quote is not closed"),
                    }
                }
                Token::Text(value)
            }
            c if is_word(c) => {
                let mut word = String::from(c);
                while let Some((_, c)) = chars.next_if(|(_, c)| is_word(*c)) {
                    word.push(c);
                }
                Token::Word(word)
            }
            c => {
                return mistake(
                    at,
                    format!("{c:?} is no part of a query; put values in quotes"),
                );
            }
        };
        all.push((at, token));
    }
    all.push((text.len(), Token::End));
    Ok(all)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-')
}

impl Reader {
    fn peek(&self) -> (usize, &Token) {
        let (at, token) = &self.tokens[self.next.min(self.tokens.len() - 1)];
        (*at, token)
    }

    fn take(&mut self) -> (usize, Token) {
        let (at, token) = self.peek();
        let taken = (at, token.clone());
        self.next += 1;
        taken
    }

    /// Consumes the next word if it is `wanted`, in any case.
    fn word(&mut self, wanted: &str) -> bool {
        let is = matches!(self.peek().1, Token::Word(w) if w.eq_ignore_ascii_case(wanted));
        if is {
            self.next += 1;
        }
        is
    }

    fn any(&mut self) -> Result<Cond, Mistake> {
        let mut left = self.all()?;
        while self.word("or") {
            left = Cond::Or(Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Cond, Mistake> {
        let mut left = self.term()?;
        while self.word("and") {
            left = Cond::And(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Cond, Mistake> {
        let at = self.peek().0;
        self.depth += 1;
        if self.depth > QUERY_DEPTH {
            return mistake(
                at,
                format!("more than {QUERY_DEPTH} parentheses within one another"),
            );
        }
        let read = if self.word("not") {
            Cond::Not(Box::new(self.term()?))
        } else if *self.peek().1 == Token::Sign("(") {
            self.take();
            let inner = self.any()?;
            match self.take() {
                (_, Token::Sign(")")) => inner,
                (at, _) => return mistake(at, "expected a closing parenthesis"),
            }
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(read)
    }

    fn comparison(&mut self) -> Result<Cond, Mistake> {
        let (at, token) = self.take();
        let Token::Word(column) = token else {
            return mistake(
                at,
                format!("expected a column: {}, or metric:NAME", columns::names()),
            );
        };
        self.comparisons += 1;
        if self.comparisons > QUERY_COMPARISONS {
            return mistake(at, format!("more than {QUERY_COMPARISONS} comparisons"));
        }
        let name = column.to_lowercase();
        if let Some(key) = name.strip_prefix("metric:").filter(|k| !k.is_empty()) {
            // Unlike columns, metric and metadata keys are case-sensitive.
            let key = column[column.len() - key.len()..].to_owned();
            return self.metric(key);
        }
        let Some(known) = columns::named(&name) else {
            return mistake(
                at,
                format!(
                    "{column:?} is no column; they are {}, and metric:NAME",
                    columns::names()
                ),
            );
        };
        let operator = self.operator(&name, known.operators)?;
        let (at, value) = self.value()?;
        let negated = matches!(operator, "!=" | "not like" | "not_contains" | "is not");
        self.test(known, operator, negated, at, value)
    }

    fn operator(&mut self, column: &str, known: &[&'static str]) -> Result<&'static str, Mistake> {
        let (at, token) = self.take();
        let mut text = match token {
            Token::Sign(s) => s.to_owned(),
            Token::Word(w) => w.to_lowercase(),
            _ => String::new(),
        };
        let second = match text.as_str() {
            "is" => "not",
            "not" => "like",
            _ => "",
        };
        if !second.is_empty()
            && known.contains(&format!("{text} {second}").as_str())
            && self.word(second)
        {
            text = format!("{text} {second}");
        }
        match known.iter().find(|k| **k == text) {
            Some(k) => Ok(k),
            None => mistake(
                at,
                format!("{column} is compared with {}", known.join(" or ")),
            ),
        }
    }

    fn value(&mut self) -> Result<(usize, String), Mistake> {
        match self.take() {
            (at, Token::Word(v) | Token::Text(v)) => Ok((at, v)),
            (at, _) => mistake(
                at,
                "expected a value, in quotes when it is more than one word",
            ),
        }
    }

    fn metric(&mut self, key: String) -> Result<Cond, Mistake> {
        let operator = self.operator("a metric", METRIC_OPERATORS)?;
        let (at, value) = self.value()?;
        let compare = match operator {
            ">" => Compare::More,
            ">=" => Compare::AtLeast,
            "<" => Compare::Less,
            _ => Compare::AtMost,
        };
        match value.parse::<f64>() {
            Ok(n) if n.is_finite() => Ok(Cond::Is(Test::Metric(key, compare, n))),
            _ => mistake(at, "a metric is compared with a number"),
        }
    }

    fn test(
        &mut self,
        column: &Column,
        operator: &str,
        negated: bool,
        at: usize,
        value: String,
    ) -> Result<Cond, Mistake> {
        let unset = value == NOT_SET;
        let one_of = |known: &[&str]| known.contains(&value.as_str());
        if let Values::Words(known) = column.values
            && !one_of(known)
        {
            let (name, known) = (column.name, known.join(", "));
            return mistake(at, format!("{name} is one of: {known}"));
        }
        let named = |r: &mut Self, kind| {
            let value = value.clone();
            r.named.push(Named { at, kind, value });
        };
        let test = match column.name {
            // A backslash is an ordinary character in a query, but not in a pattern.
            "identifier" => Test::Identifier(Pattern::new(&value.replace('\\', "\\\\"))),
            "search" => Test::Search(Pattern::new(&value.replace('\\', "\\\\"))),
            "platform" => {
                named(self, ErrorKind::Platform);
                return Ok(Cond::Is(Test::Platform(value, negated)));
            }
            "architecture" => {
                named(self, ErrorKind::Architecture);
                return Ok(Cond::Is(Test::Architecture(value, negated)));
            }
            "firmware" => {
                named(self, ErrorKind::Firmware);
                return Ok(Cond::Is(Test::Firmware(value, negated)));
            }
            "connection" => Test::Connection(value),
            "last_seen" => {
                let days = match value.as_str() {
                    "3 days ago" => 3,
                    "7 days ago" => 7,
                    "14 days ago" => 14,
                    _ => 28,
                };
                Test::LastSeen {
                    days,
                    later: operator == ">",
                }
            }
            "tags" if unset => Test::Untagged,
            "tags" => {
                named(self, ErrorKind::Tag);
                Test::Tag(value)
            }
            "health_status" => Test::Health(value),
            "connection_type" => Test::Interface(value),
            "updates" => Test::Updates(value),
            "version" => {
                named(self, ErrorKind::Version);
                Test::Version(value)
            }
            "update_status" => {
                let idle = value == "not updating";
                return Ok(not_if(idle != negated, Test::Updating));
            }
            "alarm_status" => {
                let without = value == "without";
                return Ok(not_if(without != negated, Test::Alarms));
            }
            "alarm" => Test::Alarm(value),
            "pinned" => {
                let others = value == "false";
                return Ok(not_if(others != negated, Test::Pinned(self.asker)));
            }
            "deleted" => {
                self.names_deleted = true;
                let kept = value == "false";
                return Ok(not_if(kept != negated, Test::Deleted));
            }
            _ if unset => Test::Ungrouped,
            _ => {
                named(self, ErrorKind::Group);
                Test::Group(value)
            }
        };
        Ok(not_if(negated, test))
    }
}

fn not_if(negated: bool, test: Test) -> Cond {
    if negated {
        Cond::Not(Box::new(Cond::Is(test)))
    } else {
        Cond::Is(test)
    }
}

#[cfg(test)]
mod tests;
