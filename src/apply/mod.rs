//! One transaction after the other: read under lock, judge, write, settle.

use std::time::Duration;

use crate::policy::Refusal;

/// What became of one transaction of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed.
    Applied,
    /// Refused for good; nothing of it is in the database.
    Refused(Refusal),
    /// Not applied; the device shall send it again.
    Retry(Retry),
    /// The batch stopped before it.
    NotAttempted,
}

/// Why a transaction was not applied, and when to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// For the client: ours, general.
    pub message: String,
    /// When to try again.
    pub after: Duration,
    /// For the log.
    pub cause: String,
}
