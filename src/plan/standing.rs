//! Where the conditions of a statement stand: what is known of a row before the database is asked, for one op and the fields that are sent.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Generation};
use crate::expr::{Compiled, Fragment, Image, Outside, Rest, Stand, TableId, Variable, Written};
use crate::plan::{Plan, TablePlan};
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::Op;
use crate::vocabulary::row::ColumnId;

/// What conditions find where a statement of one table, op and set of fields asks them.
#[derive(Debug)]
pub struct Standing<'a> {
    plan: &'a Plan,
    table: &'a TablePlan,
    facts: Vec<Option<&'a catalog::Table>>,
    op: Op,
    written: Written,
    sent: BTreeMap<FieldName, ColumnId>,
}

impl<'a> Standing<'a> {
    /// That of an op which sends these fields.
    pub fn new(plan: &'a Plan, table: &'a TablePlan, op: Op, sent: &BTreeSet<FieldName>) -> Self {
        let sent: BTreeMap<FieldName, ColumnId> = table
            .fields
            .iter()
            .filter(|(name, field)| sent.contains(*name) && !table.is_preset(field.column, op))
            .map(|(name, field)| (name.clone(), field.column))
            .collect();
        Self {
            plan,
            table,
            facts: facts(plan),
            op,
            written: written(table, op, sent.values().copied()),
            sent,
        }
    }

    /// A condition as SQL, once for each image that `this` means in it.
    pub fn fragments(&self, condition: &Compiled) -> Result<Vec<Fragment>, Outside> {
        let written = Image::Written(&self.written);
        let (old, new) = match self.op {
            Op::Create => (Image::Absent, written),
            Op::Update => (Image::Stored, written),
            Op::Delete => (Image::Stored, Image::Absent),
        };
        let names_this = condition.reads().variables.contains(&Variable::This);
        let images = match self.op {
            Op::Update if names_this => vec![old, new],
            Op::Create => vec![new],
            Op::Update | Op::Delete => vec![old],
        };
        let stand = |this| Stand {
            world: self.plan.world(),
            tables: &self.facts,
            table: self.table.id,
            old,
            new,
            this,
            sent: (self.op == Op::Update).then_some(&self.sent),
        };
        let mut fragments: Vec<Fragment> = Vec::new();
        for this in images {
            let fragment = condition.fragment(&stand(this))?;
            if !fragments
                .iter()
                .any(|other| asks_the_same(other, &fragment))
            {
                fragments.push(fragment);
            }
        }
        Ok(fragments)
    }
}

/// Whether two conditions are one, as those of both images are where nothing is sent that they read.
fn asks_the_same(left: &Fragment, right: &Fragment) -> bool {
    let mut holes = left.holes().iter().zip(right.holes());
    left.sql() == right.sql() && holes.all(|(left, right)| left.is_same(right))
}

/// The facts of every table that conditions reach.
pub(super) fn facts(plan: &Plan) -> Vec<Option<&catalog::Table>> {
    let world = plan.world();
    let mut facts: Vec<Option<&catalog::Table>> = vec![None; world.tables.len()];
    let mut put = |id: TableId, table| {
        if let Some(place) = facts.get_mut(id.0 as usize) {
            *place = Some(table);
        }
    };
    for table in plan.tables() {
        put(table.id, &table.facts);
    }
    for relation in plan.relations() {
        if let Some(shape) = world.relations.get(relation.id.0 as usize) {
            put(shape.to, &relation.facts);
        }
    }
    facts
}

/// What is known of the row that an op writes.
fn written(table: &TablePlan, op: Op, sent: impl Iterator<Item = ColumnId>) -> Written {
    let mut known: BTreeSet<ColumnId> = sent.collect();
    let (presets, derived): (Vec<_>, Vec<_>) = table
        .presets
        .iter()
        .filter(|preset| preset.op == op)
        .partition(|preset| !preset.value.reads().variables.contains(&Variable::Old));
    known.extend(presets.iter().map(|preset| preset.column));
    if op == Op::Create {
        known.insert(table.key);
        let defaults = table
            .fields
            .values()
            .filter(|field| field.default.is_some());
        known.extend(defaults.map(|field| field.column));
        // What nobody sets is null.
        let blank = table
            .facts
            .ids()
            .filter(|(_, column)| !column.has_default && column.generation == Generation::None);
        known.extend(blank.map(|(id, _)| id));
    }
    Written {
        known,
        derived: derived.iter().map(|preset| preset.column).collect(),
        rest: match op {
            Op::Create => Rest::Unknown,
            Op::Update | Op::Delete => Rest::Stored,
        },
    }
}
