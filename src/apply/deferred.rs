//! The end of a transaction: the rows it touched are read back, and their deferred checks judged under advisory locks.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use crate::apply::Told;
use crate::apply::operation::{Bench, image, read_related};
use crate::apply::trouble::Trouble;
use crate::catalog::Kind;
use crate::dialect::postgres::{self as dialect, Lock};
use crate::driver::postgres::Transaction;
use crate::expr::{Related, TableId};
use crate::plan::Check;
use crate::policy::{self, Conclusion, Ended, Touched, Trace};
use crate::vocabulary::row::Row;

/// The rows that the operations of one transaction touched, each with the position of the last one.
#[derive(Default)]
pub(super) struct Touches<'p>(BTreeMap<(TableId, String), (usize, Touched<'p>)>);

impl<'p> Touches<'p> {
    /// Notes a row that the operation at a position touched.
    pub(super) fn note(&mut self, operation_index: usize, touched: Touched<'p>) {
        match self.0.entry(identity(&touched)) {
            Entry::Vacant(entry) => drop(entry.insert((operation_index, touched))),
            Entry::Occupied(mut entry) => {
                let (last, known) = entry.get_mut();
                *last = operation_index;
                known.touch_again(touched);
            }
        }
    }
}

/// Which row it is, however its key was spelled.
fn identity(touched: &Touched<'_>) -> (TableId, String) {
    let table = touched.table;
    let text = touched.key.text.as_deref().unwrap_or_default();
    let is_caseless = table
        .column(table.key)
        .is_some_and(|column| column.ty.kind == Kind::Citext);
    let text = if is_caseless {
        text.to_lowercase()
    } else {
        text.to_owned()
    };
    (table.id, text)
}

/// Judges every deferred check of every touched row, as the transaction leaves them.
pub(super) async fn judge(
    open: &mut Transaction,
    bench: &Bench<'_>,
    touches: Touches<'_>,
    told: &mut [Told],
) -> Result<(), Trouble> {
    // Nobody else can change these rows any more: our operations hold their locks, or they are ours alone.
    let rows = read_back(open, touches).await?;
    let mut held = Held::default();
    held.take(open, rows.iter().flat_map(|(_, row)| row.locks()).collect())
        .await?;
    for (operation_index, row) in &rows {
        for check in row.checks() {
            let mut trace = bench.depth.map(Trace::new);
            let judged = settle(open, bench, row, check, &mut held, trace.as_mut()).await;
            if let (Some(trace), Some(told)) = (trace, told.get_mut(*operation_index)) {
                told.end_with(trace);
            }
            judged.map_err(|trouble| trouble.at(*operation_index, None))?;
        }
    }
    Ok(())
}

/// The touched rows as they stand now, in the order of their last operations.
async fn read_back<'p>(
    open: &mut Transaction,
    touches: Touches<'p>,
) -> Result<Vec<(usize, Ended<'p>)>, Trouble> {
    let mut touched: Vec<(usize, Touched<'p>)> = touches.0.into_values().collect();
    touched.sort_by_key(|(operation_index, _)| *operation_index);
    let mut rows = Vec::with_capacity(touched.len());
    for (operation_index, touched) in touched {
        let new = read_row(open, &touched).await?;
        rows.extend(touched.end(new).map(|row| (operation_index, row)));
    }
    Ok(rows)
}

async fn read_row(open: &mut Transaction, touched: &Touched<'_>) -> Result<Option<Row>, Trouble> {
    let table = touched.table;
    let statement = dialect::read_target(&table.facts, table.key, &table.image, Lock::None);
    let rows = open
        .read(&statement, &[touched.key.text.as_deref()])
        .await?;
    let first = rows.first();
    Ok(first.map(|texts| image(&table.facts, &table.image, texts)))
}

/// Judges one check of one row, reading related rows until there is an answer. None is read before its lock is held.
async fn settle(
    open: &mut Transaction,
    bench: &Bench<'_>,
    row: &Ended<'_>,
    check: &Check,
    held: &mut Held,
    mut trace: Option<&mut Trace>,
) -> Result<(), Trouble> {
    let mut related = Related::default();
    loop {
        let trace = trace.as_deref_mut();
        let needs = match policy::judge_deferred(row, check, bench.asking(), &related, trace) {
            Conclusion::Holds => return Ok(()),
            Conclusion::Refuse(refusal) => return Err(refusal.into()),
            Conclusion::Needs(needs) => needs,
        };
        let locks = needs.iter().map(|need| row.lock(check, &need.key));
        if held.take(open, locks.collect()).await? {
            // What was read before a lock may have changed while we waited for it.
            related = Related::default();
        } else {
            read_related(open, bench, needs, &mut related).await?;
        }
    }
}

/// The advisory locks of a transaction. They go when it ends.
#[derive(Default)]
struct Held(BTreeSet<i64>);

impl Held {
    /// Takes those that are not held yet, in sorted order: two transactions that want the same ones wait, and do not meet head on. `true` where
    /// there was one.
    async fn take(
        &mut self,
        open: &mut Transaction,
        mut locks: BTreeSet<i64>,
    ) -> Result<bool, Trouble> {
        locks.retain(|lock| !self.0.contains(lock));
        if locks.is_empty() {
            return Ok(false);
        }
        let sorted: Vec<i64> = locks.iter().copied().collect();
        open.lock(&sorted).await?;
        self.0.append(&mut locks);
        Ok(true)
    }
}
