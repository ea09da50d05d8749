//! What rulegate.yaml says about rules, and what no single file can know: names that stand in two files, or in none.

use std::collections::BTreeMap;
use std::fmt;

use crate::document::Form;
use crate::rules::table::presets;
use crate::rules::{ProjectGuard, RuleSet, TableRules};
use crate::vocabulary::code::ErrorCode;
use crate::vocabulary::limits::RULE_TABLES_MAX;
use crate::vocabulary::names::{TableName, Target};
use crate::vocabulary::place::{Place, Spanned};
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::suggest::closest;

/// Puts the rules of a folder together. `file` is the form of rulegate.yaml.
pub fn gather(
    file: Option<&Form>,
    tables: Vec<TableRules>,
    schemas: Vec<(String, Spanned<serde_json::Value>)>,
    problems: &mut Problems,
) -> RuleSet {
    let block = |name| file.and_then(|file| file.get(name));
    let flag = block("require_guard").and_then(Form::flag);
    let rules = RuleSet {
        guards: block("guards").map(guards).unwrap_or_default(),
        require_guard: flag
            .unwrap_or_else(|| file.is_some_and(|file| file.entry("guards").is_some())),
        claims: block("client_auth").and_then(|auth| auth.get("claims")?.json()),
        tables,
        schemas,
    };
    refuse_twins(&rules.tables, problems);
    refuse_unknown_tables(&rules, problems);
    refuse_unknown_schemas(&rules, problems);
    let handled = block("batch").and_then(|batch| batch.get("client_handles"));
    refuse_unknown_codes(
        &handled.map(Form::names).unwrap_or_default(),
        &rules,
        problems,
    );
    if let Some(first) = rules.tables.get(RULE_TABLES_MAX) {
        let message = format!("there are more than {RULE_TABLES_MAX} tables");
        let problem = Problem::error(first.table.place.clone(), message);
        problems.push(problem.help("divide the project: one gateway for each part"));
    }
    rules
}

fn guards(form: &Form) -> Vec<ProjectGuard> {
    let items = form.list().iter().filter(|item| !item.map().is_empty());
    items.map(guard).collect()
}

fn guard(form: &Form) -> ProjectGuard {
    let names = |name| form.get(name).map(Form::names).unwrap_or_default();
    let is_everywhere = form
        .get("tables")
        .is_some_and(|tables| tables.text() == Some("*"));
    ProjectGuard {
        place: form.opening(),
        tables: (!is_everywhere).then(|| form.get("tables").map(Form::names).unwrap_or_default()),
        having: names("having"),
        rule: form.get("rule").and_then(Form::source).cloned(),
        presets: presets(form.get("presets")),
        immutable: names("immutable"),
    }
}

/// A client table name stands in one file, and so does a target.
fn refuse_twins(tables: &[TableRules], problems: &mut Problems) {
    let mut names: BTreeMap<&TableName, &Place> = BTreeMap::new();
    let mut targets: BTreeMap<&Target, &Place> = BTreeMap::new();
    for rules in tables {
        let (name, target) = (&rules.table, &rules.target);
        if let Some(first) = names.get(&name.node) {
            problems.push(twin("table", &name.node, &name.place, first));
            continue;
        }
        names.insert(&name.node, &name.place);
        match targets.get(&target.node) {
            Some(first) => problems.push(twin("target", &target.node, &target.place, first)),
            None => {
                targets.insert(&target.node, &target.place);
            }
        }
    }
}

fn twin(noun: &str, name: &dyn fmt::Display, place: &Place, first: &Place) -> Problem {
    let message = format!("{noun} `{name}` stands in `{}` already", first.file);
    Problem::error(place.clone(), message).help("keep all rules of a table in one file")
}

fn refuse_unknown_tables(rules: &RuleSet, problems: &mut Problems) {
    let known: Vec<&str> = rules
        .tables
        .iter()
        .map(|table| table.table.node.as_str())
        .collect();
    let named = rules
        .guards
        .iter()
        .flat_map(|guard| guard.tables.iter().flatten());
    for table in named.filter(|table: &&Spanned<TableName>| !known.contains(&table.node.as_str())) {
        let message = format!(
            "this guard names `{}`, and no file has rules for it",
            table.node
        );
        let problem = Problem::error(table.place.clone(), message);
        problems.push(match closest(table.node.as_str(), known.iter().copied()) {
            Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
            None => problem.help("name tables as the app does"),
        });
    }
}

/// A schema that is nothing but a reference to a file which is not there.
fn refuse_unknown_schemas(rules: &RuleSet, problems: &mut Problems) {
    let known: Vec<&str> = rules
        .schemas
        .iter()
        .map(|(path, _)| path.as_str())
        .collect();
    let written = rules.tables.iter().flat_map(|table| {
        let columns = table
            .columns
            .iter()
            .filter_map(|column| column.schema.as_ref());
        table.schema.iter().chain(columns)
    });
    for schema in written.chain(&rules.claims) {
        let reference = schema.node.get("$ref").and_then(serde_json::Value::as_str);
        let path = reference.and_then(|reference| reference.split('#').next());
        let Some(path) = path.filter(|path| !path.is_empty() && !known.contains(path)) else {
            continue;
        };
        let message = format!("the rules folder has no schema `{path}`");
        let problem = Problem::error(schema.place.clone(), message);
        problems.push(match closest(path, known.iter().copied()) {
            Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
            None => problem
                .help("put the file under `schemas/`, and write its path like `schemas/todo.json`"),
        });
    }
}

/// Codes for the app to decide about that nothing gives: the writes that were meant would be dropped.
fn refuse_unknown_codes(handled: &[Spanned<String>], rules: &RuleSet, problems: &mut Problems) {
    let checks = rules.tables.iter().flat_map(|table| &table.checks);
    let known: Vec<&str> = checks
        .map(|check| check.code.node.as_str())
        .chain(ErrorCode::WORDS)
        .collect();
    for code in handled
        .iter()
        .filter(|code| !known.contains(&code.node.as_str()))
    {
        let message = format!(
            "no check has the code `{}`, and it is none of ours",
            code.node
        );
        let problem = Problem::error(code.place.clone(), message);
        problems.push(match closest(&code.node, known.iter().copied()) {
            Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
            None => problem.help("name the code of a check, or one such as `UNIQUE_VIOLATION`"),
        });
    }
}
