//! One transaction of an upload: attempts until it is applied, refused for good, or has to wait.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::apply::deferred::{self, Touches};
use crate::apply::doubt::{self, Trail};
use crate::apply::mistake;
use crate::apply::operation::{self, Bench};
use crate::apply::rush::{Rush, rush};
use crate::apply::sender::Known;
use crate::apply::trouble::{self, Closed, Failed, Trouble};
use crate::apply::{Outcome, Road, Told, Upload};
use crate::catalog::Column;
use crate::driver::postgres::{self, Class, Once, Session, Uncommitted};
use crate::journal::ledger::Entry;
use crate::policy::{Depth, Refusal};
use crate::reload::{Snapshot, Stale};
use crate::request::Transaction;
use crate::settings::OnSchemaDrift;
use crate::vocabulary::code::ErrorCode;
use crate::vocabulary::names::Target;

/// Attempts after the first where two transactions met.
const CONFLICTS_MAX: u32 = 3;

/// What may be tried once more, and was not yet.
pub(super) struct Patience {
    conflicts: u32,
    may_reprepare: bool,
    may_recompile: bool,
}

/// What to do after an attempt failed.
pub(super) enum Next {
    Again,
    End(Outcome),
}

/// Applies one transaction. `snapshot` is replaced where the catalogue had to be read again; the rules stay the same.
pub(super) async fn apply(
    road: &Road,
    upload: &Upload,
    snapshot: &mut Arc<Snapshot>,
    transaction: &Transaction,
    known: &Known,
) -> Outcome {
    let mut told = Vec::new();
    let outcome = decide(road, upload, snapshot, transaction, known, &mut told).await;
    if let Some(workbench) = &road.workbench {
        workbench.tell(&upload.principal.subject, &snapshot.plan, &outcome, &told);
    }
    outcome
}

async fn decide(
    road: &Road,
    upload: &Upload,
    snapshot: &mut Arc<Snapshot>,
    transaction: &Transaction,
    known: &Known,
    told: &mut Vec<Told>,
) -> Outcome {
    if let Some(excess) = excess(transaction) {
        return excess;
    }
    let mut patience = Patience {
        conflicts: 0,
        may_reprepare: true,
        may_recompile: true,
    };
    // Only the first attempt is made on the fast road: what went wrong there is found out by reading and judging.
    let mut is_first = true;
    // An empty transaction is a success, whatever the database is doing.
    while !transaction.operations.is_empty() {
        if Instant::now() >= upload.deadline {
            return Outcome::Retry(trouble::soon("the time for this request is over"));
        }
        let attempted = if std::mem::take(&mut is_first) {
            Box::pin(hasten(road, upload, snapshot, transaction, known, told)).await
        } else {
            Box::pin(attempt(road, upload, snapshot, transaction, known, told)).await
        };
        let trouble = match attempted {
            Ok(outcome) => {
                road.store.health().mended(|| mistake::way(transaction));
                return outcome;
            }
            Err(trouble) => trouble,
        };
        let next = patience.next(road, upload, snapshot, transaction, trouble);
        match next.await {
            Next::Again => {}
            Next::End(outcome) => return outcome,
        }
    }
    Outcome::Applied
}

/// What is said of a transaction that is too large to be looked at.
pub(super) fn excess(transaction: &Transaction) -> Option<Outcome> {
    let excess = transaction.excess.as_deref()?;
    let refusal = Refusal::new(ErrorCode::TransactionTooLarge, excess, excess);
    Some(Outcome::Refused(refusal))
}

/// An attempt on the fast road, and where that leads nowhere, one by reading and judging.
async fn hasten(
    road: &Road,
    upload: &Upload,
    snapshot: &Snapshot,
    transaction: &Transaction,
    known: &Known,
    told: &mut Vec<Told>,
) -> Result<Outcome, Trouble> {
    let bench = bench(road, upload, snapshot);
    match rush(road, &bench, transaction, known).await? {
        Rush::Open(open) => {
            road.paths.count(None);
            commit(road, upload, known, *open).await
        }
        Rush::Repeated => Ok(Outcome::Repeated),
        Rush::Detour(detour) => {
            road.paths.count(Some(detour));
            attempt(road, upload, snapshot, transaction, known, told).await
        }
    }
}

