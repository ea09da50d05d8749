//! Rules against a catalogue that may have changed since they came into force: each table stands for itself.

use std::collections::BTreeMap;

use crate::catalog::Catalog;
use crate::plan::compile::{Ground, are_guards_known};
use crate::plan::{Plan, TablePlan, rejections};
use crate::rules::{RuleSet, TableRules};
use crate::vocabulary::names::TableName;
use crate::vocabulary::problem::{Problem, Problems};

/// What compiling came to where each table stands for itself.
#[derive(Debug)]
pub struct Partial {
    /// The plan of the tables that fit.
    pub plan: Plan,
    /// What keeps each of the others from it.
    pub misfits: BTreeMap<TableName, Problems>,
    /// What is worth a look.
    pub warnings: Problems,
}

/// Compiles rules that have fitted before against a catalogue that may have changed since. A table that fits no more is left out, and so is
/// what would read it; an error is what lies in no table.
pub fn compile_fitting(rules: &RuleSet, catalog: &Catalog) -> Result<Partial, Problems> {
    let mut found = Problems::default();
    let mut advice = Problems::default();
    let ground = Ground::of(rules, catalog, &mut found);
    let shared = ground.shared(are_guards_known(rules, catalog, &mut found));
    let (mut of_tables, mut warnings) = by_table(rules, &found);
    let mut tables: BTreeMap<TableName, TablePlan> = BTreeMap::new();
    for rules in &rules.tables {
        let name = &rules.table.node;
        let own = of_tables.entry(name.clone()).or_default();
        let plan = ground.table(rules, &shared, own, &mut advice);
        if !own.has_errors() {
            match plan {
                Some(plan) => drop(tables.insert(name.clone(), plan)),
                None => own.push(unfit(rules)),
            }
        }
    }
    if warnings.has_errors() {
        return Err(warnings);
    }
    let relations = ground.relations(&tables, &mut advice);
    let rejections = rejections::compile(rules, catalog, &mut warnings, &mut advice);
    warnings.append(advice);
    of_tables.retain(|_, problems| problems.has_errors());
    match ground.plan(tables, relations, rejections) {
        Some(plan) => Ok(Partial {
            plan,
            misfits: of_tables,
            warnings,
        }),
        None => Err(warnings),
    }
}

/// Problems by the table in whose file they lie, and those that lie in none.
fn by_table(rules: &RuleSet, found: &Problems) -> (BTreeMap<TableName, Problems>, Problems) {
    let mut of_tables: BTreeMap<TableName, Problems> = BTreeMap::new();
    let mut others = Problems::default();
    for problem in found.sorted() {
        let file = problem.place.as_ref().map(|place| &place.file);
        let mut tables = rules.tables.iter();
        let owner = tables.find(|table| Some(&table.place.file) == file);
        match owner {
            Some(owner) => of_tables.entry(owner.table.node.clone()).or_default(),
            None => &mut others,
        }
        .push(problem.clone());
    }
    (of_tables, others)
}

fn unfit(rules: &TableRules) -> Problem {
    let message = format!(
        "the rules of `{}` do not fit the database",
        rules.table.node
    );
    Problem::error(rules.table.place.clone(), message)
}
