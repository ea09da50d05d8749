//! What the database has in store for rules that are right: triggers that come after them, privileges that are missing.

use std::collections::BTreeMap;

use crate::catalog::{self, Catalog};
use crate::plan::quoted::{quoted, quoted_target};
use crate::plan::table::Parts;
use crate::rules::TableRules;
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
