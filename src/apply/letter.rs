//! A refusal becomes a dead letter before its answer leaves: a device that is told so drops its only copy (reliability, *Dead letters*).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::apply::sender::Known;
use crate::apply::{Outcome, Retry, Road, Upload, trouble};
use crate::driver::postgres::{Class, Session, Way};
use crate::journal::letters::{self, Kept, Letter, Rejection, Unkept};
use crate::journal::seal::{self, SealError, Spot};
use crate::observe::{Event, tell};
use crate::plan::Plan;
use crate::policy::Refusal;
use crate::reload::Snapshot;
use crate::request::{Cell, Transaction, Written};
use crate::rules::Sensitive;
use crate::settings::SealingKey;

/// Subjects remembered for having too many letters.
const REMEMBERED_MAX: usize = 10_000;
/// Characters of a transaction's table names that are kept.
const TABLES_CHARS_MAX: usize = 200;

/// The subjects that have too many letters, so that each is told once.
#[derive(Clone, Debug, Default)]
pub struct Crowded(Arc<Mutex<HashSet<Subject>>>);

/// Issuer and subject.
type Subject = (Option<String>, String);

impl Crowded {
    /// Notes that a subject has too many; whether that is news.
    fn note(&self, upload: &Upload) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(subject(upload))
    }

    /// Notes that a subject has room again.
    fn forget(&self, upload: &Upload) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.is_empty() {
            known.remove(&subject(upload));
        }
    }
}

fn subject(upload: &Upload) -> Subject {
    let principal = &upload.principal;
    (principal.issuer.clone(), principal.subject.clone())
}

/// The outcome, where a refusal stands only if its letter is stored and committed. All else is held back.
pub(super) async fn kept(
    road: &Road,
    upload: &Upload,
    snapshot: &Snapshot,
    transaction: &Transaction,
    known: &Known,
    outcome: Outcome,
) -> Outcome {
    let Outcome::Refused(refusal) = outcome else {
        return outcome;
    };
    match keep(road, upload, snapshot, transaction, known, &refusal).await {
        Ok(()) => Outcome::Refused(refusal),
        Err(retry) => Outcome::Retry(retry),
    }
}

async fn keep(
    road: &Road,
    upload: &Upload,
    snapshot: &Snapshot,
    transaction: &Transaction,
    known: &Known,
    refusal: &Refusal,
) -> Result<(), Retry> {
    let settings = &snapshot.edition.live.dead_letters;
    let plan = &snapshot.plan;
    let (whole, is_whole) = masked(plan, settings.keys.all(), known, transaction)
        .map_err(|error| unsealed(road, &error))?;
    let told = Told::of(refusal, plan);
    let tables = transaction.table_names().join(", ");
    let tables: String = tables.chars().take(TABLES_CHARS_MAX).collect();
    let principal = &upload.principal;
    let letter = Letter {
        key: known.key,
        issuer: principal.issuer.as_deref(),
        subject: &principal.subject,
        claims: &principal.claims_json,
        client: known.client.as_deref(),
        transaction_id: transaction.id.as_deref(),
        error_code: refusal.code.as_str(),
        sqlstate: refusal.sqlstate.as_deref(),
        message: &told.message,
        details: told.details.as_deref(),
        operation_index: refusal.operation_index,
        rules_version: snapshot.version(),
        tables: &tables,
        operations: transaction.entries().count(),
        is_whole,
        transaction: &whole,
        rejection: rejection(plan, transaction, refusal),
    };
    let session = Session {
        claims: &principal.claims_json,
        subject: &principal.subject,
        deadline: upload.deadline,
        once: None,
    };
    let kept = letters::store(&road.store, session, &letter, settings.per_subject).await;
    tell(&Event::Letter(word(&kept)));
    match kept {
        Ok(kept @ (Kept::New | Kept::Again)) => {
            road.store.health().mended(way);
            if kept == Kept::New {
                road.crowded.forget(upload);
            }
            Ok(())
        }
        Ok(Kept::TooMany) => Err(too_many(road, upload, settings.per_subject)),
        Err(unkept) => Err(held_back(road, &unkept)),
    }
}

/// The whole transaction, its sensitive columns as the rules say; and whether nothing was left out.
fn masked(
    plan: &Plan,
    keys: &[SealingKey],
    known: &Known,
    transaction: &Transaction,
) -> Result<(String, bool), SealError> {
    let mut is_whole = true;
    let mut failure = None;
    let whole = transaction.whole(&mut |cell| match plan.sensitive(cell.table, cell.field) {
        None => Written::Plainly,
        Some(Sensitive::Drop) => {
            is_whole = false;
            Written::Nowhere
        }
        Some(Sensitive::Encrypt) => sealed(keys, known, cell).unwrap_or_else(|error| {
            failure = Some(error);
            Written::Nowhere
        }),
    });
    failure.map_or(Ok((whole, is_whole)), Err)
}

