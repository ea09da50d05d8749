//! The rules of one table, resolved against its target.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Catalog, TableKind};
use crate::dialect::postgres::{self, Lock};
use crate::expr::{Compiled, TableId, Variable, World};
use crate::plan::schemas::Schemas;
use crate::plan::source::Context;
use crate::plan::world::find;
use crate::plan::{Check, Field, Grant, Preset, TablePlan, advice, columns, grants, key, presets};
use crate::rules::{Guard, ProjectGuard, RuleSet, TableRules};
use crate::schema::Schema;
use crate::vocabulary::names::{ColumnName, FieldName};
use crate::vocabulary::operation::Op;
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::row::ColumnId;

/// What the tables of one rule set share.
pub(super) struct Shared<'a> {
    pub rules: &'a RuleSet,
    pub catalog: &'a Catalog,
    pub world: &'a World,
    pub schemas: &'a Schemas,
    /// Whether every table must have a guard or say `guard: none`.
    pub require_guard: bool,
    /// Whether naming what came to nothing is a problem of its own: where each table stands for itself, it keeps that one from its plan.
    pub tells_broken: bool,
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
    names.extend(columns::meant(rules, facts).map(|(_, column)| column.name.as_str().into()));
    let context = Context {
        world: shared.world,
        table: Some(id),
        fields: &names,
        schemas: shared.schemas,
        tells_broken: shared.tells_broken,
    };
    let fields = columns::fields(rules, facts, key, &matching, &context, problems);
    let presets = presets::presets(rules, facts, key, &matching, &context, problems);
    let unknown = presets::unknown_on_create(rules, facts, key, &matching);
    let guards = grants::guards(rules, &matching, &context, &unknown, problems);
    let grants = grants::grants(rules, &names, &context, &unknown, problems);
    let checks = grants::checks(rules, &names, &context, &unknown, problems);
    let schema = rules
        .schema
        .as_ref()
        .and_then(|schema| context.schema(schema, problems));
    let preset_only = presets::preset_only(facts, &fields, &presets);
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
        project_guards: positions(&matching, shared.rules),
        grants,
        checks,
        schema,
        image,
        followed: followed(facts, shared.catalog),
    })
}

/// The columns that foreign keys refer to which change rows of their own tables with ours.
fn followed(facts: &catalog::Table, catalog: &Catalog) -> BTreeSet<ColumnName> {
    let keys = catalog
        .tables
        .values()
        .flat_map(|table| &table.foreign_keys);
    let ours = keys.filter(|key| key.acts_on_us && key.target == facts.target);
    ours.flat_map(|key| key.target_columns.iter().cloned())
        .collect()
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

/// Whether a guard of the project is for a table.
pub(super) fn matches(guard: &ProjectGuard, rules: &TableRules, facts: &catalog::Table) -> bool {
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

/// The compiled parts of a table.
pub(super) struct Parts<'a> {
    pub fields: &'a BTreeMap<FieldName, Field>,
    pub presets: &'a [Preset],
    pub guards: &'a [Compiled],
    pub grants: &'a [Grant],
    pub checks: &'a [Check],
    pub schema: Option<&'a Schema>,
}

impl<'a> Parts<'a> {
    /// Every compiled expression of the table.
    pub(super) fn expressions(&self) -> impl Iterator<Item = &'a Compiled> + use<'a> {
        let grants = self.grants.iter().map(|grant| &grant.condition);
        let checks = self.checks.iter().map(|check| &check.rule);
        let messages = self
            .checks
            .iter()
            .filter_map(|check| check.message_expression.as_ref());
        let presets = self.presets.iter().map(|preset| &preset.value);
        let defaults = self
            .fields
            .values()
            .filter_map(|field| field.default.as_ref());
        self.guards
            .iter()
            .chain(grants)
            .chain(checks)
            .chain(messages)
            .chain(presets)
            .chain(defaults)
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
    for reads in parts.expressions().map(Compiled::reads) {
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
