//! Refusals: what a client learns, and what the log says.

use crate::vocabulary::code::ErrorCode;
use crate::vocabulary::names::FieldName;

/// An operation refused for good, and what its client learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code of the contract, or of a `check`.
    pub code: ErrorCode,
    /// What a person reads; ours or the rule author's, never the database's.
    pub message: String,
    /// What is wrong with which field, in the app's names.
    pub details: Vec<Detail>,
    /// Position in the transaction's `crud` array; `None` for a failure of the whole transaction.
    pub operation_index: Option<usize>,
    /// Whether the device keeps the write until the app decides.
    pub requires_client_handling: bool,
    /// For the log: which part refused, without values.
    pub cause: String,
    /// Whether the answer rests on the catalogue alone, so that a fresh reading may change it (contract, *No fatal answer from a stale picture*).
    pub rests_on_catalog: bool,
    /// Whether the rules do not know the table or a column, so that an app may be newer or older than they are (contract, `batch.unknown`).
    pub is_unknown: bool,
    /// Whether its message may quote values: an author's expression, or the database's own code, made it.
    pub may_quote: bool,
    /// The SQLSTATE of the database's error that it was made of.
    pub sqlstate: Option<String>,
}

/// One field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Detail {
    /// The app's name of the column; `None` where the whole row is meant.
    pub field: Option<String>,
    /// What is wrong, without the value.
    pub message: String,
}

impl Refusal {
    /// A refusal with a message for the client and a cause for the log.
    pub fn new(code: ErrorCode, message: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
            operation_index: None,
            requires_client_handling: false,
            cause: cause.into(),
            rests_on_catalog: false,
            is_unknown: false,
            may_quote: false,
            sqlstate: None,
        }
    }

    /// No rule allows it. The client learns no more than that.
    pub fn unauthorized(cause: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unauthorized, "this write is not allowed", cause)
    }

    /// A value of a field cannot be stored.
    pub fn invalid(field: &FieldName, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            details: vec![Detail {
                field: Some(field.to_string()),
                message: message.clone(),
            }],
            rests_on_catalog: true,
            ..Self::new(
                ErrorCode::InvalidData,
                format!("`{field}` {message}"),
                format!("field `{field}` does not convert"),
            )
        }
    }

    /// The same refusal, of an operation at a position of its transaction.
    #[must_use]
    pub fn at(mut self, operation_index: usize) -> Self {
        self.operation_index = Some(operation_index);
        self
    }

    /// The same refusal, of a table or column that the rules do not know.
    #[must_use]
    pub fn unknown(mut self) -> Self {
        self.is_unknown = true;
        self
    }

    /// The same refusal, resting on the catalogue alone.
    #[must_use]
    pub fn on_catalog(mut self) -> Self {
        self.rests_on_catalog = true;
        self
    }
}
