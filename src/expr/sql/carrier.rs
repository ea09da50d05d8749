//! What carries a value of the language through SQL.

use crate::expr::types::Type;

/// A type of Postgres that holds values of the language without loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Bool,
    Int,
    Double,
    Decimal,
    Text,
    Uuid,
    Bytes,
    /// A timestamp with time zone; infinite where the language has no such time.
    Time,
    /// An interval of hours, minutes and seconds alone.
    Stretch,
}

impl Carrier {
    /// What carries values of a type; `None` where nothing does.
    pub(super) fn of(ty: &Type) -> Option<Self> {
        Some(match ty {
            Type::Bool => Self::Bool,
            Type::Int => Self::Int,
            Type::Double => Self::Double,
            Type::Decimal => Self::Decimal,
            Type::String | Type::Enum(_) => Self::Text,
            Type::Uuid => Self::Uuid,
            Type::Bytes => Self::Bytes,
            Type::Timestamp => Self::Time,
            Type::Duration => Self::Stretch,
            Type::Unknown
            | Type::Dyn
            | Type::Null
            | Type::Uint
            | Type::List(_)
            | Type::Map(_)
            | Type::Opaque(_) => return None,
        })
    }

    /// The cast of a text to it.
    pub(super) fn cast(self) -> &'static str {
        match self {
            Self::Bool => "::boolean",
            Self::Int => "::int8",
            Self::Double => "::float8",
            Self::Decimal => "::numeric",
            Self::Text => "::text",
            Self::Uuid => "::uuid",
            Self::Bytes => "::bytea",
            Self::Time => "::timestamptz",
            Self::Stretch => "::interval",
        }
    }

    /// The cast of a text to an array of it.
    pub(super) fn list_cast(self) -> &'static str {
        match self {
            Self::Bool => "::boolean[]",
            Self::Int => "::int8[]",
            Self::Double => "::float8[]",
            Self::Decimal => "::numeric[]",
            Self::Text => "::text[]",
            Self::Uuid => "::uuid[]",
            Self::Bytes => "::bytea[]",
            Self::Time => "::timestamptz[]",
            Self::Stretch => "::interval[]",
        }
    }

    /// Whether it is a number.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Decimal)
    }
}
