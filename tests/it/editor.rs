//! The schemas that editors read, held against every rules folder of the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rulegate::document::{self, keys::Kind};
use rulegate::schema::{Schema, compile};
use rulegate::vocabulary::problem::Problems;
use rulegate::{rules, settings};

const FOLDER: &str = "rules/.schema";

fn rulegate(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rulegate"));
    command.args(words).output().unwrap()
}

fn schema(name: &str) -> Schema {
    let text = fs::read_to_string(Path::new(FOLDER).join(name)).unwrap();
    compile(&serde_json::from_str(&text).unwrap(), &BTreeMap::new()).unwrap()
}

/// Every folder below one of ours that has a rulegate.yaml, and the starter.
fn folders(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            folders(&path, found);
        }
    }
    if below.join("rulegate.yaml").exists() {
        found.push(below.to_owned());
    }
}

#[test]
fn the_schemas_beside_the_starter_are_those_that_the_program_prints() {
    for (word, name) in [("rules", "table.json"), ("settings", "rulegate.json")] {
        let printed = String::from_utf8(rulegate(&["schema", word]).stdout).unwrap();
        let kept = fs::read_to_string(Path::new(FOLDER).join(name)).unwrap();
        assert!(kept == printed, "run `rulegate schema --write {FOLDER}`");
    }
}

#[test]
fn each_file_of_the_starter_leads_an_editor_to_its_schema() {
    for entry in fs::read_dir("rules").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let text = fs::read_to_string(&path).unwrap();
            let first = text.lines().next().unwrap();
            let schema = first.strip_prefix("# yaml-language-server: $schema=");
            let schema = Path::new("rules").join(schema.unwrap());
            let is_project = path.ends_with("rulegate.yaml");
            assert!(
                schema.exists() && schema.ends_with("rulegate.json") == is_project,
                "{first}"
            );
        }
    }
}

#[test]
fn an_editor_and_the_loader_agree_on_every_file_of_the_cases() {
    let mut found = Vec::new();
    for below in ["rules", "tests/cases", "tests/faults"] {
        folders(Path::new(below), &mut found);
    }
    let (table, project) = (schema("table.json"), schema("rulegate.json"));
    let (mut fit, mut unfit, mut differing) = (0, 0, Vec::new());
    for path in found
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
    {
        let path = path.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") || !path.is_file() {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let (node, problems) = document::parse("file", &text);
        let Some(node) = node.filter(|_| problems.is_empty()) else {
            continue;
        };
        let (schema, kind) = if path.ends_with("rulegate.yaml") {
            (&project, Kind::Block(&settings::keys::FILE))
        } else {
            (&table, Kind::Block(&rules::keys::TABLE))
        };
        let mut problems = Problems::default();
        let _ = document::read(&node, &kind, &|_| None, &[], &mut problems);
        // A variable that is not set here is no fault of the file.
        let faults = problems.sorted();
        let is_right = faults
            .iter()
            .all(|problem| problem.message.contains("needs the variable"));
        let violations = schema.errors(&node.to_json());
        if violations.is_empty() == is_right {
            *if is_right { &mut fit } else { &mut unfit } += 1;
        } else {
            let faults: Vec<&str> = faults.iter().map(|problem| &*problem.message).collect();
            differing.push(format!("{}: {violations:?} but {faults:?}", path.display()));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(fit > 80 && unfit > 5, "{fit} fit, {unfit} do not");
}

#[test]
fn completions_are_printed_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(rulegate(&["completions", shell]).stdout).unwrap();
        for word in ["dead-letters", "healthcheck", "init"] {
            assert!(script.contains(word), "{shell}: {script}");
        }
    }
    assert_eq!(rulegate(&["completions", "abacus"]).status.code(), Some(2));
}
