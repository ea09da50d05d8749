//! What the names mean during one evaluation.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::expr::RelationId;
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::Op;
use crate::vocabulary::row::Row;
use crate::vocabulary::value::{Timestamp, Value};

/// Related rows that an evaluation asked for and did not find in [`Related`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Need {
    /// Along which relation.
    pub relation: RelationId,
    /// The texts of our matched columns, none of them NULL (a null matches nothing, and nothing is asked).
    pub key: Vec<Arc<str>>,
}

/// The related rows read so far, and those found missing.
///
/// An evaluation that lacks rows notes the need and goes on as with an error; whoever evaluates looks at [`Related::missing`] afterwards,
/// reads them, puts them in, and evaluates again. What such an evaluation said counts only when nothing was missing.
#[derive(Debug, Default)]
pub struct Related {
    rows: HashMap<Need, Arc<[Row]>>,
    given_up: BTreeSet<Need>,
    missing: RefCell<BTreeSet<Need>>,
}

impl Related {
    /// The rows of a need, or a note that they are missing.
    pub fn rows(&self, need: &Need) -> Option<&Arc<[Row]>> {
        let found = self.rows.get(need);
        if found.is_none() && !self.given_up.contains(need) {
            self.missing.borrow_mut().insert(need.clone());
        }
        found
    }

    /// Takes the notes.
    pub fn missing(&self) -> BTreeSet<Need> {
        self.missing.take()
    }

    /// Puts rows in.
    pub fn insert(&mut self, need: Need, rows: Arc<[Row]>) {
        self.rows.insert(need, rows);
    }

    /// Notes that the rows of a need are too many to be read: asking for them is an error from now on.
    pub fn give_up(&mut self, need: Need) {
        self.given_up.insert(need);
    }

    /// How many rows are held.
    pub fn count(&self) -> usize {
        self.rows.values().map(|rows| rows.len()).sum()
    }
}

/// What the names mean during one evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The claims: a map.
    pub auth: &'a Value,
    /// The stored row.
    pub old: Option<&'a Row>,
    /// The row as it will be stored.
    pub new: Option<&'a Row>,
    /// The image that `this` means now.
    pub this: Option<&'a Row>,
    /// What happens to the row.
    pub op: Op,
    /// The fields whose sent value differs.
    pub changed: &'a BTreeSet<FieldName>,
    /// `request.time`.
    pub time: Timestamp,
    /// `request.id`.
    pub request_id: &'a str,
    /// The entry's metadata.
    pub metadata: Option<&'a str>,
    /// Related rows.
    pub related: &'a Related,
}

/// Why an expression has no value. All of them mean "does not hold".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An error of the language: null ordered, overflow, an absent claim, …
    #[error("{0}")]
    Failed(Cow<'static, str>),
    /// The step budget is spent.
    #[error("the evaluation took more than {0} steps")]
    OutOfBudget(usize),
    /// Related rows are not there yet; see [`Related`].
    #[error("related rows are missing")]
    Missing,
}

/// Steps left for one operation.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Steps allowed in all.
    pub steps_max: usize,
    /// Steps left.
    pub steps_left: usize,
}

impl Budget {
    /// Takes steps from it.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), EvalError> {
        let left = self.steps_left.checked_sub(steps);
        self.steps_left = left.unwrap_or(0);
        match left {
            Some(_) => Ok(()),
            None => Err(EvalError::OutOfBudget(self.steps_max)),
        }
    }
}
