//! `presets`: what is set here, and what only the database knows where nothing is.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Generation};
use crate::expr::Expected;
use crate::plan::columns::meant;
use crate::plan::grants::Unknown;
use crate::plan::source::{Context, preset_variables};
use crate::plan::world::find;
use crate::plan::{Field, Preset};
use crate::rules::{ProjectGuard, TableRules};
use crate::vocabulary::names::{ColumnName, FieldName};
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::Spanned;
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::row::ColumnId;

/// The presets of a table: those of its guards, and its own.
pub(super) fn presets(
    rules: &TableRules,
    facts: &catalog::Table,
    key: Option<ColumnId>,
    guards: &[&ProjectGuard],
    context: &Context<'_>,
    problems: &mut Problems,
) -> Vec<Preset> {
    let mut presets: Vec<Preset> = Vec::new();
    for rule in guards
        .iter()
        .flat_map(|guard| &guard.presets)
        .chain(&rules.presets)
    {
        let Some((column, facts_of_column)) = find(facts, &rule.column, problems) else {
            let variables = preset_variables(rule.op);
            let _ = context.expression(&rule.value, variables, Expected::Any, problems);
            continue;
        };
        if key == Some(column)
            || matches!(
                facts_of_column.generation,
                Generation::Stored | Generation::IdentityAlways
            )
        {
            problems.push(
                Problem::error(
                    rule.column.place.clone(),
                    format!("`{}` cannot be preset", rule.column.node),
                )
                .help("the key comes from the app, and generated columns from the database"),
            );
            continue;
        }
        if presets
            .iter()
            .any(|other| other.column == column && other.op == rule.op)
        {
            problems.push(twin(&rule.column, rule.op));
            continue;
        }
        let expected = Expected::Column(&facts_of_column.ty);
        if let Some(value) =
            context.expression(&rule.value, preset_variables(rule.op), expected, problems)
        {
            presets.push(Preset {
                op: rule.op,
                column,
                value,
            });
        }
    }
    presets
}

fn twin(column: &Spanned<ColumnName>, op: Op) -> Problem {
    Problem::error(
        column.place.clone(),
        format!("`{}` is preset twice for {op}", column.node),
    )
    .help("a column takes one preset for each op: from one guard, or from the table")
}

/// Columns set by presets alone: an app may send them under the database's name.
pub(super) fn preset_only(
    facts: &catalog::Table,
    fields: &BTreeMap<FieldName, Field>,
    presets: &[Preset],
) -> BTreeMap<FieldName, ColumnId> {
    presets
        .iter()
        .filter(|preset| !fields.values().any(|field| field.column == preset.column))
        .filter_map(|preset| {
            Some((
                FieldName::from(facts.at(preset.column)?.name.as_str()),
                preset.column,
            ))
        })
        .collect()
}

/// Columns whose value on create only the database knows, unless the app happens to send one. What is written counts, right or wrong.
pub(super) fn unknown_on_create<'f>(
    rules: &TableRules,
    facts: &'f catalog::Table,
    key: Option<ColumnId>,
    guards: &[&ProjectGuard],
) -> Unknown<'f> {
    let presets = guards.iter().flat_map(|guard| &guard.presets);
    let preset: BTreeSet<&ColumnName> = presets
        .chain(&rules.presets)
        .filter(|preset| preset.op == Op::Create)
        .map(|preset| &preset.column.node)
        .collect();
    let with_default = |name: &ColumnName| {
        rules
            .columns
            .iter()
            .any(|rule| rule.column.node == *name && rule.default.is_some())
    };
    let meant: BTreeSet<&ColumnName> = meant(rules, facts)
        .filter(|(rule, _)| rule.default.is_some())
        .map(|(_, column)| &column.name)
        .collect();
    if ["columns", "presets"]
        .iter()
        .any(|key| rules.is_unread(key))
    {
        return Vec::new();
    }
    facts
        .ids()
        .filter(|(id, column)| {
            key != Some(*id) && column.name != rules.key.node && is_database_made(column)
        })
        .filter(|(_, column)| !preset.contains(&column.name) && !with_default(&column.name))
        .filter(|(_, column)| !meant.contains(&column.name))
        .map(|(id, column)| (id, column.name.as_str()))
        .collect()
}

/// Whether the database gives a column a value where nobody else does.
pub(super) fn is_database_made(column: &catalog::Column) -> bool {
    column.has_default || column.generation != Generation::None
}
