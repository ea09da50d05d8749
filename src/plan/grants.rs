//! Grants, guards and checks: conditions compiled, and held against what is unknown on create.

use std::collections::BTreeSet;

use crate::expr::{Compiled, Expected, Variable};
use crate::plan::source::{CHECK, Context, GUARD, grant_variables};
use crate::plan::{Check, Grant, names_image};
use crate::rules::{self, Guard, ProjectGuard, TableRules};
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::{Place, SourceText};
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::row::ColumnId;
use crate::vocabulary::suggest::closest;

/// Columns whose value on create only the database will know, with their names.
pub(super) type Unknown<'a> = Vec<(ColumnId, &'a str)>;

/// The guards of a table: the project's that match it, and its own.
pub(super) fn guards(
    rules: &TableRules,
    matching: &[&ProjectGuard],
    context: &Context<'_>,
    unknown: &Unknown<'_>,
    problems: &mut Problems,
) -> Vec<Compiled> {
    let own = match &rules.guard {
        Some(Guard::Condition(source)) => Some(source),
        Some(Guard::None(_)) | None => None,
    };
    let is_creatable = rules.allow.iter().any(|grant| grant.op == Op::Create);
    let sources = matching
        .iter()
        .filter_map(|guard| guard.rule.as_ref())
        .chain(own);
    sources
        .filter_map(|source| {
            let compiled = context.condition(source, GUARD, problems)?;
            if is_creatable {
                refuse_unknown(source, &compiled, unknown, problems);
            }
            Some(compiled)
        })
        .collect()
}

/// The grants of a table.
pub(super) fn grants(
    rules: &TableRules,
    fields: &BTreeSet<FieldName>,
    context: &Context<'_>,
    unknown: &Unknown<'_>,
    problems: &mut Problems,
) -> Vec<Grant> {
    rules
        .allow
        .iter()
        .filter_map(|grant| self::grant(grant, rules, fields, context, unknown, problems))
        .collect()
}

fn grant(
    grant: &rules::Grant,
    rules: &TableRules,
    fields: &BTreeSet<FieldName>,
    context: &Context<'_>,
    unknown: &Unknown<'_>,
    problems: &mut Problems,
) -> Option<Grant> {
    for field in grant.fields.iter().flatten() {
        if !fields.contains(&field.node) && !rules.is_unread("columns") {
            problems.push_once(unknown_field(
                field.node.as_str(),
                fields,
                field.place.clone(),
                &rules.table.node.to_string(),
            ));
        }
    }
    let condition = context.condition(&grant.condition, grant_variables(grant.op), problems)?;
    if grant.op == Op::Create {
        refuse_unknown(&grant.condition, &condition, unknown, problems);
    }
    if condition.text().trim() == "true" && rules.public_reason.is_none() {
        problems.push(
            Problem::warning(
                grant.condition.place.clone(),
                format!(
                    "everyone with a valid token may {} rows of `{}`",
                    grant.op, rules.table.node
                ),
            )
            .help("if that is meant, say why: `public_reason: \"…\"`"),
        );
    }
    Some(Grant {
        op: grant.op,
        condition,
        fields: grant
            .fields
            .as_ref()
            .map(|fields| fields.iter().map(|field| field.node.clone()).collect()),
    })
}

