//! CEL: text → typed IR → value. Parse, check, evaluate, within a budget.
//!
//! [`World`] and [`Scope`] say which names an expression may use and what types they have, [`Frame`] what they mean during one
//! evaluation, [`Related`] which related rows it found missing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::catalog::ColumnType;
use crate::vocabulary::names::{ColumnName, FieldName, MemberName};
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::SourceText;
use crate::vocabulary::row::{ColumnId, Row};
use crate::vocabulary::value::{Timestamp, Value};

/// A table that expressions can see: a position in [`World::tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

/// A relation of a table: a position in [`World::relations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationId(pub u32);

/// Every table, relation and claim that expressions of one rule set can name.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The tables.
    pub tables: Vec<TableShape>,
    /// The relations.
    pub relations: Vec<RelationShape>,
    /// The claims of the token.
    pub claims: ClaimsShape,
}

/// A table as expressions see it.
#[derive(Clone, Debug)]
pub struct TableShape {
    /// What error messages call it.
    pub name: String,
    /// Its columns; a `ColumnId` is a position here.
    pub columns: Vec<ColumnShape>,
    /// Its relations by name.
    pub relations: BTreeMap<MemberName, RelationId>,
    /// Its computed values by name: CEL over `this` and `auth`, inlined where used.
    pub computed: BTreeMap<MemberName, SourceText>,
}

/// A column as expressions see it.
#[derive(Clone, Debug)]
pub struct ColumnShape {
    /// The database's name.
    pub name: ColumnName,
    /// Its type.
    pub ty: ColumnType,
    /// Whether it may hold NULL.
    pub is_nullable: bool,
    /// Whether the database computes it (unknown in `new` and `this`).
    pub is_generated: bool,
}

/// A relation as expressions see it.
#[derive(Clone, Debug)]
pub struct RelationShape {
    /// Its name.
    pub name: MemberName,
    /// Where it starts.
    pub from: TableId,
    /// Where it leads.
    pub to: TableId,
    /// At most one row, which may be dereferenced; else only `exists`, `all` and `size`.
    pub is_to_one: bool,
    /// Our column and theirs, for each matched pair, in the order of `Need::key`.
    pub matches: Vec<(ColumnId, ColumnId)>,
}

/// The type of `auth`.
#[derive(Clone, Debug, Default)]
pub struct ClaimsShape {
    /// The `properties` of the claims schema, each a JSON Schema; `sub` is always there.
    pub properties: BTreeMap<String, serde_json::Value>,
    /// The claims that every accepted token has, after defaults.
    pub always: BTreeSet<String>,
    /// Whether a `claims` schema was given. Without one, claims other than `sub` are dynamic.
    pub is_declared: bool,
}

/// The variables of the language (rule-language, *Variables*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// The claims.
    Auth,
    /// The stored row.
    Old,
    /// The row as it will be stored.
    New,
    /// Each image in turn.
    This,
    /// What happens to the row.
    Op,
    /// The fields whose value differs.
    Changed,
    /// `request.time`, `request.id`.
    Request,
    /// The entry's metadata.
    Metadata,
}

/// Where an expression stands: what it may name.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// Everything that can be named.
    pub world: &'a World,
    /// The table whose rows `old`, `new` and `this` are.
    pub table: Option<TableId>,
    /// The variables it may use here; another one of the language is an error that says so.
    pub variables: &'a [Variable],
    /// The fields that `changed` may hold, so that `'x' in changed` can be checked.
    pub fields: &'a BTreeSet<FieldName>,
    /// What its value must be.
    pub expected: Expected<'a>,
}

/// What the value of an expression must be.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// A condition.
    Condition,
    /// A value to be stored in a column (`default`, presets).
    Column(&'a ColumnType),
    /// Text (`message_expression`).
    Text,
    /// Anything (`computed`).
    Any,
}

/// Something wrong with an expression, at a range of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes of the expression's text.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// It compiles all the same.
    pub is_warning: bool,
}

/// What a compiled expression reads: so that only this is fetched, and a rule that reads what is unknown does not load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// The variables it names.
    pub variables: BTreeSet<Variable>,
    /// Columns of `old`, `new` and `this`.
    pub columns: BTreeSet<(Variable, ColumnId)>,
    /// Relations followed, at any depth, with the columns that are read of the related rows (matched columns of nested relations included).
    pub related: BTreeMap<RelationId, BTreeSet<ColumnId>>,
}

