//! [`Guarded`]: which guards of the project have covered each table, so that none is lost unseen.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::Plan;
use crate::reload::edition::Edition;
use crate::rules::{ProjectGuard, TableRules};
use crate::vocabulary::names::TableName;

/// The guards of rulegate.yaml, by position, that have matched each table since the rules were written so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Guarded(BTreeMap<TableName, BTreeSet<usize>>);

/// Tables that no upload may touch, each with the reason.
pub type Closed = BTreeMap<TableName, String>;

impl Guarded {
    /// What a plan has.
    pub(super) fn by(plan: &Plan) -> Self {
        let tables = plan.tables();
        Self(
            tables
                .map(|table| (table.name.clone(), table.project_guards.clone()))
                .collect(),
        )
    }

    /// The same and what was there before. A table that is left out of the plan for now is remembered for the time when it is back.
    pub(super) fn and(mut self, before: &Self) -> Self {
        for (table, guards) in &before.0 {
            self.0.entry(table.clone()).or_default().extend(guards);
        }
        self
    }

    /// The tables that lack a guard which covered them before. Only an author can say whether that is meant.
    pub(super) fn closed_by(&self, now: &Self, edition: &Edition) -> Closed {
        let mut closed = Closed::new();
        for (table, guards) in &self.0 {
            let left = now.0.get(table);
            let lost = guards
                .iter()
                .filter(|guard| left.is_none_or(|left| !left.contains(guard)))
                .filter_map(|guard| edition.rules.guards.get(*guard));
            let lost: Vec<String> = lost.map(|guard| format!("`{}`", shown(guard))).collect();
            if !lost.is_empty() {
                let reason = format!(
                    "table `{table}` is closed: the database changed, and guard {} of rulegate.yaml no longer matches it. Restore its columns, or edit the rules of the table or rulegate.yaml",
                    lost.join(", ")
                );
                closed.insert(table.clone(), reason);
            }
        }
        closed
    }

    /// What still binds the next edition: tables whose own file and whose guards nobody edited.
    pub(super) fn carried_over(&self, old: &Edition, new: &Edition) -> Self {
        let is_kept = guards_text(old) == guards_text(new);
        let tables = self.0.iter().filter(|(table, _)| {
            let (before, after) = (rules_text(old, table), rules_text(new, table));
            is_kept && before.is_some() && before == after
        });
        Self(
            tables
                .map(|(table, guards)| (table.clone(), guards.clone()))
                .collect(),
        )
    }

    /// The guards of each table as an author would recognise them.
    pub(super) fn shown(&self, edition: &Edition) -> BTreeMap<&TableName, BTreeSet<String>> {
        let guards = |positions: &BTreeSet<usize>| {
            let guards = positions.iter();
            guards
                .filter_map(|position| edition.rules.guards.get(*position))
                .map(shown)
                .collect()
        };
        let tables = self.0.iter();
        tables
            .map(|(table, positions)| (table, guards(positions)))
            .collect()
    }
}

/// A guard by its rule, else by the columns that it looks for.
fn shown(guard: &ProjectGuard) -> String {
    let columns = || {
        let names: Vec<&str> = guard
            .having
            .iter()
            .map(|column| column.node.as_str())
            .collect();
        format!("having: [{}]", names.join(", "))
    };
    guard
        .rule
        .as_ref()
        .map_or_else(columns, |rule| rule.text.to_string())
}

/// The text of the file that holds the guards; all editions without guards have one.
fn guards_text(edition: &Edition) -> Option<&str> {
    edition.text_around(&edition.rules.guards.first()?.place)
}

fn rules_text<'e>(edition: &'e Edition, table: &TableName) -> Option<&'e str> {
    let is_its = |rules: &&TableRules| rules.table.node == *table;
    edition.text_around(&edition.rules.tables.iter().find(is_its)?.place)
}