fn sealed(keys: &[SealingKey], known: &Known, cell: Cell<'_>) -> Result<Written, SealError> {
    let key = keys.first().ok_or(SealError::Refused)?;
    let spot = Spot {
        letter: known.key,
        table: cell.table,
        column: cell.field,
    };
    let sealed = seal::seal(key.reveal(), spot, cell.value)?;
    Ok(Written::As(json!({ "sealed": sealed }).to_string()))
}

/// What a letter says of its refusal. Where columns are sensitive, nothing that may quote them.
struct Told {
    message: String,
    details: Option<String>,
}

impl Told {
    fn of(refusal: &Refusal, plan: &Plan) -> Self {
        let is_silent = refusal.may_quote && plan.has_sensitive();
        let say = |message: &str| {
            let message = if is_silent { &refusal.cause } else { message };
            message.to_owned()
        };
        let details: Vec<_> = refusal
            .details
            .iter()
            .map(|detail| match &detail.field {
                Some(field) => json!({ "field": field, "message": say(&detail.message) }),
                None => json!({ "message": say(&detail.message) }),
            })
            .collect();
        Self {
            message: say(&refusal.message),
            details: (!details.is_empty()).then(|| json!(details).to_string()),
        }
    }
}

/// What the app itself is told, where it has a table for that.
fn rejection<'a>(
    plan: &'a Plan,
    transaction: &'a Transaction,
    refusal: &'a Refusal,
) -> Option<Rejection<'a>> {
    let rejections = plan.rejections()?;
    let index = refusal.operation_index;
    let operation = index.and_then(|index| transaction.operations.get(index));
    let field = refusal.details.first();
    Some(Rejection {
        statement: &rejections.insert,
        table: operation.and_then(|operation| operation.table.as_str()),
        row_id: operation.and_then(|operation| operation.id.as_str()),
        field: operation.and_then(|_| field?.field.as_deref()),
        message: &refusal.message,
    })
}

/// For the count of letters.
fn word(kept: &Result<Kept, Unkept>) -> &'static str {
    match kept {
        Ok(Kept::New) => "stored",
        Ok(Kept::Again) => "renewed",
        Ok(Kept::TooMany) => "too_many",
        Err(_) => "failed",
    }
}

/// One subject's refusals wait until some of its letters are settled. The others go on, so readiness stays green.
fn too_many(road: &Road, upload: &Upload, per_subject: usize) -> Retry {
    let reason = format!(
        "a subject has {per_subject} open dead letters, and `dead_letters.per_subject` allows no more: what is refused of it is held back \
         until some are settled with `rulegate dead-letters`, whose `list` says which subject it is"
    );
    if road.crowded.note(upload) {
        tell(&Event::Mistake(&reason));
    }
    trouble::mistake(reason)
}

/// A letter that the database did not take. A schema, a grant, a table that is not as it should be is the operator's to mend.
fn held_back(road: &Road, unkept: &Unkept) -> Retry {
    let (error, reason) = (unkept.error(), unkept.to_string());
    match error.class() {
        Class::Conflict => trouble::soon(reason),
        Class::Retry => trouble::later(reason),
        Class::Reprepare => {
            road.store.forget_statements();
            trouble::soon(reason)
        }
        Class::Mistake if error.is_login() => {
            road.store.health().probed(Some(reason.clone()));
            trouble::mistake(reason)
        }
        Class::Drift | Class::Mistake | Class::NoPlace | Class::Fatal(_) | Class::Raised => {
            // The statement may have been prepared before somebody mended the table.
            road.store.forget_statements();
            mistaken(road, reason)
        }
    }
}

fn unsealed(road: &Road, error: &SealError) -> Retry {
    mistaken(
        road,
        format!("a sensitive column of a dead letter could not be encrypted: {error}"),
    )
}

fn mistaken(road: &Road, reason: String) -> Retry {
    let health = road.store.health();
    health.mistaken(way(), reason.clone());
    if health.is_news(&reason) {
        tell(&Event::Mistake(&reason));
    }
    trouble::mistake(reason)
}

/// What a mistake stands in the way of where no letter can be stored: only the next letter shows it mended.
fn way() -> Way {
    Way::from([("rulegate.dead_letters".to_owned(), None)])
}
