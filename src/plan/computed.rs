//! Computed values: each compiled once where it is written, so that a wrong one is told of there and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::{self, Expected, Fault, Scope, TableId, World};
use crate::plan::source::{COMPUTED, report};
use crate::rules::RuleSet;
use crate::vocabulary::names::{MemberName, TableName};
use crate::vocabulary::place::SourceText;
use crate::vocabulary::problem::Problems;

/// One computed value as written.
struct Written<'a> {
    table: TableId,
    name: &'a MemberName,
    source: &'a SourceText,
}

/// Puts the computed values of all tables into the world. Those that come to nothing stay known by their names.
pub(super) fn settle(
    rules: &RuleSet,
    names: &BTreeMap<TableName, TableId>,
    world: &mut World,
    problems: &mut Problems,
) {
    let mut open: Vec<Written<'_>> = Vec::new();
    for rules in &rules.tables {
        let Some(table) = names.get(&rules.table.node) else {
            continue;
        };
        for (name, source) in &rules.computed {
            let (table, name) = (*table, &name.node);
            if let Some(shape) = world.tables.get_mut(table.0 as usize)
                && !shape.broken.contains(name)
            {
                shape.computed.insert(name.clone(), source.clone());
            }
            open.push(Written {
                table,
                name,
                source,
            });
        }
    }
    while !open.is_empty() {
        open = round(open, world, problems);
    }
}

/// Compiles what is open. What is left only names values that are wrong themselves: forgotten now, they are told of once.
fn round<'a>(
    open: Vec<Written<'a>>,
    world: &mut World,
    problems: &mut Problems,
) -> Vec<Written<'a>> {
    let count = open.len();
    let mut left = Vec::new();
    let mut first = None;
    for written in open {
        let Err(faults) = compile(&written, world, problems) else {
            continue;
        };
        let (inherited, own): (Vec<Fault>, Vec<Fault>) =
            faults.into_iter().partition(|fault| fault.is_inherited);
        if own.iter().any(|fault| !fault.is_warning) {
            report(written.source, &own, problems);
            forget(&written, world);
        } else {
            first.get_or_insert(inherited);
            left.push(written);
        }
    }
    // Nobody else is to blame: it is the use that is wrong, too many relations one behind another, for example.
    if left.len() == count && !left.is_empty() {
        let written = left.remove(0);
        report(written.source, &first.unwrap_or_default(), problems);
        forget(&written, world);
    }
    left
}

fn compile(
    written: &Written<'_>,
    world: &World,
    problems: &mut Problems,
) -> Result<(), Vec<Fault>> {
    let scope = Scope {
        world,
        table: Some(written.table),
        defines: Some(written.name),
        variables: COMPUTED,
        fields: &BTreeSet::new(),
        expected: Expected::Any,
    };
    let compiled = expr::compile(&written.source.text, &scope)?;
    report(written.source, compiled.warnings(), problems);
    Ok(())
}

fn forget(written: &Written<'_>, world: &mut World) {
    if let Some(shape) = world.tables.get_mut(written.table.0 as usize) {
        shape.computed.remove(written.name);
        shape.broken.insert(written.name.clone());
    }
}