/// The checks of a table, in file order.
pub(super) fn checks(
    rules: &TableRules,
    fields: &BTreeSet<FieldName>,
    context: &Context<'_>,
    unknown: &Unknown<'_>,
    problems: &mut Problems,
) -> Vec<Check> {
    rules
        .checks
        .iter()
        .filter_map(|check| {
            if let Some(field) = check
                .field
                .as_ref()
                .filter(|field| !fields.contains(&field.node) && !rules.is_unread("columns"))
            {
                problems.push_once(unknown_field(
                    field.node.as_str(),
                    fields,
                    field.place.clone(),
                    rules.table.node.as_str(),
                ));
            }
            let rule = context.condition(&check.rule, CHECK, problems)?;
            let ops = ops_of(&rule, check.ops.as_deref());
            if ops.is_empty() {
                let message = "this check is never asked: it names an image that none of its operations has";
                problems.push(
                    Problem::error(check.rule.place.clone(), message)
                        .help("`old` is there for update and delete, `new` for create and update; `ops` has to name one of them"),
                );
            }
            let is_creatable = rules.allow.iter().any(|grant| grant.op == Op::Create);
            // A deferred check reads the row after the database has made its values.
            if ops.contains(&Op::Create) && is_creatable && !check.is_deferred {
                refuse_unknown(&check.rule, &rule, unknown, problems);
            }
            let message_expression = check
                .message_expression
                .as_ref()
                .and_then(|source| context.expression(source, CHECK, Expected::Text, problems));
            Some(Check {
                matched: matched(&rule, context),
                rule,
                code: check.code.node.clone(),
                message: check.message.clone(),
                message_expression,
                field: check.field.as_ref().map(|field| field.node.clone()),
                ops,
                is_deferred: check.is_deferred,
                client_handles: check.client_handles,
            })
        })
        .collect()
}

/// The images of the row from which a condition follows relations, each with our matched columns.
fn matched(rule: &Compiled, context: &Context<'_>) -> BTreeSet<(Variable, Vec<ColumnId>)> {
    let reads = rule.reads();
    let relations = reads.related.keys().filter_map(|id| {
        let shape = context.world.relations.get(id.0 as usize)?;
        (Some(shape.from) == context.table).then_some(&shape.matches)
    });
    let images = [Variable::Old, Variable::New, Variable::This];
    relations
        .map(|matches| matches.iter().map(|(ours, _)| *ours).collect::<Vec<_>>())
        .flat_map(|ours| images.map(|image| (image, ours.clone())))
        .filter(|(image, ours)| ours.iter().all(|id| reads.columns.contains(&(*image, *id))))
        .collect()
}

/// The ops for which every image that a check names exists, narrowed by its `ops`.
fn ops_of(rule: &Compiled, narrowed: Option<&[Op]>) -> BTreeSet<Op> {
    let variables = &rule.reads().variables;
    Op::ALL
        .into_iter()
        .filter(|op| narrowed.is_none_or(|ops| ops.contains(op)))
        .filter(|op| op.has_old() || !variables.contains(&Variable::Old))
        .filter(|op| {
            op.has_new()
                || !(variables.contains(&Variable::New) || variables.contains(&Variable::Changed))
        })
        .collect()
}

/// Refuses a condition that reads, on create, what only the database will know.
fn refuse_unknown(
    source: &SourceText,
    compiled: &Compiled,
    unknown: &Unknown<'_>,
    problems: &mut Problems,
) {
    if !names_image(compiled) {
        return;
    }
    let places = &compiled.reads().places;
    for (id, name) in unknown {
        let images = [Variable::New, Variable::This];
        let read = images.iter().find_map(|image| places.get(&(*image, *id)));
        if let Some(range) = read {
            let message = format!(
                "on create `{name}` is left to the database's default, so it is not known before the row is written"
            );
            problems.push(
                Problem::error(source.at(range.clone()), message).help(format!(
                    "give it a value here: `columns: {{ {name}: {{ default: … }} }}`, or `presets: {{ create: {{ {name}: … }} }}`"
                )),
            );
        }
    }
}

fn unknown_field(name: &str, fields: &BTreeSet<FieldName>, place: Place, table: &str) -> Problem {
    let problem = Problem::error(
        place,
        format!("`{name}` is not among the `columns` of `{table}`"),
    );
    match closest(name, fields.iter().map(FieldName::as_str)) {
        Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
        None => problem.help(format!(
            "write one of them, by the app's name, or add `{name}:` to `columns`"
        )),
    }
}
