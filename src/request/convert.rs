//! A value that was sent, or computed by a rule → what its column stores (contract, *Values*).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::catalog::{ColumnType, Kind};
use crate::request::decode::Sent;
use crate::request::json::Json;
use crate::request::number::{self, Number};
use crate::request::stored::value_of;
use crate::request::{array, calendar};
use crate::vocabulary::limits::SPELLED_DIGITS_MAX;
use crate::vocabulary::row::Datum;
use crate::vocabulary::value::{Uuid, Value};

/// Why a value cannot be stored in its column, without the value: "is not a uuid".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(String);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn unfit<T>(text: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit(text.into()))
}

/// What a column stores for a value that a client sent.
pub fn convert(sent: &Sent, column: &ColumnType) -> Result<Datum, Unfit> {
    // What was read of it is gone before it is read again as what is stored.
    let text = match Json::checked(&sent.0) {
        Some(Json::Null) => return Ok(Datum::NULL),
        Some(json) => text(&json, &column.kind)?,
        None => return unfit("holds text that cannot be stored"),
    };
    Ok(stored_as(text, &column.kind))
}

/// The same for text, such as an id.
pub fn convert_text(text: &str, column: &ColumnType) -> Result<Datum, Unfit> {
    datum(&Json::String(text.into()), &column.kind)
}

/// What a column stores for a value that a rule computed (`default`, presets).
pub fn from_value(value: &Value, column: &ColumnType) -> Result<Datum, Unfit> {
    if matches!(value, Value::Null) {
        return Ok(Datum::NULL);
    }
    let text = match (value, &column.kind) {
        (Value::Timestamp(time), kind) => moment(time.0.div_euclid(1_000), kind)?,
        (Value::Bytes(bytes), Kind::Bytea) => hex(bytes),
        (_, Kind::Json | Kind::Jsonb) => {
            let json = Json::of_value(value)
                .ok_or_else(|| Unfit("cannot be stored as JSON".to_owned()))?;
            json_text(&json, &column.kind)?
        }
        _ => {
            let json = Json::of_value(value)
                .ok_or_else(|| Unfit("is of another type than the column".to_owned()))?;
            return datum(&json, &column.kind);
        }
    };
    Ok(stored_as(text, &column.kind))
}

fn datum(json: &Json, kind: &Kind) -> Result<Datum, Unfit> {
    match json {
        Json::Null => Ok(Datum::NULL),
        json => Ok(stored_as(text(json, kind)?, kind)),
    }
}

fn stored_as(text: String, kind: &Kind) -> Datum {
    Datum {
        value: value_of(&text, kind),
        text: Some(text.into()),
    }
}

/// The text that a column of this kind prints for a JSON value that is not null.
fn text(json: &Json, kind: &Kind) -> Result<String, Unfit> {
    match kind {
        Kind::Bool => boolean(json),
        Kind::Int2 => integer(json, i16::MIN.into(), i16::MAX.into(), "smallint"),
        Kind::Int4 => integer(json, i32::MIN.into(), i32::MAX.into(), "integer"),
        Kind::Int8 => integer(json, i64::MIN.into(), i64::MAX.into(), "bigint"),
        Kind::Float4 => single(json),
        Kind::Float8 => double(json),
        Kind::Numeric(precision) => numeric(json, *precision),
        Kind::Uuid => uuid(json),
        Kind::Text | Kind::Citext | Kind::Other => plain(json),
        Kind::Enum(_) => not_empty(plain(json)?),
        Kind::Varchar(length) => varchar(json, *length),
        Kind::Char(_) => Ok(plain(json)?.trim_end_matches(' ').to_owned()),
        Kind::Timestamptz(_) | Kind::Timestamp(_) | Kind::Date => time(json, kind),
        Kind::Time(digits) => time_of_day(json, *digits),
        Kind::Json | Kind::Jsonb => json_column(json, kind),
        Kind::Bytea => bytes(json),
        Kind::Array(element) => list(json, element),
    }
}

fn boolean(json: &Json) -> Result<String, Unfit> {
    let is_true = match json {
        Json::Bool(b) => *b,
        Json::Number(text) | Json::String(text) if text == "1" => true,
        Json::Number(text) | Json::String(text) if text == "0" => false,
        Json::String(text) if text == "true" => true,
        Json::String(text) if text == "false" => false,
        _ => return unfit("is not a boolean: write true, false, 1 or 0"),
    };
    Ok(is_true.to_string())
}

