//! Text → tokens with their brackets paired: a look at an expression before the parser, which some texts would overflow.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::expr::Fault;
use crate::vocabulary::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or keyword.
    Word,
    /// A number.
    Number,
    /// A string or bytes.
    Text,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// Anything else.
    Sign,
}

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes.
    pub range: Range<usize>,
}

/// The tokens of a text in order, without blanks and comments.
#[derive(Debug)]
pub(super) struct Tokens {
    tokens: Vec<Token>,
    /// The start of each closing bracket by that of its opening one.
    closing: BTreeMap<usize, usize>,
}

impl Tokens {
    /// Reads a text. What the parser must never see is a fault.
    pub(super) fn scan(text: &str) -> Result<Self, Fault> {
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(Fault::error(
                0..text.len(),
                format!("the expression is longer than {EXPRESSION_BYTES_MAX} bytes"),
            )
            .help("move parts of it into `computed` values"));
        }
        let tokens = Scanner { text, at: 0 }.tokens()?;
        if tokens.is_empty() {
            return Err(Fault::error(0..text.len(), "the expression is empty")
                .help("write a condition, like `this.owner_id == auth.sub`"));
        }
        let closing = pair(text, &tokens)?;
        Ok(Self { tokens, closing })
    }

    /// The token that begins at a byte, or the last before it.
    pub(super) fn at(&self, start: usize) -> Option<&Token> {
        self.tokens
            .get(self.index(start))
            .filter(|token| token.range.start <= start)
    }

    /// The token before the one that begins at a byte.
    pub(super) fn before(&self, start: usize) -> Option<&Token> {
        self.tokens.get(self.index(start).checked_sub(1)?)
    }

    /// The token after the one that begins at a byte.
    pub(super) fn after(&self, start: usize) -> Option<&Token> {
        self.tokens.get(self.index(start) + 1)
    }

    /// Where the bracket ends that opens at a byte.
    pub(super) fn end_of_bracket(&self, open: usize) -> Option<usize> {
        self.closing.get(&open).map(|close| close + 1)
    }

    /// A range with the other halves of the brackets that begin or end in it: `a) && b` is not what anybody wrote.
    pub(super) fn balanced(&self, range: Range<usize>) -> Range<usize> {
        let mut balanced = range.clone();
        for (open, close) in &self.closing {
            if range.contains(open) && *close >= range.end {
                balanced.end = balanced.end.max(close + 1);
            } else if range.contains(close) && *open < range.start {
                balanced.start = balanced.start.min(*open);
            }
        }
        balanced
    }

    fn index(&self, start: usize) -> usize {
        self.tokens
            .partition_point(|token| token.range.start <= start)
            .saturating_sub(1)
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn tokens(mut self) -> Result<Vec<Token>, Fault> {
        let mut tokens = Vec::new();
        while let Some(first) = self.skip_blanks() {
            let start = self.at;
            let kind = self.token(first)?;
            tokens.push(Token {
                kind,
                range: start..self.at,
            });
        }
        Ok(tokens)
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Skips blanks and comments; the character that follows.
    fn skip_blanks(&mut self) -> Option<char> {
        loop {
            let rest = self.rest();
            let first = rest.chars().next()?;
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if matches!(first, ' ' | '\t' | '\r' | '\n' | '\u{c}') {
                self.at += 1;
            } else {
                return Some(first);
            }
        }
    }

    fn token(&mut self, first: char) -> Result<TokenKind, Fault> {
        let prefix = self.rest().bytes().take_while(u8::is_ascii_alphabetic);
        let quote = prefix.count();
        let is_text = quote <= 2
            && matches!(self.rest().as_bytes().get(quote), Some(b'"' | b'\''))
            && self
                .rest()
                .bytes()
                .take(quote)
                .all(|byte| b"rRbB".contains(&byte));
        if is_text {
            return self.quoted(quote).map(|()| TokenKind::Text);
        }
        let after_point = self
            .rest()
            .as_bytes()
            .get(1)
            .is_some_and(u8::is_ascii_digit);
        if first.is_ascii_digit() || (first == '.' && after_point) {
            self.number();
            return Ok(TokenKind::Number);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return Ok(TokenKind::Word);
        }
        self.sign(first)
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) {
        self.at += self.rest().bytes().take_while(|byte| wanted(*byte)).count();
    }

    fn number(&mut self) {
        if self.rest().starts_with("0x") {
            self.at += 2;
            self.take_while(|byte| byte.is_ascii_hexdigit());
        } else {
            self.take_while(|byte| byte.is_ascii_digit());
            let rest = self.rest().as_bytes();
            if rest.first() == Some(&b'.') && rest.get(1).is_some_and(u8::is_ascii_digit) {
                self.at += 1;
                self.take_while(|byte| byte.is_ascii_digit());
            }
            self.exponent();
        }
        if self.rest().starts_with(['u', 'U']) {
            self.at += 1;
        }
    }

    fn exponent(&mut self) {
        let rest = self.rest();
        let Some(digits) = rest.strip_prefix(['e', 'E']) else {
            return;
        };
        let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        if unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            self.at += rest.len() - unsigned.len();
            self.take_while(|byte| byte.is_ascii_digit());
        }
    }

    /// A string or bytes whose quote stands `prefix` bytes ahead.
    fn quoted(&mut self, prefix: usize) -> Result<(), Fault> {
        let rest = self.rest();
        let is_raw = rest
            .bytes()
            .take(prefix)
            .any(|byte| byte.eq_ignore_ascii_case(&b'r'));
        let body = rest.get(prefix..).unwrap_or_default();
        let quote = ["\"\"\"", "'''", "\"", "'"]
            .into_iter()
            .find(|quote| body.starts_with(quote))
            .unwrap_or("'");
        let mut inside = body.get(quote.len()..).unwrap_or_default();
        loop {
            if let Some(after) = inside.strip_prefix(quote) {
                self.at = self.text.len() - after.len();
                return Ok(());
            }
            let mut chars = inside.chars();
            let next = chars.next();
            if next == Some('\\') && !is_raw {
                chars.next();
            }
            if next.is_none() || (quote.len() == 1 && matches!(next, Some('\n' | '\r'))) {
                let range = self.at..self.text.len() - inside.len();
                return Err(Fault::error(range, "this text has no closing quote")
                    .help("close it with the quote that opens it"));
            }
            inside = chars.as_str();
        }
    }

    fn sign(&mut self, first: char) -> Result<TokenKind, Fault> {
        let pair = self.rest().get(..2).unwrap_or_default();
        let start = self.at;
        if matches!(pair, "&&" | "||" | "==" | "!=" | "<=" | ">=") {
            self.at += 2;
            return Ok(TokenKind::Sign);
        }
        self.at += first.len_utf8();
        let help = match first {
            '(' | '[' | '{' => return Ok(TokenKind::Open),
            ')' | ']' | '}' => return Ok(TokenKind::Close),
            '.' | ',' | '-' | '+' | '*' | '/' | '%' | '!' | '?' | ':' | '<' | '>' => {
                return Ok(TokenKind::Sign);
            }
            '=' => "to compare, write `==`",
            '&' => "for \"and\", write `&&`",
            '|' => "for \"or\", write `||`",
            '`' => "a name with odd characters is written in brackets: `this['Order No']`",
            _ => {
                let message = format!("`{}` has no meaning here", first.escape_debug());
                return Err(Fault::error(start..self.at, message).help(
                    "put text in quotes, and write a column with an odd name as `this['Größe']`",
                ));
            }
        };
        let message = format!("`{first}` has no meaning here");
        Err(Fault::error(start..self.at, message).help(help))
    }
}

