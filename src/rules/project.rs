//! What rulegate.yaml says about rules, and what no single file can know: names that stand in two files, or in none.

use std::collections::BTreeMap;
use std::fmt;

use crate::document::Form;
use crate::rules::table::{named_target, presets};
use crate::rules::{ProjectGuard, RuleSet, TableRules, Unread};
use crate::vocabulary::code::ErrorCode;
use crate::vocabulary::limits::RULE_TABLES_MAX;
use crate::vocabulary::names::{TableName, Target};
use crate::vocabulary::place::{Place, SourceJson, Spanned};
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::suggest::closest;

/// Puts the rules of a folder together. `file` is the form of rulegate.yaml.
pub fn gather(
    file: Option<&Form>,
    tables: Vec<TableRules>,
    schemas: Vec<(String, SourceJson)>,
    unread: Unread,
    problems: &mut Problems,
) -> RuleSet {
    let block = |name| file.and_then(|file| file.get(name));
    let flag = block("require_guard").and_then(Form::flag);
    let written = file.and_then(|file| file.entry("guards"));
    let mut rules = RuleSet {
        guards: block("guards").map(guards).unwrap_or_default(),
        require_guard: flag.unwrap_or(written.is_some()),
        claims: block("client_auth").and_then(|auth| auth.get("claims")?.json().cloned()),
        rejections: block("rejections").and_then(|block| rejections(block, problems)),
        tables,
        schemas,
        unread,
    };
    refuse_twins(&rules.tables, problems);
    let is_sound = refuse_unknown_tables(&rules, problems);
    let handled = block("batch").and_then(|batch| batch.get("client_handles"));
    let handled = handled.map(Form::names).unwrap_or_default();
    // A code that nothing gives may be that of a check in a file that could not be read.
    if !rules.unread.is_anything {
        refuse_unknown_codes(&handled, &rules, problems);
    }
    // A guard that could not be read, or not found its table, may be the one that a table lacks.
    rules.require_guard &= is_sound && written.is_none_or(|(_, guards)| is_readable(guards));
    rules.unread.is_anything = problems.has_errors();
    if let Some(first) = rules.tables.get(RULE_TABLES_MAX) {
        let message = format!("there are more than {RULE_TABLES_MAX} tables");
        let problem = Problem::error(first.table.place.clone(), message);
        problems.push(problem.help("divide the project: one gateway for each part"));
    }
    rules
}

/// Whether it is known which tables each guard is for.
fn is_readable(guards: &Form) -> bool {
    let is_known = |guard: &Form| {
        let is_broken = |(_, form): &(_, Form)| form.is_broken();
        let has_broken_items = |(_, form): &(_, Form)| form.list().iter().any(Form::is_broken);
        !guard.is_broken()
            && guard.get("tables").is_some()
            && !guard.map().iter().any(is_broken)
            && !guard.map().iter().any(has_broken_items)
    };
    !guards.is_broken() && guards.list().iter().all(is_known)
}

/// The app's table of refusals, where it is named as the database does.
fn rejections(block: &Form, problems: &mut Problems) -> Option<Spanned<Target>> {
    let written = block.get("table")?.source()?;
    let target = named_target(written, "table", "upload_rejections", problems);
    (!target.node.schema.is_empty() && !target.node.table.is_empty()).then_some(target)
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

/// Whether each guard names only tables that there are.
fn refuse_unknown_tables(rules: &RuleSet, problems: &mut Problems) -> bool {
    let mut is_sound = true;
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
        is_sound = false;
        if rules.unread.tables.contains(&table.node) {
            continue;
        }
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
    is_sound
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
