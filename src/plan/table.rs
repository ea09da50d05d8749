//! The rules of one table, resolved against its target.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Catalog, Generation, TableKind};
use crate::dialect::postgres::{self, Lock};
use crate::expr::{Compiled, Expected, Reads, TableId, Variable, World};
use crate::plan::grants::{self, Unknown};
use crate::plan::schemas::Schemas;
use crate::plan::source::{Context, preset_variables};
use crate::plan::world::find;
use crate::plan::{Check, Field, Grant, Preset, TablePlan, advice, key};
use crate::rules::{self, Guard, ProjectGuard, RuleSet, TableRules};
use crate::schema::Schema;
use crate::vocabulary::names::{ColumnName, FieldName};
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::Spanned;
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::row::ColumnId;
use crate::vocabulary::suggest::closest;

/// What the tables of one rule set share.
pub(super) struct Shared<'a> {
    pub rules: &'a RuleSet,
    pub catalog: &'a Catalog,
    pub world: &'a World,
    pub schemas: &'a Schemas,
    /// Whether every table must have a guard or say `guard: none`.
    pub require_guard: bool,
}

/// Compiles the rules of one table. What is wrong goes to `problems`, what only matters once nothing is wrong to `advice`;
/// a table with errors may come out incomplete, and then nothing loads.
pub(super) fn compile(
    rules: &TableRules,
    facts: &catalog::Table,
    id: TableId,
    shared: &Shared<'_>,
    problems: &mut Problems,
    advice: &mut Problems,
) -> Option<TablePlan> {
    let key = if is_target_fit(rules, facts, problems) {
        key::key(rules, facts, problems)
    } else {
        None
    };
    let matching = matching_guards(rules, facts, shared, problems);
    let mut names: BTreeSet<FieldName> = rules
        .columns
        .iter()
        .map(|column| column.field.node.clone())
        .collect();
    names.extend(meant(rules, facts).map(|(_, column)| column.name.as_str().into()));
    let context = Context {
        world: shared.world,
        table: Some(id),
        fields: &names,
        schemas: shared.schemas,
    };
    let fields = fields(rules, facts, key, &matching, &context, problems);
    let presets = presets(rules, facts, key, &matching, &context, problems);
    let unknown = unknown_on_create(rules, facts, key, &matching);
    let guards = grants::guards(rules, &matching, &context, &unknown, problems);
    let grants = grants::grants(rules, &names, &context, &unknown, problems);
    let checks = grants::checks(rules, &names, &context, &unknown, problems);
    let schema = rules
        .schema
        .as_ref()
        .and_then(|schema| context.schema(schema, problems));
    let preset_only = preset_only(facts, &fields, &presets);
    let key = key?;
    let parts = Parts {
        fields: &fields,
        presets: &presets,
        guards: &guards,
        grants: &grants,
        checks: &checks,
        schema: schema.as_ref(),
    };
    let image = image(facts, key, &parts);
    advice::warn_of_triggers(rules, facts, advice);
    advice::warn_of_privileges(rules, facts, shared.catalog, &image, &parts, advice);
    let read = |op, lock| {
        let could_be_allowed = grants.iter().any(|grant: &Grant| grant.op == op);
        let lock = if could_be_allowed { lock } else { Lock::None };
        postgres::read_target(facts, key, &image, lock)
    };
    Some(TablePlan {
        name: rules.table.node.clone(),
        id,
        facts: facts.clone(),
        key,
        ignored: rules
            .ignore
            .iter()
            .map(|field| field.node.clone())
            .collect(),
        read_for_update: read(Op::Update, Lock::Update),
        read_for_delete: read(Op::Delete, Lock::Delete),
        fields,
        preset_only,
        presets,
        guards,
        grants,
        checks,
        schema,
        image,
    })
}

/// The columns that entries of `columns` mean whose own name is not known: what else says that name is right.
fn meant<'a>(
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

