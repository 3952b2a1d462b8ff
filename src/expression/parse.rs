//! Expression text → tree as written; names are not resolved yet.
//!
//! ```text
//! or := and ("or" and)*   and := not ("and" not)*   not := "not" not | compare
//! compare := sum (("==" | "!=" | "<" | "<=" | ">" | ">=") sum)?
//! sum := product (("+" | "-") product)*   product := unary (("*" | "/") unary)*   unary := "-" unary | atom
//! atom := number | duration | 'text' | true | false | name | name "(" arguments ("where" or)? ")" | "(" or ")"
//! ```

use super::{Arithmetic, Relational};
use crate::diagnostic::{Diagnostic, E0301, E0310};
use crate::place::ScalarText;
use crate::source::{Span, Spanned};

/// The deepest nesting.
const MAX_DEPTH: usize = 100;
/// The most `+`, `-`, `*` and `/` between two operands: each makes the tree one deeper.
const MAX_OPERATORS: usize = 200;

/// A hundred years in milliseconds: so long that nobody needs more, so short that many of them can be added up.
const LONGEST_DURATION: i64 = 36_525 * 86_400_000;

/// An expression as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// What it is.
    pub kind: WrittenKind,
    /// Its place.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the grammar above says it")]
pub enum WrittenKind {
    Number(f64),
    Text(String),
    /// In milliseconds.
    Duration(i64),
    Boolean(bool),
    Name(String),
    Negate(Box<Written>),
    Not(Box<Written>),
    Arithmetic(Arithmetic, Box<Written>, Box<Written>),
    Compare(Relational, Box<Written>, Box<Written>),
    And(Vec<Written>),
    Or(Vec<Written>),
    Call(Spanned<String>, Vec<Written>, Option<Box<Written>>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Duration(i64),
    Text(String),
    Name(String),
    /// A name in backticks: never a keyword.
    Quoted(String),
    Symbol(&'static str),
}

/// Reads an expression.
pub fn parse(scalar: &ScalarText<'_>) -> Result<Written, Diagnostic> {
    let tokens = Lexer { scalar, at: 0 }.tokens()?;
    let end = scalar.text().trim_end().len();
    let mut parser = Parser { tokens, next: 0, depth: 0, operators: 0, end: scalar.span(end..end) };
    let tree = parser.either()?;
    if parser.next < parser.tokens.len() { Err(parser.unexpected("an operator or the end")) } else { Ok(tree) }
}

/// `5m`, `1h`, `7d`, `500ms` in milliseconds.
pub fn duration(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(digits);
    let unit: i64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    };
    if number.is_empty() || number.len() > 12 {
        return None;
    }
    match number.parse::<i64>() {
        Ok(number) => number.checked_mul(unit),
        Err(_) => {
            let value = number.parse::<f64>().ok()? * unit as f64;
            (value.fract() == 0.0 && value < 1e15).then_some(value as i64)
        }
    }
    .filter(|milliseconds| *milliseconds <= LONGEST_DURATION)
}

struct Lexer<'a, 's> {
    scalar: &'a ScalarText<'s>,
    at: usize,
}

impl<'s> Lexer<'_, 's> {
    fn tokens(mut self) -> Result<Vec<(Token, Span)>, Diagnostic> {
        let mut tokens = Vec::new();
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if self.rest().is_empty() {
                return Ok(tokens);
            }
            let start = self.at;
            let token = self.token()?;
            tokens.push((token, self.scalar.span(start..self.at)));
        }
    }

    fn rest(&self) -> &'s str {
        &self.scalar.text()[self.at..]
    }

    fn error(&self, start: usize, message: impl Into<String>) -> Diagnostic {
        let end = self.at.max(start + self.scalar.text()[start..].chars().next().map_or(0, char::len_utf8));
        Diagnostic::error(E0301, self.scalar.span(start..end), message)
    }

    fn token(&mut self) -> Result<Token, Diagnostic> {
        let (rest, start) = (self.rest(), self.at);
        let first = rest.chars().next().unwrap_or(' ');
        match first {
            '0'..='9' => self.number(),
            '\'' | '"' => self.quoted(first).map(Token::Text),
            '`' => self.quoted(first).map(Token::Quoted),
            'A'..='Z' | 'a'..='z' | '_' => {
                let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
                self.at += length;
                Ok(Token::Name(rest[..length].to_owned()))
            }
            _ => {
                const SYMBOLS: [&str; 15] = ["==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")", ",", "=", "%"];
                let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) else {
                    return Err(self.error(start, format!("unexpected `{first}`")).help("names with other characters stand in backticks"));
                };
                self.at += symbol.len();
                match symbol {
                    "=" => Err(self.error(start, "`=` is not an operator").help("write `==` to compare")),
                    "%" => Err(self.error(start, "`%` is not an operator")),
                    symbol => Ok(Token::Symbol(symbol)),
                }
            }
        }
    }

    fn number(&mut self) -> Result<Token, Diagnostic> {
        let (rest, start) = (self.rest(), self.at);
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let unit = rest[digits..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len() - digits);
        self.at += digits + unit;
        let text = &rest[..digits + unit];
        if unit > 0 {
            return duration(text).map(Token::Duration).ok_or_else(|| {
                self.error(start, format!("`{text}` is neither a number nor a duration")).help("durations are written like 30s, 5m, 1h, 7d")
            });
        }
        crate::yaml::Number::parse(text)
            .map(|number| Token::Number(number.value))
            .ok_or_else(|| self.error(start, format!("`{text}` is not a number")).help("write it like 40 or 1.5"))
    }

    fn quoted(&mut self, quote: char) -> Result<String, Diagnostic> {
        let (start, mut text) = (self.at, String::new());
        self.at += 1;
        loop {
            let Some(end) = self.rest().find(quote) else {
                self.at = self.scalar.text().len();
                return Err(self.error(start, format!("the closing {quote} is missing")));
            };
            text.push_str(&self.rest()[..end]);
            self.at += end + 1;
            if !self.rest().starts_with(quote) {
                return Ok(text);
            }
            text.push(quote);
            self.at += 1;
        }
    }
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    next: usize,
    depth: usize,
    operators: usize,
    end: Span,
}