fn bench<'a>(road: &'a Road, upload: &'a Upload, snapshot: &'a Snapshot) -> Bench<'a> {
    Bench {
        snapshot,
        upload,
        limits: road.store.limits(),
        depth: road.workbench.as_ref().map(|_| Depth::Answers),
    }
}

/// One database transaction: all of its operations, or none.
async fn attempt(
    road: &Road,
    upload: &Upload,
    snapshot: &Snapshot,
    transaction: &Transaction,
    known: &Known,
    told: &mut Vec<Told>,
) -> Result<Outcome, Trouble> {
    let once = known.entry.as_ref().map(Entry::once);
    let begun = road.store.begin(session(upload, once.as_ref())).await?;
    let Some(mut open) = begun else {
        return Ok(Outcome::Repeated);
    };
    let bench = bench(road, upload, snapshot);
    match operate(&mut open, &bench, transaction, told).await {
        Ok(()) => commit(road, upload, known, open).await,
        Err(trouble) => {
            open.rollback().await;
            Err(trouble)
        }
    }
}

/// The end of an attempt. Where the answer to COMMIT is lost, the database is asked what became of it.
async fn commit(
    road: &Road,
    upload: &Upload,
    known: &Known,
    open: postgres::Transaction,
) -> Result<Outcome, Trouble> {
    let (error, id) = match open.commit().await {
        Ok(()) => return Ok(Outcome::Applied),
        Err(Uncommitted::Failed(error)) => return Err(error.into()),
        Err(Uncommitted::Unknown(error, id)) => (error, id),
    };
    let trail = Trail {
        entry: known.entry.as_ref(),
        id: id.as_ref(),
    };
    if doubt::is_committed(&road.store, upload, trail).await {
        Ok(Outcome::Applied)
    } else {
        Err(Trouble::Unknown(error))
    }
}

/// What row-level security policies may read of the caller, and what makes sure that the transaction happens once.
pub(super) fn session<'a>(upload: &'a Upload, once: Option<&'a Once>) -> Session<'a> {
    Session {
        claims: &upload.principal.claims_json,
        subject: &upload.principal.subject,
        deadline: upload.deadline,
        once,
    }
}

/// All operations of a transaction, up to what is checked at its end. What is told of an earlier attempt does not count.
pub(super) async fn operate(
    open: &mut postgres::Transaction,
    bench: &Bench<'_>,
    transaction: &Transaction,
    told: &mut Vec<Told>,
) -> Result<(), Trouble> {
    told.clear();
    let mut touches = Touches::default();
    for (index, operation) in transaction.operations.iter().enumerate() {
        let name = operation.table.as_str().unwrap_or_default();
        if let Some(reason) = bench.snapshot.closed.get(name) {
            return Err(Trouble::Closed(Closed {
                reason: reason.clone(),
                misfit_at: bench.snapshot.is_misfit(name).then_some(index),
            }));
        }
        let mut telling = bench.depth.map(|depth| Told::new(operation, depth));
        let trace = telling.as_mut().map(|telling| &mut telling.trace);
        let done = operation::apply(open, bench, operation, trace).await;
        let done = done.map_err(|trouble| trouble.at(index, bench.plan().table(name)));
        if let (Some(telling), Ok((end, _))) = (&mut telling, &done) {
            telling.end = end.clone();
        }
        told.extend(telling);
        if let (_, Some(touched)) = done? {
            touches.note(index, touched);
        }
    }
    deferred::judge(open, bench, touches, told).await?;
    open.settle().await?;
    Ok(())
}

impl Patience {
    /// Nothing may be tried once more.
    pub(super) const NONE: Self = Self {
        conflicts: CONFLICTS_MAX,
        may_reprepare: false,
        may_recompile: false,
    };

