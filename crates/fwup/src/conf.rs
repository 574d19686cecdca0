//! Parser of `meta.conf` (the grammar of libconfuse). Nothing is ever expanded: `${NAME}` stays as it is
//! written, where libconfuse would insert an environment variable of the reading process.

use crate::limits::CONF_NODES;

/// Why a `meta.conf` cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("meta.conf, line {line}: {problem}")]
pub struct ConfError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// `key = value` or `key = {value, value}`.
    Value {
        /// The key.
        key: String,
        /// The values; exactly one unless it is a list.
        values: Vec<String>,
    },
    /// `kind "title" { … }`.
    Section {
        /// The kind of section, such as `task`.
        kind: String,
        /// The title; empty when there is none.
        title: String,
        /// The statements of the section.
        nodes: Vec<Node>,
    },
}

/// Keys whose values are lists in fwup, so that `+=` appends to them.
const LISTS: [&str; 3] = ["funlist", "reqlist", "length"];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Text(String),
    Open,
    Close,
    Equals,
    Append,
    Comma,
    Call,
    End,
}

struct Lexer<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
}

/// Parses the text of a `meta.conf`.
///
/// # Errors
/// The first syntax error, with its line. Function calls (`include(…)`) and more than [`CONF_NODES`] statements
/// are refused.
pub fn parse(text: &str) -> Result<Vec<Node>, ConfError> {
    let mut lexer = Lexer {
        rest: text.chars().peekable(),
        line: 1,
    };
    let mut budget = CONF_NODES;
    nodes(&mut lexer, 0, &mut budget)
}

fn nodes(lexer: &mut Lexer<'_>, depth: usize, budget: &mut usize) -> Result<Vec<Node>, ConfError> {
    let mut found = Vec::new();
    loop {
        let key = match lexer.next()? {
            Token::End if depth == 0 => return Ok(found),
            Token::Close if depth > 0 => return Ok(found),
            Token::End => return Err(lexer.error("the file ends inside a section")),
            Token::Text(key) => key,
            _ => return Err(lexer.error("a name is expected here")),
        };
        spend(lexer, budget)?;
        found.push(match lexer.next()? {
            Token::Equals => Node::Value {
                key,
                values: values(lexer, budget)?,
            },
            Token::Append if LISTS.contains(&key.as_str()) => Node::Value {
                key,
                values: values(lexer, budget)?,
            },
            Token::Append => {
                let text = format!(
                    "{key:?} is one value, to which fwup appends nothing: write = and not +="
                );
                return Err(lexer.error(text));
            }
            Token::Open => section(lexer, key, String::new(), depth, budget)?,
            Token::Text(title) => match lexer.next()? {
                Token::Open => section(lexer, key, title, depth, budget)?,
                _ => return Err(lexer.error("a section's title is followed by '{'")),
            },
            Token::Call => {
                return Err(lexer.error("calls such as include(…) and define(…) are not taken"));
            }
            _ => return Err(lexer.error(format!("{key:?} is followed by neither '=' nor '{{'"))),
        });
    }
}

fn section(
    lexer: &mut Lexer<'_>,
    kind: String,
    title: String,
    depth: usize,
    budget: &mut usize,
) -> Result<Node, ConfError> {
    if depth >= 8 {
        return Err(lexer.error("sections are nested too deeply"));
    }
    Ok(Node::Section {
        kind,
        title,
        nodes: nodes(lexer, depth + 1, budget)?,
    })
}

fn values(lexer: &mut Lexer<'_>, budget: &mut usize) -> Result<Vec<String>, ConfError> {
    match lexer.next()? {
        Token::Text(value) => return Ok(vec![value]),
        Token::Open => {}
        _ => return Err(lexer.error("a value is expected after '='")),
    }
    let mut list = Vec::new();
    loop {
        match lexer.next()? {
            Token::Text(value) => {
                spend(lexer, budget)?;
                list.push(value);
            }
            Token::Close => return Ok(list),
            _ => return Err(lexer.error("a value is expected in the list")),
        }
        match lexer.next()? {
            Token::Comma => {}
            Token::Close => return Ok(list),
            _ => return Err(lexer.error("',' or '}' is expected in the list")),
        }
    }
}

