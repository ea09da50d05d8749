//! One operation: its row read under lock, judged with the related rows it needs, written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::apply::trouble::Trouble;
use crate::apply::{End, Upload};
use crate::dialect::postgres::{self as dialect, OnTakenKey};
use crate::driver::postgres::{DriverError, Phase, Transaction};
use crate::expr::{Need, Related, RelationId};
use crate::plan::{Plan, RelationPlan, TablePlan};
use crate::policy::{
    self, Admission, Admitted, Asking, Depth, Judgement, Permitted, Refusal, Touched, Trace,
    Verdict, Write,
};
use crate::reload::Snapshot;
use crate::request::{self, Operation};
use crate::vocabulary::code::ErrorCode;
use crate::vocabulary::limits::Limits;
use crate::vocabulary::operation::Verb;
use crate::vocabulary::row::{ColumnId, Datum, Row};

/// Lost races for a key before a plain INSERT decides (rule-language, *What happens to one operation*, 3).
const RACES_MAX: usize = 3;

/// What the operations of one transaction have in common.
pub(super) struct Bench<'a> {
    pub snapshot: &'a Snapshot,
    pub upload: &'a Upload,
    pub limits: &'a Limits,
    /// How much is told of each operation, where anybody listens.
    pub depth: Option<Depth>,
}

impl<'a> Bench<'a> {
    /// The plan that decides.
    pub(super) fn plan(&self) -> &'a Plan {
        &self.snapshot.plan
    }

    /// Who asks, and when.
    pub(super) fn asking(&self) -> Asking<'a> {
        Asking {
            principal: &self.upload.principal,
            time: self.upload.time,
            request_id: &self.upload.request_id,
            limits: self.limits,
        }
    }
}

/// Decides one operation, and does what was permitted. What it touched is told where a check waits for the end of the transaction.
pub(super) async fn apply<'a>(
    open: &mut Transaction,
    bench: &Bench<'a>,
    operation: &Operation,
    mut trace: Option<&mut Trace>,
) -> Result<(End, Option<Touched<'a>>), Trouble> {
    let mut admitted = match policy::admit(bench.plan(), operation, bench.limits)? {
        Admission::Done => return Ok((End::Empty, None)),
        Admission::Look(admitted) => admitted,
    };
    for race in 0..=RACES_MAX {
        let stored = read_target(open, &admitted).await?;
        settle_texts(open, &mut admitted, stored.is_some()).await?;
        let judged = judge(
            open,
            bench,
            &admitted,
            stored.as_ref(),
            trace.as_deref_mut(),
        );
        let permitted = match judged.await? {
            Verdict::Permit(permitted) => permitted,
            Verdict::Done => {
                let end = if stored.is_none() {
                    is_gone(open, admitted.table).await?;
                    End::Absent
                } else {
                    End::Same
                };
                return Ok((end, Touched::by(admitted, stored)));
            }
            Verdict::Refuse(refusal) => return Err(refusal.into()),
        };
        let is_last = race == RACES_MAX;
        if write(open, &admitted, &permitted, is_last).await? {
            let end = End::Write(permitted.into_write());
            return Ok((end, Touched::by(admitted, stored)));
        }
    }
    Err(Trouble::LostRaces)
}

/// The row as it is stored, locked where an op could follow.
async fn read_target(
    open: &mut Transaction,
    admitted: &Admitted<'_>,
) -> Result<Option<Row>, Trouble> {
    let table = admitted.table;
    let statement = if admitted.verb == Verb::Delete {
        &table.read_for_delete
    } else {
        &table.read_for_update
    };
    let rows = open
        .read(statement, &[admitted.key.text.as_deref()])
        .await
        .map_err(|error| unreadable(error, "`id`"))?;
    match rows.as_slice() {
        [] => Ok(None),
        [texts] => Ok(Some(image(&table.facts, &table.image, texts))),
        _ => Err(several(table)),
    }
}

/// The key is unique, yet two rows have it: inherited tables and indexes of another collation can do that. Which of them is meant?
fn several(table: &TablePlan) -> Trouble {
    let target = &table.facts.target;
    Trouble::Doubt(format!("one key of `{target}` belongs to several rows"))
}

