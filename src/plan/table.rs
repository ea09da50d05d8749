//! The rules of one table, resolved against its target.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Generation, TableKind};
use crate::dialect::postgres::{self, Lock};
use crate::expr::{Compiled, Expected, Reads, TableId, Variable, World};
use crate::plan::grants::{self, Unknown};
use crate::plan::source::{COMPUTED, Context, preset_variables};
use crate::plan::world::find;
use crate::plan::{Check, Field, Grant, Preset, TablePlan};
use crate::rules::{self, Guard, ProjectGuard, RuleSet, TableRules};
use crate::schema::Schema;
use crate::vocabulary::names::{ColumnName, FieldName};
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::Spanned;
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::row::ColumnId;

/// What the tables of one rule set share.
pub(super) struct Shared<'a> {
    pub rules: &'a RuleSet,
    pub world: &'a World,
    pub schemas: &'a BTreeMap<String, serde_json::Value>,
}

/// Compiles the rules of one table. What is wrong goes to `problems`; a table with errors may come out incomplete, and then nothing loads.
pub(super) fn compile(
    rules: &TableRules,
    facts: &catalog::Table,
    id: TableId,
    shared: &Shared<'_>,
    problems: &mut Problems,
) -> Option<TablePlan> {
    refuse_target(rules, facts, problems);
    let key = key(rules, facts, problems)?;
    let matching = matching_guards(rules, facts, shared.rules, problems);
    let names: BTreeSet<FieldName> = rules
        .columns
        .iter()
        .map(|column| column.field.node.clone())
        .collect();
    let context = Context {
        world: shared.world,
        table: Some(id),
        fields: &names,
        schemas: shared.schemas,
    };
    let fields = fields(rules, facts, key, &matching, &context, problems);
    let presets = presets(rules, facts, key, &matching, &context, problems);
    let unknown = unknown_on_create(facts, key, &fields, &presets);
    for (_, source) in &rules.computed {
        let _ = context.expression(source, COMPUTED, Expected::Any, problems);
    }
    let guards = grants::guards(rules, &matching, &context, &unknown, problems);
    let grants = grants::grants(rules, &names, &context, &unknown, problems);
    let checks = grants::checks(rules, &names, &context, &unknown, problems);
    let schema = rules
        .schema
        .as_ref()
        .and_then(|schema| context.schema(schema, problems));
    let preset_only = preset_only(facts, &fields, &presets);
    warn_of_triggers(rules, facts, problems);
    let parts = Parts {
        fields: &fields,
        presets: &presets,
        guards: &guards,
        grants: &grants,
        checks: &checks,
        schema: schema.as_ref(),
    };
    let image = image(facts, key, &parts);
    warn_of_privileges(rules, facts, &image, &parts, problems);
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
        project_guards: positions(&matching, shared.rules),
        grants,
        checks,
        schema,
        image,
    })
}

fn refuse_target(rules: &TableRules, facts: &catalog::Table, problems: &mut Problems) {
    let place = &rules.target.place;
    match facts.kind {
        TableKind::Ordinary | TableKind::Partitioned => {}
        TableKind::View | TableKind::Foreign => problems.push(
            Problem::error(
                place.clone(),
                format!("`{}` is a view or a foreign table", facts.target),
            )
            .help("a target is an ordinary or a partitioned table: name the table behind it"),
        ),
    }
    if facts.rls.binds_login {
        problems.push(
            Problem::error(
                place.clone(),
                format!("row-level security of `{}` applies to the role we log in as, so hidden rows would look absent", facts.target),
            )
            .help("log in as a role with BYPASSRLS (or the owner, without FORCE), and name the restricted one in `database.role`"),
        );
    }
}

fn key(rules: &TableRules, facts: &catalog::Table, problems: &mut Problems) -> Option<ColumnId> {
    let (id, column) = find(facts, &rules.key, problems)?;
    let place = rules.key.place.clone();
    let is_unique = facts
        .indexes
        .iter()
        .any(|index| index.identifies_rows() && index.columns == [Some(id)]);
    if !is_unique || !column.not_null {
        let composite = facts
            .indexes
            .iter()
            .any(|index| index.is_primary && index.columns.len() > 1);
        let help = if composite {
            "the primary key has several columns, which is not supported: add one NOT NULL column with a unique index, and name it as `key`"
        } else {
            "a key is one NOT NULL column with a valid, immediate unique index on exactly it"
        };
        problems.push(
            Problem::error(
                place,
                format!(
                    "`{}` does not identify the rows of `{}`",
                    column.name, facts.target
                ),
            )
            .help(help),
        );
        return None;
    }
    let creates = rules.allow.iter().any(|grant| grant.op == Op::Create);
    if creates
        && matches!(
            column.generation,
            Generation::Stored | Generation::IdentityAlways
        )
    {
        problems.push(
            Problem::error(place, format!("the database makes `{}` itself, so an app cannot create rows with an id of its own", column.name))
                .help("use GENERATED BY DEFAULT, or take `create` out of `allow`"),
        );
        return None;
    }
    Some(id)
}

