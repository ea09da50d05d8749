//! Postgres statements, made of three verbs: syntax, identifier, slot.
//!
//! Every parameter is text, cast to its column's type; every column is read as the text Postgres prints for it. A cast never
//! carries a length or precision: `$1::varchar(3)` truncates silently, where assignment raises an error.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::catalog::{Column, Kind, Table};
use crate::vocabulary::names::Target;
use crate::vocabulary::row::ColumnId;

mod conditional;
mod sql;
#[cfg(test)]
mod tests;

pub use conditional::{Arm, Conditional, Rows, conditional, is_within, set_to};
pub(crate) use sql::sql;
pub use sql::{Alias, Sql};

/// The text of a statement whose parameters are all text, or arrays of text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// The text. It never holds a value.
    pub text: Arc<str>,
}

/// A statement while it is written.
#[derive(Default)]
struct Writer {
    text: String,
    slots: usize,
}

impl Writer {
    fn syntax(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    fn identifier(mut self, name: &str) -> Self {
        self.text.push_str(&quoted(name));
        self
    }

    fn table(self, target: &Target) -> Self {
        self.identifier(&target.schema)
            .syntax(".")
            .identifier(&target.table)
    }

    /// The next parameter, cast to a column's type.
    fn slot(mut self, column: &Column) -> Self {
        self.slots += 1;
        let _ = write!(self.text, "${}::text{}", self.slots, cast(column));
        self
    }

    /// Items with a comma between them.
    fn list<T>(
        self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(Self, T) -> Self,
    ) -> Self {
        let mut writer = self;
        for (position, item) in items.into_iter().enumerate() {
            if position > 0 {
                writer = writer.syntax(", ");
            }
            writer = each(writer, item);
        }
        writer
    }

    fn done(self) -> Statement {
        Statement {
            text: self.text.into(),
        }
    }
}

/// Checks deferred constraints.
pub const SETTLE: &str = "SET CONSTRAINTS ALL IMMEDIATE";

/// A name that cannot end early.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The cast of a text parameter to a column's type. Text types need none: assignment enforces their length.
fn cast(column: &Column) -> String {
    match column.ty.kind {
        Kind::Text | Kind::Varchar(_) | Kind::Char(_) => String::new(),
        _ => format!("::{}", column.ty.cast),
    }
}

/// The lock under which a row is read. Each but the first needs the UPDATE privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// None: nothing that follows could be allowed.
    None,
    /// That of an update which leaves the key alone.
    Update,
    /// That of a delete.
    Delete,
}

/// Reads the columns of one row by its key, under a lock.
pub fn read_target(table: &Table, key: ColumnId, columns: &[ColumnId], lock: Lock) -> Statement {
    let lock = match lock {
        Lock::None => "",
        Lock::Update => " FOR NO KEY UPDATE",
        Lock::Delete => " FOR UPDATE",
    };
    let writer = Writer::default()
        .syntax("SELECT ")
        .list(columns.iter().filter_map(|id| table.at(*id)), read_column)
        .syntax(" FROM ")
        .table(&table.target)
        .syntax(" r WHERE ");
    by_key(writer, table, key).syntax(lock).done()
}

fn read_column(writer: Writer, column: &Column) -> Writer {
    writer
        .syntax("(r.")
        .identifier(column.name.as_str())
        .syntax(")::text")
}

fn by_key(writer: Writer, table: &Table, key: ColumnId) -> Writer {
    match table.at(key) {
        Some(column) => writer
            .syntax("r.")
            .identifier(column.name.as_str())
            .syntax(" = ")
            .slot(column),
        None => writer.syntax("false"),
    }
}

/// Reads the rows that many keys match at once: one array of text for each matched pair of columns (mine, theirs). The first column read is the
/// position of the key in the arrays, from 1.
pub fn read_related(
    mine: &Table,
    theirs: &Table,
    matches: &[(ColumnId, ColumnId)],
    columns: &[ColumnId],
) -> Statement {
    let pairs: Vec<(usize, &Column, &Column)> = matches
        .iter()
        .enumerate()
        .filter_map(|(position, (my, their))| {
            Some((position + 1, mine.at(*my)?, theirs.at(*their)?))
        })
        .collect();
    let mut writer = Writer::default().syntax("SELECT x.ord::text");
    for column in columns.iter().filter_map(|id| theirs.at(*id)) {
        writer = read_column(writer.syntax(", "), column);
    }
    writer = writer.syntax(" FROM unnest(");
    writer = writer.list(&pairs, |writer, (slot, ..)| {
        writer.syntax(&format!("${slot}::text[]"))
    });
    writer = writer.syntax(") WITH ORDINALITY AS x(");
    writer = writer.list(&pairs, |writer, (slot, ..)| {
        writer.syntax(&format!("k{slot}"))
    });
    writer = writer
        .syntax(", ord) JOIN ")
        .table(&theirs.target)
        .syntax(" r ON ");
    for (slot, my, their) in &pairs {
        if *slot > 1 {
            writer = writer.syntax(" AND ");
        }
        writer = writer
            .syntax("r.")
            .identifier(their.name.as_str())
            .syntax(&format!(" = x.k{slot}{}", cast(my)));
    }
    let limit = pairs.len() + 1;
    writer
        .syntax(&format!(" LIMIT ${limit}::text::int8"))
        .done()
}

