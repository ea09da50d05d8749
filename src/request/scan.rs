//! A scanner over JSON text that checks grammar, depth and duplicate keys, and yields slices instead of values.
//!
//! `serde_json` is not used here for three reasons: it refuses half surrogate pairs, which a client may send and which spoil one operation only; it does not
//! see duplicate keys; and with `arbitrary_precision` it gives some keys of user data a meaning of its own.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// What a text is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScanError {
    #[error("not valid JSON at byte {0}")]
    Syntax(usize),
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    #[error("a key stands twice in one object, at byte {0}")]
    DuplicateKey(usize),
}

/// Whether a key may stand twice in one object: never in a body, and in JSON text that a column stores as Postgres lets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duplicates {
    Refused,
    Allowed,
}

/// Checks a whole text; the range of its one value. `defects` hears of every string that holds NUL or half a surrogate pair, by its position.
pub(super) fn check(
    text: &[u8],
    depth_max: usize,
    duplicates: Duplicates,
    defects: &mut Vec<usize>,
) -> Result<Range<usize>, ScanError> {
    let mut scanner = Scanner {
        text,
        at: 0,
        depth_max,
        duplicates,
        defects,
    };
    scanner.blank();
    let start = scanner.at;
    scanner.value(0)?;
    let end = scanner.at;
    scanner.blank();
    if scanner.at < text.len() {
        return Err(ScanError::Syntax(scanner.at));
    }
    Ok(start..end)
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    depth_max: usize,
    duplicates: Duplicates,
    defects: &'a mut Vec<usize>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn syntax<T>(&self) -> Result<T, ScanError> {
        Err(ScanError::Syntax(self.at))
    }

    fn value(&mut self, depth: usize) -> Result<(), ScanError> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.syntax(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), ScanError> {
        if self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            self.at += word.len();
            Ok(())
        } else {
            self.syntax()
        }
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            self.syntax()
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Result<(), ScanError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        self.at += 1;
        let mut has_escapes = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                Some(0x00..=0x1f) | None => return self.syntax(),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        if has_escapes
            && self
                .text
                .get(start..self.at)
                .is_some_and(|raw| decoded(raw).is_none())
        {
            self.defects.push(start);
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                let digits = self.text.get(self.at + 1..self.at + 5);
                if digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    self.at += 5;
                    Ok(())
                } else {
                    self.syntax()
                }
            }
            _ => self.syntax(),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), ScanError> {
        self.descend(depth)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.blank();
            self.value(depth)?;
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.syntax(),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), ScanError> {
        self.descend(depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let mut keys: HashSet<Cow<'_, [u8]>> = HashSet::new();
        loop {
            self.blank();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return self.syntax();
            }
            self.string()?;
            let text = self.text;
            let key = text.get(start..self.at).map(comparable).unwrap_or_default();
            if self.duplicates == Duplicates::Refused && !keys.insert(key) {
                return Err(ScanError::DuplicateKey(start));
            }
            self.blank();
            if self.peek() != Some(b':') {
                return self.syntax();
            }
            self.at += 1;
            self.blank();
            self.value(depth)?;
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.syntax(),
            }
        }
    }

    /// Enters an object or array.
    fn descend(&mut self, depth: usize) -> Result<(), ScanError> {
        if depth > self.depth_max {
            return Err(ScanError::TooDeep(self.depth_max));
        }
        self.at += 1;
        self.blank();
        Ok(())
    }
}

/// A key in a form in which equal keys are equal bytes, half surrogates included.
fn comparable(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    let mut key = Vec::with_capacity(raw.len());
    units(raw, |unit| match unit {
        Unit::Char(c) => key.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        Unit::Half(half) => key.extend(format!("\\u{half:04x}").into_bytes()),
    });
    key.insert(0, b'"');
    key.push(b'"');
    Cow::Owned(key)
}

