//! Statements that write a row where their conditions hold, and answer only for the rows that they wrote.
//!
//! Their parameters are numbered by the holes of their pieces. They come in two forms: for one row, with a text for each, and for many, where what
//! differs from row to row is an array of texts. The answer is the position of each row that was written, from 1.

use crate::catalog::{Column, Table};
use crate::dialect::postgres::{Alias, Sql, Statement, Writer, sql};
use crate::vocabulary::row::ColumnId;

/// What happens to a row, each with its columns and its condition.
#[derive(Clone, Debug, Default)]
pub struct Conditional {
    /// It is there: its columns are set.
    pub update: Option<Arm>,
    /// It is not there: it is inserted.
    pub create: Option<Arm>,
    /// It goes.
    pub delete: Option<Arm>,
}

/// One thing that can happen to a row.
#[derive(Clone, Debug, Default)]
pub struct Arm {
    /// The columns it sets, with what they are set to.
    pub columns: Vec<(ColumnId, Sql)>,
    /// What has to be true of the row.
    pub condition: Sql,
}

/// The rows of a statement.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// One: every parameter is a text.
    One,
    /// Many: these parameters are arrays, in the order of the rows.
    Many(&'a [usize]),
}

/// What a column is set to where another text was sent than the stored one. JSON that means the same stays as it is stored.
pub fn set_to(column: &Column, hole: usize) -> Sql {
    let sent = sql![Sql::hole(hole), Sql::cast_to(column)];
    match (&column.ty.kind, Sql::differs(column, Sql::hole(hole))) {
        (crate::catalog::Kind::Jsonb, Some(differs)) => {
            let stored = Sql::column(Alias::Target, column.name.as_str());
            sql![
                "CASE WHEN ",
                differs,
                " THEN ",
                sent,
                " ELSE ",
                stored,
                " END"
            ]
        }
        _ => sent,
    }
}

/// That a transaction is open, and is that of a caller: `BEGIN` may have failed, and what follows it would stand alone.
pub fn is_within(subject: usize) -> Sql {
    sql![
        "current_setting('app.user_id', true) = ",
        Sql::hole(subject)
    ]
}

/// The statement for rows whose key fills the first hole.
pub fn conditional(
    table: &Table,
    key: ColumnId,
    conditional: &Conditional,
    rows: Rows<'_>,
) -> Option<Statement> {
    let shape = Shape {
        table,
        key: table.at(key)?,
        rows,
    };
    let writer = Writer::default();
    let arms = (
        &conditional.update,
        &conditional.create,
        &conditional.delete,
    );
    Some(match arms {
        (Some(update), None, None) => shape.update(writer, update, Source::Own).done(),
        (None, None, Some(delete)) => shape.delete(writer, delete).done(),
        (update, Some(create), None) => shape.put(writer, update.as_ref(), create).done(),
        _ => return None,
    })
}

struct Shape<'a> {
    table: &'a Table,
    key: &'a Column,
    rows: Rows<'a>,
}

/// Where the rows of an arm come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The statement's own parameters.
    Own,
    /// The rows that all arms share.
    Shared,
}