    pub(super) async fn next(
        &mut self,
        road: &Road,
        upload: &Upload,
        snapshot: &mut Arc<Snapshot>,
        transaction: &Transaction,
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
            // What was read as a type that it is no more was judged in vain.
            Trouble::Refused(refusal) if snapshot.read_at < upload.arrived => {
                let rests = rests_on(snapshot, transaction, refusal.operation_index);
                match timeout_at(upload.deadline, road.store.still_has(&rests)).await {
                    Ok(Ok(true)) => Next::End(Outcome::Refused(refusal)),
                    Ok(Ok(false)) => freshen(road, upload, snapshot, upload.arrived).await,
                    Ok(Err(error)) => Next::End(Outcome::Retry(trouble::later(error.to_string()))),
                    Err(_) => Next::End(Outcome::Retry(trouble::soon(
                        "the catalogue was not read in time",
                    ))),
                }
            }
            // The database may have been mended meanwhile.
            Trouble::Closed(_) if snapshot.read_at < upload.arrived => {
                freshen(road, upload, snapshot, upload.arrived).await
            }
            Trouble::Closed(closed) if closed.misfit_at.is_some() && is_drift_fatal(snapshot) => {
                let refusal = trouble::mismatch(closed.misfit_at, closed.reason);
                Next::End(Outcome::Refused(refusal))
            }
            Trouble::Closed(closed) => Next::End(Outcome::Retry(trouble::mistake(closed.reason))),
            Trouble::Refused(refusal) => Next::End(Outcome::Refused(refusal)),
            Trouble::Database(failed) => {
                self.after(road, upload, snapshot, transaction, &failed)
                    .await
            }
            // The ledger, or the app's own writes, make it the same transaction when it comes again.
            Trouble::Unknown(error) => Next::End(Outcome::Retry(trouble::soon(format!(
                "what became of COMMIT could not be found out: {error}"
            )))),
            Trouble::Doubt(reason) => Next::End(mistake::doubtful(road, &reason, None)),
            Trouble::Mistake(reason) => Next::End(mistake::found(road, transaction, &reason)),
        }
    }

    /// What the contract's table of SQLSTATEs says.
    async fn after(
        &mut self,
        road: &Road,
        upload: &Upload,
        snapshot: &mut Arc<Snapshot>,
        transaction: &Transaction,
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
            Class::Mistake if error.is_login() => {
                // The prober logs in again and again: it tells the reason, and sees when it is mended.
                road.store.health().probed(Some(error.told()));
                Next::End(Outcome::Retry(trouble::mistake(error.to_string())))
            }
            Class::Drift if error.is_schema_mismatch() && is_drift_fatal(snapshot) => {
                let refusal = trouble::mismatch(failed.operation_index, error.summary());
                Next::End(Outcome::Refused(refusal))
            }
            Class::Drift | Class::Mistake => {
                let met = mistake::met(road, upload, snapshot, transaction, failed);
                Next::End(met.await)
            }
            // Row-level security that came to bind us after we looked would not be a refusal, but a mistake.
            Class::Fatal(ErrorCode::Unauthorized) if snapshot.read_at < upload.arrived => {
                freshen(road, upload, snapshot, upload.arrived).await
            }
            Class::NoPlace => Next::End(mistake::misplaced(road, error)),
            Class::Fatal(code) => Next::End(Outcome::Refused(trouble::refusal(failed, code))),
            Class::Raised => Next::End(Outcome::Refused(trouble::raised(
                failed,
                upload.snapshot.edition.live.raised_messages,
            ))),
        }
    }
}

/// The columns, as the catalogue has them, that the judgement of an operation rests on; of all of them, where it is none's.
fn rests_on<'s>(
    snapshot: &'s Snapshot,
    transaction: &Transaction,
    operation_index: Option<usize>,
) -> Vec<(&'s Target, &'s [Column])> {
    let plan = &snapshot.plan;
    let operations = transaction.operations.iter().enumerate();
    let met = operations.filter(|(at, _)| operation_index.is_none_or(|index| index == *at));
    let tables = met.filter_map(|(_, operation)| plan.table(operation.table.as_str()?));
    let facts: BTreeMap<&Target, &[Column]> = tables
        .flat_map(|table| plan.rests_on(table))
        .map(|facts| (&facts.target, facts.columns.as_slice()))
        .collect();
    facts.into_iter().collect()
}

/// Whether a write that the changed database no longer fits is refused for good.
fn is_drift_fatal(snapshot: &Snapshot) -> bool {
    snapshot.edition.live.on_schema_drift == OnSchemaDrift::Fatal
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
        Ok(Err(Stale::Unfit(problems))) => Next::End(mistake::unfit(road, &problems)),
        Err(_) => Next::End(Outcome::Retry(trouble::soon(
            "the catalogue was not read in time",
        ))),
    }
}
