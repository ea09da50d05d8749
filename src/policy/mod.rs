//! The judgement of one operation over its images: the meaning of the language (rule-language, *What happens to one operation*).
//!
//! Pure. A caller [`admit`]s an operation (steps 1 and 2), reads the row under lock, and [`judge`]s it (steps 3 to 8), reading
//! related rows when asked to, until there is a [`Verdict`]. What it [`Touched`] is asked once more at the end of the transaction, where a
//! check waits for that.

mod admit;
mod conditions;
mod deferred;
mod image;
mod judge;
mod propose;
mod refusal;
mod trace;
mod validate;

use std::collections::BTreeSet;

pub use admit::{Admission, Admitted, admit};
pub use deferred::{Conclusion, Ended, Touched, judge_deferred};
pub use judge::{judge, judge_traced};
pub use propose::{Proposed, propose};
pub use refusal::{Detail, Refusal};
pub use trace::{Answer, Depth, Heard, Trace};

use crate::auth::Principal;
use crate::expr::Need;
use crate::vocabulary::limits::Limits;
use crate::vocabulary::row::{ColumnId, Datum};
use crate::vocabulary::value::Timestamp;

/// Who asks, and when: the same for every operation of an upload.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// `request.time`.
    pub time: Timestamp,
    /// `request.id`.
    pub request_id: &'a str,
    /// The limits of evaluation.
    pub limits: &'a Limits,
}

/// What a judgement came to.
#[derive(Debug)]
pub enum Judgement {
    /// There is an answer.
    Decided(Verdict),
    /// Related rows are needed first: read them, put them in, and judge again.
    Needs(BTreeSet<Need>),
}

/// The answer to one operation.
#[must_use = "an unread verdict is an unguarded write"]
#[derive(Debug)]
pub enum Verdict {
    /// It may be written.
    Permit(Permitted),
    /// It is done already: the row is gone, or nothing differs.
    Done,
    /// It is refused for good.
    Refuse(Refusal),
}

/// A write that passed. Only [`judge`] makes one, and nothing else is ever written.
#[derive(Debug)]
pub struct Permitted(Write);

impl Permitted {
    /// What to write.
    pub fn write(&self) -> &Write {
        &self.0
    }

    /// The same, once it was written.
    pub fn into_write(self) -> Write {
        self.0
    }
}

/// What to write to the target row.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A new row: its columns with their values, the key first.
    Insert(Vec<(ColumnId, Datum)>),
    /// New values of a row that is there.
    Update(Vec<(ColumnId, Datum)>),
    /// The row goes.
    Delete,
}
