//! How the rows of relations are read: one statement for each relation that some condition follows.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Catalog};
use crate::dialect::postgres;
use crate::expr::{Compiled, RelationId, World};
use crate::plan::table::Parts;
use crate::plan::{RelationPlan, TablePlan};
use crate::vocabulary::names::{TableName, Target};
use crate::vocabulary::row::ColumnId;

/// The relations that conditions of these tables follow, with the columns any of them reads.
pub(super) fn compile(
    world: &World,
    targets: &[Target],
    catalog: &Catalog,
    tables: &BTreeMap<TableName, TablePlan>,
) -> Vec<RelationPlan> {
    followed(tables)
        .into_iter()
        .filter_map(|(id, columns)| relation(id, columns, world, targets, catalog))
        .collect()
}

fn followed(tables: &BTreeMap<TableName, TablePlan>) -> BTreeMap<RelationId, BTreeSet<ColumnId>> {
    let mut followed: BTreeMap<RelationId, BTreeSet<ColumnId>> = BTreeMap::new();
    for compiled in tables.values().flat_map(TablePlan::expressions) {
        for (id, columns) in &compiled.reads().related {
            followed.entry(*id).or_default().extend(columns);
        }
    }
    followed
}

fn relation(
    id: RelationId,
    columns: BTreeSet<ColumnId>,
    world: &World,
    targets: &[Target],
    catalog: &Catalog,
) -> Option<RelationPlan> {
    let shape = world.relations.get(id.0 as usize)?;
    let mine: &catalog::Table = catalog.tables.get(targets.get(shape.from.0 as usize)?)?;
    let theirs: &catalog::Table = catalog.tables.get(targets.get(shape.to.0 as usize)?)?;
    let columns: Vec<ColumnId> = columns.into_iter().collect();
    let read = postgres::read_related(mine, theirs, &shape.matches, &columns);
    Some(RelationPlan {
        id,
        facts: theirs.clone(),
        columns,
        read,
    })
}

impl TablePlan {
    /// Every compiled expression of the table.
    pub fn expressions(&self) -> impl Iterator<Item = &Compiled> {
        let parts = Parts {
            fields: &self.fields,
            presets: &self.presets,
            guards: &self.guards,
            grants: &self.grants,
            checks: &self.checks,
            schema: self.schema.as_ref(),
        };
        parts.expressions()
    }
}