/// Pairs the brackets; unpaired and deeply nested ones are faults.
fn pair(text: &str, tokens: &[Token]) -> Result<BTreeMap<usize, usize>, Fault> {
    let mut open: Vec<&Token> = Vec::new();
    let mut closing = BTreeMap::new();
    let mut questions = 0;
    for token in tokens {
        let spelled = text.get(token.range.clone()).unwrap_or_default();
        match token.kind {
            TokenKind::Open => open.push(token),
            TokenKind::Close => {
                let opening = open.pop().filter(|opening| {
                    let opened = text.get(opening.range.clone()).unwrap_or_default();
                    matches!((opened, spelled), ("(", ")") | ("[", "]") | ("{", "}"))
                });
                let Some(opening) = opening else {
                    let message = format!("`{spelled}` closes nothing that is open");
                    return Err(Fault::error(token.range.clone(), message)
                        .help("take it out, or open it before"));
                };
                closing.insert(opening.range.start, token.range.start);
            }
            TokenKind::Sign if spelled == "?" => questions += 1,
            _ => {}
        }
        if open.len() > EXPRESSION_DEPTH_MAX || questions > EXPRESSION_DEPTH_MAX {
            return Err(too_deep(token.range.clone()));
        }
    }
    match open.pop() {
        Some(opening) => {
            let spelled = text.get(opening.range.clone()).unwrap_or_default();
            let message = format!("`{spelled}` is never closed");
            Err(Fault::error(opening.range.clone(), message).help("close it"))
        }
        None => Ok(closing),
    }
}

/// The fault of an expression that is nested too deeply.
pub(super) fn too_deep(range: Range<usize>) -> Fault {
    Fault::error(
        range,
        format!("the expression is nested more than {EXPRESSION_DEPTH_MAX} deep"),
    )
    .help("move parts of it into `computed` values")
}
