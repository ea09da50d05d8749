//! The world of the oracle: a few typed tables, the rules over them, and what an app sends.
//!
//! Column 0 of a table is its key, a uuid named `id`.

use std::collections::BTreeMap;

use rulegate::vocabulary::code::ErrorCode;
use rulegate::vocabulary::operation::{Op, Verb};
use serde_json::Value as Json;

use super::condition::Condition;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    Bool,
    Int,
    /// `numeric(8,2)`.
    Num,
    Text,
    Time,
    Uuid,
}

/// A stored value, and what a condition computes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Val {
    Null,
    Bool(bool),
    Int(i64),
    /// Hundredths.
    Num(i64),
    Text(String),
    /// Microseconds since 1970.
    Time(i64),
    /// Lower case.
    Uuid(String),
}

/// From where the values of a column are drawn, so that rows meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    Plain,
    Users,
    Orgs,
    Rows,
}

/// One column of the database.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub ty: Ty,
    pub pool: Pool,
    pub not_null: bool,
    /// The database's own default.
    pub default: Option<Val>,
    pub is_unique: bool,
}

/// One table of the database, and its rule file where it has one.
#[derive(Clone, Debug)]
pub struct Table {
    /// The app's name.
    pub app: String,
    /// The database's name, without the schema.
    pub name: String,
    pub columns: Vec<Column>,
    pub rules: Option<Rules>,
}

/// One rule file.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub fields: Vec<Field>,
    pub ignore: Vec<String>,
    /// The JSON Schema of the whole row: shapes of some columns, by database name.
    pub row: Vec<(String, Shape)>,
    pub create_presets: Vec<(String, Condition)>,
    pub update_presets: Vec<(String, Condition)>,
    pub relations: Vec<Relation>,
    pub computed: Vec<(String, Condition)>,
    pub guard: Option<Condition>,
    pub create: Vec<Grant>,
    pub update: Vec<Grant>,
    pub delete: Vec<Grant>,
    /// Grants of all three.
    pub write: Vec<Grant>,
    pub checks: Vec<Check>,
}

/// One column that an app may write.
#[derive(Clone, Debug)]
pub struct Field {
    /// The app's name.
    pub app: String,
    pub column: String,
    pub is_immutable: bool,
    pub default: Option<Condition>,
    pub shape: Option<Shape>,
}

/// The JSON Schema of one column, as far as the oracle knows schemas.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Text of so many code points; null is refused.
    Length(usize, usize),
    /// An integer of a range; null is fine.
    Range(i64, i64),
}

/// Rows that a row leads to: `(their column, my column)`.
#[derive(Clone, Debug)]
pub struct Relation {
    pub name: String,
    pub table: usize,
    pub pairs: Vec<(String, String)>,
}

/// One grant, for some columns (app names) or for all.
#[derive(Clone, Debug)]
pub struct Grant {
    pub condition: Condition,
    pub columns: Option<Vec<String>>,
}

/// One check.
#[derive(Clone, Debug)]
pub struct Check {
    pub rule: Condition,
    pub code: String,
    pub ops: Option<Vec<Op>>,
    pub is_deferred: bool,
}

/// A guard of the whole project.
#[derive(Clone, Debug)]
pub struct ProjectGuard {
    pub having: Vec<String>,
    pub rule: Condition,
    pub create_presets: Vec<(String, Condition)>,
    pub immutable: Vec<String>,
}

/// Tables and rules.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub tables: Vec<Table>,
    pub guards: Vec<ProjectGuard>,
    /// `batch.on_fatal_error: skip`
    pub skips: bool,
}

/// A stored row: a value for each column.
pub type Row = Vec<Val>;

/// The rows of every table, by key.
pub type State = Vec<BTreeMap<String, Row>>;

/// One operation of an upload.
#[derive(Clone, Debug)]
pub struct Operation {
    pub verb: Verb,
    pub table: String,
    pub id: String,
    pub data: Vec<(String, Json)>,
    pub metadata: Option<String>,
}

/// One upload of one user.
#[derive(Clone, Debug)]
pub struct Upload {
    /// With the defaults of the claims schema put in.
    pub claims: BTreeMap<String, Json>,
    pub transactions: Vec<Vec<Operation>>,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Applied,
    /// Refused at an operation. More than one code stands here only where the pages leave the order open.
    Refused(usize, Vec<ErrorCode>),
    NotAttempted,
}

impl Table {
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }

    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.rules
            .as_ref()?
            .relations
            .iter()
            .find(|r| r.name == name)
    }

    pub fn computed(&self, name: &str) -> Option<&Condition> {
        let found = self
            .rules
            .as_ref()?
            .computed
            .iter()
            .find(|(n, _)| n == name)?;
        Some(&found.1)
    }
}

impl Rules {
    pub fn grants(&self, op: Op) -> impl Iterator<Item = &Grant> {
        let own = match op {
            Op::Create => &self.create,
            Op::Update => &self.update,
            Op::Delete => &self.delete,
        };
        own.iter().chain(&self.write)
    }

    pub fn field(&self, app: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.app == app)
    }
}

impl World {
    pub fn guards_of(&self, table: &Table) -> impl Iterator<Item = &ProjectGuard> {
        self.guards.iter().filter(|guard| {
            table.rules.is_some() && guard.having.iter().all(|c| table.position(c).is_some())
        })
    }

    /// The presets of an op: the table's own and those of the project's guards.
    pub fn presets<'a>(&'a self, table: &'a Table, op: Op) -> Vec<&'a (String, Condition)> {
        let Some(rules) = &table.rules else {
            return Vec::new();
        };
        match op {
            Op::Create => rules
                .create_presets
                .iter()
                .chain(self.guards_of(table).flat_map(|g| &g.create_presets))
                .collect(),
            Op::Update => rules.update_presets.iter().collect(),
            Op::Delete => Vec::new(),
        }
    }

    pub fn is_preset(&self, table: &Table, op: Op, column: &str) -> bool {
        self.presets(table, op).iter().any(|(c, _)| c == column)
    }

    pub fn is_immutable(&self, table: &Table, field: &Field) -> bool {
        field.is_immutable
            || self
                .guards_of(table)
                .any(|g| g.immutable.contains(&field.column))
    }
}
