//! The types of the language.

use std::fmt;
use std::sync::Arc;

use crate::catalog::Kind;

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Of something that was already reported: it fits everywhere.
    Unknown,
    /// Known only when it is evaluated.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Decimal,
    String,
    /// A string out of a few, without order.
    Enum(Arc<[Arc<str>]>),
    /// A string that equals only uuids.
    Uuid,
    Bytes,
    Timestamp,
    Duration,
    List(Box<Type>),
    /// A map, by the type of its values.
    Map(Box<Type>),
    /// A stored type that compares with null only, by its name.
    Opaque(Arc<str>),
}

impl Type {
    /// The type of a column (rule-language, *Columns as CEL types*).
    pub(super) fn of_column(kind: &Kind, cast: &Arc<str>) -> Self {
        match kind {
            Kind::Bool => Self::Bool,
            Kind::Int2 | Kind::Int4 | Kind::Int8 => Self::Int,
            Kind::Float4 | Kind::Float8 => Self::Double,
            Kind::Numeric(_) => Self::Decimal,
            Kind::Uuid => Self::Uuid,
            Kind::Text | Kind::Varchar(_) | Kind::Citext => Self::String,
            Kind::Enum(labels) => Self::Enum(labels.clone()),
            Kind::Timestamptz(_) | Kind::Timestamp(_) | Kind::Date => Self::Timestamp,
            Kind::Json | Kind::Jsonb => Self::Dyn,
            Kind::Bytea => Self::Bytes,
            Kind::Array(element) => Self::List(Box::new(Self::of_column(element, cast))),
            Kind::Char(_) | Kind::Time(_) | Kind::Other => Self::Opaque(cast.clone()),
        }
    }

    /// Whether nothing can be said of it before it is evaluated.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Unknown | Self::Dyn)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double | Self::Decimal)
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::String | Self::Enum(_))
    }

    /// Whether `==` between two types can be true.
    pub(super) fn is_comparable(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown | Self::Dyn | Self::Null, _)
            | (_, Self::Unknown | Self::Dyn | Self::Null)
            | (Self::Uuid, Self::String)
            | (Self::String, Self::Uuid) => true,
            (Self::Opaque(_), _) | (_, Self::Opaque(_)) => false,
            (Self::List(left), Self::List(right)) | (Self::Map(left), Self::Map(right)) => {
                left.is_comparable(right)
            }
            _ => {
                self == other
                    || both(self, other, Self::is_number)
                    || both(self, other, Self::is_text)
            }
        }
    }

    /// Whether `<` between two types has an answer.
    pub(super) fn is_ordered_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown | Self::Dyn, other) | (other, Self::Unknown | Self::Dyn) => {
                other.is_open() || other.is_ordered_with(other)
            }
            (Self::Uuid, Self::String) | (Self::String, Self::Uuid) => true,
            (
                Self::Bool
                | Self::String
                | Self::Uuid
                | Self::Bytes
                | Self::Timestamp
                | Self::Duration,
                _,
            ) => self == other,
            _ => both(self, other, Self::is_number),
        }
    }

    /// The type of something that is either of two; `None` where they do not go together.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Some(Self::Unknown),
            (Self::Dyn, _) | (_, Self::Dyn) => Some(Self::Dyn),
            (Self::Null, ty) | (ty, Self::Null) => Some(ty.clone()),
            (Self::Int, Self::Decimal) | (Self::Decimal, Self::Int) => Some(Self::Decimal),
            (Self::Uuid, Self::String) | (Self::String, Self::Uuid) => Some(Self::Uuid),
            (Self::List(left), Self::List(right)) => left
                .join(right)
                .map(|element| Self::List(Box::new(element))),
            (Self::Map(left), Self::Map(right)) => {
                left.join(right).map(|value| Self::Map(Box::new(value)))
            }
            _ if self == other => Some(self.clone()),
            _ if both(self, other, Self::is_text) => Some(Self::String),
            _ => None,
        }
    }
}

fn both(left: &Type, right: &Type, is: impl Fn(&Type) -> bool) -> bool {
    is(left) && is(right)
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Unknown | Self::Dyn => "dynamic",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::Decimal => "decimal",
            Self::String => "string",
            Self::Enum(_) => "enum",
            Self::Uuid => "uuid",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::List(element) if element.is_open() => "list",
            Self::List(element) => return write!(f, "list of {element}"),
            Self::Map(_) => "map",
            Self::Opaque(name) => name,
        };
        f.write_str(name)
    }
}
