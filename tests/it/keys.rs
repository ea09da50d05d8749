//! The tables of keys: each key is read as its table says, and the cures that authors are shown are right.

use rulegate::document::keys::{Block, Key, Kind};
use rulegate::document::{parse, read};
use rulegate::{rules, settings};

/// Every block of a table, the nested ones too, with the way to it.
fn blocks(block: &'static Block, path: &str, found: &mut Vec<(String, &'static Block)>) {
    found.push((path.to_owned(), block));
    for key in block.keys {
        inside(&key.kind, &format!("{path} / {}", key.name), found);
    }
}

fn inside(kind: &'static Kind, path: &str, found: &mut Vec<(String, &'static Block)>) {
    match kind {
        Kind::Block(block) => blocks(block, path, found),
        Kind::List(kind)
        | Kind::OneOrList(kind)
        | Kind::Map(kind)
        | Kind::Nullable(kind)
        | Kind::Later(kind) => inside(kind, path, found),
        Kind::Either(one, other) => {
            inside(one, path, found);
            inside(other, path, found);
        }
        _ => {}
    }
}

fn all() -> Vec<(String, &'static Block)> {
    let mut found = Vec::new();
    blocks(&settings::keys::FILE, "rulegate.yaml", &mut found);
    blocks(&rules::keys::TABLE, "table", &mut found);
    assert!(found.len() > 12);
    found
}

/// What a text has to complain about as a block, beside keys that are missing.
fn complaints(text: &str, block: &'static Block) -> Vec<String> {
    let (node, mut problems) = parse("f.yaml", text);
    if let Some(node) = node {
        let environment = |_: &str| Some("value".to_owned());
        read(&node, &Kind::Block(block), &environment, &[], &mut problems);
    }
    let problems = problems.sorted().into_iter();
    problems
        .filter(|problem| !problem.message.ends_with("is missing"))
        .map(|problem| problem.message.clone())
        .collect()
}

fn is_later(key: &Key) -> bool {
    matches!(key.kind, Kind::Later(_))
}

#[test]
fn the_example_of_each_key_reads_as_its_kind() {
    for (path, block) in all() {
        for key in block.keys.iter().filter(|key| !is_later(key)) {
            assert!(key.example.starts_with(key.name), "{path}: {}", key.name);
            let found = complaints(key.example, block);
            assert!(found.is_empty(), "{path}: {}: {found:?}", key.example);
        }
    }
}

#[test]
fn what_is_not_there_yet_is_refused_by_name_whatever_it_says() {
    for (path, block) in all() {
        for key in block.keys.iter().filter(|key| is_later(key)) {
            for value in ["1", "text", "[a]", "{ a: b }", "!env UNSET", ""] {
                let found = complaints(&format!("{}: {value}\n", key.name), block);
                let wanted = format!("`{}` is not supported yet", key.name);
                assert_eq!(found, [wanted], "{path}: {value}");
            }
        }
    }
}

#[test]
fn a_misspelt_key_never_loads() {
    for (path, block) in all() {
        for key in block.keys {
            let misspelt = format!("{}x", key.name);
            let found = complaints(&format!("{misspelt}: 1\n"), block);
            assert_eq!(found, [format!("unknown key `{misspelt}`")], "{path}");
        }
    }
}

#[test]
fn a_value_of_another_kind_is_refused() {
    for (path, block) in all() {
        for key in block.keys.iter().filter(|key| !is_later(key)) {
            let values = match key.kind {
                Kind::Text | Kind::Expression => vec!["{ a: b }", "[a]", "''", ""],
                Kind::List(_) => vec!["a", "{ a: b }", ""],
                Kind::Map(_) | Kind::Block(_) | Kind::Limits => vec!["a", "[a]", ""],
                Kind::Schema | Kind::KeySet => vec!["a", "[a]", "1", ""],
                _ => vec!["", "{ a: [[]] }", "[[[]]]"],
            };
            for value in values {
                let found = complaints(&format!("{}: {value}\n", key.name), block);
                assert!(!found.is_empty(), "{path}: {}: {value}", key.name);
            }
        }
    }
}

#[test]
fn every_key_has_one_line_of_documentation_and_one_name() {
    for (path, block) in all() {
        for (position, key) in block.keys.iter().enumerate() {
            assert!(
                key.doc.ends_with('.') && !key.doc.contains('\n'),
                "{path}: {}",
                key.name
            );
            let rest = &block.keys[position + 1..];
            assert!(
                rest.iter().all(|other| other.name != key.name),
                "{path}: {}",
                key.name
            );
        }
    }
}
