//! [`ConditionalWrite`]: the statement that does what a verb asks with the fields sent, where the rules allow it, and what fills its parameters.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::{Kind, Table, TableKind, Trigger};
use crate::dialect::postgres::{
    Arm, Conditional, Rows, Sql, Statement, conditional, is_within, set_to, sql,
};
use crate::expr::{Fragment, Hole, TableId, Variable};
use crate::plan::standing::facts;
use crate::plan::{Detour, Field, Grant, Plan, Standing, TablePlan};
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::{Op, Verb};
use crate::vocabulary::row::ColumnId;

/// Statements that are kept; beyond it all are made again.
const WRITES_MAX: usize = 1_000;

/// A statement that writes what one table, verb and set of sent fields ask for, where every condition holds. Its text holds no value.
#[derive(Debug)]
pub struct ConditionalWrite {
    /// For one row.
    pub one: Statement,
    /// For many; `None` where operations could tell that they were done at once.
    pub many: Option<Statement>,
    /// What fills its parameters.
    pub cells: Vec<Cell>,
    /// What can happen to the row.
    pub ops: Vec<Op>,
}

/// What fills a parameter.
#[derive(Debug)]
pub enum Cell {
    /// The key that was sent.
    Key,
    /// The subject.
    Subject,
    /// What a column is set to, where this happens to the row.
    Value(Op, ColumnId),
    /// What a condition asks of what is known.
    Hole(Op, Hole),
    /// Whether conditions hold that need no row.
    Decided(Op, Decided),
    /// Whether all of those hold that have to.
    May(Op, Decided),
}

/// Conditions that are answered before the database is asked.
#[derive(Clone, Debug)]
pub enum Decided {
    /// One, whose only hole is its answer.
    Holds(Fragment),
    /// All of them.
    All(Vec<Decided>),
    /// At least one.
    Any(Vec<Decided>),
}

impl Cell {
    /// Whether it can differ from row to row of one upload.
    pub fn is_per_row(&self) -> bool {
        match self {
            Self::Subject => false,
            Self::Hole(_, hole) => hole.is_per_row(),
            Self::Key | Self::Value(..) | Self::Decided(..) | Self::May(..) => true,
        }
    }
}

/// What a statement was made of, or why there is none, by what asks for it.
type Known = HashMap<Asked, Result<Arc<ConditionalWrite>, Detour>>;

/// The table, what is asked, and the columns of the fields that are sent, sorted.
type Asked = (TableId, Verb, Box<[ColumnId]>);

/// The statements that were made so far.
#[derive(Default)]
pub(super) struct Writes(Mutex<Known>);

impl fmt::Debug for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writes")
    }
}

impl Plan {
    /// The statement for a verb that sends the fields of these columns; `Err` where such a write has to be read and judged.
    pub fn conditional_write(
        &self,
        table: &TablePlan,
        verb: Verb,
        mut sent: Vec<ColumnId>,
    ) -> Result<Arc<ConditionalWrite>, Detour> {
        sent.sort_unstable();
        let asked = (table.id, verb, sent.into_boxed_slice());
        let known = || self.writes.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = known().get(&asked) {
            return made.clone();
        }
        let made = compose(self, table, verb, &asked.2).map(Arc::new);
        let mut known = known();
        if known.len() >= WRITES_MAX {
            known.clear();
        }
        known.insert(asked, made.clone());
        made
    }
}

