//! `docs/operations.md` says what the code says: limits with their defaults, metrics, and every reason for a red `/readyz`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::gateway::load;

fn page() -> String {
    fs::read_to_string("docs/operations.md").unwrap()
}

/// The words in backticks that begin with `prefix`, up to their labels.
fn named(text: &str, prefix: &str) -> BTreeSet<String> {
    let words = text.split('`').skip(1).step_by(2);
    let words = words.map(|word| word.split('{').next().unwrap_or_default());
    words
        .filter(|word| word.starts_with(prefix))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn each_limit_stands_there_with_its_default_and_no_other_does() {
    let page = page();
    let section = page.split("\n## Limits").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let told: BTreeSet<(String, String)> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(name, rest)| (name.to_owned(), rest.split(" |").next().unwrap().to_owned()))
        .collect();
    let loading = load(
        Path::new("tests/cases/limits/rules"),
        "postgres://nobody@localhost/none",
    );
    let lines = loading.lines.iter();
    let limits: BTreeSet<(String, String)> = lines
        .filter_map(|line| {
            Some((
                line.name.strip_prefix("limits.")?.to_owned(),
                line.value.clone(),
            ))
        })
        .collect();
    assert_eq!(told, limits);
}

#[test]
fn each_metric_stands_there_and_no_other_does() {
    let source = fs::read_to_string("src/observe/metrics.rs").unwrap();
    let metrics: BTreeSet<String> = source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.starts_with("rulegate_"))
        .map(ToOwned::to_owned)
        .collect();
    assert!(metrics.len() > 10, "{metrics:?}");
    assert_eq!(named(&page(), "rulegate_"), metrics);
}

/// Every sentence of ours that can be a reason, with the file that says it.
const REASONS: [(&str, &str); 11] = [
    ("serve/gateway.rs", "stopping"),
    (
        "serve/gateway.rs",
        "the rules are not in force yet: the database has not been read",
    ),
    (
        "serve/gateway.rs",
        "there are no keys yet to verify tokens with",
    ),
    ("serve/prober.rs", "the rules do not fit the database: "),
    ("driver/postgres/store.rs", "the database is read-only"),
    (
        "driver/postgres/store.rs",
        "no connection of the pool was free in time",
    ),
    (
        "driver/postgres/transaction.rs",
        "the database did not answer in time",
    ),
    ("apply/operation.rs", "applies to the role we log in as"),
    (
        "serve/gateway.rs",
        "the rules do not fit the database: every table is closed",
    ),
    (
        "journal/schema.rs",
        "the database has no schema `rulegate` yet",
    ),
    (
        "apply/letter.rs",
        "a sensitive column of a dead letter could not be encrypted: ",
    ),
];

#[test]
fn each_reason_for_red_stands_there_with_what_to_do() {
    let page = page();
    let section = page.split("\n## Why `/readyz` is red").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    for (file, reason) in REASONS {
        let source = fs::read_to_string(Path::new("src").join(file)).unwrap();
        assert!(source.contains(reason), "{file} no longer says `{reason}`");
        let row = section
            .lines()
            .find(|line| line.starts_with('|') && line.contains(reason));
        let row = row.unwrap_or_else(|| panic!("`{reason}` is not explained"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert!(
            cells.len() == 5 && cells[1..4].iter().all(|cell| !cell.is_empty()),
            "{row}"
        );
    }
    // Whoever gives `/readyz` another reason of ours finds it missing here.
    let gateway = fs::read_to_string("src/serve/gateway.rs").unwrap();
    let reasons = gateway.split("pub fn reasons").nth(1).unwrap();
    let reasons = reasons.split("\n    }\n").next().unwrap();
    for text in reasons.split('"').skip(1).step_by(2) {
        assert!(
            REASONS.iter().any(|(_, reason)| *reason == text),
            "`{text}` is not in the list"
        );
    }
}