/// A number, or text that spells one.
fn number(json: &Json) -> Result<Number, Unfit> {
    let (Json::Number(text) | Json::String(text)) = json else {
        return unfit("is not a number");
    };
    Number::parse(text).ok_or_else(|| Unfit("is not a number of at most 1,000 digits".to_owned()))
}

fn integer(json: &Json, least: i128, most: i128, name: &str) -> Result<String, Unfit> {
    let number = number(json)?;
    match number.to_integer() {
        Some(value) if (least..=most).contains(&value) => Ok(value.to_string()),
        Some(_) => unfit(format!("is out of range for {name} ({least} to {most})")),
        None if number.whole_digits() > 39 => {
            unfit(format!("is out of range for {name} ({least} to {most})"))
        }
        None => unfit("is not a whole number"),
    }
}

fn double(json: &Json) -> Result<String, Unfit> {
    let (Json::Number(text) | Json::String(text)) = json else {
        return unfit("is not a number");
    };
    let value: f64 = number_shaped(text)?
        .parse()
        .map_err(|_| Unfit("is not a number".to_owned()))?;
    if value.is_finite() {
        Ok(number::double_text(value))
    } else {
        unfit("is out of range for double precision")
    }
}

fn single(json: &Json) -> Result<String, Unfit> {
    let (Json::Number(text) | Json::String(text)) = json else {
        return unfit("is not a number");
    };
    let value: f32 = number_shaped(text)?
        .parse()
        .map_err(|_| Unfit("is not a number".to_owned()))?;
    if value.is_finite() {
        Ok(number::single_text(value))
    } else {
        unfit("is out of range for real")
    }
}

/// Text that holds nothing but a decimal number: no `inf`, no `nan`, no blanks.
fn number_shaped(text: &str) -> Result<&str, Unfit> {
    let is_shaped = text.len() <= 1_000
        && text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if is_shaped {
        Ok(text)
    } else {
        unfit("is not a number of at most 1,000 digits")
    }
}

fn numeric(json: &Json, precision: Option<(u16, i16)>) -> Result<String, Unfit> {
    let number = number(json)?;
    let Some((precision, scale)) = precision else {
        return Ok(number.plain());
    };
    let rounded = number.rounded(scale);
    let whole_max = i32::from(precision) - i32::from(scale);
    let whole = i32::try_from(rounded.whole_digits()).unwrap_or(i32::MAX);
    let is_small_enough = if whole_max >= 0 {
        whole <= whole_max
    } else {
        rounded.is_below_power(whole_max.unsigned_abs())
    };
    if is_small_enough {
        Ok(rounded.plain())
    } else {
        unfit(format!("is out of range for numeric({precision}, {scale})"))
    }
}

fn uuid(json: &Json) -> Result<String, Unfit> {
    let Json::String(text) = json else {
        return unfit("is not a uuid");
    };
    let is_shaped = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| {
            if matches!(at, 8 | 13 | 18 | 23) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        });
    match Uuid::try_parse(text) {
        Ok(id) if is_shaped => Ok(id.to_string()),
        _ => unfit("is not a uuid"),
    }
}

/// Text as it is; a number becomes the text it was sent as.
fn plain(json: &Json) -> Result<String, Unfit> {
    match json {
        Json::String(text) | Json::Number(text) if text.contains('\0') => {
            unfit("holds a NUL character")
        }
        Json::String(text) | Json::Number(text) => Ok(text.to_string()),
        Json::Bool(_) => unfit("is a boolean where text is stored"),
        _ => unfit("is an object or a list where text is stored"),
    }
}

fn not_empty(text: String) -> Result<String, Unfit> {
    if text.is_empty() {
        unfit("is empty")
    } else {
        Ok(text)
    }
}

/// A text that is too long is left to the database to judge, which says so; but blanks beyond the length it would cut in silence.
fn varchar(json: &Json, length: Option<u32>) -> Result<String, Unfit> {
    let text = plain(json)?;
    let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
        return Ok(text);
    };
    let beyond = text.chars().skip(length);
    if text.chars().count() > length && beyond.into_iter().all(|c| c == ' ') {
        return unfit(format!("is longer than {length} characters"));
    }
    Ok(text)
}

