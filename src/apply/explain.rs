//! A rehearsal of an upload: the same road, the same locks, the same words, and nothing is kept.

use std::sync::Arc;

use crate::apply::operation::Bench;
use crate::apply::transaction::{Next, Patience, excess, operate, session};
use crate::apply::trouble::{self, Trouble};
use crate::apply::{Outcome, Retry, Road, Told, Upload};
use crate::driver::postgres;
use crate::policy::Depth;
use crate::reload::Snapshot;
use crate::request::Transaction;

/// What would become of one transaction, and why.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The outcome.
    pub outcome: Outcome,
    /// Its operations as far as they were looked at.
    pub told: Vec<Told>,
}

/// What would become of an upload, transaction by transaction. Each sees what those before it did; at the end all of it is rolled back.
pub async fn explain(road: &Road, upload: &Upload) -> Vec<Explained> {
    let mut open = match road.store.rehearse(session(upload, None)).await {
        Ok(open) => open,
        Err(error) => return unread(upload, &trouble::later(error.to_string())),
    };
    let mut explained = Vec::new();
    let settings = &upload.snapshot.edition.live.batch;
    let mut goes_on = true;
    for transaction in &upload.batch.transactions {
        let next = if goes_on {
            rehearse(&mut open, road, upload, transaction).await
        } else {
            Explained {
                outcome: Outcome::NotAttempted,
                told: Vec::new(),
            }
        };
        goes_on = goes_on && next.outcome.lets_the_batch_go_on(settings.on_fatal_error);
        explained.push(next);
    }
    open.rollback().await;
    explained
}

/// Where the database cannot be asked: the first waits, the others are not attempted.
fn unread(upload: &Upload, retry: &Retry) -> Vec<Explained> {
    let outcomes = (0..upload.batch.transactions.len()).map(|position| match position {
        0 => Outcome::Retry(retry.clone()),
        _ => Outcome::NotAttempted,
    });
    outcomes
        .map(|outcome| Explained {
            outcome,
            told: Vec::new(),
        })
        .collect()
}

async fn rehearse(
    open: &mut postgres::Transaction,
    road: &Road,
    upload: &Upload,
    transaction: &Transaction,
) -> Explained {
    let mut told = Vec::new();
    if let Some(outcome) = excess(transaction) {
        return Explained { outcome, told };
    }
    let outcome = match part(open, road, upload, transaction, &mut told).await {
        Ok(()) => Outcome::Applied,
        Err(trouble) => {
            let outcome = end(road, upload, transaction, trouble)
                .await
                .under(&upload.snapshot.edition.live.batch);
            match open.undo_part().await {
                Ok(()) => outcome,
                Err(error) => Outcome::Retry(trouble::later(error.to_string())),
            }
        }
    };
    Explained { outcome, told }
}

async fn part(
    open: &mut postgres::Transaction,
    road: &Road,
    upload: &Upload,
    transaction: &Transaction,
    told: &mut Vec<Told>,
) -> Result<(), Trouble> {
    let bench = Bench {
        snapshot: &upload.snapshot,
        upload,
        limits: road.store.limits(),
        depth: Some(Depth::Accounts),
    };
    open.begin_part().await?;
    operate(open, &bench, transaction, told).await
}

/// What the trouble comes to where nothing is tried once more.
async fn end(road: &Road, upload: &Upload, transaction: &Transaction, trouble: Trouble) -> Outcome {
    let mut snapshot: Arc<Snapshot> = upload.snapshot.clone();
    let mut patience = Patience::NONE;
    let next = patience.next(road, upload, &mut snapshot, transaction, trouble);
    match next.await {
        Next::End(outcome) => outcome,
        Next::Again => Outcome::Retry(trouble::soon("the rules' picture of the database is old")),
    }
}
