//! The fast road: all of a transaction but its COMMIT in one flush, each write on the conditions of its rules.
//!
//! It only ever says yes. Whatever is not plainly covered is rolled back, and read and judged.

use std::collections::HashSet;
use std::sync::Arc;

use crate::apply::operation::Bench;
use crate::apply::transaction::session;
use crate::apply::trouble::Trouble;
use crate::apply::{Road, sender::Known};
use crate::driver::postgres::{Parameter, Rushed, Step, Transaction};
use crate::journal::ledger::Entry;
use crate::plan::Detour;
use crate::policy::{self, Admission, Proposed};
use crate::request;

/// What the fast road came to.
pub(super) enum Rush {
    /// All is written, and can be committed.
    Open(Box<Transaction>),
    /// The transaction has happened before.
    Repeated,
    /// It has to be read and judged.
    Detour(Detour),
}

/// Writes that one statement does.
struct Group {
    first: Proposed,
    others: Vec<Proposed>,
    keys: HashSet<Arc<str>>,
}

/// Tries a transaction on the fast road. Nothing of it is left where it comes to a detour.
pub(super) async fn rush(
    road: &Road,
    bench: &Bench<'_>,
    transaction: &request::Transaction,
    known: &Known,
) -> Result<Rush, Trouble> {
    let groups = match groups(road, bench, transaction) {
        Ok(groups) => groups,
        Err(detour) => return Ok(Rush::Detour(detour)),
    };
    let steps: Vec<Step<'_>> = groups.iter().map(Group::step).collect();
    let once = known.entry.as_ref().map(Entry::once);
    let session = session(bench.upload, once.as_ref());
    match road.store.rush(session, &steps).await {
        Ok(None) => Ok(Rush::Repeated),
        Ok(Some((open, answers))) => {
            let is_whole = answers.len() == groups.len()
                && groups
                    .iter()
                    .zip(answers)
                    .all(|(group, answer)| group.is_answered(answer));
            if is_whole {
                return Ok(Rush::Open(Box::new(open)));
            }
            open.rollback().await;
            Ok(Rush::Detour(Detour::Unwritten))
        }
        Err(Rushed::Unconnected(error)) => Err(error.into()),
        Err(Rushed::Failed(_)) => Ok(Rush::Detour(Detour::Error)),
    }
}

/// The statements of a transaction, each with the consecutive operations that it does.
fn groups(
    road: &Road,
    bench: &Bench<'_>,
    transaction: &request::Transaction,
) -> Result<Vec<Group>, Detour> {
    if road.reads_and_judges {
        return Err(Detour::Told);
    }
    if bench.depth.is_some() {
        return Err(Detour::Heard);
    }
    if road.store.has_role() {
        return Err(Detour::Role);
    }
    let mut groups: Vec<Group> = Vec::new();
    for operation in &transaction.operations {
        let Some(proposed) = propose(bench, operation)? else {
            continue;
        };
        match groups.last_mut() {
            Some(group) if group.takes(&proposed) => group.add(proposed),
            _ => groups.push(Group::of(proposed)),
        }
    }
    Ok(groups)
}

/// The write of one operation; `None` where there is none.
fn propose(bench: &Bench<'_>, operation: &request::Operation) -> Result<Option<Proposed>, Detour> {
    let name = operation.table.as_str().unwrap_or_default();
    if bench.snapshot.closed.contains_key(name) {
        return Err(Detour::Unfit);
    }
    match policy::admit(bench.plan(), operation, bench.limits) {
        Err(_) => Err(Detour::Unfit),
        Ok(Admission::Done) => Ok(None),
        Ok(Admission::Look(admitted)) => {
            policy::propose(bench.plan(), &admitted, bench.asking()).map(Some)
        }
    }
}

impl Group {
    fn of(first: Proposed) -> Self {
        Self {
            keys: HashSet::from([first.key().clone()]),
            first,
            others: Vec::new(),
        }
    }

    /// Whether a write can be done by the same statement. A statement writes no row twice.
    fn takes(&self, next: &Proposed) -> bool {
        self.first.goes_with(next) && !self.keys.contains(next.key())
    }

    fn add(&mut self, next: Proposed) {
        self.keys.insert(next.key().clone());
        self.others.push(next);
    }

    fn step(&self) -> Step<'_> {
        let write = self.first.write();
        let many = write.many.as_ref().filter(|_| !self.others.is_empty());
        let cells = write.cells.iter().enumerate();
        let parameters = cells.map(|(at, cell)| match many {
            Some(_) if cell.is_per_row() => Parameter::Many(self.rows(at).collect()),
            _ => Parameter::One(text(&self.first, at)),
        });
        Step {
            statement: many.unwrap_or(&write.one),
            parameters: parameters.collect(),
        }
    }

    fn rows(&self, at: usize) -> impl Iterator<Item = Option<&str>> {
        let all = std::iter::once(&self.first).chain(&self.others);
        all.map(move |proposed| text(proposed, at))
    }

    /// Whether each of the rows was written, and once.
    fn is_answered(&self, mut positions: Vec<usize>) -> bool {
        positions.sort_unstable();
        positions.into_iter().eq(1..=self.others.len() + 1)
    }
}

fn text(proposed: &Proposed, at: usize) -> Option<&str> {
    proposed.fills().get(at)?.as_deref()
}
