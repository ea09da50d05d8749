//! Values as rules see them.

use std::collections::BTreeMap;
use std::sync::Arc;

pub use bigdecimal::BigDecimal as Decimal;
pub use uuid::Uuid;

/// A value of the rule language (rule-language, *Null, errors, doubt*).
///
/// `PartialEq` compares representations, for tests; the language's own `==` is `expr`'s.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON null and SQL NULL alike.
    Null,
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer; no column has this type.
    Uint(u64),
    /// A binary floating point number.
    Double(f64),
    /// An exact decimal number: a numeric column.
    Decimal(Decimal),
    /// Text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A point in time.
    Timestamp(Timestamp),
    /// A stretch of time.
    Duration(Duration),
    /// A uuid, which equals only uuids.
    Uuid(Uuid),
    /// A list.
    List(Arc<[Value]>),
    /// A map: a JSON object, or one that a rule wrote.
    Map(Arc<BTreeMap<MapKey, Value>>),
    /// A stored value that rules may only compare with null: char(n), time, inet, an infinite timestamp, NaN of a numeric, …
    Opaque,
}

/// The key of a map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapKey {
    /// A boolean key.
    Bool(bool),
    /// An integer key (`1` and `1u` are one key).
    Int(i64),
    /// An unsigned key beyond int64.
    Uint(u64),
    /// A text key.
    String(Arc<str>),
}

/// Nanoseconds since 1970-01-01T00:00:00Z. Columns hold whole microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i128);

/// Nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub i128);

impl Value {
    /// Text as a value.
    pub fn string(text: &str) -> Self {
        Self::String(text.into())
    }

    /// A JSON value as rules see it: integers within int64 are int, other numbers double.
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(b) => Self::Bool(*b),
            serde_json::Value::Number(n) => n
                .as_i64()
                .map(Self::Int)
                .or_else(|| n.as_str().parse().ok().map(Self::Double))
                .unwrap_or(Self::Opaque),
            serde_json::Value::String(s) => Self::string(s),
            serde_json::Value::Array(items) => {
                Self::List(items.iter().map(Self::from_json).collect())
            }
            serde_json::Value::Object(map) => Self::Map(Arc::new(
                map.iter()
                    .map(|(k, v)| (MapKey::String(k.as_str().into()), Self::from_json(v)))
                    .collect(),
            )),
        }
    }
}