impl Parser {
    fn place(&self) -> Span {
        self.tokens.get(self.next).map_or(self.end, |(_, span)| *span)
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some((Token::Symbol(s), _)) if *s == symbol);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some((Token::Name(name), _)) if name == word);
        self.next += usize::from(found);
        found
    }

    fn unexpected(&self, expected: &str) -> Diagnostic {
        let message = match self.tokens.get(self.next) {
            None => "the expression ends too early".to_owned(),
            Some((Token::Symbol(symbol), _)) => format!("unexpected `{symbol}`"),
            Some((Token::Name(name) | Token::Quoted(name), _)) => format!("unexpected `{name}`"),
            Some((Token::Text(_), _)) => "unexpected text".to_owned(),
            Some((Token::Number(_) | Token::Duration(_), _)) => "unexpected number".to_owned(),
        };
        Diagnostic::error(E0301, self.place(), message).help(format!("expected {expected}"))
    }

    fn either(&mut self) -> Result<Written, Diagnostic> {
        let mut parts = vec![self.both()?];
        while self.word("or") {
            parts.push(self.both()?);
        }
        Ok(joined(parts, WrittenKind::Or))
    }

    fn both(&mut self) -> Result<Written, Diagnostic> {
        let mut parts = vec![self.negation()?];
        while self.word("and") {
            parts.push(self.negation()?);
        }
        Ok(joined(parts, WrittenKind::And))
    }

    fn negation(&mut self) -> Result<Written, Diagnostic> {
        let start = self.place();
        self.deeper()?;
        let result = if self.word("not") {
            let inner = self.negation()?;
            let span = start.to(inner.span);
            Ok(Written { kind: WrittenKind::Not(Box::new(inner)), span })
        } else {
            self.comparison()
        };
        self.depth -= 1;
        result
    }

    fn deeper(&mut self) -> Result<(), Diagnostic> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Diagnostic::error(E0310, self.place(), format!("the expression is nested more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }

    fn one_more_operator(&mut self) -> Result<(), Diagnostic> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            let message = format!("the expression has more than {MAX_OPERATORS} of `+`, `-`, `*` and `/`");
            return Err(Diagnostic::error(E0310, self.place(), message).help("name its parts as derived columns"));
        }
        Ok(())
    }

    fn relational(&mut self) -> Option<Relational> {
        let pairs = [
            ("==", Relational::Equal),
            ("!=", Relational::NotEqual),
            ("<=", Relational::LessOrEqual),
            (">=", Relational::GreaterOrEqual),
            ("<", Relational::Less),
            (">", Relational::Greater),
        ];
        pairs.into_iter().find(|(symbol, _)| self.symbol(symbol)).map(|(_, relational)| relational)
    }

    fn comparison(&mut self) -> Result<Written, Diagnostic> {
        let left = self.sum()?;
        let Some(relational) = self.relational() else { return Ok(left) };
        let right = self.sum()?;
        let span = left.span.to(right.span);
        let at = self.place();
        if self.relational().is_some() {
            return Err(Diagnostic::error(E0301, at, "comparisons cannot be chained").help("join two comparisons by `and`"));
        }
        Ok(Written { kind: WrittenKind::Compare(relational, Box::new(left), Box::new(right)), span })
    }

    fn sum(&mut self) -> Result<Written, Diagnostic> {
        let mut left = self.product()?;
        loop {
            let operator = if self.symbol("+") {
                Arithmetic::Add
            } else if self.symbol("-") {
                Arithmetic::Subtract
            } else {
                return Ok(left);
            };
            self.one_more_operator()?;
            left = arithmetic(operator, left, self.product()?);
        }
    }

    fn product(&mut self) -> Result<Written, Diagnostic> {
        let mut left = self.unary()?;
        loop {
            let operator = if self.symbol("*") {
                Arithmetic::Multiply
            } else if self.symbol("/") {
                Arithmetic::Divide
            } else {
                return Ok(left);
            };
            self.one_more_operator()?;
            left = arithmetic(operator, left, self.unary()?);
        }
    }

    fn unary(&mut self) -> Result<Written, Diagnostic> {
        let start = self.place();
        if !self.symbol("-") {
            return self.atom();
        }
        self.deeper()?;
        let inner = self.unary()?;
        self.depth -= 1;
        let span = start.to(inner.span);
        Ok(Written { kind: WrittenKind::Negate(Box::new(inner)), span })
    }

    fn atom(&mut self) -> Result<Written, Diagnostic> {
        let span = self.place();
        if self.symbol("(") {
            let inner = self.either()?;
            return if self.symbol(")") { Ok(inner) } else { Err(self.unexpected("`)`")) };
        }
        let Some((token, _)) = self.tokens.get(self.next).cloned() else { return Err(self.unexpected("a value")) };
        let kind = match token {
            Token::Number(number) => WrittenKind::Number(number),
            Token::Duration(duration) => WrittenKind::Duration(duration),
            Token::Text(text) => WrittenKind::Text(text),
            Token::Quoted(name) => WrittenKind::Name(name),
            Token::Name(name) if name == "true" || name == "false" => WrittenKind::Boolean(name == "true"),
            Token::Name(name) if matches!(name.as_str(), "and" | "or" | "not" | "where") => return Err(self.unexpected("a value")),
            Token::Name(name) => {
                self.next += 1;
                return if self.symbol("(") {
                    self.call(Spanned::new(name, span))
                } else {
                    Ok(Written { kind: WrittenKind::Name(name), span })
                };
            }
            Token::Symbol(_) => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        Ok(Written { kind, span })
    }

    fn call(&mut self, name: Spanned<String>) -> Result<Written, Diagnostic> {
        let (mut arguments, mut filter) = (Vec::new(), None);
        let closing = |parser: &mut Self| {
            let end = parser.place();
            parser.symbol(")").then_some(end)
        };
        let mut end = closing(self);
        while end.is_none() {
            if self.word("where") {
                filter = Some(Box::new(self.either()?));
                end = Some(closing(self).ok_or_else(|| self.unexpected("`)`"))?);
                break;
            }
            arguments.push(self.either()?);
            end = closing(self);
            if end.is_none() && !self.symbol(",") && !matches!(self.tokens.get(self.next), Some((Token::Name(name), _)) if name == "where")
            {
                return Err(self.unexpected("`,`, `where` or `)`"));
            }
        }
        let span = name.span.to(end.unwrap_or(name.span));
        Ok(Written { kind: WrittenKind::Call(name, arguments, filter), span })
    }
}

fn joined(mut parts: Vec<Written>, kind: fn(Vec<Written>) -> WrittenKind) -> Written {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let span = parts[0].span.to(parts[parts.len() - 1].span);
    Written { kind: kind(parts), span }
}

fn arithmetic(operator: Arithmetic, left: Written, right: Written) -> Written {
    let span = left.span.to(right.span);
    Written { kind: WrittenKind::Arithmetic(operator, Box::new(left), Box::new(right)), span }
}
