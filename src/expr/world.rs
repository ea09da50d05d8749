//! Which names expressions can use, and what types they have.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::catalog::ColumnType;
use crate::vocabulary::names::{ColumnName, FieldName, MemberName};
use crate::vocabulary::place::SourceText;
use crate::vocabulary::row::ColumnId;

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
    /// Relations and computed values that came to nothing. What is wrong is told where they are written; naming one is no second mistake.
    pub broken: BTreeSet<MemberName>,
    /// Whether part of its rules could not be read: a name that is not known may stand there, and is no mistake.
    pub is_incomplete: bool,
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

impl Variable {
    /// Every variable, in the order of the page.
    pub(super) const ALL: [Self; 8] = [
        Self::Auth,
        Self::New,
        Self::Old,
        Self::This,
        Self::Op,
        Self::Changed,
        Self::Request,
        Self::Metadata,
    ];

    /// The word rules use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::New => "new",
            Self::Old => "old",
            Self::This => "this",
            Self::Op => "op",
            Self::Changed => "changed",
            Self::Request => "request",
            Self::Metadata => "metadata",
        }
    }
}

/// Where an expression stands: what it may name.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// Everything that can be named.
    pub world: &'a World,
    /// The table whose rows `old`, `new` and `this` are.
    pub table: Option<TableId>,
    /// The computed value of that table that is being defined: it cannot read itself.
    pub defines: Option<&'a MemberName>,
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

/// What a compiled expression reads: so that only this is fetched, and a rule that reads what is unknown does not load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// The variables it names.
    pub variables: BTreeSet<Variable>,
    /// Columns of `old`, `new` and `this`.
    pub columns: BTreeSet<(Variable, ColumnId)>,
    /// Where the text first names each of them, or the computed value that reads it.
    pub places: BTreeMap<(Variable, ColumnId), Range<usize>>,
    /// Relations followed, at any depth, with the columns that are read of the related rows (matched columns of nested relations included).
    pub related: BTreeMap<RelationId, BTreeSet<ColumnId>>,
    /// Members that came to nothing, or may have. Where there is one, what was compiled means nothing.
    pub broken: BTreeSet<MemberName>,
}
