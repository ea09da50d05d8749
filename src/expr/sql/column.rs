//! Columns: how each type of Postgres carries what rules see of it.

use crate::catalog::{Column, Kind};
use crate::dialect::postgres::{Alias, Sql, sql};
use crate::expr::ir::{Node, RowSource};
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::scalar::{Null, Scalar};
use crate::expr::sql::stand::Origin;
use crate::expr::sql::{Made, Outside, Translator, Why};
use crate::expr::{TableId, Variable};
use crate::vocabulary::row::ColumnId;

/// The last day that a timestamp can have.
const LAST_DAY: &str = "'294276-12-31'::date";

/// A stored column: its facts, and what it is called.
pub(super) struct Cell<'a> {
    pub facts: &'a Column,
    pub sql: Sql,
    pub is_nullable: bool,
}

impl<'a> Translator<'a> {
    /// A column of a stored row.
    pub(super) fn cell(&self, node: &Node, source: &RowSource, column: ColumnId) -> Made<Cell<'a>> {
        let Some((alias, table)) = self.place(source) else {
            return Outside::of(Why::UnknownTable, node);
        };
        let Some(facts) = self.stand.column(table, column) else {
            return Outside::of(Why::UnknownTable, node);
        };
        if self.origin(source, column) == Origin::Derived {
            return Outside::of(Why::StoredPreset, node);
        }
        Ok(Cell {
            facts,
            sql: Sql::column(alias, facts.name.as_str()),
            is_nullable: !facts.not_null,
        })
    }

    /// What a row is called, and its table.
    pub(super) fn place(&self, source: &RowSource) -> Option<(Alias, TableId)> {
        match source {
            RowSource::Image(Variable::Old | Variable::New | Variable::This) => {
                Some((Alias::Target, self.stand.table))
            }
            source => self
                .rows
                .iter()
                .rev()
                .find(|seen| seen.source == *source)
                .map(|seen| (seen.alias, seen.table)),
        }
    }

    /// The value of a column of a stored row.
    pub(super) fn column(
        &mut self,
        node: &Node,
        source: &RowSource,
        column: ColumnId,
    ) -> Made<Scalar> {
        let cell = self.cell(node, source, column)?;
        let null = if cell.is_nullable {
            Null::Meant
        } else {
            Null::Never
        };
        let Some((sql, carrier)) = carried(&cell.sql, &cell.facts.ty.kind) else {
            return Outside::of(
                match cell.facts.ty.kind {
                    Kind::Json | Kind::Jsonb => Why::Json,
                    Kind::Array(_) => Why::Collection,
                    _ => Why::Opaque,
                },
                node,
            );
        };
        Ok(Scalar {
            odd: odd(&cell.sql, &cell.facts.ty.kind),
            is_plain: matches!(cell.facts.ty.kind, Kind::Text | Kind::Varchar(_))
                && is_deterministic(cell.facts),
            ..Scalar::new(sql, carrier, null)
        })
    }
}

/// Whether equal under a column's collation means equal bytes.
pub(super) fn is_deterministic(column: &Column) -> bool {
    column
        .collation
        .as_ref()
        .is_none_or(|collation| collation.is_deterministic)
}

/// A column as what carries its values.
pub(super) fn carried(column: &Sql, kind: &Kind) -> Option<(Sql, Carrier)> {
    Some(match kind {
        Kind::Bool => (column.clone(), Carrier::Bool),
        Kind::Int2 | Kind::Int4 | Kind::Int8 => (column.clone(), Carrier::Int),
        Kind::Float4 => (sql![column, "::float8"], Carrier::Double),
        Kind::Float8 => (column.clone(), Carrier::Double),
        Kind::Numeric(_) => (column.clone(), Carrier::Decimal),
        Kind::Uuid => (column.clone(), Carrier::Uuid),
        Kind::Text | Kind::Varchar(_) => (column.clone(), Carrier::Text),
        Kind::Citext | Kind::Enum(_) => (sql![column, "::text"], Carrier::Text),
        Kind::Bytea => (column.clone(), Carrier::Bytes),
        Kind::Timestamptz(_) => (column.clone(), Carrier::Time),
        Kind::Timestamp(_) => (sql!["(", column, " AT TIME ZONE 'UTC')"], Carrier::Time),
        // A date can lie beyond all timestamps, and its cast would raise.
        Kind::Date => (
            sql![
                "((CASE WHEN ",
                column,
                " > ",
                LAST_DAY,
                " THEN 'infinity'::date ELSE ",
                column,
                " END)::timestamp AT TIME ZONE 'UTC')",
            ],
            Carrier::Time,
        ),
        Kind::Char(_) | Kind::Time(_) | Kind::Json | Kind::Jsonb | Kind::Array(_) | Kind::Other => {
            return None;
        }
    })
}

/// Where a column holds what compares with null only.
fn odd(column: &Sql, kind: &Kind) -> Option<Sql> {
    Some(match kind {
        // NaN and the infinities of newer versions alone are no number less themselves.
        Kind::Numeric(_) => sql!["(", column, " - ", column, " <> 0)"],
        Kind::Timestamptz(_) | Kind::Timestamp(_) => sql!["(NOT isfinite(", column, "))"],
        Kind::Date => sql![
            "(NOT isfinite(",
            column,
            ") OR ",
            column,
            " > ",
            LAST_DAY,
            ")"
        ],
        _ => return None,
    })
}
