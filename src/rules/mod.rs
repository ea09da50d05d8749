//! Rules as written: a tree of YAML → [`RuleSet`], with places. Their tables may not exist: the catalogue has not been asked yet.

mod allow;
pub mod keys;
mod project;
mod table;

pub use project::gather;
pub use table::{CEL_WORDS, table};

use std::collections::BTreeSet;

use crate::vocabulary::names::{ColumnName, FieldName, MemberName, TableName, Target};
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::{Place, SourceJson, SourceText, Spanned};

/// All rules of a folder as written.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// The project's guards, from rulegate.yaml.
    pub guards: Vec<ProjectGuard>,
    /// Whether every table must have a guard or say `guard: none`.
    pub require_guard: bool,
    /// The JSON Schema of the claims, from rulegate.yaml.
    pub claims: Option<SourceJson>,
    /// The app's table that refusals are written to.
    pub rejections: Option<Spanned<Target>>,
    /// The tables, in file order.
    pub tables: Vec<TableRules>,
    /// The JSON Schema files under `schemas/`, by the path that `$ref` uses (`schemas/todo.json`).
    pub schemas: Vec<(String, SourceJson)>,
    /// What was there and could not be read.
    pub unread: Unread,
}

/// What was written and could not be read. It is told already: what hangs on it is no second mistake.
#[derive(Clone, Debug, Default)]
pub struct Unread {
    /// Whether anything at all was wrong in the files.
    pub is_anything: bool,
    /// Tables, by the name that their file gives them, or else by the file's own.
    pub tables: BTreeSet<TableName>,
    /// Schema files, by the path that `$ref` uses.
    pub schemas: BTreeSet<String>,
}

/// A guard of the whole project.
#[derive(Clone, Debug)]
pub struct ProjectGuard {
    /// Where it stands.
    pub place: Place,
    /// App names; `None` is `"*"`.
    pub tables: Option<Vec<Spanned<TableName>>>,
    /// It matches tables that have all these columns.
    pub having: Vec<Spanned<ColumnName>>,
    /// Its condition.
    pub rule: Option<SourceText>,
    /// Presets it adds.
    pub presets: Vec<Preset>,
    /// Columns it makes immutable (database names).
    pub immutable: Vec<Spanned<ColumnName>>,
}

/// The rules of one table as written.
#[derive(Clone, Debug)]
pub struct TableRules {
    /// The whole file.
    pub place: Place,
    /// The name the app uses.
    pub table: Spanned<TableName>,
    /// The database's name.
    pub target: Spanned<Target>,
    /// The key column (database name), `id` where none is written.
    pub key: Spanned<ColumnName>,
    /// What the app may write.
    pub columns: Vec<ColumnRule>,
    /// What the app may send and we drop.
    pub ignore: Vec<Spanned<FieldName>>,
    /// What is set here.
    pub presets: Vec<Preset>,
    /// JSON Schema of the whole new row.
    pub schema: Option<SourceJson>,
    /// The relations.
    pub relations: Vec<RelationRule>,
    /// The computed values.
    pub computed: Vec<(Spanned<MemberName>, SourceText)>,
    /// The grants.
    pub allow: Vec<Grant>,
    /// Why a grant of `true` is meant.
    pub public_reason: Option<String>,
    /// The checks, in file order.
    pub checks: Vec<Check>,
    /// The table's own guard.
    pub guard: Option<Guard>,
    /// Keys of the file whose value could not be read.
    pub unread_keys: BTreeSet<String>,
    /// Relations and computed values that could not be read, or whose names cannot be used.
    pub unread_members: BTreeSet<MemberName>,
}

impl TableRules {
    /// Whether a key of the file was written and could not be read.
    pub fn is_unread(&self, key: &str) -> bool {
        self.unread_keys.contains(key)
    }
}

/// One entry of `columns`.
#[derive(Clone, Debug)]
pub struct ColumnRule {
    /// The app's name.
    pub field: Spanned<FieldName>,
    /// The database's name; the app's where none is written.
    pub column: Spanned<ColumnName>,
    /// May be set on create, never changed.
    pub is_immutable: bool,
    /// Used on create when the app sends none.
    pub default: Option<SourceText>,
    /// JSON Schema of its value.
    pub schema: Option<SourceJson>,
    /// How dead letters keep its value, where not as it was sent.
    pub sensitive: Option<Spanned<Sensitive>>,
}

/// How dead letters keep the value of a column that is nobody's to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensitive {
    /// Encrypted with the operator's key.
    Encrypt,
    /// Not at all.
    Drop,
}

impl Sensitive {
    /// The word of the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Drop => "drop",
        }
    }
}

/// One preset.
#[derive(Clone, Debug)]
pub struct Preset {
    /// `Create` or `Update`.
    pub op: Op,
    /// The database's column.
    pub column: Spanned<ColumnName>,
    /// Its value.
    pub value: SourceText,
}

/// One relation.
#[derive(Clone, Debug)]
pub struct RelationRule {
    /// Its name.
    pub name: Spanned<MemberName>,
    /// Where it leads: an app name of this rule set, or else the database's name of a table without rules.
    pub table: Spanned<TableName>,
    /// `(their column, my column)`, database names.
    pub matches: Vec<(Spanned<ColumnName>, Spanned<ColumnName>)>,
}

/// One grant for one op. `write` is written out as three.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The op it grants.
    pub op: Op,
    /// Its condition.
    pub condition: SourceText,
    /// The fields it covers; `None` covers all.
    pub fields: Option<Vec<Spanned<FieldName>>>,
}

/// One check.
#[derive(Clone, Debug)]
pub struct Check {
    /// Where it stands.
    pub place: Place,
    /// What must be true.
    pub rule: SourceText,
    /// The code the app acts on.
    pub code: Spanned<String>,
    /// What a person reads.
    pub message: Option<String>,
    /// What a person reads, computed; `message` stands where that fails.
    pub message_expression: Option<SourceText>,
    /// The field it is about.
    pub field: Option<Spanned<FieldName>>,
    /// The ops it is judged for, where narrowed.
    pub ops: Option<Vec<Op>>,
    /// Judged at the end of the transaction.
    pub is_deferred: bool,
    /// The device keeps a write that it refuses, until the app decides.
    pub client_handles: bool,
}

/// A table's own guard.
#[derive(Clone, Debug)]
pub enum Guard {
    /// `guard: none`: no project guard is meant to match.
    None(Place),
    /// A condition that every op has to meet besides its grant.
    Condition(SourceText),
}
