//! Checks at the end of a transaction: one row that its operations touched, before and after (rule-language, *At the end of the
//! transaction*).

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::expr::{Need, Related, Variable};
use crate::plan::{Check, TablePlan};
use crate::policy::admit::Admitted;
use crate::policy::image::{Images, differs};
use crate::policy::judge::Hearing;
use crate::policy::{Asking, Refusal, Trace, conditions};
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::Op;
use crate::vocabulary::row::{ColumnId, Datum, Row};

/// A row that operations of one transaction touched, in a table with deferred checks.
#[derive(Debug)]
pub struct Touched<'p> {
    /// The rules of its table.
    pub table: &'p TablePlan,
    /// Its key, as it is stored or will be.
    pub key: Datum,
    /// The row before the first operation on it.
    pub old: Option<Row>,
    /// The fields that its operations sent.
    pub sent: BTreeSet<FieldName>,
    /// The metadata of the last operation on it.
    pub metadata: Option<String>,
}

/// A touched row at the end of its transaction.
#[derive(Debug)]
pub struct Ended<'p> {
    table: &'p TablePlan,
    op: Op,
    old: Option<Row>,
    new: Option<Row>,
    changed: BTreeSet<FieldName>,
    metadata: Option<String>,
}

/// What judging one deferred check came to.
#[derive(Debug)]
pub enum Conclusion {
    /// It holds.
    Holds,
    /// It does not, and refuses the transaction.
    Refuse(Refusal),
    /// Related rows are needed first: take their locks, read them, put them in, and judge again.
    Needs(BTreeSet<Need>),
}

impl<'p> Touched<'p> {
    /// What an operation touched whose row stood like this; `None` where no check waits for it.
    pub fn by(admitted: Admitted<'p>, stored: Option<Row>) -> Option<Self> {
        let table = admitted.table;
        let op = admitted.op(stored.is_some())?;
        if !table.has_deferred_checks() {
            return None;
        }
        let key = stored.as_ref().and_then(|row| row.column(table.key));
        Some(Self {
            table,
            key: key.unwrap_or(&admitted.key).clone(),
            sent: admitted.fields(op).cloned().collect(),
            old: stored,
            metadata: admitted.metadata,
        })
    }

    /// Adds what a later operation touched of the same row.
    pub fn touch_again(&mut self, later: Self) {
        self.sent.extend(later.sent);
        self.metadata = later.metadata;
    }

    /// The row at the end; `None` where it was created and deleted in between.
    pub fn end(self, new: Option<Row>) -> Option<Ended<'p>> {
        let (op, changed) = match (&self.old, &new) {
            (Some(old), Some(new)) => (Op::Update, changed(self.table, old, new)),
            (None, Some(_)) => (Op::Create, self.sent),
            (Some(_), None) => (Op::Delete, BTreeSet::new()),
            (None, None) => return None,
        };
        Some(Ended {
            table: self.table,
            op,
            old: self.old,
            new,
            changed,
            metadata: self.metadata,
        })
    }
}

/// The fields whose values differ between two images.
fn changed(table: &TablePlan, old: &Row, new: &Row) -> BTreeSet<FieldName> {
    let differ = |column| {
        let new = new.column(column);
        new.is_none_or(|new| differs(table, column, old, new))
    };
    let fields = table.fields.iter();
    fields
        .filter(|(_, field)| differ(field.column))
        .map(|(name, _)| name.clone())
        .collect()
}

impl<'p> Ended<'p> {
    /// The deferred checks of what became of the row, in file order.
    pub fn checks(&self) -> impl Iterator<Item = &'p Check> + use<'_, 'p> {
        let checks = self.table.checks.iter();
        checks.filter(|check| check.is_deferred && check.ops.contains(&self.op))
    }

    /// The advisory locks to hold before related rows are read: one for each check and values that it matches.
    pub fn locks(&self) -> BTreeSet<i64> {
        let mut locks = BTreeSet::new();
        for check in self.checks() {
            for (image, columns) in &check.matched {
                let keys = self
                    .images_of(*image)
                    .filter_map(|row| values(row, columns));
                locks.extend(keys.map(|key| self.lock(check, &key)));
            }
        }
        locks
    }

    /// The lock of one check and matched values. A check is known by its table and its code, so that it keeps its locks while its text is edited.
    pub fn lock(&self, check: &Check, values: &[Arc<str>]) -> i64 {
        let target = &self.table.facts.target;
        let check = [&*target.schema, &*target.table, check.code.as_str()];
        digest(check.into_iter().chain(values.iter().map(AsRef::as_ref)))
    }

    fn images_of(&self, variable: Variable) -> impl Iterator<Item = &Row> {
        let (old, new) = match variable {
            Variable::Old => (self.old.as_ref(), None),
            Variable::New => (None, self.new.as_ref()),
            _ => (self.old.as_ref(), self.new.as_ref()),
        };
        old.into_iter().chain(new)
    }
}

/// The first 64 bits of a digest of texts, each with its length before it: no two lists read alike.
fn digest<'t>(texts: impl Iterator<Item = &'t str>) -> i64 {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.len().to_be_bytes());
        digest.update(text);
    }
    let bytes = digest.finalize();
    let first = bytes.first_chunk();
    first.map_or(0, |first| i64::from_be_bytes(*first))
}

/// The values of matched columns; none where one is NULL, which matches nothing.
fn values(row: &Row, columns: &[ColumnId]) -> Option<Vec<Arc<str>>> {
    let texts = columns.iter().map(|id| row.column(*id)?.text.clone());
    texts.collect()
}

/// Judges one deferred check of a row, and writes down what it looked at and heard. What it said with rows missing does not count.
pub fn judge_deferred(
    ended: &Ended<'_>,
    check: &Check,
    asking: Asking<'_>,
    related: &Related,
    mut trace: Option<&mut Trace>,
) -> Conclusion {
    let images = Images {
        op: ended.op,
        old: ended.old.as_ref(),
        new: ended.new.clone(),
        changed: ended.changed.clone(),
        writes: Vec::new(),
        overreaches: false,
        unfit: None,
    };
    if let Some(trace) = &mut trace {
        trace.begin();
        trace.see(&images);
    }
    let mut hearing = Hearing::new(asking, related);
    hearing.trace = trace;
    let held = conditions::check(check, &images, ended.metadata.as_deref(), &mut hearing);
    let missing = related.missing();
    match held {
        _ if !missing.is_empty() => Conclusion::Needs(missing),
        Ok(()) => Conclusion::Holds,
        Err(refusal) => Conclusion::Refuse(refusal),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn lists_that_join_to_one_text_have_locks_of_their_own() {
        let lists: [&[&str]; 6] = [
            &["ab", "c"],
            &["a", "bc"],
            &["abc"],
            &["abc", ""],
            &["", "abc"],
            &[],
        ];
        let locks: BTreeSet<i64> = lists.map(|list| digest(list.iter().copied())).into();
        assert_eq!(locks.len(), lists.len());
        assert!(!locks.contains(&0));
    }
}