fn time(json: &Json, kind: &Kind) -> Result<String, Unfit> {
    let read = match json {
        Json::String(text) => calendar::Moment::parse(text),
        _ => None,
    };
    match read {
        Some(read) => moment(read.micros(), kind),
        None => unfit("is not a time in ISO 8601, such as 2026-01-31T12:00:00Z"),
    }
}

/// The text of a point in time, given in microseconds since 1970.
fn moment(micros: i128, kind: &Kind) -> Result<String, Unfit> {
    let (digits, zone) = match kind {
        Kind::Timestamptz(digits) => (*digits, "+00"),
        Kind::Timestamp(digits) => (*digits, ""),
        Kind::Date => return in_range(micros).map(calendar::date_text),
        Kind::Text | Kind::Varchar(_) => return Ok(calendar::rfc3339(micros)),
        _ => return unfit("is a time, and the column holds another type"),
    };
    let micros = in_range(calendar::rounded(micros, digits))?;
    Ok(calendar::timestamp_text(micros, zone))
}

fn in_range(micros: i128) -> Result<i128, Unfit> {
    if calendar::is_in_range(micros) {
        Ok(micros)
    } else {
        unfit("is out of the range of times")
    }
}

fn time_of_day(json: &Json, digits: u8) -> Result<String, Unfit> {
    let read = match json {
        Json::String(text) => calendar::time_of_day(text),
        _ => None,
    };
    match read {
        Some(micros) => Ok(calendar::time_text(calendar::rounded_time(micros, digits))),
        None => unfit("is not a time of day, such as 12:30:00"),
    }
}

fn json_column(json: &Json, kind: &Kind) -> Result<String, Unfit> {
    let Json::String(text) = json else {
        return json_text(json, kind);
    };
    match Json::parse(text.as_bytes()) {
        Some(json) => json_text(&json, kind),
        None => unfit("is not JSON text"),
    }
}

fn json_text(json: &Json, kind: &Kind) -> Result<String, Unfit> {
    let text = if *kind == Kind::Json {
        json.compact()
    } else {
        json.normal()
    };
    text.ok_or_else(too_long)
}

fn too_long() -> Unfit {
    Unfit("holds a number of more than 1,000 digits, or too many long ones".to_owned())
}

fn bytes(json: &Json) -> Result<String, Unfit> {
    let Json::String(text) = json else {
        return unfit("is not base64 text");
    };
    if let Some(digits) = text.strip_prefix("\\x") {
        let is_hex =
            digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        return if is_hex {
            Ok(format!("\\x{}", digits.to_ascii_lowercase()))
        } else {
            unfit("is not hexadecimal after `\\x`")
        };
    }
    match STANDARD.decode(text.as_bytes()) {
        Ok(bytes) if !bytes.is_empty() => Ok(hex(&bytes)),
        _ => unfit("is not base64 text"),
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn list(json: &Json, element: &Kind) -> Result<String, Unfit> {
    let parsed;
    let items = match json {
        Json::Array(items) => items,
        Json::String(text) => {
            parsed = Json::parse(text.as_bytes());
            match &parsed {
                Some(Json::Array(items)) => items,
                _ => return unfit("is not JSON text of a list"),
            }
        }
        _ => return unfit("is not a list"),
    };
    let bytes_max = json.written_bytes().saturating_mul(4) + SPELLED_DIGITS_MAX;
    let mut bytes: usize = 0;
    let texts = items
        .iter()
        .map(|item| match item {
            Json::Null => Ok(None),
            Json::Array(_) if !matches!(element, Kind::Json | Kind::Jsonb) => {
                unfit("holds a list inside a list")
            }
            item => {
                let text = element_text(item, element)?;
                bytes = bytes.saturating_add(text.len());
                if bytes > bytes_max {
                    return Err(too_long());
                }
                Ok(Some(text))
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(array::print(&texts))
}

/// The text of an element, which for some types is another one inside a list than alone.
fn element_text(json: &Json, element: &Kind) -> Result<String, Unfit> {
    let text = text(json, element)?;
    Ok(match element {
        Kind::Bool if text == "true" => "t".to_owned(),
        Kind::Bool => "f".to_owned(),
        Kind::Char(length) => {
            let width = usize::try_from(*length).unwrap_or(0);
            format!("{text:<width$}")
        }
        _ => text,
    })
}

/// Text as a value of the rule language.
pub(super) fn string(text: &str) -> Value {
    Value::String(Arc::from(text))
}
