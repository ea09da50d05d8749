//! What an editor says of each kind of value, held against what the reader says.

use std::collections::BTreeMap;

use rulegate::document::editor::schema;
use rulegate::document::keys::{Block, Key, Kind};
use rulegate::document::{parse, read};
use rulegate::schema::{Schema, compile};
use serde_json::Value;

const WORD: Kind = Kind::Word(&["stop", "skip"], &["pause"]);

static INNER: Block = Block {
    keys: &[
        Key::new("must", Kind::Text, "must: it", "It has to stand.").required(),
        Key::new("may", Kind::Flag, "may: true", "It may."),
        Key::later("some_day", &Kind::Text, "It does nothing yet."),
    ],
};

/// One key of each kind.
static EVERY: Block = Block {
    keys: &[
        Key::new("version", Kind::Version, "version: 1", "version"),
        Key::new("text", Kind::Text, "text: some", "text"),
        Key::new("word", WORD, "word: stop", "word"),
        Key::new("flag", Kind::Flag, "flag: true", "flag"),
        Key::new("count", Kind::Count, "count: 3", "count"),
        Key::new("time", Kind::Time, "time: 5s", "time"),
        Key::new("size", Kind::Size, "size: 8MiB", "size"),
        Key::new("address", Kind::Address, "address: 127.0.0.1:80", "address"),
        Key::new(
            "expression",
            Kind::Expression,
            "expression: a == b",
            "expression",
        ),
        Key::new("schema", Kind::Schema, "schema: { type: string }", "schema"),
        Key::new("keys", Kind::KeySet, "keys: { keys: [] }", "keys"),
        Key::new("limits", Kind::Limits, "limits: { queue_max: 5 }", "limits"),
        Key::new("list", Kind::List(&Kind::Count), "list: [1]", "list"),
        Key::new("some", Kind::OneOrList(&WORD), "some: [stop]", "some"),
        Key::new("map", Kind::Map(&Kind::Count), "map: { a: 1 }", "map"),
        Key::new("block", Kind::Block(&INNER), "block: { must: it }", "block"),
        Key::new(
            "either",
            Kind::Either(&Kind::Flag, &Kind::Block(&INNER)),
            "either: { must: it }",
            "either",
        ),
        Key::new(
            "half",
            Kind::Either(&Kind::Text, &Kind::Later(&Kind::List(&Kind::Text))),
            "half: a",
            "half",
        ),
        Key::new(
            "nullable",
            Kind::Nullable(&Kind::Block(&INNER)),
            "nullable:",
            "nullable",
        ),
        Key::later("later", &Kind::Text, "later"),
    ],
};

/// What an author may write, by right or by mistake.
const WRITTEN: &[&str] = &[
    "",
    "''",
    "some text",
    "stop",
    "pause",
    "stop it",
    "true",
    "false",
    "0",
    "1",
    "2",
    "-1",
    "1.5",
    "5s",
    "500ms",
    "1 s",
    "7d",
    "7y",
    "s",
    "8MiB",
    "0KiB",
    "8MB",
    "127.0.0.1:80",
    "'[::1]:80'",
    "127.0.0.1",
    "localhost:80",
    "[]",
    "[1, 2]",
    "[0]",
    "[stop]",
    "[stop, go]",
    "[a, b]",
    "{}",
    "{ a: 1 }",
    "{ a: 0 }",
    "{ keys: [] }",
    "{ keys: 1 }",
    "{ type: string }",
    "{ must: it }",
    "{ may: true }",
    "{ must: it, may: true }",
    "{ must: it, may: maybe }",
    "{ must: it, some_day: x }",
    "{ must: it, mst: x }",
    "{ queue_max: 5 }",
    "{ queue_max: 0 }",
    "{ body_bytes_max: 1MiB }",
    "{ body_bytes_max: soon }",
    "{ statement_timeout: 5s }",
    "{ statement_timeout: 5 }",
    "{ queue_most: 5 }",
];

fn validator(schema: &Value) -> Schema {
    compile(schema, &BTreeMap::new()).unwrap()
}

fn fits(schema: &Schema, value: &Value) -> bool {
    schema.errors(value).is_empty()
}

/// Whether the reader takes a text, and what an editor sees in it.
fn taken(text: &str, file: &'static Block, variable: &str) -> (bool, Value) {
    let (node, mut problems) = parse("file.yaml", text);
    let node = node.unwrap_or_else(|| panic!("{text}"));
    let environment = |_: &str| Some(variable.to_owned());
    let _ = read(&node, &Kind::Block(file), &environment, &[], &mut problems);
    (problems.is_empty(), node.to_json())
}

#[test]
fn an_editor_says_of_each_kind_what_the_reader_says() {
    let schema = validator(&schema("every", &EVERY));
    let mut both = [0, 0];
    for key in EVERY.keys {
        for written in WRITTEN {
            let text = format!("{}: {written}\n", key.name);
            let (is_taken, value) = taken(&text, &EVERY, "");
            assert_eq!(fits(&schema, &value), is_taken, "{text}");
            both[usize::from(is_taken)] += 1;
        }
    }
    assert!(both.iter().all(|count| *count > 80), "{both:?}");
}

#[test]
fn what_is_misspelt_anywhere_is_underlined() {
    let schema = validator(&schema("every", &EVERY));
    for text in [
        "vershun: 1",
        "block: { must: it, ma: true }",
        "either: { must: it, x: 1 }",
        "nullable: { must: it, x: 1 }",
    ] {
        let (is_taken, value) = taken(text, &EVERY, "");
        assert!(!is_taken && !fits(&schema, &value), "{text}");
    }
}

#[test]
fn a_variable_may_stand_for_any_scalar() {
    let schema = validator(&schema("every", &EVERY));
    for (key, variable) in [
        ("flag", "true"),
        ("count", "3"),
        ("time", "5s"),
        ("size", "1KiB"),
        ("address", "[::1]:80"),
        ("word", "skip"),
        ("text", "x"),
    ] {
        let (is_taken, value) = taken(&format!("{key}: !env SOME_NAME"), &EVERY, variable);
        assert!(is_taken && fits(&schema, &value), "{key}");
    }
}

#[test]
fn each_key_says_what_it_means_and_how_it_looks() {
    let whole = schema("every", &EVERY);
    for key in EVERY.keys {
        let property = &whole["properties"][key.name];
        if matches!(key.kind, Kind::Later(_)) {
            assert!(property.is_null());
            continue;
        }
        assert_eq!(property["description"], key.doc);
        assert!(
            fits(
                &validator(&property_alone(&whole, key.name)),
                &property["examples"][0]
            ),
            "{}",
            key.name
        );
    }
}

/// The schema of one key, with what it refers to.
fn property_alone(whole: &Value, name: &str) -> Value {
    let mut property = whole["properties"][name].clone();
    property["$defs"] = whole["$defs"].clone();
    property
}