/// Related rows that an evaluation asked for and did not find in [`Related`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Need {
    /// Along which relation.
    pub relation: RelationId,
    /// The texts of our matched columns, none of them NULL (a null matches nothing, and nothing is asked).
    pub key: Vec<Arc<str>>,
}

/// The related rows read so far, and those found missing.
///
/// An evaluation that lacks rows notes the need and goes on as with an error; whoever evaluates looks at [`Related::missing`] afterwards,
/// reads them, puts them in, and evaluates again. What such an evaluation said counts only when nothing was missing.
#[derive(Debug, Default)]
pub struct Related {
    rows: std::collections::HashMap<Need, Arc<[Row]>>,
    given_up: BTreeSet<Need>,
    missing: RefCell<BTreeSet<Need>>,
}

impl Related {
    /// The rows of a need, or a note that they are missing.
    pub fn rows(&self, need: &Need) -> Option<&Arc<[Row]>> {
        let found = self.rows.get(need);
        if found.is_none() && !self.given_up.contains(need) {
            self.missing.borrow_mut().insert(need.clone());
        }
        found
    }

    /// Takes the notes.
    pub fn missing(&self) -> BTreeSet<Need> {
        self.missing.take()
    }

    /// Puts rows in.
    pub fn insert(&mut self, need: Need, rows: Arc<[Row]>) {
        self.rows.insert(need, rows);
    }

    /// Notes that the rows of a need are too many to be read: asking for them is an error from now on.
    pub fn give_up(&mut self, need: Need) {
        self.given_up.insert(need);
    }

    /// How many rows are held.
    pub fn count(&self) -> usize {
        self.rows.values().map(|rows| rows.len()).sum()
    }
}

/// What the names mean during one evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The claims: a map.
    pub auth: &'a Value,
    /// The stored row.
    pub old: Option<&'a Row>,
    /// The row as it will be stored.
    pub new: Option<&'a Row>,
    /// The image that `this` means now.
    pub this: Option<&'a Row>,
    /// What happens to the row.
    pub op: Op,
    /// The fields whose sent value differs.
    pub changed: &'a BTreeSet<FieldName>,
    /// `request.time`.
    pub time: Timestamp,
    /// `request.id`.
    pub request_id: &'a str,
    /// The entry's metadata.
    pub metadata: Option<&'a str>,
    /// Related rows.
    pub related: &'a Related,
}

/// Why an expression has no value. All of them mean "does not hold".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An error of the language: null ordered, overflow, an absent claim, …
    #[error("{0}")]
    Failed(String),
    /// The step budget is spent.
    #[error("the evaluation took more than {0} steps")]
    OutOfBudget(usize),
    /// Related rows are not there yet; see [`Related`].
    #[error("related rows are missing")]
    Missing,
}

/// Steps left for one operation.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Steps allowed in all.
    pub steps_max: usize,
    /// Steps left.
    pub steps_left: usize,
}

/// A compiled expression: every name resolved, every type checked.
#[derive(Clone, Debug)]
pub struct Compiled {
    text: Arc<str>,
    reads: Reads,
    warnings: Vec<Fault>,
}

impl Compiled {
    /// Its value. A condition holds only where this is `Ok(Value::Bool(true))`.
    pub fn evaluate(&self, frame: &Frame<'_>, budget: &mut Budget) -> Result<Value, EvalError> {
        let _ = (frame, budget);
        Err(EvalError::Missing)
    }

    /// What it reads.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Its text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What compiles, and its author should look at.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }
}

/// Compiles an expression; everything that is wrong with it, in the order of the text.
pub fn compile(text: &str, scope: &Scope<'_>) -> Result<Compiled, Vec<Fault>> {
    let _ = scope;
    Ok(Compiled {
        text: text.into(),
        reads: Reads::default(),
        warnings: Vec::new(),
    })
}

/// The type of `auth` from the JSON Schema of the claims.
pub fn claims_shape(schema: Option<&serde_json::Value>) -> ClaimsShape {
    let _ = schema;
    ClaimsShape::default()
}
