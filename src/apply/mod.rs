//! Uploads → the database: one transaction after the other, each read under lock, judged, written, settled.

mod operation;
mod transaction;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::auth::Principal;
use crate::driver::postgres::Store;
use crate::policy::Refusal;
use crate::reload::{Current, Snapshot};
use crate::request::Batch;
use crate::settings::OnFatalError;
use crate::vocabulary::value::Timestamp;

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

/// Where uploads are applied.
#[derive(Clone, Debug)]
pub struct Road {
    /// The database.
    pub store: Store,
    /// The rules in force.
    pub current: Arc<Current>,
}

/// One upload: who sends it, when it arrived, and until when it has to be answered.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The plan that decides it.
    pub snapshot: Arc<Snapshot>,
    /// Who asks.
    pub principal: Arc<Principal>,
    /// What is asked.
    pub batch: Batch,
    /// `request.time`.
    pub time: Timestamp,
    /// `request.id`.
    pub request_id: Arc<str>,
    /// When it arrived.
    pub arrived: Instant,
    /// When it has to be answered.
    pub deadline: Instant,
}

/// Applies an upload: one outcome for each transaction, in order (contract, *POST /api/data*).
///
/// Run it in a task of its own: a client that hangs up must not cut a transaction in half.
pub async fn batch(road: &Road, upload: Upload) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(upload.batch.transactions.len());
    let mut snapshot = upload.snapshot.clone();
    let mut goes_on = true;
    for transaction in &upload.batch.transactions {
        let outcome = if goes_on {
            transaction::apply(road, &upload, &mut snapshot, transaction).await
        } else {
            Outcome::NotAttempted
        };
        goes_on =
            goes_on && outcome.lets_the_batch_go_on(upload.snapshot.edition.live.on_fatal_error);
        outcomes.push(outcome);
    }
    outcomes
}

impl Outcome {
    fn lets_the_batch_go_on(&self, on_fatal_error: OnFatalError) -> bool {
        match self {
            Self::Applied => true,
            Self::Refused(refusal) => {
                on_fatal_error == OnFatalError::Skip && !refusal.requires_client_handling
            }
            Self::Retry(_) | Self::NotAttempted => false,
        }
    }
}