/// What an insert does when its key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTakenKey {
    /// No row, no error: the race is lost.
    Nothing,
    /// The database's own error.
    Raise,
}

/// Inserts a row of the given columns.
pub fn insert(
    table: &Table,
    key: ColumnId,
    columns: &[ColumnId],
    on_taken_key: OnTakenKey,
) -> Statement {
    let columns: Vec<&Column> = columns.iter().filter_map(|id| table.at(*id)).collect();
    let writer = Writer::default()
        .syntax("INSERT INTO ")
        .table(&table.target)
        .syntax(" (")
        .list(&columns, |writer, column| {
            writer.identifier(column.name.as_str())
        })
        .syntax(") VALUES (")
        .list(&columns, |writer, column| writer.slot(column))
        .syntax(")");
    match (on_taken_key, table.at(key)) {
        (OnTakenKey::Nothing, Some(key)) => writer
            .syntax(" ON CONFLICT (")
            .identifier(key.name.as_str())
            .syntax(") DO NOTHING")
            .done(),
        _ => writer.done(),
    }
}

/// Sets columns of one row; the key is the last parameter.
pub fn update(table: &Table, key: ColumnId, columns: &[ColumnId]) -> Statement {
    let writer = Writer::default()
        .syntax("UPDATE ")
        .table(&table.target)
        .syntax(" r SET ")
        .list(
            columns.iter().filter_map(|id| table.at(*id)),
            |writer, column| {
                writer
                    .identifier(column.name.as_str())
                    .syntax(" = ")
                    .slot(column)
            },
        )
        .syntax(" WHERE ");
    by_key(writer, table, key).done()
}

/// Deletes one row.
pub fn delete(table: &Table, key: ColumnId) -> Statement {
    let writer = Writer::default()
        .syntax("DELETE FROM ")
        .table(&table.target)
        .syntax(" r WHERE ");
    by_key(writer, table, key).done()
}

/// Whether a row of that key can be seen.
pub fn exists(table: &Table, key: ColumnId) -> Statement {
    let writer = Writer::default()
        .syntax("SELECT '1' FROM ")
        .table(&table.target)
        .syntax(" r WHERE ");
    by_key(writer, table, key).done()
}

/// Whether row-level security of a table applies to the login role, and to the writing role, if it has a name. A table that is gone has no row.
pub fn row_security() -> Statement {
    Writer::default()
        .syntax(
            "SELECT (c.relrowsecurity AND row_security_active(c.oid))::text, \
             (c.relrowsecurity AND NOT w.rolsuper AND NOT w.rolbypassrls \
             AND (c.relforcerowsecurity OR NOT pg_has_role(w.oid, c.relowner, 'USAGE')))::text \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles w ON w.rolname = coalesce($3::text, current_user) \
             WHERE n.nspname = $1::text AND c.relname = $2::text",
        )
        .done()
}

/// The text the database would store for a value.
pub fn canonical_text(column: &Column) -> Statement {
    Writer::default()
        .syntax("SELECT (")
        .slot(column)
        .syntax(")::text")
        .done()
}

/// Takes advisory locks, in the order of the array.
pub const ADVISORY_LOCKS: &str =
    "SELECT pg_advisory_xact_lock(x.k) FROM unnest($1::int8[]) AS x(k)";

/// `SET LOCAL ROLE` for the writing statement.
pub fn set_role(role: &str) -> String {
    format!("SET LOCAL ROLE {}", quoted(role))
}

/// The number of the transaction that is open; null where it has written nothing.
pub const TRANSACTION_ID: &str = "SELECT pg_current_xact_id_if_assigned()::text";

/// What became of a transaction, by its number.
pub const TRANSACTION_STATUS: &str = "SELECT pg_xact_status($1::text::xid8)";

/// Back to the login role.
pub const RESET_ROLE: &str = "RESET ROLE";

/// Sets what row-level security policies read: the claims as JSON text, and the subject.
pub const SET_CLAIMS: &str = "SELECT set_config('request.jwt.claims', $1::text, true), set_config('app.user_id', $2::text, true)";

/// The first statements of every transaction: isolation and every setting that decides what texts mean (reliability, *Reload*,
/// "Sessions are what we say they are"). Times in milliseconds.
pub fn begin(statement_ms: u128, lock_ms: u128, idle_ms: u128) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; \
         SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'; \
         SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL search_path = public; \
         SET LOCAL standard_conforming_strings = on; \
         SET LOCAL statement_timeout = {statement_ms}; SET LOCAL lock_timeout = {lock_ms}; \
         SET LOCAL idle_in_transaction_session_timeout = {idle_ms}; \
         SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
    )
}
