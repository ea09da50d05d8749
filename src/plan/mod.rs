//! Rules × catalogue → [`Plan`]: every name resolved, every expression typed, every statement text made. Immutable.

mod advice;
mod columns;
mod compile;
mod computed;
mod conditional;
mod detour;
mod fitting;
mod grants;
mod key;
mod matches;
mod paths;
mod presets;
mod print;
mod quoted;
mod rejections;
mod relations;
mod schemas;
mod source;
mod standing;
mod table;
mod world;

use std::collections::{BTreeMap, BTreeSet};

pub use compile::{Compilation, compile};
pub use conditional::{Cell, ConditionalWrite, Decided};
pub use detour::Detour;
pub use fitting::{Partial, compile_fitting};
pub use paths::{Path, Purpose};
pub use rejections::Rejections;
pub use schemas::schema_problems;
pub use standing::Standing;

use crate::auth::ClaimsSchema;
use crate::catalog::{self, Column, ColumnType, Kind};
use crate::dialect::postgres::Statement;
use crate::expr::{Compiled, RelationId, TableId, Variable, World};
use crate::rules::Sensitive;
use crate::schema::Schema;
use crate::vocabulary::names::{ColumnName, FieldName, TableName};
use crate::vocabulary::operation::Op;
use crate::vocabulary::row::ColumnId;

/// The rules of one folder, compiled against one catalogue.
///
/// Invariant: a table with no rules has no entry, and no entry means deny.
#[derive(Debug)]
pub struct Plan {
    digest: String,
    text: String,
    tables: BTreeMap<TableName, TablePlan>,
    relations: Vec<RelationPlan>,
    world: World,
    claims: ClaimsSchema,
    rejections: Option<Rejections>,
    writes: conditional::Writes,
}

impl Plan {
    /// 12 hex digits of the SHA-256 of [`Plan::text`]: plans that decide alike have one digest.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The whole plan as text, for `rulegate check --plan`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The rules of a table, by the name the app uses.
    pub fn table(&self, name: &str) -> Option<&TablePlan> {
        self.tables.get(name)
    }

    /// All tables with rules, by the name the app uses.
    pub fn tables(&self) -> impl Iterator<Item = &TablePlan> {
        self.tables.values()
    }

    /// How the rows of all relations are read.
    pub fn relations(&self) -> impl Iterator<Item = &RelationPlan> {
        self.relations.iter()
    }

    /// How the rows of a relation are read; `None` where no condition follows it.
    pub fn relation(&self, id: RelationId) -> Option<&RelationPlan> {
        self.relations.iter().find(|relation| relation.id == id)
    }

    /// The tables that a judgement by the rules of one reads.
    pub fn rests_on<'p>(
        &'p self,
        table: &'p TablePlan,
    ) -> impl Iterator<Item = &'p catalog::Table> {
        let follows = |relation: &&RelationPlan| {
            let mut expressions = table.expressions();
            expressions.any(|one| one.reads().related.contains_key(&relation.id))
        };
        let related = self.relations.iter().filter(follows);
        std::iter::once(&table.facts).chain(related.map(|relation| &relation.facts))
    }

    /// Everything that expressions can name.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// How refusals are written to the app's own table, where it has one.
    pub fn rejections(&self) -> Option<&Rejections> {
        self.rejections.as_ref()
    }

    /// How letters keep a column, by the app's names; `None` is as it was sent.
    pub fn sensitive(&self, table: &str, field: &str) -> Option<Sensitive> {
        self.tables.get(table)?.fields.get(field)?.sensitive
    }

    /// Whether letters keep any column otherwise than as it was sent.
    pub fn has_sensitive(&self) -> bool {
        let mut fields = self.tables().flat_map(|table| table.fields.values());
        fields.any(|field| field.sensitive.is_some())
    }

    /// What a token's claims must fit.
    pub fn claims(&self) -> &ClaimsSchema {
        &self.claims
    }
}

/// The compiled rules of one table.
#[derive(Debug)]
pub struct TablePlan {
    /// The name the app uses.
    pub name: TableName,
    /// Its place in the world of expressions.
    pub id: TableId,
    /// The database's facts.
    pub facts: catalog::Table,
    /// The key column.
    pub key: ColumnId,
    /// What the app may write.
    pub fields: BTreeMap<FieldName, Field>,
    /// What the app may send and we drop.
    pub ignored: BTreeSet<FieldName>,
    /// Columns that only presets set, by the database's name: the app may send them, and never sets them.
    pub preset_only: BTreeMap<FieldName, ColumnId>,
    /// What is set here.
    pub presets: Vec<Preset>,
    /// Conditions that every op has to meet besides its grant.
    pub guards: Vec<Compiled>,
    /// Which guards of the project match it, by their position in rulegate.yaml.
    pub project_guards: BTreeSet<usize>,
    /// The grants.
    pub grants: Vec<Grant>,
    /// The checks, in file order.
    pub checks: Vec<Check>,
    /// The schema of the whole row.
    pub schema: Option<Schema>,
    /// The columns that an image of the row holds, in the order the read statements give them.
    pub image: Vec<ColumnId>,
    /// The columns by which rows of other tables are changed or deleted with a row here.
    pub followed: BTreeSet<ColumnName>,
    /// Reads the row for a PUT or PATCH: locked where the rules could allow an update.
    pub read_for_update: Statement,
    /// Reads the row for a DELETE: locked where the rules could allow one.
    pub read_for_delete: Statement,
}

