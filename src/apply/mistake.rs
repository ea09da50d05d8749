//! What an operator has to mend: the write is held back, readiness says why, and the log says once what to do.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::apply::trouble::{self, Failed};
use crate::apply::{Outcome, Road, Upload};
use crate::driver::postgres::{DriverError, Way};
use crate::observe::{self, Event};
use crate::reload::Snapshot;
use crate::request::{Operation, Transaction};
use crate::vocabulary::operation::Verb;
use crate::vocabulary::place::Sources;
use crate::vocabulary::problem::Problems;

/// What a transaction does, as far as a mistake can stand in its way.
pub(super) fn way(transaction: &Transaction) -> Way {
    let mut way = tables(transaction);
    way.extend(transaction.operations.iter().filter_map(step));
    way
}

/// The tables that it is about, whatever it does to them.
fn tables(transaction: &Transaction) -> Way {
    let names = transaction.operations.iter();
    let names = names.filter_map(|operation| operation.table.as_str());
    names.map(|name| (name.to_owned(), None)).collect()
}

/// What an error stands in the way of: the operation that met it, or all of the transaction, or everybody.
fn way_of(transaction: &Transaction, failed: &Failed) -> Way {
    let operations = transaction.operations.iter();
    match failed.operation_index {
        _ if failed.error.is_of_session() => Way::new(),
        Some(index) => operations.skip(index).take(1).filter_map(step).collect(),
        None => operations.filter_map(step).collect(),
    }
}

fn step(operation: &Operation) -> Option<(String, Option<Verb>)> {
    Some((operation.table.as_str()?.to_owned(), Some(operation.verb)))
}

/// The database does not let us, or is not what the rules and it itself take it for.
pub(super) async fn met(
    road: &Road,
    upload: &Upload,
    snapshot: &Arc<Snapshot>,
    transaction: &Transaction,
    failed: &Failed,
) -> Outcome {
    let error = &failed.error;
    let way = way_of(transaction, failed);
    let reason = error.to_string();
    road.store.health().mistaken(way.clone(), reason.clone());
    if road.store.health().is_news(&reason) {
        let grants = if error.is_privilege() {
            missing_grants(road, upload, snapshot, &way).await
        } else {
            None
        };
        let told = match grants.as_deref().or(error.cure()) {
            Some(cure) => format!("{reason}: {cure}"),
            None => reason.clone(),
        };
        road.store.health().mistaken(way, told.clone());
        observe::tell(&Event::Mistake(&told));
    }
    Outcome::Retry(trouble::mistake(reason))
}

/// What to grant, as the catalogue tells it now.
async fn missing_grants(
    road: &Road,
    upload: &Upload,
    snapshot: &Arc<Snapshot>,
    way: &Way,
) -> Option<String> {
    let reading = road
        .current
        .freshen_for(snapshot, &road.store, Instant::now());
    let fresh = timeout_at(upload.deadline, reading).await.ok()?.ok()?;
    way.iter()
        .find_map(|(table, _)| fresh.missing_privileges(table))
}

/// Something that the gateway found out by itself, about the tables of a transaction.
pub(super) fn found(road: &Road, transaction: &Transaction, reason: &str) -> Outcome {
    let health = road.store.health();
    health.mistaken(tables(transaction), reason.to_owned());
    if health.is_news(reason) {
        observe::tell(&Event::Mistake(reason));
    }
    Outcome::Retry(trouble::mistake(reason))
}

/// The rules no longer fit the database, and no table alone is to blame: all of it is told, once.
pub(super) fn unfit(road: &Road, problems: &Problems) -> Outcome {
    let reason = format!("the rules do not fit the database: {}", problems.count());
    let health = road.store.health();
    health.mistaken(Way::new(), reason.clone());
    if health.is_news(&reason) {
        observe::tell(&Event::Mistake(
            &problems.render(&Sources::default(), false),
        ));
    }
    Outcome::Retry(trouble::mistake(reason))
}

/// One row that an operator has to make room for: held back and told, but what an app sends does not turn readiness red.
pub(super) fn misplaced(road: &Road, error: &DriverError) -> Outcome {
    let reason = error.to_string();
    doubtful(road, &reason, error.cure())
}

/// The same, where the gateway found it out by itself.
pub(super) fn doubtful(road: &Road, reason: &str, cure: Option<&str>) -> Outcome {
    if road.store.health().is_news(reason) {
        let cure = cure.map(|cure| format!(": {cure}")).unwrap_or_default();
        observe::tell(&Event::Mistake(&format!("{reason}{cure}")));
    }
    Outcome::Retry(trouble::mistake(reason))
}
