//! How the operations of one transaction came to their ends, for `rulegate dev` and `rulegate explain`.

use std::collections::BTreeMap;

use crate::apply::Outcome;
use crate::observe::{Decided, Event, tell};
use crate::plan::{Grant, Plan, TablePlan};
use crate::policy::{Depth, Refusal, Trace, Write};
use crate::request::Operation;
use crate::vocabulary::operation::{Op, Verb};

/// Characters of an id that stand for all of it.
const ID_CHARS: usize = 4;

/// One operation, and how it came to its end.
#[derive(Clone, Debug)]
pub struct Told {
    /// The verb that was sent.
    pub verb: Verb,
    /// The table, by the app's name.
    pub table: Option<String>,
    /// The id as sent.
    pub id: Option<String>,
    /// What the judgement looked at and heard.
    pub trace: Trace,
    /// The same of the checks that waited for the end of the transaction, for the last operation on a row.
    pub at_end: Option<Trace>,
    /// What there was to do.
    pub end: End,
}

/// What there was to do.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// It was refused, or not reached.
    Nothing,
    /// This was to be written.
    Write(Write),
    /// The row is not there, so somebody deleted it.
    Absent,
    /// Nothing differs from what is stored.
    Same,
    /// It carries no column.
    Empty,
}

/// What `rulegate dev` has of a terminal: each decision is told there.
#[derive(Clone, Debug, Default)]
pub struct Workbench {
    /// Names for subjects that the printed examples speak of.
    pub people: BTreeMap<String, String>,
}

impl Told {
    pub(super) fn new(operation: &Operation, depth: Depth) -> Self {
        Self {
            verb: operation.verb,
            table: operation.table.as_str().map(ToOwned::to_owned),
            id: operation.id.as_str().map(ToOwned::to_owned),
            trace: Trace::new(depth),
            at_end: None,
            end: End::Nothing,
        }
    }

    /// Adds a check that waited for the end of the transaction.
    pub(super) fn end_with(&mut self, trace: Trace) {
        match &mut self.at_end {
            Some(known) => known.join(trace),
            None => self.at_end = Some(trace),
        }
    }

    /// What happens to the row; the verb where that was never seen.
    pub fn op(&self) -> &'static str {
        self.trace.op.map_or(self.verb.as_str(), Op::as_str)
    }

    /// What became of it in one line: the operation at a position of a transaction with this outcome.
    pub fn verdict(&self, plan: &Plan, index: usize, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Refused(refusal) if refusal.operation_index == Some(index) => refused(refusal),
            Outcome::Applied => self.allowed(plan, "applied"),
            _ => self.allowed(plan, "undone with its transaction; allowed"),
        }
    }

    fn allowed(&self, plan: &Plan, word: &str) -> String {
        let by = self.by(plan);
        match self.end {
            End::Absent => format!("{word}: the row is not there, so there is nothing to do"),
            End::Empty => format!("{word}: it carries nothing"),
            End::Same => format!("{word}{by}: nothing differs, so nothing is written"),
            End::Write(_) | End::Nothing => format!("{word}{by}"),
        }
    }

    /// `, by` and the grants that gave it.
    fn by(&self, plan: &Plan) -> String {
        let table = self.rules(plan);
        let given = table.map_or_else(Vec::new, |table| self.trace.given(table));
        let texts: Vec<String> = given.into_iter().map(name).collect();
        if texts.is_empty() {
            String::new()
        } else {
            format!(", by {}", texts.join(" and "))
        }
    }

    /// The rules of its table.
    pub fn rules<'p>(&self, plan: &'p Plan) -> Option<&'p TablePlan> {
        plan.table(self.table.as_deref()?)
    }

    /// Table and row, the id cut to its end.
    fn row(&self) -> String {
        let id = self.id.as_deref().unwrap_or("?");
        let count = id.chars().count();
        let short = if count > ID_CHARS {
            let end: String = id.chars().skip(count - ID_CHARS).collect();
            format!("…{end}")
        } else {
            id.to_owned()
        };
        format!("{}/{short}", self.table.as_deref().unwrap_or("?"))
    }
}

/// A grant by its condition.
fn name(grant: &Grant) -> String {
    format!("`{}`", grant.condition.text().trim())
}

/// What refused an operation, in one line: the words of the log.
pub fn refused(refusal: &Refusal) -> String {
    format!("{}: {}", refusal.code, refusal.cause)
}

impl Workbench {
    /// Tells what became of a transaction: each operation that was applied, or the one that was not.
    pub(super) fn tell(&self, subject: &str, plan: &Plan, outcome: &Outcome, told: &[Told]) {
        let who = self.name(subject);
        match outcome {
            Outcome::Applied => {
                for (index, told) in told.iter().enumerate() {
                    line(&who, Some(told), &told.verdict(plan, index, outcome));
                }
            }
            Outcome::Refused(refusal) => {
                let at = refusal.operation_index.and_then(|index| told.get(index));
                line(&who, at, &refused(refusal));
            }
            Outcome::Retry(retry) => {
                let cause = format!("not applied for now: {}", retry.cause);
                line(&who, told.last(), &cause);
            }
            Outcome::Repeated => line(&who, None, "was applied by an earlier attempt"),
            Outcome::NotAttempted => {}
        }
    }

    fn name(&self, subject: &str) -> String {
        self.people.get(subject).cloned().unwrap_or_else(|| {
            let count = subject.chars().count();
            let end: String = subject
                .chars()
                .skip(count.saturating_sub(ID_CHARS))
                .collect();
            format!("…{end}")
        })
    }
}

fn line(who: &str, told: Option<&Told>, what: &str) {
    tell(&Event::Decided(&Decided {
        who: who.to_owned(),
        row: told.map_or_else(|| "the transaction".to_owned(), Told::row),
        op: told.map(Told::op),
        what: what.to_owned(),
    }));
}