fn compose(
    plan: &Plan,
    table: &TablePlan,
    verb: Verb,
    sent: &[ColumnId],
) -> Result<ConditionalWrite, Detour> {
    let could: &[Op] = match verb {
        Verb::Put => &[Op::Update, Op::Create],
        Verb::Patch => &[Op::Update],
        Verb::Delete => &[Op::Delete],
    };
    let is_granted = |op: &&Op| table.grants.iter().any(|grant| grant.op == **op);
    let ops: Vec<Op> = could.iter().filter(is_granted).copied().collect();
    is_plain(table, sent, &ops)?;
    let mut composer = Composer {
        plan,
        table,
        sent,
        fields: fields(table, sent)?,
        cells: vec![Cell::Key, Cell::Subject],
        reads: BTreeSet::new(),
        sets: BTreeSet::new(),
    };
    let mut shape = Conditional::default();
    let mut made = Vec::new();
    for op in ops {
        let Some(arm) = composer.arm(op)? else {
            continue;
        };
        made.push(op);
        match op {
            Op::Update => shape.update = Some(arm),
            Op::Create => shape.create = Some(arm),
            Op::Delete => shape.delete = Some(arm),
        }
    }
    let cells = composer.cells.iter().enumerate();
    let each: Vec<usize> = cells
        .filter(|(_, cell)| cell.is_per_row())
        .map(|(at, _)| at)
        .collect();
    let text = |rows| conditional(&table.facts, table.key, &shape, rows);
    let is_alone = composer.is_alone(&made);
    Ok(ConditionalWrite {
        one: text(Rows::One).ok_or(Detour::Refused)?,
        many: text(Rows::Many(&each)).filter(|_| !is_alone),
        cells: composer.cells,
        ops: made,
    })
}

/// The fields of columns; each column is written by one.
fn fields<'t>(
    table: &'t TablePlan,
    sent: &[ColumnId],
) -> Result<Vec<(&'t FieldName, &'t Field)>, Detour> {
    let all = table.fields.iter();
    let fields: Vec<_> = all
        .filter(|(_, field)| sent.contains(&field.column))
        .collect();
    let columns: BTreeSet<ColumnId> = fields.iter().map(|(_, field)| field.column).collect();
    if columns.len() != fields.len() || columns.len() != sent.len() {
        return Err(Detour::Value);
    }
    Ok(fields)
}

/// Whether nothing about the table takes part in a write beside its rules.
fn is_plain(table: &TablePlan, sent: &[ColumnId], ops: &[Op]) -> Result<(), Detour> {
    let facts = &table.facts;
    if ops.is_empty() {
        return Err(Detour::Refused);
    }
    if facts.rls.binds_login || facts.rls.binds_writing {
        return Err(Detour::RowSecurity);
    }
    if facts.kind != TableKind::Ordinary || facts.is_rewritten || facts.is_inherited {
        return Err(Detour::Table);
    }
    if table.has_deferred_checks() {
        return Err(Detour::Deferred);
    }
    let triggers = || facts.triggers.iter();
    let meets = |trigger: &Trigger| ops.iter().any(|op| fires(trigger, *op));
    if triggers().any(|trigger| trigger.is_statement || (trigger.is_before_row && meets(trigger))) {
        return Err(Detour::Trigger);
    }
    // Judged in process, an update sets what differs and nothing else, and a trigger may be of certain columns.
    let updates = |trigger: &Trigger| trigger.on_update && ops.contains(&Op::Update);
    if sent.len() > 1 && triggers().any(updates) {
        return Err(Detour::Trigger);
    }
    Ok(())
}

fn fires(trigger: &Trigger, op: Op) -> bool {
    match op {
        Op::Create => trigger.on_insert,
        Op::Update => trigger.on_update,
        Op::Delete => trigger.on_delete,
    }
}

/// A statement while it is put together.
struct Composer<'a> {
    plan: &'a Plan,
    table: &'a TablePlan,
    sent: &'a [ColumnId],
    fields: Vec<(&'a FieldName, &'a Field)>,
    cells: Vec<Cell>,
    /// The tables that conditions read.
    reads: BTreeSet<TableId>,
    /// The columns that are set.
    sets: BTreeSet<ColumnId>,
}

/// A part of what has to be true of a row.
enum Term {
    Decided(Decided),
    Open(Sql),
}

