//! What the database has in store for rules that are right: triggers that come after them, privileges that are missing.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Catalog};
use crate::plan::RelationPlan;
use crate::plan::quoted::{quoted, quoted_target};
use crate::plan::table::Parts;
use crate::plan::world::Built;
use crate::rules::{RuleSet, TableRules};
use crate::vocabulary::names::{MemberName, TableName};
use crate::vocabulary::operation::Op;
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::row::ColumnId;

/// Triggers that can alter what the rules have judged.
pub(super) fn warn_of_triggers(
    rules: &TableRules,
    facts: &catalog::Table,
    problems: &mut Problems,
) {
    for trigger in facts
        .triggers
        .iter()
        .filter(|trigger| trigger.is_before_row)
    {
        let message = format!(
            "trigger `{}` of `{}` runs after the rules and can alter what they judged",
            trigger.name, facts.target
        );
        problems.push(
            Problem::warning(rules.target.place.clone(), message)
                .help("see that it writes no column which the rules read"),
        );
    }
}

/// What our roles need for what the rules allow, and do not have (rule-language, *A table*).
pub(super) fn warn_of_privileges(
    rules: &TableRules,
    facts: &catalog::Table,
    catalog: &Catalog,
    image: &[ColumnId],
    parts: &Parts<'_>,
    problems: &mut Problems,
) {
    let missing = missing_privileges(rules, facts, image, parts);
    if missing.is_empty() {
        return;
    }
    let words: Vec<&str> = missing.keys().copied().collect();
    let message = format!(
        "our role lacks {} on `{}`, so uploads to it cannot be applied",
        words.join(", "),
        facts.target
    );
    let grants: Vec<String> = missing
        .into_iter()
        .map(|(privilege, columns)| grant(privilege, &columns, facts, catalog))
        .collect();
    problems.push(
        Problem::warning(rules.target.place.clone(), message).help(format!(
            "grant them in the database: `{}`",
            grants.join(" ")
        )),
    );
}

/// Columns of related tables that conditions read and our role may not.
pub(super) fn warn_of_unreadable_relations(
    rules: &RuleSet,
    built: &Built,
    relations: &[RelationPlan],
    catalog: &Catalog,
    problems: &mut Problems,
) {
    for (table, rule) in rules
        .tables
        .iter()
        .flat_map(|table| table.relations.iter().map(move |rule| (table, rule)))
    {
        let found = followed(&table.table.node, &rule.name.node, built, relations);
        let Some((plan, matched)) = found else {
            continue;
        };
        let read: BTreeSet<ColumnId> = plan.columns.iter().copied().chain(matched).collect();
        let columns = read.into_iter().filter_map(|id| plan.facts.at(id));
        let missing: Vec<&str> = columns
            .filter(|column| !column.privileges.select)
            .map(|column| column.name.as_str())
            .collect();
        if missing.is_empty() {
            continue;
        }
        let message = format!(
            "our role lacks SELECT on `{}`, so conditions that follow `{}` cannot be judged",
            plan.facts.target, rule.name.node
        );
        let cure = grant("SELECT", &missing, &plan.facts, catalog);
        problems.push(
            Problem::warning(rule.name.place.clone(), message)
                .help(format!("grant it in the database: `{cure}`")),
        );
    }
}

/// How a relation is read, where a condition follows it, and their columns that it matches.
fn followed<'p>(
    table: &TableName,
    name: &MemberName,
    built: &Built,
    relations: &'p [RelationPlan],
) -> Option<(&'p RelationPlan, Vec<ColumnId>)> {
    let id = built.names.get(table)?;
    let shape = built.world.tables.get(id.0 as usize)?;
    let id = *shape.relations.get(name)?;
    let matches = &built.world.relations.get(id.0 as usize)?.matches;
    let plan = relations.iter().find(|relation| relation.id == id)?;
    Some((plan, matches.iter().map(|(_, theirs)| *theirs).collect()))
}

fn grant(privilege: &str, columns: &[&str], facts: &catalog::Table, catalog: &Catalog) -> String {
    let role = match privilege {
        "SELECT" => &catalog.login_role,
        _ => &catalog.writing_role,
    };
    let names: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    let columns = match names.as_slice() {
        [] => String::new(),
        names => format!(" ({})", names.join(", ")),
    };
    let target = quoted_target(&facts.target);
    format!(
        "GRANT {privilege}{columns} ON {target} TO {};",
        quoted(role)
    )
}

/// The columns of each missing privilege; none for one that is of the whole table.
fn missing_privileges<'f>(
    rules: &TableRules,
    facts: &'f catalog::Table,
    image: &[ColumnId],
    parts: &Parts<'_>,
) -> BTreeMap<&'static str, Vec<&'f str>> {
    let allows = |op| parts.grants.iter().any(|grant| grant.op == op);
    let is_preset = |id, op| parts.presets.iter().any(|p| p.column == id && p.op == op);
    let (creates, updates, deletes) = (allows(Op::Create), allows(Op::Update), allows(Op::Delete));
    let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, column) in facts.ids() {
        let field = parts.fields.values().find(|field| field.column == id);
        let is_key = column.name == rules.key.node;
        let inserts = creates && (is_key || field.is_some() || is_preset(id, Op::Create));
        let sets = updates
            && (field.is_some_and(|field| !field.is_immutable) || is_preset(id, Op::Update));
        let locks = is_key && (updates || deletes);
        let reads = image.contains(&id) && (creates || updates || deletes);
        let needs = [
            (reads && !column.privileges.select, "SELECT"),
            (inserts && !column.privileges.insert, "INSERT"),
            ((sets || locks) && !column.privileges.update, "UPDATE"),
        ];
        for (_, privilege) in needs.into_iter().filter(|(is_missing, _)| *is_missing) {
            missing
                .entry(privilege)
                .or_default()
                .push(column.name.as_str());
        }
    }
    if deletes && !facts.may_delete {
        missing.insert("DELETE", Vec::new());
    }
    missing
}
