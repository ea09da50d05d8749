//! What keeps a transaction from being applied, and what the client is told about it.

use std::time::Duration;

use crate::apply::Retry;
use crate::driver::postgres::{DriverError, Phase};
use crate::plan::TablePlan;
use crate::policy::{Detail, Refusal};
use crate::vocabulary::code::ErrorCode;
use crate::vocabulary::row::ColumnId;

/// Why an attempt at a transaction ended without COMMIT.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The rules, or a value, refused an operation.
    Refused(Refusal),
    /// The database, or the road to it, failed.
    Database(Failed),
    /// COMMIT was sent, and whether it was done is not known.
    Unknown(DriverError),
    /// A change of the database closed the table.
    Closed(Closed),
    /// Another upload took the key, and keeps taking it.
    LostRaces,
    /// The database is not what the rules rest on, for the row at hand: nothing can be decided about it.
    Doubt(String),
    /// The same, for every row of the table: an operator has to mend it.
    Mistake(String),
}

/// Why a table is closed.
#[derive(Debug)]
pub(super) struct Closed {
    pub reason: String,
    /// The position of the operation on it, where the rules fit the database no more; else a guard was lost.
    pub misfit_at: Option<usize>,
}

/// An error of the database, and the operation it met.
#[derive(Debug)]
pub(super) struct Failed {
    pub error: DriverError,
    /// Its position, where one operation met it.
    pub operation_index: Option<usize>,
    /// The app's names of the columns it is about.
    pub fields: Vec<String>,
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<DriverError> for Trouble {
    fn from(error: DriverError) -> Self {
        Self::Database(Failed {
            error,
            operation_index: None,
            fields: Vec::new(),
        })
    }
}

impl Trouble {
    /// The same trouble, met by the operation at a position, on a table. What the session itself met is nobody's operation.
    pub(super) fn at(self, operation_index: usize, table: Option<&TablePlan>) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.at(operation_index)),
            Self::Database(failed) if failed.error.phase == Phase::Write => {
                Self::Database(Failed {
                    operation_index: Some(operation_index),
                    fields: table.map_or_else(Vec::new, |table| fields(table, &failed.error)),
                    ..failed
                })
            }
            other => other,
        }
    }
}

/// The app's names of the columns that an error of the database names, itself or by an index or foreign key.
fn fields(table: &TablePlan, error: &DriverError) -> Vec<String> {
    let mut columns: Vec<ColumnId> = Vec::new();
    if let Some((id, _)) = error
        .column
        .as_ref()
        .and_then(|name| table.facts.column(name))
    {
        columns.push(id);
    }
    if let Some(name) = error.constraint.as_deref() {
        let indexes = table
            .facts
            .indexes
            .iter()
            .filter(|index| &*index.name == name);
        columns.extend(indexes.flat_map(|index| index.columns.iter().flatten()));
        let keys = table
            .facts
            .foreign_keys
            .iter()
            .filter(|key| &*key.name == name);
        columns.extend(keys.flat_map(|key| &key.columns));
    }
    columns
        .into_iter()
        .filter_map(|id| Some(table.field_of(id)?.0.to_string()))
        .collect()
}

/// The refusal of a database error that is fatal with a code.
pub(super) fn refusal(failed: &Failed, code: ErrorCode) -> Refusal {
    let what = match code {
        ErrorCode::NotNullViolation => "must not be null",
        ErrorCode::UniqueViolation => "is taken already",
        ErrorCode::ForeignKeyViolation => "refers to a row that is not there, or is referred to",
        ErrorCode::CheckViolation | ErrorCode::ConstraintViolation => {
            "breaks a constraint of the database"
        }
        ErrorCode::InvalidData => "cannot be stored",
        _ => "is not allowed",
    };
    let message = match failed.fields.first() {
        Some(field) => format!("`{field}` {what}"),
        None if code == ErrorCode::Unauthorized => "this write is not allowed".to_owned(),
        None => format!("a value {what}"),
    };
    let details = failed.fields.iter().map(|field| Detail {
        field: Some(field.clone()),
        message: what.to_owned(),
    });
    Refusal {
        details: details.collect(),
        operation_index: failed.operation_index,
        sqlstate: failed.error.sqlstate.clone(),
        ..Refusal::new(code, message, failed.error.summary())
    }
}

/// The refusal of a write that the changed database no longer fits, where the settings say that it shall not wait.
pub(super) fn mismatch(operation_index: Option<usize>, cause: impl Into<String>) -> Refusal {
    Refusal {
        operation_index,
        ..Refusal::new(
            ErrorCode::SchemaMismatch,
            "the server's table is not what it was",
            cause,
        )
    }
}

/// The refusal of an error that the database's own code raised on purpose.
pub(super) fn raised(failed: &Failed, shows_message: bool) -> Refusal {
    let message = if shows_message {
        failed.error.text.clone()
    } else {
        "the database refused this write".to_owned()
    };
    Refusal {
        operation_index: failed.operation_index,
        sqlstate: failed.error.sqlstate.clone(),
        may_quote: shows_message,
        ..Refusal::new(ErrorCode::Unclassified, message, failed.error.summary())
    }
}

/// Whose work is done again in a moment.
pub(super) fn soon(cause: impl Into<String>) -> Retry {
    retry(Duration::from_secs(1), "the database is busy", cause)
}

/// Whose work is for another gateway, or for this one when it is back.
pub(super) fn leaving() -> Retry {
    let message = "the server is about to stop";
    retry(Duration::from_secs(1), message, "the gateway is stopping")
}

/// Whose work waits until the database is there again.
pub(super) fn later(cause: impl Into<String>) -> Retry {
    retry(
        Duration::from_secs(5),
        "the database cannot be reached for now",
        cause,
    )
}

/// Whose work waits until an operator has mended something.
pub(super) fn mistake(cause: impl Into<String>) -> Retry {
    retry(
        Duration::from_secs(10),
        "the server cannot take this write for now",
        cause,
    )
}

/// Whose work waits until the rules know its table and its columns.
pub(super) fn unknown(cause: impl Into<String>) -> Retry {
    retry(
        Duration::from_secs(10),
        "the server does not know this table or one of these columns yet",
        cause,
    )
}

fn retry(after: Duration, message: &str, cause: impl Into<String>) -> Retry {
    Retry {
        message: message.to_owned(),
        after,
        cause: cause.into(),
    }
}
