//! One transaction of an upload: attempts until it is applied, refused for good, or has to wait.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::apply::trouble::{self, Failed, Trouble};
use crate::apply::{Outcome, Road, Upload, operation};
use crate::driver::postgres::{self, Class, Session};
use crate::observe::{self, Event};
use crate::policy::Refusal;
use crate::reload::{Snapshot, Stale};
use crate::request::Transaction;
use crate::vocabulary::code::ErrorCode;

/// Attempts after the first where two transactions met.
const CONFLICTS_MAX: u32 = 3;

/// What may be tried once more, and was not yet.
struct Patience {
    conflicts: u32,
    may_reprepare: bool,
    may_recompile: bool,
}

/// What to do after an attempt failed.
enum Next {
    Again,
    End(Outcome),
}

/// Applies one transaction. `snapshot` is replaced where the catalogue had to be read again; the rules stay the same.
pub(super) async fn apply(
    road: &Road,
    upload: &Upload,
    snapshot: &mut Arc<Snapshot>,
    transaction: &Transaction,
) -> Outcome {
    if let Some(excess) = &transaction.excess {
        return Outcome::Refused(Refusal::new(ErrorCode::TransactionTooLarge, excess, excess));
    }
    let mut patience = Patience {
        conflicts: 0,
        may_reprepare: true,
        may_recompile: true,
    };
    // An empty transaction is a success, whatever the database is doing.
    while !transaction.operations.is_empty() {
        if Instant::now() >= upload.deadline {
            return Outcome::Retry(trouble::soon("the time for this request is over"));
        }
        let Err(trouble) = attempt(road, upload, snapshot, transaction).await else {
            road.store.health().mended();
            break;
        };
        match patience.next(road, upload, snapshot, trouble).await {
            Next::Again => {}
            Next::End(outcome) => return outcome,
        }
    }
    Outcome::Applied
}

/// One database transaction: all of its operations, or none.
async fn attempt(
    road: &Road,
    upload: &Upload,
    snapshot: &Snapshot,
    transaction: &Transaction,
) -> Result<(), Trouble> {
    let session = Session {
        claims: &upload.principal.claims_json,
        subject: &upload.principal.subject,
        deadline: upload.deadline,
    };
    let mut open = road.store.begin(session).await?;
    match operate(&mut open, road, upload, snapshot, transaction).await {
        Ok(()) => Ok(open.commit().await?),
        Err(trouble) => {
            open.rollback().await;
            Err(trouble)
        }
    }
}

async fn operate(
    open: &mut postgres::Transaction,
    road: &Road,
    upload: &Upload,
    snapshot: &Snapshot,
    transaction: &Transaction,
) -> Result<(), Trouble> {
    let bench = operation::Bench {
        plan: &snapshot.plan,
        upload,
        limits: road.store.limits(),
    };
    for (index, operation) in transaction.operations.iter().enumerate() {
        if let Some(reason) = snapshot
            .closed
            .get(operation.table.as_str().unwrap_or_default())
        {
            return Err(Trouble::Closed(reason.clone()));
        }
        let done = operation::apply(open, &bench, operation).await;
        let table = operation.table.as_str();
        done.map_err(|trouble| trouble.at(index, table.and_then(|name| bench.plan.table(name))))?;
    }
    open.settle().await?;
    Ok(())
}

impl Patience {
    async fn next(
        &mut self,
        road: &Road,
        upload: &Upload,
        snapshot: &mut Arc<Snapshot>,
        trouble: Trouble,
    ) -> Next {
        match trouble {
            Trouble::LostRaces => Next::End(Outcome::Retry(trouble::soon(
                "another upload keeps taking the key",
            ))),
            Trouble::Refused(refusal)
                if refusal.rests_on_catalog && snapshot.read_at < upload.arrived =>
            {
                freshen(road, upload, snapshot, upload.arrived).await
            }
            // The database may have been mended meanwhile.
            Trouble::Closed(_) if snapshot.read_at < upload.arrived => {
                freshen(road, upload, snapshot, upload.arrived).await
            }
            Trouble::Closed(reason) => Next::End(Outcome::Retry(trouble::mistake(reason))),
            Trouble::Refused(refusal) => Next::End(Outcome::Refused(refusal)),
            Trouble::Database(failed) => self.after(road, upload, snapshot, &failed).await,
        }
    }

    /// What the contract's table of SQLSTATEs says.
    async fn after(
        &mut self,
        road: &Road,
        upload: &Upload,
        snapshot: &mut Arc<Snapshot>,
        failed: &Failed,
    ) -> Next {
        let error = &failed.error;
        match error.class() {
            Class::Conflict if self.conflicts < CONFLICTS_MAX => {
                self.conflicts += 1;
                Next::Again
            }
            Class::Reprepare if std::mem::take(&mut self.may_reprepare) => {
                road.store.forget_statements();
                Next::Again
            }
            Class::Drift if std::mem::take(&mut self.may_recompile) => {
                road.store.forget_statements();
                freshen(road, upload, snapshot, Instant::now()).await
            }
            Class::Conflict => Next::End(Outcome::Retry(trouble::soon(error.summary()))),
            Class::Retry | Class::Reprepare => {
                Next::End(Outcome::Retry(trouble::later(error.to_string())))
            }
            Class::Drift | Class::Mistake => Next::End(mistaken(road, &error.to_string())),
            Class::Fatal(code) => Next::End(Outcome::Refused(trouble::refusal(failed, code))),
            Class::Raised => Next::End(Outcome::Refused(trouble::raised(
                failed,
                upload.snapshot.edition.live.raised_messages,
            ))),
        }
    }
}

/// A plan whose reading of the catalogue began at `since` or later, so that the transaction is judged once more on it.
async fn freshen(
    road: &Road,
    upload: &Upload,
    snapshot: &mut Arc<Snapshot>,
    since: Instant,
) -> Next {
    let reading = road.current.freshen_for(snapshot, &road.store, since);
    let fresh = timeout_at(upload.deadline, reading).await;
    match fresh {
        Ok(Ok(fresh)) => {
            *snapshot = fresh;
            Next::Again
        }
        Ok(Err(Stale::Unread(error))) => {
            Next::End(Outcome::Retry(trouble::later(error.to_string())))
        }
        Ok(Err(stale @ Stale::Unfit(_))) => Next::End(mistaken(road, &stale.to_string())),
        Err(_) => Next::End(Outcome::Retry(trouble::soon(
            "the catalogue was not read in time",
        ))),
    }
}

/// Something an operator has to mend: held back, and told once.
fn mistaken(road: &Road, reason: &str) -> Outcome {
    if road.store.health().mistaken(reason.to_owned()) {
        observe::tell(&Event::Mistake(reason));
    }
    Outcome::Retry(trouble::mistake(reason))
}
