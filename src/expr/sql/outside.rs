//! Why a condition is read and judged: what it asks, and SQL does not answer exactly as the language does.

use std::fmt;
use std::ops::Range;

use crate::expr::ir::Node;

/// A condition that is read and judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Where in the text of the condition stands what keeps it outside.
    pub range: Range<usize>,
    /// Why.
    pub why: Why,
}

/// Why a condition is read and judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// `matches` over what is stored.
    Pattern,
    /// JSON that is stored.
    Json,
    /// Something of which the type is known only later.
    Dynamic,
    /// A function that Postgres does not have, or has otherwise.
    Function,
    /// A conversion of something stored.
    Conversion,
    /// A list or map that is built, compared or indexed.
    Collection,
    /// `map`, `filter` and macros of two variables.
    Macro,
    /// `changed` as a list.
    Changed,
    /// Numbers of two kinds.
    MixedNumbers,
    /// A stored text beside a stored uuid.
    TextAsUuid,
    /// Arithmetic of doubles and uints.
    Arithmetic,
    /// A part of a time.
    Calendar,
    /// A type that compares with null only.
    Opaque,
    /// A preset that is computed of the stored row.
    StoredPreset,
    /// Texts matched under collations that do not go together, or that find more than one row.
    Collation,
    /// A table that the catalogue does not hold.
    UnknownTable,
    /// A text of SQL that would be too long.
    TooLong,
}

impl Outside {
    pub(super) fn new(why: Why, range: &Range<usize>) -> Self {
        Self {
            range: range.clone(),
            why,
        }
    }

    /// It is what a node asks.
    pub(super) fn of<T>(why: Why, node: &Node) -> Result<T, Self> {
        Err(Self::new(why, &node.range))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pattern => "`matches` over what is stored: Postgres has other patterns",
            Self::Json => "members of a JSON column have types that show only when they are read",
            Self::Dynamic => "its type shows only when it is evaluated",
            Self::Function => "Postgres does not have this function, or has another of its name",
            Self::Conversion => "Postgres converts this otherwise",
            Self::Collection => "lists and maps of stored values are built in process",
            Self::Macro => {
                "of the macros, only `exists`, `all` and `exists_one` with one variable become SQL"
            }
            Self::Changed => "of `changed`, only `'x' in changed`, `exists` and `all` become SQL",
            Self::MixedNumbers => "Postgres rounds where numbers of two kinds meet",
            Self::TextAsUuid => "a stored text beside a stored uuid",
            Self::Arithmetic => "arithmetic of doubles raises errors in Postgres",
            Self::Calendar => "parts of times are taken in process",
            Self::Opaque => "a value of this type compares with `null` only",
            Self::StoredPreset => "a preset of this column reads `old`",
            Self::Collation => "it follows texts whose collation may find other rows",
            Self::UnknownTable => "the database does not show this table",
            Self::TooLong => "its SQL would be too long",
        })
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}
