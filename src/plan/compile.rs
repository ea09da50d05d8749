//! The road from rules and catalogue to a plan: all problems of all tables in one go.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::auth::ClaimsSchema;
use crate::catalog::{Catalog, Table};
use crate::plan::conditional::Writes;
use crate::plan::schemas::Schemas;
use crate::plan::table::{self, Shared};
use crate::plan::{
    Plan, Rejections, RelationPlan, TablePlan, advice, print, rejections, relations, world,
};
use crate::rules::{RuleSet, TableRules};
use crate::vocabulary::names::{ColumnName, TableName};
use crate::vocabulary::place::Spanned;
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::suggest::closest;

/// What compiling came to.
#[derive(Debug)]
pub struct Compilation {
    /// The plan; `None` as soon as there is one error.
    pub plan: Option<Plan>,
    /// Everything that is wrong or worth a look.
    pub problems: Problems,
}

/// Compiles rules against a catalogue. One mistake is one problem: what only hangs on another mistake is not told.
pub fn compile(rules: &RuleSet, catalog: &Catalog) -> Compilation {
    let mut problems = Problems::default();
    let mut advice = Problems::default();
    let ground = Ground::of(rules, catalog, &mut problems);
    let shared = Shared {
        tells_broken: false,
        ..ground.shared(are_guards_known(rules, catalog, &mut problems))
    };
    let mut tables: BTreeMap<TableName, TablePlan> = BTreeMap::new();
    for rules in &rules.tables {
        let plan = ground.table(rules, &shared, &mut problems, &mut advice);
        tables.extend(plan.map(|plan| (rules.table.node.clone(), plan)));
    }
    if let Some(guard) = rules.guards.first() {
        problems.keep_first(|place| place.file == guard.place.file);
    }
    let relations = ground.relations(&tables, &mut advice);
    let rejections = rejections::compile(rules, catalog, &mut problems, &mut advice);
    if !problems.has_errors() && !rules.unread.is_anything {
        problems.append(advice);
    }
    let is_sound = !problems.has_errors();
    let plan = ground
        .plan(tables, relations, rejections)
        .filter(|_| is_sound);
    Compilation { plan, problems }
}

/// What all tables stand on.
pub(super) struct Ground<'a> {
    rules: &'a RuleSet,
    catalog: &'a Catalog,
    schemas: Schemas,
    claims: Option<ClaimsSchema>,
    built: world::Built,
}

impl<'a> Ground<'a> {
    pub(super) fn of(rules: &'a RuleSet, catalog: &'a Catalog, problems: &mut Problems) -> Self {
        let schemas = Schemas::of(rules, problems);
        let claims = schemas.claims(rules, problems);
        let shape = claims_shape(rules, claims.is_some(), &schemas);
        let built = world::build(rules, catalog, shape, problems);
        Self {
            rules,
            catalog,
            schemas,
            claims,
            built,
        }
    }

