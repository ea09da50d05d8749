//! Text that the database printed → what rules and schemas see.

use std::str::FromStr as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::catalog::{ColumnType, Kind};
use crate::request::convert::string;
use crate::request::json::{Json, serde_number};
use crate::request::{array, calendar};
use crate::vocabulary::row::Datum;
use crate::vocabulary::value::{Decimal, Timestamp, Uuid, Value};

/// A stored value from the text that Postgres printed for it.
pub fn stored(text: Option<&str>, column: &ColumnType) -> Datum {
    match text {
        Some(text) => Datum {
            text: Some(text.into()),
            value: value_of(text, &column.kind),
        },
        None => Datum::NULL,
    }
}

/// What rules see of a text (rule-language, *Columns as CEL types*). What a rule may only compare with null is opaque.
pub(super) fn value_of(text: &str, kind: &Kind) -> Value {
    let seen = match kind {
        Kind::Bool => match text {
            "true" | "t" => Some(Value::Bool(true)),
            "false" | "f" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Int2 | Kind::Int4 | Kind::Int8 => text.parse().ok().map(Value::Int),
        Kind::Float4 => text
            .parse::<f32>()
            .ok()
            .map(|value| Value::Double(value.into())),
        Kind::Float8 => text.parse().ok().map(Value::Double),
        Kind::Numeric(_) => Decimal::from_str(text).ok().map(Value::Decimal),
        Kind::Uuid => Uuid::try_parse(text).ok().map(Value::Uuid),
        Kind::Text | Kind::Varchar(_) | Kind::Citext | Kind::Enum(_) => Some(string(text)),
        Kind::Timestamptz(_) | Kind::Timestamp(_) | Kind::Date => {
            calendar::printed(text).map(|micros| Value::Timestamp(Timestamp(micros * 1_000)))
        }
        Kind::Json | Kind::Jsonb => Json::parse(text.as_bytes()).map(|json| json.to_value()),
        Kind::Bytea => unhex(text).map(|bytes| Value::Bytes(Arc::from(bytes))),
        Kind::Array(element) => array::parse(text).map(|elements| {
            let values = elements.iter().map(|text| {
                text.as_deref()
                    .map_or(Value::Null, |text| value_of(text, element))
            });
            Value::List(values.collect())
        }),
        Kind::Char(_) | Kind::Time(_) | Kind::Other => None,
    };
    seen.unwrap_or(Value::Opaque)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?;
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect()
}

/// Whether a sent value differs from the stored one: another stored text; for jsonb, another meaning (rule-language, `changed`).
pub fn differs(stored: &Datum, sent: &Datum, kind: &Kind) -> bool {
    match (&stored.text, &sent.text) {
        (Some(stored), Some(sent)) if stored == sent => false,
        (Some(stored), Some(sent)) if *kind == Kind::Jsonb => {
            let (stored, sent) = (Json::parse(stored.as_bytes()), Json::parse(sent.as_bytes()));
            !matches!((stored, sent), (Some(stored), Some(sent)) if stored.means_the_same(&sent))
        }
        (stored, sent) => stored != sent,
    }
}

/// Whether the text we make for a value is the one the database will store. Where not, only the database can tell.
pub fn is_canonical(kind: &Kind) -> bool {
    match kind {
        Kind::Other => false,
        Kind::Array(element) => is_canonical(element),
        _ => true,
    }
}

/// What a JSON Schema sees (rule-language, *What happens to one operation*, 7).
pub fn to_json(datum: &Datum, column: &ColumnType) -> serde_json::Value {
    datum
        .text
        .as_deref()
        .map_or(serde_json::Value::Null, |text| json_of(text, &column.kind))
}

fn json_of(text: &str, kind: &Kind) -> serde_json::Value {
    match kind {
        Kind::Bool => serde_json::Value::Bool(text == "true" || text == "t"),
        Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Float4 | Kind::Float8 | Kind::Numeric(_) => {
            serde_number(text)
        }
        Kind::Timestamptz(_) | Kind::Timestamp(_) => match calendar::printed(text) {
            Some(micros) => calendar::rfc3339(micros).into(),
            None => text.into(),
        },
        Kind::Json | Kind::Jsonb => {
            Json::parse(text.as_bytes()).map_or(serde_json::Value::Null, |json| json.to_serde())
        }
        Kind::Bytea => {
            unhex(text).map_or_else(|| text.into(), |bytes| STANDARD.encode(bytes).into())
        }
        Kind::Array(element) => match array::parse(text) {
            Some(elements) => elements
                .iter()
                .map(|text| {
                    text.as_deref()
                        .map_or(serde_json::Value::Null, |text| json_of(text, element))
                })
                .collect(),
            None => text.into(),
        },
        _ => text.into(),
    }
}
