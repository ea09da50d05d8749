//! What a judgement looked at and heard, for whoever wants to know why: `rulegate dev` and `rulegate explain`.
//!
//! The judgement writes it while it judges; nothing here decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::expr::{Account, Budget, Compiled, Frame, Variable};
use crate::plan::{Grant, TablePlan};
use crate::policy::conditions::covers;
use crate::policy::image::Images;
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::Op;
use crate::vocabulary::row::Row;

/// How much a trace keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Which conditions held: no value of any column.
    Answers,
    /// The images too, and the parts of each condition with their values. For the operator's own terminal only.
    Accounts,
}

/// What one judgement looked at and heard.
#[derive(Clone, Debug)]
pub struct Trace {
    depth: Depth,
    /// What happens to the row; `None` where the judgement did not come so far.
    pub op: Option<Op>,
    /// The fields whose value differs.
    pub changed: BTreeSet<FieldName>,
    /// The stored row.
    pub old: Option<Row>,
    /// The row as it would be stored.
    pub new: Option<Row>,
    heard: Vec<Heard>,
}

/// One condition that was asked. Conditions with one text have one answer.
#[derive(Clone, Debug)]
pub struct Heard {
    text: Arc<str>,
    /// What it said, for each image that `this` stood for.
    pub answers: Vec<Answer>,
}

/// What a condition said once.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `old` or `new` where the condition names `this`.
    pub this: Option<Variable>,
    /// Whether it was exactly true.
    pub holds: bool,
    /// The parts of it that decided.
    pub account: Option<Account>,
}

impl Heard {
    /// Whether it was exactly true each time.
    pub fn holds(&self) -> bool {
        self.answers.iter().all(|answer| answer.holds)
    }
}

impl Trace {
    /// An empty one.
    pub fn new(depth: Depth) -> Self {
        Self {
            depth,
            op: None,
            changed: BTreeSet::new(),
            old: None,
            new: None,
            heard: Vec::new(),
        }
    }

    /// What a condition said; `None` where it was not asked.
    pub fn heard(&self, condition: &Compiled) -> Option<&Heard> {
        self.heard
            .iter()
            .find(|heard| *heard.text == *condition.text())
    }

    /// The grants that gave the operation: the first that holds and covers everything, else those that cover a part.
    pub fn given<'p>(&self, table: &'p TablePlan) -> Vec<&'p Grant> {
        let held: Vec<&Grant> = table
            .grants
            .iter()
            .filter(|grant| Some(grant.op) == self.op)
            .filter(|grant| self.heard(&grant.condition).is_some_and(Heard::holds))
            .collect();
        let whole = held
            .iter()
            .find(|grant| self.changed.iter().all(|field| covers(grant, field)));
        match whole {
            Some(grant) => vec![*grant],
            None => held
                .into_iter()
                .filter(|grant| self.changed.iter().any(|field| covers(grant, field)))
                .collect(),
        }
    }

    /// Adds what the judgement of another check of the same row heard.
    pub fn join(&mut self, other: Self) {
        let mut heard = std::mem::take(&mut self.heard);
        heard.extend(other.heard);
        *self = Self { heard, ..other };
    }

    /// Forgets everything: the judgement begins again.
    pub(super) fn begin(&mut self) {
        *self = Self::new(self.depth);
    }

    pub(super) fn see(&mut self, images: &Images<'_>) {
        self.op = Some(images.op);
        self.changed.clone_from(&images.changed);
        if self.depth == Depth::Accounts {
            self.old = images.old.cloned();
            self.new.clone_from(&images.new);
        }
    }

    /// Notes what a condition said in a frame; `budget` is what it was asked with.
    pub(super) fn hear(
        &mut self,
        condition: &Compiled,
        frame: &Frame<'_>,
        mut budget: Budget,
        holds: bool,
    ) {
        let is_old = |this| frame.old.is_some_and(|old| std::ptr::eq(old, this));
        let this = frame.this.map(|this| {
            if is_old(this) {
                Variable::Old
            } else {
                Variable::New
            }
        });
        let account =
            (self.depth == Depth::Accounts).then(|| condition.account(frame, &mut budget));
        let answer = Answer {
            this,
            holds,
            account,
        };
        let known = self
            .heard
            .iter_mut()
            .find(|heard| *heard.text == *condition.text());
        match known {
            Some(heard) if heard.answers.iter().any(|known| known.this == this) => {}
            Some(heard) => heard.answers.push(answer),
            None => self.heard.push(Heard {
                text: condition.text().into(),
                answers: vec![answer],
            }),
        }
    }
}
