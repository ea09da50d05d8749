//! `columns`: what an app may write, resolved against the target.

use std::collections::BTreeMap;

use crate::catalog::{self, Generation};
use crate::expr::Expected;
use crate::plan::Field;
use crate::plan::source::{Context, preset_variables};
use crate::plan::world::find;
use crate::rules::{self, ProjectGuard, TableRules};
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::Op;
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::row::ColumnId;
use crate::vocabulary::suggest::closest;

/// The columns that an app may write.
pub(super) fn fields(
    rules: &TableRules,
    facts: &catalog::Table,
    key: Option<ColumnId>,
    guards: &[&ProjectGuard],
    context: &Context<'_>,
    problems: &mut Problems,
) -> BTreeMap<FieldName, Field> {
    let mut fields = BTreeMap::new();
    for rule in &rules.columns {
        if rule.field.node.as_str() == "id" {
            problems.push(
                Problem::error(
                    rule.field.place.clone(),
                    "`id` is the row's key, which never changes",
                )
                .help("take it out: the key needs no entry under `columns`"),
            );
            continue;
        }
        let Some((id, column)) = find(facts, &rule.column, problems) else {
            look_over(rule, context, problems);
            continue;
        };
        if key == Some(id) {
            problems.push(
                Problem::error(
                    rule.column.place.clone(),
                    format!("`{}` is the key, which never changes", column.name),
                )
                .help("take it out: the key needs no entry under `columns`"),
            );
            continue;
        }
        refuse_computed_column(rule, column, problems);
        let guarded = guards.iter().any(|guard| {
            guard
                .immutable
                .iter()
                .any(|immutable| immutable.node == column.name)
        });
        let field = Field {
            column: id,
            is_immutable: rule.is_immutable || guarded,
            default: rule.default.as_ref().and_then(|source| {
                context.expression(
                    source,
                    preset_variables(Op::Create),
                    Expected::Column(&column.ty),
                    problems,
                )
            }),
            schema: rule
                .schema
                .as_ref()
                .and_then(|schema| context.schema(schema, problems)),
            sensitive: rule.sensitive.as_ref().map(|sensitive| sensitive.node),
        };
        fields.insert(rule.field.node.clone(), field);
    }
    fields
}

/// What stands at a column that is not there may have mistakes of its own.
fn look_over(rule: &rules::ColumnRule, context: &Context<'_>, problems: &mut Problems) {
    if let Some(source) = &rule.default {
        let _ = context.expression(
            source,
            preset_variables(Op::Create),
            Expected::Any,
            problems,
        );
    }
    if let Some(schema) = &rule.schema {
        let _ = context.schema(schema, problems);
    }
}

fn refuse_computed_column(
    rule: &rules::ColumnRule,
    column: &catalog::Column,
    problems: &mut Problems,
) {
    if matches!(
        column.generation,
        Generation::Stored | Generation::IdentityAlways
    ) {
        problems.push(
            Problem::error(
                rule.column.place.clone(),
                format!("the database computes `{}` itself", column.name),
            )
            .help("take it out of `columns`; if apps send it all the same, list it under `ignore`"),
        );
    }
}

/// The columns that entries of `columns` mean whose own name is not known: what else says that name is right.
pub(super) fn meant<'a>(
    rules: &'a TableRules,
    facts: &'a catalog::Table,
) -> impl Iterator<Item = (&'a rules::ColumnRule, &'a catalog::Column)> {
    rules.columns.iter().filter_map(|rule| {
        let name = rule.column.node.as_str();
        if facts.column(name).is_some() {
            return None;
        }
        let known = facts.columns.iter().map(|column| column.name.as_str());
        let (_, column) = facts.column(closest(name, known)?)?;
        Some((rule, column))
    })
}