/// Whether the target is a table at all. One that is not has no key to look at.
fn is_target_fit(rules: &TableRules, facts: &catalog::Table, problems: &mut Problems) -> bool {
    let place = &rules.target.place;
    if matches!(facts.kind, TableKind::View | TableKind::Foreign) {
        let message = format!("`{}` is a view or a foreign table", facts.target);
        problems.push(Problem::error(place.clone(), message).help(
            "a target is an ordinary or a partitioned table: write `target:` with the one behind it",
        ));
        return false;
    }
    if facts.rls.binds_login {
        let message = format!(
            "row-level security of `{}` applies to the role we log in as, so hidden rows would look absent",
            facts.target
        );
        problems.push(Problem::error(place.clone(), message).help(
            "log in as a role with BYPASSRLS (or the owner, without FORCE), and write the restricted one as `database: { role: … }`",
        ));
    }
    true
}

/// The project's guards that match a table.
fn matching_guards<'a>(
    rules: &TableRules,
    facts: &catalog::Table,
    shared: &Shared<'a>,
    problems: &mut Problems,
) -> Vec<&'a ProjectGuard> {
    let matching: Vec<&ProjectGuard> = shared
        .rules
        .guards
        .iter()
        .filter(|guard| matches(guard, rules, facts))
        .collect();
    match (&rules.guard, matching.is_empty()) {
        (Some(Guard::None(place)), false) => problems.push(
            Problem::error(
                place.clone(),
                format!(
                    "a guard of rulegate.yaml matches `{}`, so `guard: none` cannot hold",
                    rules.table.node
                ),
            )
            .help("take `guard: none` out, or narrow the guard's `tables`"),
        ),
        (None, true) if shared.require_guard && !rules.is_unread("guard") => problems.push(
            Problem::error(
                rules.table.place.clone(),
                format!("no guard covers `{}`", rules.table.node),
            )
            .help("write `guard: none` if that is meant, or a `guard` of its own"),
        ),
        _ => {}
    }
    for column in matching.iter().flat_map(|guard| &guard.immutable) {
        let _ = find(facts, column, problems);
    }
    matching
}

fn matches(guard: &ProjectGuard, rules: &TableRules, facts: &catalog::Table) -> bool {
    let is_named = guard
        .tables
        .as_ref()
        .is_none_or(|tables| tables.iter().any(|table| table.node == rules.table.node));
    is_named
        && guard
            .having
            .iter()
            .all(|column| facts.column(column.node.as_str()).is_some())
}

fn fields(
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

fn presets(
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
fn preset_only(
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
fn unknown_on_create<'f>(
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
pub(crate) fn is_database_made(column: &catalog::Column) -> bool {
    column.has_default || column.generation != Generation::None
}

/// The compiled parts of a table.
pub(super) struct Parts<'a> {
    pub fields: &'a BTreeMap<FieldName, Field>,
    pub presets: &'a [Preset],
    pub guards: &'a [Compiled],
    pub grants: &'a [Grant],
    pub checks: &'a [Check],
    pub schema: Option<&'a Schema>,
}

impl Parts<'_> {
    fn reads(&self) -> impl Iterator<Item = &Reads> {
        let grants = self.grants.iter().map(|grant| &grant.condition);
        let checks = self.checks.iter().map(|check| &check.rule);
        let presets = self.presets.iter().map(|preset| &preset.value);
        self.guards
            .iter()
            .chain(grants)
            .chain(checks)
            .chain(presets)
            .map(Compiled::reads)
    }
}

/// The columns an image holds: the key, what may be written, what conditions read; with a schema of the row, all of it.
fn image(facts: &catalog::Table, key: ColumnId, parts: &Parts<'_>) -> Vec<ColumnId> {
    if parts.schema.is_some() {
        return facts.ids().map(|(id, _)| id).collect();
    }
    let mut columns = BTreeSet::from([key]);
    columns.extend(parts.fields.values().map(|field| field.column));
    columns.extend(parts.presets.iter().map(|preset| preset.column));
    for reads in parts.reads() {
        let images = [Variable::Old, Variable::New, Variable::This];
        columns.extend(
            reads
                .columns
                .iter()
                .filter(|(image, _)| images.contains(image))
                .map(|(_, id)| *id),
        );
    }
    columns.into_iter().collect()
}
