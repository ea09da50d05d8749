//! The judgement of one operation over its images: the meaning of the language (rule-language, *What happens to one operation*).
//!
//! Pure. A caller [`admit`]s an operation (steps 1 and 2), reads the row under lock, and [`judge`]s it (steps 3 to 8), reading
//! related rows when asked to, until there is a [`Verdict`].

use crate::vocabulary::code::ErrorCode;

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
}

/// One field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The app's name of the column; `None` where the whole row is meant.
    pub field: Option<String>,
    /// What is wrong, without the value.
    pub message: String,
}