/// A read meets texts that only the database can tell to be no values: an app sent them.
fn unreadable(error: DriverError, what: &str) -> Trouble {
    if !error.is_of_a_value() {
        return error.into();
    }
    Refusal::new(
        ErrorCode::InvalidData,
        format!("{what} cannot be stored"),
        error.summary(),
    )
    .into()
}

/// A row that we do not see is gone, unless it is hidden from us: then what is done to it waits.
async fn is_gone(open: &mut Transaction, table: &TablePlan) -> Result<(), Trouble> {
    let target = &table.facts.target;
    if open.row_security(target).await?.binds_login {
        return Err(Trouble::Mistake(format!(
            "row-level security of `{target}` applies to the role we log in as"
        )));
    }
    Ok(())
}

/// An image from the texts of its columns.
pub(super) fn image(
    facts: &crate::catalog::Table,
    columns: &[ColumnId],
    texts: &[Option<String>],
) -> Row {
    let mut row = Row::unread(facts.columns.len());
    for (id, text) in columns.iter().zip(texts) {
        if let Some(column) = facts.at(*id) {
            row.set(*id, request::stored(text.as_deref(), &column.ty));
        }
    }
    row
}

/// Asks the database for the stored text of values that only it can print.
async fn settle_texts(
    open: &mut Transaction,
    admitted: &mut Admitted<'_>,
    is_present: bool,
) -> Result<(), Trouble> {
    let Some(op) = admitted.op(is_present) else {
        return Ok(());
    };
    for (id, text) in admitted.uncanonical(op) {
        let Some(column) = admitted.table.column(id) else {
            continue;
        };
        let statement = dialect::canonical_text(column);
        if let Some(text) = open.canonical(&statement, &text).await? {
            admitted.settle_text(id, &text);
        }
    }
    Ok(())
}

/// Judges, reading related rows until there is an answer. They are read as they stand before this operation.
async fn judge(
    open: &mut Transaction,
    bench: &Bench<'_>,
    admitted: &Admitted<'_>,
    stored: Option<&Row>,
    mut trace: Option<&mut Trace>,
) -> Result<Verdict, Trouble> {
    let mut related = Related::default();
    loop {
        let trace = trace.as_deref_mut();
        match policy::judge_traced(admitted, stored, bench.asking(), &related, trace) {
            Judgement::Decided(verdict) => return Ok(verdict),
            Judgement::Needs(needs) => read_related(open, bench, needs, &mut related).await?,
        }
    }
}

/// Reads what a judgement lacks: one statement for each relation.
pub(super) async fn read_related(
    open: &mut Transaction,
    bench: &Bench<'_>,
    needs: BTreeSet<Need>,
    related: &mut Related,
) -> Result<(), Trouble> {
    let mut by_relation: BTreeMap<RelationId, Vec<Need>> = BTreeMap::new();
    for need in needs {
        by_relation.entry(need.relation).or_default().push(need);
    }
    for (id, needs) in by_relation {
        let relation = bench.plan().relation(id).ok_or_else(|| {
            DriverError::local(
                Phase::Read,
                "a condition follows a relation that is not planned",
            )
        })?;
        read_relation(open, bench.limits, relation, needs, related).await?;
    }
    Ok(())
}

async fn read_relation(
    open: &mut Transaction,
    limits: &Limits,
    relation: &RelationPlan,
    needs: Vec<Need>,
    related: &mut Related,
) -> Result<(), Trouble> {
    let left = limits.related_rows_max.saturating_sub(related.count());
    let width = needs.first().map_or(0, |need| need.key.len());
    let column = |at: usize| needs.iter().filter_map(move |need| need.key.get(at));
    let arrays: Vec<Vec<&str>> = (0..width)
        .map(|at| column(at).map(AsRef::as_ref).collect())
        .collect();
    let rows = open
        .read_many(&relation.read, &arrays, left + 1)
        .await
        .map_err(|error| unreadable(error, "a value"))?;
    if rows.len() > left {
        // More than the evaluator may look at: whatever asks for them is not true.
        for need in needs {
            related.give_up(need);
        }
        return Ok(());
    }
    let mut found: Vec<Vec<Row>> = needs.iter().map(|_| Vec::new()).collect();
    for texts in &rows {
        let Some((position, texts)) = texts.split_first() else {
            continue;
        };
        let position = position
            .as_deref()
            .and_then(|text| text.parse::<usize>().ok());
        if let Some(rows) = position.and_then(|position| found.get_mut(position.checked_sub(1)?)) {
            rows.push(image(&relation.facts, &relation.columns, texts));
        }
    }
    for (need, rows) in needs.into_iter().zip(found) {
        related.insert(need, Arc::from(rows));
    }
    Ok(())
}