    /// What each table is compiled with; whether a guard is missing is only asked where the guards are known.
    pub(super) fn shared(&self, are_guards_known: bool) -> Shared<'_> {
        Shared {
            rules: self.rules,
            catalog: self.catalog,
            world: &self.built.world,
            schemas: &self.schemas,
            require_guard: are_guards_known && self.rules.require_guard,
            tells_broken: true,
        }
    }

    pub(super) fn table(
        &self,
        rules: &TableRules,
        shared: &Shared<'_>,
        problems: &mut Problems,
        advice: &mut Problems,
    ) -> Option<TablePlan> {
        let id = self.built.names.get(&rules.table.node)?;
        let facts = self.catalog.tables.get(&rules.target.node)?;
        table::compile(rules, facts, *id, shared, problems, advice)
    }

    pub(super) fn relations(
        &self,
        tables: &BTreeMap<TableName, TablePlan>,
        advice: &mut Problems,
    ) -> Vec<RelationPlan> {
        let (built, catalog) = (&self.built, self.catalog);
        let relations = relations::compile(&built.world, &built.targets, catalog, tables);
        warn_of_hidden_relations(self.rules, built, catalog, advice);
        advice::warn_of_unreadable_relations(self.rules, built, &relations, catalog, advice);
        relations
    }

    /// The plan of these tables; `None` where the claims are wrong.
    pub(super) fn plan(
        self,
        tables: BTreeMap<TableName, TablePlan>,
        relations: Vec<RelationPlan>,
        rejections: Option<Rejections>,
    ) -> Option<Plan> {
        let world = self.built.world;
        let shape = claims_shape(self.rules, self.claims.is_some(), &self.schemas);
        let files = self.schemas.files();
        let text = print::text(
            tables.values(),
            &world,
            &relations,
            rejections.as_ref(),
            shape,
            files,
        );
        Some(Plan {
            digest: print::digest(&text),
            text,
            tables,
            relations,
            claims: self.claims?,
            world,
            rejections,
            writes: Writes::default(),
        })
    }
}

/// The schema of the claims, where it is right.
fn claims_shape<'s>(rules: &'s RuleSet, is_right: bool, schemas: &'s Schemas) -> Option<&'s Value> {
    let claims = rules.claims.as_ref().filter(|_| is_right)?;
    Some(schemas.resolved(&claims.value))
}

/// Whether each column that a guard asks for is there in some table. A guard that matches nothing by mistake guards nothing, and
/// where tables lack a guard for it, that is the mistake to tell.
pub(super) fn are_guards_known(
    rules: &RuleSet,
    catalog: &Catalog,
    problems: &mut Problems,
) -> bool {
    let targets: Vec<(&TableRules, &Table)> = rules
        .tables
        .iter()
        .filter_map(|rules| Some((rules, catalog.tables.get(&rules.target.node)?)))
        .collect();
    let names = || targets.iter().flat_map(|(_, facts)| &facts.columns);
    let is_covered = |(rules_of, facts): &(&TableRules, &Table)| {
        let mut guards = rules.guards.iter();
        rules_of.guard.is_some() || guards.any(|guard| table::matches(guard, rules_of, facts))
    };
    let lacks_guard = rules.require_guard && !targets.iter().all(is_covered);
    let asked = rules.guards.iter().flat_map(|guard| &guard.having);
    let unknown = |column: &&Spanned<ColumnName>| names().all(|known| known.name != column.node);
    let unknown: Vec<_> = asked.filter(unknown).collect();
    for column in &unknown {
        if targets.is_empty() {
            continue;
        }
        let message = format!(
            "none of these tables has a column `{}`, so this guard matches none",
            column.node
        );
        let place = column.place.clone();
        let problem = if lacks_guard {
            Problem::error(place, message)
        } else {
            Problem::warning(place, message)
        };
        let known = names().map(|column| column.name.as_str());
        problems.push(match closest(column.node.as_str(), known) {
            Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
            None => problem.help("write a column by the database's name, or take the guard out"),
        });
    }
    unknown.is_empty()
}

/// Related tables on which row-level security hides rows from us: a condition then sees fewer rows than there are.
fn warn_of_hidden_relations(
    rules: &RuleSet,
    built: &world::Built,
    catalog: &Catalog,
    problems: &mut Problems,
) {
    for (rule, relation) in rules
        .tables
        .iter()
        .flat_map(|table| &table.relations)
        .zip(&built.relation_targets)
    {
        let hidden = relation
            .as_ref()
            .and_then(|target| catalog.tables.get(target))
            .filter(|facts| facts.rls.binds_login);
        if let Some(facts) = hidden {
            problems.push(
                Problem::warning(
                    rule.name.place.clone(),
                    format!("row-level security hides rows of `{}` from us, so relation `{}` may miss some", facts.target, rule.name.node),
                )
                .help("log in as a role with BYPASSRLS"),
            );
        }
    }
}
