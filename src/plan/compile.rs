//! The road from rules and catalogue to a plan: all problems of all tables in one go.

use std::collections::BTreeMap;

use crate::auth::ClaimsSchema;
use crate::catalog::Catalog;
use crate::plan::source::schema_at;
use crate::plan::table::{self, Shared};
use crate::plan::{Plan, TablePlan, print, relations, world};
use crate::rules::{RuleSet, TableRules};
use crate::vocabulary::names::TableName;
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

/// Compiles rules against a catalogue.
pub fn compile(rules: &RuleSet, catalog: &Catalog) -> Compilation {
    let mut problems = Problems::default();
    let schemas = schema_files(rules, &mut problems);
    let claims = claims(rules, &schemas, &mut problems);
    let built = world::build(rules, catalog, &mut problems);
    let shared = Shared {
        rules,
        world: &built.world,
        schemas: &schemas,
    };
    let mut tables: BTreeMap<TableName, TablePlan> = BTreeMap::new();
    for rules in &rules.tables {
        let id = built.names.get(&rules.table.node);
        let facts = catalog.tables.get(&rules.target.node);
        let (Some(id), Some(facts)) = (id, facts) else {
            problems.push(unknown_target(rules, catalog));
            continue;
        };
        if let Some(plan) = table::compile(rules, facts, *id, &shared, &mut problems) {
            tables.insert(rules.table.node.clone(), plan);
        }
    }
    warn_of_hidden_relations(rules, &built, catalog, &mut problems);
    let relations = relations::compile(&built.world, &built.targets, catalog, &tables);
    let claims_text = rules.claims.as_ref().map(|claims| &claims.node);
    let text = print::text(tables.values(), &relations, claims_text);
    let plan = claims
        .filter(|_| !problems.has_errors())
        .map(|claims| Plan {
            digest: print::digest(&text),
            text,
            tables,
            relations,
            world: built.world,
            claims,
        });
    Compilation { plan, problems }
}

fn schema_files(rules: &RuleSet, problems: &mut Problems) -> BTreeMap<String, serde_json::Value> {
    let files: BTreeMap<String, serde_json::Value> = rules
        .schemas
        .iter()
        .map(|(path, schema)| (path.clone(), schema.node.clone()))
        .collect();
    for (_, schema) in &rules.schemas {
        let _ = schema_at(schema, &files, problems);
    }
    files
}

fn claims(
    rules: &RuleSet,
    schemas: &BTreeMap<String, serde_json::Value>,
    problems: &mut Problems,
) -> Option<ClaimsSchema> {
    let source = rules.claims.as_ref();
    match ClaimsSchema::compile(source.map(|claims| &claims.node), schemas) {
        Ok(claims) => Some(claims),
        Err(faults) => {
            for fault in faults {
                let mut problem = Problem::nowhere(fault.message);
                problem.place = source.map(|claims| claims.place.clone());
                problem.help = fault.help;
                problems.push(problem);
            }
            None
        }
    }
}

fn unknown_target(rules: &TableRules, catalog: &Catalog) -> Problem {
    let target = &rules.target.node;
    let problem = Problem::error(
        rules.target.place.clone(),
        format!("the database has no table `{target}`"),
    );
    let known: Vec<String> = catalog.tables.keys().map(ToString::to_string).collect();
    match closest(&target.to_string(), known.iter().map(String::as_str)) {
        Some(suggestion) => problem.help(format!("did you mean `target: {suggestion}`?")),
        None => {
            problem.help("create the table first, or name another one with `target: schema.table`")
        }
    }
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
