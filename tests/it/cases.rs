//! Cases as folders of data. `UPDATE_CASES=1` writes what is expected anew; look at the difference before you keep it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use rulegate::reload::{Loading, load};
use rulegate::rules::{Guard, RuleSet, TableRules};
use rulegate::settings::Flags;

/// The folders below `tests/cases/<kind>`.
fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/cases").join(kind);
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

/// Holds a text against a file of the case; a missing file expects nothing.
fn expect(case: &Path, file: &str, found: &str, differing: &mut Vec<String>) {
    let path = case.join(file);
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&path, found).unwrap();
    } else if fs::read_to_string(&path).unwrap() != found {
        differing.push(format!("{}:\n{found}", path.display()));
    }
}

/// One case of `load`: `rules/` and `environment` (`NAME=value` lines) → `problems.txt`, and where those files are there, `settings.txt` and `rules.txt`.
fn check(case: &Path, differing: &mut Vec<String>) {
    let environment = environment(case);
    let loading = load(
        &case.join("rules"),
        &|name| environment.get(name).cloned(),
        &Flags::default(),
    );
    let shown = loading.problems.render(&loading.sources, false) + "\n";
    let shown = shown.replace(&format!("{}/", case.display()), "");
    expect(case, "problems.txt", &shown, differing);
    for (file, text) in [
        ("settings.txt", settings(&loading)),
        ("rules.txt", rules(&loading.rules)),
    ] {
        if case.join(file).exists() {
            expect(case, file, &text, differing);
        }
    }
    assert_eq!(
        loading.settings.is_some() || loading.problems.has_errors(),
        true,
        "{}",
        case.display()
    );
}

fn environment(case: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(case.join("environment")).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn settings(loading: &Loading) -> String {
    let lines = loading.lines.iter();
    lines.fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{} = {} ({})", line.name, line.value, line.origin);
        text
    })
}

/// Rules without their places.
fn rules(rules: &RuleSet) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "require_guard {}", rules.require_guard);
    if let Some(claims) = &rules.claims {
        let _ = writeln!(text, "claims {}", claims.node);
    }
    for guard in &rules.guards {
        let tables = guard
            .tables
            .as_ref()
            .map(|tables| names(tables.iter().map(|table| &table.node)));
        let having = names(guard.having.iter().map(|column| &column.node));
        let immutable = names(guard.immutable.iter().map(|column| &column.node));
        let rule = guard.rule.as_ref().map(|rule| &*rule.text);
        let _ = writeln!(
            text,
            "guard {tables:?} having {having} immutable {immutable} rule {rule:?}"
        );
        for preset in &guard.presets {
            let _ = writeln!(
                text,
                "  preset {} {} = {}",
                preset.op, preset.column.node, preset.value.text
            );
        }
    }
    for (path, schema) in &rules.schemas {
        let _ = writeln!(text, "schema {path} {}", schema.node);
    }
    for rules in &rules.tables {
        table(rules, &mut text);
    }
    text
}

fn table(rules: &TableRules, text: &mut String) {
    let _ = writeln!(
        text,
        "\ntable {} -> {} key {}",
        rules.table.node, rules.target.node, rules.key.node
    );
    for rule in &rules.columns {
        let default = rule.default.as_ref().map(|default| &*default.text);
        let schema = rule.schema.as_ref().map(|schema| schema.node.to_string());
        let _ = writeln!(
            text,
            "  column {} -> {} immutable {} default {default:?} schema {schema:?}",
            rule.field.node, rule.column.node, rule.is_immutable
        );
    }
    let _ = writeln!(
        text,
        "  ignore {}",
        names(rules.ignore.iter().map(|field| &field.node))
    );
    for preset in &rules.presets {
        let _ = writeln!(
            text,
            "  preset {} {} = {}",
            preset.op, preset.column.node, preset.value.text
        );
    }
    if let Some(schema) = &rules.schema {
        let _ = writeln!(text, "  schema {}", schema.node);
    }
    for relation in &rules.relations {
        let pairs = relation
            .matches
            .iter()
            .map(|(theirs, mine)| format!("{} = {}", theirs.node, mine.node));
        let _ = writeln!(
            text,
            "  relation {} -> {} where {}",
            relation.name.node,
            relation.table.node,
            names(pairs)
        );
    }
    for (name, source) in &rules.computed {
        let _ = writeln!(text, "  computed {} = {}", name.node, source.text);
    }
    for grant in &rules.allow {
        let fields = grant
            .fields
            .as_ref()
            .map(|fields| names(fields.iter().map(|field| &field.node)));
        let _ = writeln!(
            text,
            "  allow {} if {} fields {fields:?}",
            grant.op, grant.condition.text
        );
    }
    let _ = writeln!(text, "  public_reason {:?}", rules.public_reason);
    for check in &rules.checks {
        let field = check.field.as_ref().map(|field| field.node.to_string());
        let _ = writeln!(
            text,
            "  check {} as {} message {:?} field {field:?} ops {:?}",
            check.rule.text, check.code.node, check.message, check.ops
        );
    }
    match &rules.guard {
        None => {}
        Some(Guard::None(_)) => text.push_str("  guard none\n"),
        Some(Guard::Condition(source)) => {
            let _ = writeln!(text, "  guard {}", source.text);
        }
    }
}

fn names(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

#[test]
fn each_folder_loads_as_its_case_says() {
    let mut differing = Vec::new();
    let cases = cases("load");
    assert!(cases.len() >= 8);
    for case in cases {
        check(&case, &mut differing);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}