/// One character of a string, or half a surrogate pair that stands alone.
enum Unit {
    Char(char),
    Half(u16),
}

/// The text of a string that was checked (quotes included); `None` where it holds NUL or half a surrogate pair.
pub(super) fn decoded(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.get(1..raw.len().checked_sub(1)?)?;
    if !inner.contains(&b'\\') {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    let mut text = String::with_capacity(inner.len());
    let mut is_whole = true;
    units(raw, |unit| match unit {
        Unit::Char('\0') | Unit::Half(_) => is_whole = false,
        Unit::Char(c) => text.push(c),
    });
    is_whole.then_some(Cow::Owned(text))
}

/// Hands every unit of a checked string to `visit`.
fn units(raw: &[u8], mut visit: impl FnMut(Unit)) {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    let text = std::str::from_utf8(inner).unwrap_or_default();
    let mut chars = text.chars();
    let mut waiting: Option<u16> = None;
    while let Some(c) = chars.next() {
        let unit = if c == '\\' {
            escaped(&mut chars)
        } else {
            Unit::Char(c)
        };
        match (waiting.take(), unit) {
            (Some(high), Unit::Half(low @ 0xdc00..=0xdfff)) => visit(joined(high, low)),
            (before, unit) => {
                if let Some(high) = before {
                    visit(Unit::Half(high));
                }
                match unit {
                    Unit::Half(high @ 0xd800..=0xdbff) => waiting = Some(high),
                    unit => visit(unit),
                }
            }
        }
    }
    if let Some(high) = waiting {
        visit(Unit::Half(high));
    }
}

fn joined(high: u16, low: u16) -> Unit {
    match char::decode_utf16([high, low]).next() {
        Some(Ok(c)) => Unit::Char(c),
        _ => Unit::Half(low),
    }
}

fn escaped(chars: &mut std::str::Chars<'_>) -> Unit {
    match chars.next() {
        Some('b') => Unit::Char('\u{8}'),
        Some('f') => Unit::Char('\u{c}'),
        Some('n') => Unit::Char('\n'),
        Some('r') => Unit::Char('\r'),
        Some('t') => Unit::Char('\t'),
        Some('u') => {
            let hex: String = chars.by_ref().take(4).collect();
            let unit = u16::from_str_radix(&hex, 16).unwrap_or(0xd800);
            char::from_u32(u32::from(unit)).map_or(Unit::Half(unit), Unit::Char)
        }
        Some(other) => Unit::Char(other),
        None => Unit::Half(0xd800),
    }
}

/// The members of an object that was checked: raw key (quotes included) and the range of the value.
pub(super) fn members(text: &[u8]) -> Vec<(Range<usize>, Range<usize>)> {
    let parts = parts(text);
    parts
        .chunks_exact(2)
        .filter_map(|pair| Some((pair.first()?.clone(), pair.get(1)?.clone())))
        .collect()
}

/// The items of an array that was checked.
pub(super) fn items(text: &[u8]) -> Vec<Range<usize>> {
    parts(text)
}

/// The values directly inside an object or array (keys included), in order.
fn parts(text: &[u8]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        if b" \t\r\n,:]}".contains(byte) {
            at += 1;
            continue;
        }
        let end = skip(text, at);
        parts.push(at..end);
        at = end;
    }
    parts
}

/// One past the end of the checked value that starts at `at`.
fn skip(text: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut position = at;
    while let Some(byte) = text.get(position) {
        match byte {
            b'"' => {
                position = string_end(text, position);
                if depth == 0 {
                    return position;
                }
                continue;
            }
            b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => {
                return position;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return position + 1;
                }
            }
            _ => {}
        }
        position += 1;
    }
    position
}

fn string_end(text: &[u8], start: usize) -> usize {
    let mut position = start + 1;
    while let Some(byte) = text.get(position) {
        match byte {
            b'\\' => position += 2,
            b'"' => return position + 1,
            _ => position += 1,
        }
    }
    position
}