/// A column that the app may write.
#[derive(Debug)]
pub struct Field {
    /// The database's column.
    pub column: ColumnId,
    /// May be set on create, never changed.
    pub is_immutable: bool,
    /// Used on create when the app sends none.
    pub default: Option<Compiled>,
    /// The schema of its value.
    pub schema: Option<Schema>,
    /// How dead letters keep it, where not as it was sent.
    pub sensitive: Option<Sensitive>,
}

/// A value that is set here, whatever the app sends.
#[derive(Debug)]
pub struct Preset {
    /// `Create` or `Update`.
    pub op: Op,
    /// The database's column.
    pub column: ColumnId,
    /// Its value.
    pub value: Compiled,
}

/// A grant for one op.
#[derive(Debug)]
pub struct Grant {
    /// The op it grants.
    pub op: Op,
    /// Its condition.
    pub condition: Compiled,
    /// The fields it covers; `None` covers all.
    pub fields: Option<BTreeSet<FieldName>>,
}

/// A check of the row.
#[derive(Debug)]
pub struct Check {
    /// What must be true.
    pub rule: Compiled,
    /// The code the app acts on.
    pub code: String,
    /// What a person reads.
    pub message: Option<String>,
    /// What a person reads, computed; `message` stands where that fails.
    pub message_expression: Option<Compiled>,
    /// The field it is about.
    pub field: Option<FieldName>,
    /// The ops it is judged for.
    pub ops: BTreeSet<Op>,
    /// Whether it is judged at the end of the transaction.
    pub is_deferred: bool,
    /// Whether the device keeps a write that it refuses, until the app decides.
    pub client_handles: bool,
    /// The relations that lead from the row itself, each as the image it is followed from and our matched columns: what a deferred check is locked by.
    pub matched: BTreeSet<(Variable, Vec<ColumnId>)>,
}

/// How the related rows of one relation are read.
#[derive(Debug)]
pub struct RelationPlan {
    /// Which relation.
    pub id: RelationId,
    /// Where it leads.
    pub facts: catalog::Table,
    /// The columns that are read, in the order the statement gives them.
    pub columns: Vec<ColumnId>,
    /// Reads the rows of several needs at once.
    pub read: Statement,
}

impl TablePlan {
    /// The facts of a column of the target.
    pub fn column(&self, id: ColumnId) -> Option<&Column> {
        self.facts.at(id)
    }

    /// The field that writes a column, by the app's name.
    pub fn field_of(&self, column: ColumnId) -> Option<(&FieldName, &Field)> {
        self.fields.iter().find(|(_, field)| field.column == column)
    }

    /// Whether a column has a preset for an op.
    pub fn is_preset(&self, column: ColumnId, op: Op) -> bool {
        self.presets
            .iter()
            .any(|preset| preset.column == column && preset.op == op)
    }

    /// Whether any check waits for the end of the transaction.
    pub fn has_deferred_checks(&self) -> bool {
        self.checks.iter().any(|check| check.is_deferred)
    }

    /// Whether what the app sends can differ from what the database stores in a way only the database can tell.
    pub fn needs_canonical_text(&self, column: ColumnId) -> bool {
        self.column(column)
            .is_some_and(|column| !crate::request::is_canonical(&column.ty.kind))
    }
}

/// Whether a condition speaks of an image at all, directly or through `this`.
fn names_image(compiled: &Compiled) -> bool {
    let variables = &compiled.reads().variables;
    [Variable::Old, Variable::New, Variable::This]
        .iter()
        .any(|image| variables.contains(image))
}

/// Whether texts of one type can be looked up among values of the other without an error in the database.
pub fn is_matchable(mine: &ColumnType, theirs: &ColumnType) -> bool {
    use Kind::{Citext, Int2, Int4, Int8, Text, Varchar};
    match (&mine.kind, &theirs.kind) {
        (Int2 | Int4 | Int8, Int2 | Int4 | Int8)
        | (Text | Varchar(_) | Citext, Text | Varchar(_) | Citext) => true,
        // Two enums with the same labels, and two types that we know by their text alone, are still two types.
        (mine_kind, their_kind) => mine_kind == their_kind && mine.cast == theirs.cast,
    }
}
