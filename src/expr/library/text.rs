//! Functions on texts. Positions count code points.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::expr::ir::Builtin;
use crate::expr::values::{built, failed};
use crate::expr::{Budget, EvalError};
use crate::vocabulary::value::Value;

/// Padding at the end may be left out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Calls a function on a text, on bytes, or on a list of texts.
pub(super) fn call(
    builtin: Builtin,
    arguments: &[&Value],
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    match (builtin, arguments) {
        (Builtin::Join, [Value::List(texts), separator @ ..]) => join(texts, separator, budget),
        (Builtin::Encode, [Value::Bytes(bytes)]) => {
            budget.spend(built(bytes.len() / 3 * 4))?;
            Ok(Value::String(STANDARD.encode(bytes).into()))
        }
        (_, [Value::String(text), rest @ ..]) => on_text(builtin, text, rest, budget),
        _ => failed("this function takes a text"),
    }
}

fn on_text(
    builtin: Builtin,
    text: &str,
    rest: &[&Value],
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    if matches!(builtin, Builtin::Replace) {
        return replace(text, rest, budget);
    }
    if matches!(builtin, Builtin::Split) {
        return split(text, rest, budget);
    }
    // What the rest build is no longer than a few times the text.
    budget.spend(built(text.len()))?;
    match (builtin, rest) {
        (Builtin::LowerAscii, []) => Ok(Value::String(text.to_ascii_lowercase().into())),
        (Builtin::UpperAscii, []) => Ok(Value::String(text.to_ascii_uppercase().into())),
        (Builtin::Trim, []) => Ok(Value::string(text.trim())),
        (Builtin::Reverse, []) => Ok(Value::String(text.chars().rev().collect::<String>().into())),
        (Builtin::Quote, []) => Ok(Value::String(quoted(text).into())),
        (Builtin::Decode, []) => match LENIENT.decode(text) {
            Ok(bytes) => Ok(Value::Bytes(bytes.into())),
            Err(_) => failed("this text is no base64"),
        },
        (Builtin::CharAt, [Value::Int(at)]) => match byte_at(text, *at) {
            Some(start) => Ok(Value::String(
                text.get(start..)
                    .and_then(|rest| rest.chars().next())
                    .map(String::from)
                    .unwrap_or_default()
                    .into(),
            )),
            None => outside(),
        },
        (Builtin::Substring, [Value::Int(start), end @ ..]) => substring(text, *start, end),
        (Builtin::IndexOf | Builtin::LastIndexOf, [Value::String(sought), from @ ..]) => {
            find(builtin, text, sought, from)
        }
        _ => failed("this function does not take these arguments"),
    }
}

/// The byte at which a code point begins; its end for the position behind the last.
fn byte_at(text: &str, position: i64) -> Option<usize> {
    let position = usize::try_from(position).ok()?;
    let starts = text.char_indices().map(|(byte, _)| byte);
    starts.chain([text.len()]).nth(position)
}

fn outside<T>() -> Result<T, EvalError> {
    failed("the text has no such position")
}

fn substring(text: &str, start: i64, end: &[&Value]) -> Result<Value, EvalError> {
    let end = match end {
        [Value::Int(end)] => byte_at(text, *end),
        _ => Some(text.len()),
    };
    let range = byte_at(text, start).zip(end);
    match range.and_then(|(start, end)| text.get(start..end)) {
        Some(part) => Ok(Value::string(part)),
        None => outside(),
    }
}