impl Shape<'_> {
    fn text(&self, sql: &Sql) -> String {
        sql.text(|hole| match self.rows {
            Rows::Many(each) if each.contains(&hole) => format!("x.p{}", hole + 1),
            _ => format!("${}::text", hole + 1),
        })
    }

    fn is_many(&self) -> bool {
        matches!(self.rows, Rows::Many(_))
    }

    /// The key that was sent.
    fn sent_key(&self) -> Sql {
        sql![Sql::hole(0), Sql::cast_to(self.key)]
    }

    fn has_key(&self) -> Sql {
        let stored = Sql::column(Alias::Target, self.key.name.as_str());
        sql![stored, " = ", self.sent_key()]
    }

    fn position(&self) -> &'static str {
        if self.is_many() {
            "x.ord::text"
        } else {
            "'1'::text"
        }
    }

    /// `unnest(…) WITH ORDINALITY AS x(…)`.
    fn unnested(&self, writer: Writer) -> Writer {
        let Rows::Many(each) = self.rows else {
            return writer;
        };
        let names = each.iter().map(|hole| format!("p{}", hole + 1));
        writer
            .syntax("unnest(")
            .list(each, |writer, hole| {
                writer.syntax(&format!("${}::text[]", hole + 1))
            })
            .syntax(") WITH ORDINALITY AS x(")
            .list(names, |writer, name| writer.syntax(&name))
            .syntax(", ord)")
    }

    /// The rows beside the target, after a word.
    fn beside(&self, writer: Writer, word: &str, source: Source) -> Writer {
        match (self.is_many(), source) {
            (false, _) => writer,
            (true, Source::Own) => self.unnested(writer.syntax(word)),
            (true, Source::Shared) => writer.syntax(word).syntax("x"),
        }
    }

    fn update(&self, writer: Writer, arm: &Arm, source: Source) -> Writer {
        let columns = arm.columns.iter();
        let columns = columns.filter_map(|(id, value)| Some((self.table.at(*id)?, value)));
        let writer = writer
            .syntax("UPDATE ")
            .table(&self.table.target)
            .syntax(" r SET ")
            .list(columns, |writer, (column, value)| {
                writer
                    .identifier(column.name.as_str())
                    .syntax(" = ")
                    .syntax(&self.text(value))
            });
        let writer = self.beside(writer, " FROM ", source);
        self.matched(writer, arm)
    }

    fn delete(&self, writer: Writer, arm: &Arm) -> Writer {
        let writer = writer
            .syntax("DELETE FROM ")
            .table(&self.table.target)
            .syntax(" r");
        let writer = self.beside(writer, " USING ", Source::Own);
        self.matched(writer, arm)
    }

    /// Which rows of the target it is about, and the answer.
    fn matched(&self, writer: Writer, arm: &Arm) -> Writer {
        writer
            .syntax(" WHERE ")
            .syntax(&self.text(&self.has_key()))
            .syntax(" AND ")
            .syntax(&self.text(&arm.condition))
            .syntax(" RETURNING ")
            .syntax(self.position())
    }

    fn put(&self, writer: Writer, update: Option<&Arm>, create: &Arm) -> Writer {
        let mut writer = writer.syntax("WITH ");
        if self.is_many() {
            writer = self
                .unnested(writer.syntax("x AS (SELECT * FROM "))
                .syntax("), ");
        }
        if let Some(update) = update {
            writer = self
                .update(writer.syntax("u(ord) AS ("), update, Source::Shared)
                .syntax("), ");
        }
        writer = self
            .insert(writer.syntax("i(k) AS ("), create)
            .syntax(") SELECT ");
        if update.is_some() {
            writer = writer.syntax("u.ord FROM u UNION ALL SELECT ");
        }
        writer = writer.syntax(self.position()).syntax(" FROM i");
        if self.is_many() {
            writer = writer
                .syntax(" JOIN x ON i.k = ")
                .syntax(&self.text(&self.sent_key()));
        }
        writer
    }

    fn insert(&self, writer: Writer, arm: &Arm) -> Writer {
        let columns = arm.columns.iter();
        let columns: Vec<(&Column, &Sql)> = columns
            .filter_map(|(id, value)| Some((self.table.at(*id)?, value)))
            .collect();
        let writer = writer
            .syntax("INSERT INTO ")
            .table(&self.table.target)
            .syntax(" (")
            .identifier(self.key.name.as_str())
            .syntax(if columns.is_empty() { "" } else { ", " })
            .list(&columns, |writer, (column, _)| {
                writer.identifier(column.name.as_str())
            })
            .syntax(") SELECT ")
            .syntax(&self.text(&self.sent_key()))
            .syntax(if columns.is_empty() { "" } else { ", " })
            .list(&columns, |writer, (_, value)| {
                writer.syntax(&self.text(value))
            });
        let writer = self
            .beside(writer, " FROM ", Source::Shared)
            .syntax(" WHERE NOT EXISTS (SELECT FROM ")
            .table(&self.table.target)
            .syntax(" r WHERE ")
            .syntax(&self.text(&self.has_key()))
            .syntax(") AND ")
            .syntax(&self.text(&arm.condition));
        // What the database counts up on its own, it counts in the order of the operations.
        let order = if self.is_many() {
            " ORDER BY x.ord"
        } else {
            ""
        };
        writer
            .syntax(order)
            .syntax(" ON CONFLICT (")
            .identifier(self.key.name.as_str())
            .syntax(") DO NOTHING RETURNING ")
            .identifier(self.key.name.as_str())
    }
}
