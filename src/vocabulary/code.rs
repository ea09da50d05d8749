//! The error codes of the HTTP contract, *Error codes*.

use std::fmt;
use std::sync::Arc;

/// Why an operation was refused for good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorCode {
    /// No rule allows it.
    Unauthorized,
    /// A column that neither rules nor table know.
    SchemaMismatch,
    /// A value cannot be stored in its column.
    InvalidData,
    /// JSON Schema refused, or an immutable column would change.
    DocumentValidationFailure,
    /// The database's NOT NULL.
    NotNullViolation,
    /// The database's unique constraint.
    UniqueViolation,
    /// The database's foreign key.
    ForeignKeyViolation,
    /// The database's CHECK.
    CheckViolation,
    /// Another constraint of the database.
    ConstraintViolation,
    /// More operations or bytes than the limits allow.
    TransactionTooLarge,
    /// Raised on purpose by the database's own code.
    Unclassified,
    /// The code an author wrote on a `check`.
    Check(Arc<str>),
}

impl ErrorCode {
    /// The wire words of the contract; checks add their own.
    pub const WORDS: [&'static str; 11] = [
        "UNAUTHORIZED",
        "SCHEMA_MISMATCH",
        "INVALID_DATA",
        "DOCUMENT_VALIDATION_FAILURE",
        "NOT_NULL_VIOLATION",
        "UNIQUE_VIOLATION",
        "FOREIGN_KEY_VIOLATION",
        "CHECK_VIOLATION",
        "CONSTRAINT_VIOLATION",
        "TRANSACTION_TOO_LARGE",
        "UNCLASSIFIED_ERROR",
    ];

    /// The wire word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::SchemaMismatch => "SCHEMA_MISMATCH",
            Self::InvalidData => "INVALID_DATA",
            Self::DocumentValidationFailure => "DOCUMENT_VALIDATION_FAILURE",
            Self::NotNullViolation => "NOT_NULL_VIOLATION",
            Self::UniqueViolation => "UNIQUE_VIOLATION",
            Self::ForeignKeyViolation => "FOREIGN_KEY_VIOLATION",
            Self::CheckViolation => "CHECK_VIOLATION",
            Self::ConstraintViolation => "CONSTRAINT_VIOLATION",
            Self::TransactionTooLarge => "TRANSACTION_TOO_LARGE",
            Self::Unclassified => "UNCLASSIFIED_ERROR",
            Self::Check(code) => code,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