impl Composer<'_> {
    /// What has to be true for an op, and what it sets; `None` where it cannot come to a write.
    fn arm(&mut self, op: Op) -> Result<Option<Arm>, Detour> {
        let table = self.table;
        let sent: Vec<(&FieldName, &Field)> = self
            .fields
            .iter()
            .copied()
            .filter(|(_, field)| op != Op::Delete && !table.is_preset(field.column, op))
            .collect();
        // Of an update that can change nothing there is nothing to write.
        if op == Op::Update && sent.iter().all(|(_, field)| field.is_immutable) {
            return Ok(None);
        }
        let reads_old = |preset: &crate::plan::Preset| {
            preset.op == op && preset.value.reads().variables.contains(&Variable::Old)
        };
        if table.presets.iter().any(reads_old) {
            return Err(Detour::Preset);
        }
        if op == Op::Update && !self.is_schema_by_field(&sent) {
            return Err(Detour::Schema);
        }
        let needs_text =
            |(_, field): &(&FieldName, &Field)| table.needs_canonical_text(field.column);
        if sent.iter().any(needs_text) {
            return Err(Detour::Value);
        }
        let columns = self.columns(op, &sent);
        let mut terms = self.conditions(op)?;
        terms.extend(self.coverage(op, &sent)?);
        if op == Op::Update {
            let differing = self.differing(op, &sent)?;
            let mut may_differ = Vec::new();
            for ((_, field), differs) in sent.iter().zip(differing) {
                if field.is_immutable {
                    terms.push(Term::Open(sql!["NOT ", differs]));
                } else {
                    may_differ.push(Term::Open(differs));
                }
            }
            terms.push(self.any(op, may_differ));
        }
        let condition = self.whole(op, terms);
        Ok(Some(Arm { columns, condition }))
    }

    /// Whether the schema of the row, where there is one, can be asked about what is sent alone. A row with many parts is not told all its errors,
    /// and what is stored may have them.
    fn is_schema_by_field(&self, sent: &[(&FieldName, &Field)]) -> bool {
        let Some(schema) = &self.table.schema else {
            return true;
        };
        let has_parts = |kind: &Kind| matches!(kind, Kind::Json | Kind::Jsonb | Kind::Array(_));
        let is_sent = |id| sent.iter().any(|(_, field)| field.column == id);
        let mut columns = self.table.facts.ids();
        schema.is_by_field()
            && columns.all(|(id, column)| !has_parts(&column.ty.kind) || is_sent(id))
    }

    /// What is set: what is sent and may change, defaults, presets.
    fn columns(&mut self, op: Op, sent: &[(&FieldName, &Field)]) -> Vec<(ColumnId, Sql)> {
        let table = self.table;
        let mut ids: BTreeSet<ColumnId> = sent
            .iter()
            .filter(|(_, field)| op == Op::Create || !field.is_immutable)
            .map(|(_, field)| field.column)
            .collect();
        if op == Op::Create {
            let defaults = table
                .fields
                .values()
                .filter(|field| field.default.is_some());
            ids.extend(defaults.map(|field| field.column));
        }
        let presets = table.presets.iter().filter(|preset| preset.op == op);
        ids.extend(presets.map(|preset| preset.column));
        self.sets.extend(&ids);
        let facts = &table.facts;
        let columns = ids.into_iter().filter_map(|id| Some((id, facts.at(id)?)));
        columns
            .map(|(id, column)| {
                let hole = self.cell(Cell::Value(op, id));
                let value = match op {
                    Op::Update if self.sent.contains(&id) && !table.is_preset(id, op) => {
                        set_to(column, hole)
                    }
                    _ => sql![Sql::hole(hole), Sql::cast_to(column)],
                };
                (id, value)
            })
            .collect()
    }

    /// Guards, the grants of which one has to hold, and checks.
    fn conditions(&mut self, op: Op) -> Result<Vec<Term>, Detour> {
        let table = self.table;
        let mut terms = Vec::new();
        for guard in &table.guards {
            terms.push(self.condition(op, guard)?);
        }
        let grants: Vec<&Grant> = table.grants.iter().filter(|grant| grant.op == op).collect();
        terms.push(self.any_of(op, &grants)?);
        let checks = table.checks.iter();
        for check in checks.filter(|check| check.ops.contains(&op) && !check.is_deferred) {
            terms.push(self.condition(op, &check.rule)?);
        }
        Ok(terms)
    }

    /// That each field that differs is covered by a grant that holds.
    fn coverage(&mut self, op: Op, sent: &[(&FieldName, &Field)]) -> Result<Vec<Term>, Detour> {
        let table = self.table;
        let mut terms = Vec::new();
        let all = || table.grants.iter().filter(move |grant| grant.op == op);
        for (name, field) in sent {
            let covering: Vec<&Grant> = all()
                .filter(|grant| {
                    let fields = grant.fields.as_ref();
                    fields.is_none_or(|fields| fields.contains(*name))
                })
                .collect();
            // That one of all grants holds is asked anyway.
            if covering.len() == all().count() {
                continue;
            }
            let mut either = vec![self.any_of(op, &covering)?];
            if op == Op::Update {
                let differs = self.differs(op, field.column)?;
                either.push(Term::Open(sql!["NOT ", differs]));
            }
            terms.push(self.any(op, either));
        }
        Ok(terms)
    }

    fn differing(&mut self, op: Op, sent: &[(&FieldName, &Field)]) -> Result<Vec<Sql>, Detour> {
        let fields = sent.iter();
        fields
            .map(|(_, field)| self.differs(op, field.column))
            .collect()
    }

    fn differs(&mut self, op: Op, id: ColumnId) -> Result<Sql, Detour> {
        let column = self.table.column(id).ok_or(Detour::Value)?;
        let known = self
            .cells
            .iter()
            .position(|cell| matches!(cell, Cell::Value(o, i) if *o == op && *i == id));
        let hole = known.unwrap_or_else(|| self.cell(Cell::Value(op, id)));
        Sql::differs(column, Sql::hole(hole)).ok_or(Detour::Value)
    }

    fn any_of(&mut self, op: Op, grants: &[&Grant]) -> Result<Term, Detour> {
        let grants = grants.iter();
        let terms: Vec<Term> = grants
            .map(|grant| self.condition(op, &grant.condition))
            .collect::<Result<_, _>>()?;
        Ok(self.any(op, terms))
    }

    fn condition(&mut self, op: Op, condition: &crate::expr::Compiled) -> Result<Term, Detour> {
        let sent: BTreeSet<FieldName> = self
            .fields
            .iter()
            .map(|(name, _)| (*name).clone())
            .collect();
        let standing = Standing::new(self.plan, self.table, op, &sent);
        let fragments = standing
            .fragments(condition)
            .map_err(|_| Detour::Condition)?;
        let terms = fragments
            .into_iter()
            .map(|fragment| self.term(op, fragment))
            .collect();
        Ok(self.all(op, terms))
    }

    fn term(&mut self, op: Op, fragment: Fragment) -> Term {
        if fragment.is_decided() {
            return Term::Decided(Decided::Holds(fragment));
        }
        self.reads.extend(fragment.reads());
        let places: Vec<usize> = fragment
            .holes()
            .iter()
            .map(|hole| self.hole(op, hole))
            .collect();
        let number = |hole: usize| places.get(hole).copied().unwrap_or(usize::MAX);
        Term::Open(fragment.sql().clone().renumbered(number))
    }

    fn hole(&mut self, op: Op, hole: &Hole) -> usize {
        let is_it =
            |cell: &Cell| matches!(cell, Cell::Hole(of, known) if *of == op && known.is_same(hole));
        let known = self.cells.iter().position(is_it);
        known.unwrap_or_else(|| self.cell(Cell::Hole(op, hole.clone())))
    }

    fn cell(&mut self, cell: Cell) -> usize {
        self.cells.push(cell);
        self.cells.len() - 1
    }

    /// All terms; those that are decided are one.
    fn all(&mut self, op: Op, terms: Vec<Term>) -> Term {
        let (decided, mut open) = apart(terms);
        if open.is_empty() {
            return Term::Decided(Decided::All(decided));
        }
        if !decided.is_empty() {
            open.push(self.decided(op, Decided::All(decided)));
        }
        Term::Open(joined(open, " AND "))
    }

    fn any(&mut self, op: Op, terms: Vec<Term>) -> Term {
        let (decided, mut open) = apart(terms);
        if open.is_empty() {
            return Term::Decided(Decided::Any(decided));
        }
        if !decided.is_empty() {
            open.push(self.decided(op, Decided::Any(decided)));
        }
        Term::Open(joined(open, " OR "))
    }

    fn decided(&mut self, op: Op, decided: Decided) -> Sql {
        let hole = self.cell(Cell::Decided(op, decided));
        sql![Sql::hole(hole), "::boolean"]
    }

    /// The condition of an arm: that it is asked within a transaction, whether it may happen at all, and all that the row has to be asked.
    fn whole(&mut self, op: Op, terms: Vec<Term>) -> Sql {
        let (decided, open) = apart(terms);
        let may = self.cell(Cell::May(op, Decided::All(decided)));
        let mut all = vec![is_within(1), sql![Sql::hole(may), "::boolean"]];
        all.extend(open);
        joined(all, " AND ")
    }

    /// Whether operations have to be done one by one: together, they could tell.
    fn is_alone(&self, ops: &[Op]) -> bool {
        let facts = &self.table.facts;
        let has_trigger = facts
            .triggers
            .iter()
            .any(|trigger| ops.iter().any(|op| fires(trigger, *op)));
        let follows_itself = facts
            .foreign_keys
            .iter()
            .any(|key| key.target == facts.target);
        has_trigger
            || follows_itself
            || !is_one_text(self.table)
            || self.frees_a_value()
            || self.is_followed(ops)
            || self.reads_what_it_writes()
    }

    /// Whether a value that is unique may be freed by one operation and taken by another.
    fn frees_a_value(&self) -> bool {
        let indexes = self.table.facts.indexes.iter();
        indexes
            .filter(|index| index.is_unique && index.columns != [Some(self.table.key)])
            .flat_map(|index| &index.columns)
            .any(|column| column.is_none_or(|column| self.sets.contains(&column)))
    }

    /// Whether rows of other tables change with it.
    fn is_followed(&self, ops: &[Op]) -> bool {
        let followed = &self.table.followed;
        if ops.contains(&Op::Delete) {
            return !followed.is_empty();
        }
        let mut sets = self.sets.iter().filter_map(|id| self.table.column(*id));
        sets.any(|column| followed.contains(&column.name))
    }

    /// Whether a condition reads the table itself, or what may show it.
    fn reads_what_it_writes(&self) -> bool {
        let facts = facts(self.plan);
        let is_another = |table: &Table| {
            table.kind == TableKind::Ordinary
                && !table.is_inherited
                && table.target != self.table.facts.target
        };
        self.reads.iter().any(|id| {
            let read = facts.get(id.0 as usize).copied().flatten();
            !read.is_some_and(is_another)
        })
    }
}

/// Whether keys that are equal have one text.
fn is_one_text(table: &TablePlan) -> bool {
    table.column(table.key).is_some_and(|key| {
        let is_exact = key.collation.as_ref().is_none_or(|c| c.is_deterministic);
        match key.ty.kind {
            Kind::Uuid | Kind::Int2 | Kind::Int4 | Kind::Int8 => true,
            Kind::Text | Kind::Varchar(_) => is_exact,
            _ => false,
        }
    })
}

fn apart(terms: Vec<Term>) -> (Vec<Decided>, Vec<Sql>) {
    let (mut decided, mut open) = (Vec::new(), Vec::new());
    for term in terms {
        match term {
            Term::Decided(one) => decided.push(one),
            Term::Open(sql) => open.push(sql),
        }
    }
    (decided, open)
}

fn joined(terms: Vec<Sql>, word: &'static str) -> Sql {
    let mut terms = terms.into_iter();
    let first = sql!["(", terms.next().unwrap_or_default()];
    let all = terms.fold(first, |all, term| sql![all, word, term]);
    sql![all, ")"]
}
