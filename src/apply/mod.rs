//! Uploads → the database: one transaction after the other, each read under lock, judged, written, settled.

mod deferred;
mod doubt;
mod explain;
mod letter;
mod mistake;
mod operation;
mod paths;
mod rush;
mod sender;
mod told;
mod transaction;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

pub use explain::{Explained, explain};
pub use letter::Crowded;
pub use paths::Paths;
pub use sender::Sender;
use tokio::time::Instant;
pub use told::{End, Told, Workbench, refused};

use crate::apply::sender::Known;
use crate::auth::Principal;
use crate::driver::postgres::Store;
use crate::policy::Refusal;
use crate::reload::{Current, Snapshot};
use crate::request::Batch;
use crate::settings::{self, OnFatalError, Unknown};
use crate::vocabulary::value::Timestamp;

/// What became of one transaction of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed.
    Applied,
    /// An earlier attempt of it was committed, so there was nothing to do.
    Repeated,
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
    /// Where each decision is told; nowhere but in `rulegate dev`.
    pub workbench: Option<Workbench>,
    /// The subjects that have too many dead letters.
    pub crowded: Crowded,
    /// Whether every transaction is read and judged: the fast road is on trial, and closed where nobody opens it.
    pub reads_and_judges: bool,
    /// How many transactions took which road.
    pub paths: Paths,
}

/// One upload: who sends it, when it arrived, and until when it has to be answered.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The plan that decides it.
    pub snapshot: Arc<Snapshot>,
    /// Who asks.
    pub principal: Arc<Principal>,
    /// What the request says of itself, beside its token.
    pub sender: Sender,
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
    let rules = &upload.snapshot.edition.live.batch;
    let mut goes_on = true;
    for (position, transaction) in upload.batch.transactions.iter().enumerate() {
        let outcome = if goes_on && road.store.is_leaving() {
            Outcome::Retry(trouble::leaving())
        } else if goes_on {
            let known = Known::of(&upload, position, transaction);
            let outcome =
                transaction::apply(road, &upload, &mut snapshot, transaction, &known).await;
            let outcome = outcome.under(rules);
            letter::kept(road, &upload, &snapshot, transaction, &known, outcome).await
        } else {
            Outcome::NotAttempted
        };
        goes_on = goes_on && outcome.lets_the_batch_go_on(rules.on_fatal_error);
        outcomes.push(outcome);
    }
    outcomes
}

impl Outcome {
    /// What the settings make of a refusal (contract, *Error codes* and *The other shapes of the same endpoint*).
    fn under(self, settings: &settings::Batch) -> Self {
        match self {
            Self::Refused(refusal) if refusal.is_unknown && settings.unknown == Unknown::Retry => {
                Self::Retry(trouble::unknown(refusal.cause))
            }
            Self::Refused(mut refusal) => {
                let code = refusal.code.as_str();
                let is_listed = settings.client_handles.iter().any(|listed| listed == code);
                refusal.requires_client_handling |= is_listed;
                Self::Refused(refusal)
            }
            other => other,
        }
    }

    fn lets_the_batch_go_on(&self, on_fatal_error: OnFatalError) -> bool {
        match self {
            Self::Applied | Self::Repeated => true,
            Self::Refused(refusal) => {
                on_fatal_error == OnFatalError::Skip && !refusal.requires_client_handling
            }
            Self::Retry(_) | Self::NotAttempted => false,
        }
    }
}