/// Writes what was permitted; `false` where the race for the key was lost, and the operation starts again.
async fn write(
    open: &mut Transaction,
    admitted: &Admitted<'_>,
    permitted: &Permitted,
    is_last: bool,
) -> Result<bool, Trouble> {
    let table = admitted.table;
    let key = admitted.key.text.as_deref();
    let touched = match permitted.write() {
        Write::Insert(columns) => return insert(open, admitted, columns, is_last).await,
        Write::Update(columns) => {
            let statement = dialect::update(&table.facts, table.key, &ids(columns));
            let mut parameters = texts(columns);
            parameters.push(key);
            open.write(&statement, &parameters).await?
        }
        Write::Delete => {
            let statement = dialect::delete(&table.facts, table.key);
            open.write(&statement, &[key]).await?
        }
    };
    wrote(open, table, touched).await.map(|()| true)
}

async fn insert(
    open: &mut Transaction,
    admitted: &Admitted<'_>,
    columns: &[(ColumnId, Datum)],
    is_last: bool,
) -> Result<bool, Trouble> {
    let table = admitted.table;
    let (ids, texts) = (ids(columns), texts(columns));
    // A trigger runs whether the key is taken or not, and can take the write over: then no row says nothing of the key.
    if !is_last && !runs_before_insert(table) {
        let statement = dialect::insert(&table.facts, table.key, &ids, OnTakenKey::Nothing);
        return Ok(open.write(&statement, &texts).await? > 0);
    }
    let statement = dialect::insert(&table.facts, table.key, &ids, OnTakenKey::Raise);
    open.savepoint().await?;
    match open.write(&statement, &texts).await {
        Ok(touched) => {
            open.release_savepoint().await?;
            wrote(open, table, touched).await.map(|()| true)
        }
        Err(error) if error.sqlstate.as_deref() == Some("23505") => {
            open.rollback_to_savepoint().await?;
            let seen = dialect::exists(&table.facts, table.key);
            let rows = open.read(&seen, &[admitted.key.text.as_deref()]).await?;
            let is_unseen = rows.is_empty();
            if is_unseen && !is_taken_key(table, &error) {
                return Err(error.into());
            }
            if is_unseen && is_last {
                is_gone(open, table).await?;
                return Err(Refusal::unauthorized("the key belongs to a row we cannot see").into());
            }
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn runs_before_insert(table: &TablePlan) -> bool {
    let mut triggers = table.facts.triggers.iter();
    triggers.any(|trigger| trigger.is_before_row && trigger.on_insert)
}

/// Whether an error says that the key itself is taken.
fn is_taken_key(table: &TablePlan, error: &DriverError) -> bool {
    let constraint = error.constraint.as_deref().unwrap_or_default();
    error.sqlstate.as_deref() == Some("23505")
        && table
            .facts
            .indexes
            .iter()
            .any(|index| &*index.name == constraint && index.columns == [Some(table.key)])
}

/// A permitted write that touched no row was taken over by a trigger, or hidden by row-level security (rule-language, *Row-level security*).
async fn wrote(open: &mut Transaction, table: &TablePlan, touched: u64) -> Result<(), Trouble> {
    if touched > 1 {
        return Err(several(table));
    }
    if touched == 0 && open.row_security(&table.facts.target).await?.binds_writing {
        let cause = "row-level security let the write touch no row";
        return Err(Refusal::unauthorized(cause).into());
    }
    Ok(())
}

fn ids(columns: &[(ColumnId, Datum)]) -> Vec<ColumnId> {
    columns.iter().map(|(id, _)| *id).collect()
}

fn texts(columns: &[(ColumnId, Datum)]) -> Vec<Option<&str>> {
    columns
        .iter()
        .map(|(_, datum)| datum.text.as_deref())
        .collect()
}