/// The first place at or behind a position, or the last at or before it; -1 where there is none.
fn find(builtin: Builtin, text: &str, sought: &str, from: &[&Value]) -> Result<Value, EvalError> {
    let from = match from {
        [Value::Int(from)] => match byte_at(text, *from) {
            Some(byte) => Some(byte),
            // Nothing is found everywhere, behind the end too.
            None if sought.is_empty() && *from >= 0 => Some(text.len()),
            None => return outside(),
        },
        _ => None,
    };
    if from == Some(text.len()) && !sought.is_empty() {
        return outside();
    }
    let found = if builtin == Builtin::IndexOf {
        let from = from.unwrap_or(0);
        let behind = text.get(from..).and_then(|rest| rest.find(sought));
        behind.map(|byte| byte + from)
    } else {
        // One that begins at the position may reach beyond it.
        let end = from.map_or(text.len(), |from| (from + sought.len()).min(text.len()));
        let bytes = text.as_bytes().get(..end).unwrap_or_default();
        last(bytes, sought.as_bytes())
    };
    let position = found.map_or(Some(-1), |byte| {
        let before = text.get(..byte)?.chars().count();
        i64::try_from(before).ok()
    });
    position.map_or_else(outside, |position| Ok(Value::Int(position)))
}

/// The last place of some bytes. Whole texts begin only where code points do.
fn last(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
    };
    text.rfind(std::str::from_utf8(sought).ok()?)
}

fn replace(text: &str, rest: &[&Value], budget: &mut Budget) -> Result<Value, EvalError> {
    let (from, to, limit) = match rest {
        [Value::String(from), Value::String(to)] => (from, to, usize::MAX),
        [Value::String(from), Value::String(to), Value::Int(limit)] => {
            (from, to, usize::try_from(*limit).unwrap_or(usize::MAX))
        }
        _ => return failed("`replace` takes two texts and a count"),
    };
    let count = text.matches(&**from).take(limit).count();
    let grown = count.saturating_mul(to.len()).saturating_add(text.len());
    budget.spend(built(grown))?;
    Ok(Value::String(text.replacen(&**from, to, count).into()))
}

fn split(text: &str, rest: &[&Value], budget: &mut Budget) -> Result<Value, EvalError> {
    let (separator, limit) = match rest {
        [Value::String(separator)] => (&**separator, usize::MAX),
        [Value::String(separator), Value::Int(limit)] => {
            (&**separator, usize::try_from(*limit).unwrap_or(usize::MAX))
        }
        _ => return failed("`split` takes a text and a count"),
    };
    let count = if separator.is_empty() {
        text.chars().count()
    } else {
        text.matches(separator).take(limit).count() + 1
    };
    budget.spend(count.min(limit).saturating_add(built(text.len())))?;
    let parts: Vec<Value> = if separator.is_empty() {
        split_chars(text, limit).map(Value::string).collect()
    } else {
        text.splitn(limit, separator).map(Value::string).collect()
    };
    Ok(Value::List(parts.into()))
}

/// Each code point by itself; the last of so many parts is all the rest.
fn split_chars(text: &str, limit: usize) -> impl Iterator<Item = &str> {
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8());
    let mut start = 0;
    ends.enumerate().take(limit).map_while(move |(count, end)| {
        let end = if count + 1 == limit { text.len() } else { end };
        let part = text.get(start..end);
        start = end;
        part
    })
}

fn join(texts: &[Value], separator: &[&Value], budget: &mut Budget) -> Result<Value, EvalError> {
    let separator: &str = match separator {
        [Value::String(separator)] => separator,
        _ => "",
    };
    let mut parts: Vec<&str> = Vec::new();
    let mut bytes = 0_usize;
    budget.spend(texts.len())?;
    for text in texts {
        let Value::String(text) = text else {
            return failed("`join` takes a list of texts");
        };
        bytes = bytes.saturating_add(text.len() + separator.len());
        parts.push(text);
    }
    budget.spend(built(bytes))?;
    Ok(Value::String(parts.join(separator).into()))
}

/// A text as it is written in double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        let escape = match c {
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\u{b}' => 'v',
            '\\' | '"' => c,
            _ => {
                quoted.push(c);
                continue;
            }
        };
        let _ = write!(quoted, "\\{escape}");
    }
    quoted.push('"');
    quoted
}