fn spend(lexer: &Lexer<'_>, budget: &mut usize) -> Result<(), ConfError> {
    *budget = budget
        .checked_sub(1)
        .ok_or_else(|| lexer.error("too many statements"))?;
    Ok(())
}

impl Lexer<'_> {
    fn error(&self, problem: impl Into<String>) -> ConfError {
        ConfError {
            line: self.line,
            problem: problem.into(),
        }
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest.next();
        if c == Some('\n') {
            self.line += 1;
        }
        c
    }

    fn next(&mut self) -> Result<Token, ConfError> {
        loop {
            let Some(&c) = self.rest.peek() else {
                return Ok(Token::End);
            };
            match c {
                c if c.is_whitespace() => {
                    self.bump();
                }
                '#' => self.skip_line(),
                '/' => {
                    if self.comment()? {
                        continue;
                    }
                    return Ok(Token::Text(self.word()));
                }
                '{' => return Ok(self.single(Token::Open)),
                '}' => return Ok(self.single(Token::Close)),
                ',' => return Ok(self.single(Token::Comma)),
                '=' => return Ok(self.single(Token::Equals)),
                '(' | ')' => return Ok(self.single(Token::Call)),
                '"' => return self.double_quoted().map(Token::Text),
                '\'' => return self.single_quoted().map(Token::Text),
                '+' => {
                    self.bump();
                    if self.rest.peek() == Some(&'=') {
                        return Ok(self.single(Token::Append));
                    }
                    return Err(self.error("'+' is only known in '+='"));
                }
                _ => return Ok(Token::Text(self.word())),
            }
        }
    }

    fn single(&mut self, token: Token) -> Token {
        self.bump();
        token
    }

    fn skip_line(&mut self) {
        while self.bump().is_some_and(|c| c != '\n') {}
    }

    /// Skips a comment; false when the slash begins a word.
    fn comment(&mut self) -> Result<bool, ConfError> {
        let mut ahead = self.rest.clone();
        ahead.next();
        match ahead.next() {
            Some('/') => {
                self.skip_line();
                Ok(true)
            }
            Some('*') => {
                self.bump();
                self.bump();
                let mut last = ' ';
                while let Some(c) = self.bump() {
                    if last == '*' && c == '/' {
                        return Ok(true);
                    }
                    last = c;
                }
                Err(self.error("a comment does not end"))
            }
            _ => Ok(false),
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(&c) = self.rest.peek() {
            if c.is_whitespace()
                || matches!(
                    c,
                    '{' | '}' | '(' | ')' | '"' | '\'' | '#' | ',' | '=' | '+'
                )
            {
                break;
            }
            word.push(c);
            self.bump();
        }
        word
    }

    fn single_quoted(&mut self) -> Result<String, ConfError> {
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('\'') => return Ok(text),
                Some('\\') if matches!(self.rest.peek(), Some('\'' | '\\')) => {
                    text.extend(self.bump());
                }
                Some(c) => text.push(c),
                None => return Err(self.error("a quoted string does not end")),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<String, ConfError> {
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('"') => return Ok(text),
                Some('\\') => self.escape(&mut text)?,
                Some(c) => text.push(c),
                None => return Err(self.error("a quoted string does not end")),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), ConfError> {
        let Some(c) = self.bump() else {
            return Err(self.error("a quoted string does not end"));
        };
        match c {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'a' => text.push('\u{7}'),
            'e' => text.push('\u{1b}'),
            'v' => text.push('\u{b}'),
            '\n' => {}
            'x' => {
                let value = self.digits(16, 2, 0);
                text.push(char::from(value));
            }
            '0'..='7' => {
                let first = u32::from(c).saturating_sub(u32::from('0'));
                let value = self.digits(8, 2, first);
                text.push(char::from(value));
            }
            other => text.push(other),
        }
        Ok(())
    }

    fn digits(&mut self, radix: u32, most: usize, start: u32) -> u8 {
        let mut value = start;
        for _ in 0..most {
            let Some(d) = self.rest.peek().and_then(|c| c.to_digit(radix)) else {
                break;
            };
            value = value * radix + d;
            self.bump();
        }
        u8::try_from(value & 0xff).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
