//! Why a transaction is read and judged instead of being asked of the database at once.

/// Why a transaction is read and judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detour {
    /// The process was told to read and judge everything.
    Told,
    /// Somebody listens to each decision.
    Heard,
    /// Writes are done under another role.
    Role,
    /// The table is closed, or names and values are not what the rules know.
    Unfit,
    /// What is known before the database is asked refuses it.
    Refused,
    /// A condition has no SQL.
    Condition,
    /// A check waits for the end of the transaction.
    Deferred,
    /// A JSON Schema looks at the whole row.
    Schema,
    /// A preset reads the stored row.
    Preset,
    /// A trigger could tell, or change what was judged.
    Trigger,
    /// Row-level security applies to our role.
    RowSecurity,
    /// The table is none of the ordinary kind.
    Table,
    /// A value cannot be handed to the database as it is.
    Value,
    /// The database did not write every row.
    Unwritten,
    /// The database met an error.
    Error,
}

impl Detour {
    /// Its word, as the metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Heard => "heard",
            Self::Role => "role",
            Self::Unfit => "unfit",
            Self::Refused => "refused",
            Self::Condition => "condition",
            Self::Deferred => "deferred",
            Self::Schema => "schema",
            Self::Preset => "preset",
            Self::Trigger => "trigger",
            Self::RowSecurity => "row_security",
            Self::Table => "table",
            Self::Value => "value",
            Self::Unwritten => "unwritten",
            Self::Error => "error",
        }
    }
}
