//! The text of a condition in pieces: syntax that stands in this program, names of the database, and holes that parameters fill.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::catalog::{Column, Kind};
use crate::dialect::postgres::quoted;
use crate::vocabulary::names::Target;

/// SQL while it is put together. Only text that stands in this program is syntax, so a value has no way into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sql(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Syntax(&'static str),
    Name(Arc<str>),
    /// A type as the catalogue spells it in a cast.
    Type(Arc<str>),
    Alias(Alias),
    Hole(usize),
}

/// What a row is called in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alias {
    /// The row that is written: `r`.
    Target,
    /// A row of a subselect: `t1`, `t2`, …
    Nested(usize),
}

/// Puts pieces one behind another.
macro_rules! sql {
    ($($piece:expr),* $(,)?) => {
        $crate::dialect::postgres::Sql::default()$(.with($piece))*
    };
}

pub(crate) use sql;

impl Sql {
    /// A name that cannot end early.
    pub fn name(name: &str) -> Self {
        Self(vec![Piece::Name(name.into())])
    }

    /// A type as the catalogue spells it in a cast.
    pub fn ty(cast: &Arc<str>) -> Self {
        Self(vec![Piece::Type(cast.clone())])
    }

    /// The cast that makes a text a value of a column, as the statements that read by a key have it.
    pub fn cast_to(column: &Column) -> Self {
        match column.ty.kind {
            Kind::Text | Kind::Varchar(_) | Kind::Char(_) => Self::default(),
            _ => sql!["::", Self::ty(&column.ty.cast)],
        }
    }

    /// Whether a stored value has another text than the one that is sent, jsonb another meaning. `None` where the text that we make for a
    /// value may not be the one that is stored.
    pub fn differs(column: &Column, sent: impl Into<Self>) -> Option<Self> {
        let stored = Self::column(Alias::Target, column.name.as_str());
        Some(match &column.ty.kind {
            Kind::Other => return None,
            Kind::Array(element) if **element == Kind::Other => return None,
            // Each of these has one text for all values that are equal.
            Kind::Bool
            | Kind::Int2
            | Kind::Int4
            | Kind::Int8
            | Kind::Uuid
            | Kind::Date
            | Kind::Time(_)
            | Kind::Timestamp(_)
            | Kind::Timestamptz(_)
            | Kind::Bytea
            | Kind::Enum(_)
            | Kind::Jsonb => {
                let cast = Self::cast_to(column);
                sql!["(", stored, " IS DISTINCT FROM ", sent, cast, ")"]
            }
            // 1.0 and 1.00 are equal, and so are 'A' and 'a' under some collations.
            _ => {
                sql![
                    "((",
                    stored,
                    ")::text COLLATE \"C\" IS DISTINCT FROM ",
                    sent,
                    ")"
                ]
            }
        })
    }

    /// What a row is called.
    pub fn alias(alias: Alias) -> Self {
        Self(vec![Piece::Alias(alias)])
    }

    /// A column of a row.
    pub fn column(alias: Alias, name: &str) -> Self {
        sql![Self::alias(alias), ".", Self::name(name)]
    }

    /// A table with its schema.
    pub fn table(target: &Target) -> Self {
        sql![Self::name(&target.schema), ".", Self::name(&target.table)]
    }

    /// A place that a parameter fills.
    pub fn hole(at: usize) -> Self {
        Self(vec![Piece::Hole(at)])
    }

    /// This, and something behind it.
    #[must_use]
    pub fn with(mut self, more: impl Into<Self>) -> Self {
        self.0.extend(more.into().0);
        self
    }

    /// The holes, each once, in the order in which they first stand in the text.
    pub fn holes(&self) -> Vec<usize> {
        let mut holes = Vec::new();
        for piece in &self.0 {
            if let Piece::Hole(at) = piece
                && !holes.contains(at)
            {
                holes.push(*at);
            }
        }
        holes
    }

    /// The same with other numbers for the holes.
    #[must_use]
    pub fn renumbered(mut self, number: impl Fn(usize) -> usize) -> Self {
        for piece in &mut self.0 {
            if let Piece::Hole(at) = piece {
                *at = number(*at);
            }
        }
        self
    }

    /// Of how many pieces it is made.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, with what stands in each hole.
    pub fn text(&self, hole: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Syntax(syntax) => text.push_str(syntax),
                Piece::Name(name) => text.push_str(&quoted(name)),
                Piece::Type(cast) => text.push_str(cast),
                Piece::Alias(Alias::Target) => text.push('r'),
                Piece::Alias(Alias::Nested(number)) => {
                    let _ = write!(text, "t{number}");
                }
                Piece::Hole(at) => text.push_str(&hole(*at)),
            }
        }
        text
    }
}

impl From<&'static str> for Sql {
    fn from(syntax: &'static str) -> Self {
        Self(vec![Piece::Syntax(syntax)])
    }
}

impl From<&Sql> for Sql {
    fn from(sql: &Sql) -> Self {
        sql.clone()
    }
}
