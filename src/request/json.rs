//! JSON values with every digit, and the text that json and jsonb columns have for them.
//!
//! An item takes a byte or two of a body and many more here, so what can be borrowed from the text is, and no tree is made twice.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::request::number::Number;
use crate::request::scan::{self, Duplicates};
use crate::vocabulary::limits::SPELLED_DIGITS_MAX;
use crate::vocabulary::value::Value;

/// Depth of JSON text inside a value.
const DEPTH_MAX: usize = 64;

/// A JSON value. Numbers keep their text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json<'t> {
    Null,
    Bool(bool),
    Number(Cow<'t, str>),
    String(Cow<'t, str>),
    Array(Vec<Json<'t>>),
    Object(Vec<(Cow<'t, str>, Json<'t>)>),
}

impl<'t> Json<'t> {
    /// Reads JSON text; `None` where it is none, holds NUL or half a surrogate pair, or is too deep.
    pub(super) fn parse(text: &'t [u8]) -> Option<Self> {
        let mut defects = Vec::new();
        let range = scan::check(text, DEPTH_MAX, Duplicates::Allowed, &mut defects).ok()?;
        if !defects.is_empty() || std::str::from_utf8(text).is_err() {
            return None;
        }
        Self::checked(text.get(range)?)
    }

    /// Reads JSON text that was checked.
    pub(super) fn checked(text: &'t [u8]) -> Option<Self> {
        Some(match text.first()? {
            b'{' => Self::Object(
                scan::members(text)
                    .into_iter()
                    .map(|(key, value)| {
                        Some((
                            scan::decoded(text.get(key)?)?,
                            Self::checked(text.get(value)?)?,
                        ))
                    })
                    .collect::<Option<_>>()?,
            ),
            b'[' => Self::Array(
                scan::items(text)
                    .into_iter()
                    .map(|item| Self::checked(text.get(item)?))
                    .collect::<Option<_>>()?,
            ),
            b'"' => Self::String(scan::decoded(text)?),
            b't' => Self::Bool(true),
            b'f' => Self::Bool(false),
            b'n' => Self::Null,
            _ => Self::Number(std::str::from_utf8(text).ok()?.into()),
        })
    }

    /// A value of the rule language as JSON; `None` for one that JSON cannot hold.
    pub(super) fn of_value(value: &Value) -> Option<Self> {
        use crate::vocabulary::value::MapKey;
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Int(n) => Self::Number(n.to_string().into()),
            Value::Uint(n) => Self::Number(n.to_string().into()),
            Value::Double(n) if n.is_finite() => Self::Number(n.to_string().into()),
            Value::Decimal(n) => Self::Number(n.to_plain_string().into()),
            Value::String(s) => Self::String(s.to_string().into()),
            Value::Uuid(id) => Self::String(id.to_string().into()),
            Value::List(items) => {
                Self::Array(items.iter().map(Self::of_value).collect::<Option<_>>()?)
            }
            Value::Map(map) => Self::Object(
                map.iter()
                    .map(|(key, value)| match key {
                        MapKey::String(key) => {
                            Some((key.to_string().into(), Self::of_value(value)?))
                        }
                        _ => None,
                    })
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        })
    }

    /// The same as rules see it: integers within int64 are int, other numbers double.
    pub(super) fn to_value(&self) -> Value {
        use crate::vocabulary::value::MapKey;
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Number(text) => match (text.parse(), text.parse()) {
                (Ok(int), _) => Value::Int(int),
                (Err(_), Ok(double)) => Value::Double(double),
                _ => Value::Opaque,
            },
            Self::String(text) => Value::string(text),
            Self::Array(items) => Value::List(items.iter().map(Self::to_value).collect()),
            Self::Object(members) => Value::Map(Arc::new(
                members
                    .iter()
                    .map(|(key, value)| (MapKey::String(Arc::from(&**key)), value.to_value()))
                    .collect(),
            )),
        }
    }

    /// The same for `serde_json`. Built by its API, so that no key of user data is taken for one of its own.
    pub(super) fn to_serde(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(b) => serde_json::Value::Bool(*b),
            Self::Number(text) => serde_number(text),
            Self::String(text) => serde_json::Value::String(text.to_string()),
            Self::Array(items) => {
                serde_json::Value::Array(items.iter().map(Self::to_serde).collect())
            }
            Self::Object(members) => serde_json::Value::Object(
                members
                    .iter()
                    .map(|(key, value)| (key.to_string(), value.to_serde()))
                    .collect(),
            ),
        }
    }

    /// The text with nothing but what is needed. `None` for a number too long.
    pub(super) fn compact(&self) -> Option<String> {
        self.spelled_digits()?;
        let mut out = String::new();
        self.write(&mut out);
        Some(out)
    }

    /// The text jsonb prints: keys by length, then bytes; `: ` and `, `; numbers as numeric prints them. `None` for a number too long, or
    /// for many short ones that spell long ones.
    pub(super) fn normal(&self) -> Option<String> {
        self.spelled_digits()
            .filter(|digits| *digits <= SPELLED_DIGITS_MAX)?;
        let mut out = String::new();
        self.write_normal(&mut out)?;
        Some(out)
    }

    fn write_normal(&self, out: &mut String) -> Option<()> {
        match self {
            Self::Number(text) => out.push_str(&Number::parse(text)?.plain()),
            Self::Array(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    out.push_str(if position > 0 { ", " } else { "" });
                    item.write_normal(out)?;
                }
                out.push(']');
            }
            Self::Object(members) => {
                let mut sorted: Vec<(&str, &Self)> = by_key(members).into_iter().collect();
                sorted.sort_by_key(|(key, _)| key.len());
                out.push('{');
                for (position, (key, value)) in sorted.into_iter().enumerate() {
                    out.push_str(if position > 0 { ", " } else { "" });
                    write_string(out, key);
                    out.push_str(": ");
                    value.write_normal(out)?;
                }
                out.push('}');
            }
            other => other.write(out),
        }
        Some(())
    }

    /// About how long it is as text, without blanks.
    pub(super) fn written_bytes(&self) -> usize {
        match self {
            Self::Number(text) | Self::String(text) => text.len() + 3,
            Self::Array(items) => items.iter().map(Self::written_bytes).sum::<usize>() + 2,
            Self::Object(members) => {
                let members = members.iter();
                members
                    .map(|(key, value)| key.len() + 4 + value.written_bytes())
                    .sum::<usize>()
                    + 2
            }
            Self::Null | Self::Bool(_) => 5,
        }
    }

    /// Digits that its numbers have beyond those that are written: `1e999` has a thousand. `None` for a number too long.
    fn spelled_digits(&self) -> Option<usize> {
        match self {
            Self::Number(text) => spelled_digits(text),
            Self::Array(items) => items.iter().try_fold(0, |sum: usize, item| {
                sum.checked_add(item.spelled_digits()?)
            }),
            Self::Object(members) => members.iter().try_fold(0, |sum: usize, (_, value)| {
                sum.checked_add(value.spelled_digits()?)
            }),
            _ => Some(0),
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(b) => {
                let _ = write!(out, "{b}");
            }
            Self::Number(text) => out.push_str(text),
            Self::String(text) => write_string(out, text),
            Self::Array(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (position, (key, value)) in members.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    write_string(out, key);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Equality as jsonb's `=` has it: numbers by value, keys in any order.
    pub(super) fn means_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => match (Number::parse(a), Number::parse(b)) {
                (Some(a), Some(b)) => a.to_decimal() == b.to_decimal(),
                _ => a == b,
            },
            (Self::Array(a), Self::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.means_the_same(b))
            }
            (Self::Object(a), Self::Object(b)) => {
                let (a, b) = (by_key(a), by_key(b));
                a.len() == b.len()
                    && a.iter().zip(&b).all(|((key, value), (other, theirs))| {
                        key == other && value.means_the_same(theirs)
                    })
            }
            (a, b) => a == b,
        }
    }
}

/// Digits that a number has beyond those that are written. `None` for one too long.
fn spelled_digits(text: &str) -> Option<usize> {
    let length = Number::parse(text)?.plain().len();
    Some(length.saturating_sub(text.len()))
}

/// Members in the order of their keys; of equal keys the last stands.
fn by_key<'j, 't>(members: &'j [(Cow<'t, str>, Json<'t>)]) -> BTreeMap<&'j str, &'j Json<'t>> {
    members.iter().map(|(key, value)| (&**key, value)).collect()
}

/// A number for `serde_json`, with all its digits.
pub(super) fn serde_number(text: &str) -> serde_json::Value {
    text.parse::<serde_json::Number>().map_or_else(
        |_| serde_json::Value::String(text.to_owned()),
        serde_json::Value::Number,
    )
}

/// A string as Postgres escapes it.
fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