/// The project's guards that match a table.
fn matching_guards<'a>(
    rules: &TableRules,
    facts: &catalog::Table,
    set: &'a RuleSet,
    problems: &mut Problems,
) -> Vec<&'a ProjectGuard> {
    let matching: Vec<&ProjectGuard> = set
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
        (None, true) if set.require_guard => problems.push(
            Problem::error(
                rules.table.place.clone(),
                format!("no guard covers `{}`", rules.table.node),
            )
            .help("write `guard: none` if that is meant, or a `guard` of its own"),
        ),
        _ => {}
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

/// Where guards stand in rulegate.yaml.
fn positions(matching: &[&ProjectGuard], set: &RuleSet) -> BTreeSet<usize> {
    let all = set.guards.iter().enumerate();
    all.filter(|(_, guard)| matching.iter().any(|other| std::ptr::eq(*other, *guard)))
        .map(|(position, _)| position)
        .collect()
}

fn fields(
    rules: &TableRules,
    facts: &catalog::Table,
    key: ColumnId,
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
            continue;
        };
        if id == key {
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
    key: ColumnId,
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
            continue;
        };
        if column == key
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

/// Columns whose value on create only the database knows, unless the app happens to send one.
fn unknown_on_create<'f>(
    facts: &'f catalog::Table,
    key: ColumnId,
    fields: &BTreeMap<FieldName, Field>,
    presets: &[Preset],
) -> Unknown<'f> {
    facts
        .ids()
        .filter(|(id, column)| *id != key && is_database_made(column))
        .filter(|(id, _)| {
            !presets
                .iter()
                .any(|preset| preset.column == *id && preset.op == Op::Create)
        })
        .filter(|(id, _)| {
            !fields
                .values()
                .any(|field| field.column == *id && field.default.is_some())
        })
        .map(|(id, column)| (id, column.name.as_str()))
        .collect()
}

/// Whether the database gives a column a value where nobody else does.
pub(crate) fn is_database_made(column: &catalog::Column) -> bool {
    column.has_default || column.generation != Generation::None
}

struct Parts<'a> {
    fields: &'a BTreeMap<FieldName, Field>,
    presets: &'a [Preset],
    guards: &'a [Compiled],
    grants: &'a [Grant],
    checks: &'a [Check],
    schema: Option<&'a Schema>,
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

fn warn_of_triggers(rules: &TableRules, facts: &catalog::Table, problems: &mut Problems) {
    for trigger in facts
        .triggers
        .iter()
        .filter(|trigger| trigger.is_before_row)
    {
        problems.push(Problem::warning(
            rules.target.place.clone(),
            format!(
                "trigger `{}` of `{}` runs after the rules and can alter what they judged",
                trigger.name, facts.target
            ),
        ));
    }
}

fn warn_of_privileges(
    rules: &TableRules,
    facts: &catalog::Table,
    image: &[ColumnId],
    parts: &Parts<'_>,
    problems: &mut Problems,
) {
    let missing = missing_privileges(rules, facts, image, parts);
    if !missing.is_empty() {
        problems.push(
            Problem::warning(
                rules.target.place.clone(),
                format!(
                    "the database role lacks privileges on `{}`: {}",
                    facts.target,
                    missing.join(", ")
                ),
            )
            .help("GRANT them, or uploads to this table have to wait"),
        );
    }
}

/// What our roles need for what the rules allow, and do not have (rule-language, *A table*).
fn missing_privileges(
    rules: &TableRules,
    facts: &catalog::Table,
    image: &[ColumnId],
    parts: &Parts<'_>,
) -> Vec<String> {
    let allows = |op| parts.grants.iter().any(|grant| grant.op == op);
    let is_preset = |id, op| parts.presets.iter().any(|p| p.column == id && p.op == op);
    let (creates, updates, deletes) = (allows(Op::Create), allows(Op::Update), allows(Op::Delete));
    let mut missing = Vec::new();
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
            missing.push(format!("{privilege} ({})", column.name));
        }
    }
    if deletes && !facts.may_delete {
        missing.push("DELETE".to_owned());
    }
    missing
}
