//! A table of keys as JSON Schema (draft 2020-12), for editors: they complete keys, show what each means, and underline what does not load.

use serde_json::{Map, Value, json};

use crate::document::keys::{Block, Key, Kind};
use crate::document::parse;
use crate::vocabulary::limits::{Limit, Limits};
use crate::vocabulary::problem::Problems;

/// Where the schema of `!env NAME` stands.
const VARIABLE: &str = "#/$defs/variable";

/// The schema of a file that is one block. What is not supported yet is left out, so that an editor does not offer it.
pub fn schema(title: &str, file: &Block) -> Value {
    let mut schema = block(file);
    schema.insert(
        "$schema".to_owned(),
        "https://json-schema.org/draft/2020-12/schema".into(),
    );
    schema.insert("title".to_owned(), title.into());
    schema.insert("$defs".to_owned(), json!({ "variable": variable() }));
    Value::Object(schema)
}

/// Editors read a tagged scalar as its text: `!env NAME` is `NAME` to them.
fn variable() -> Value {
    json!({
        "description": "`!env NAME`: the value of a variable of the environment",
        "type": "string",
        "pattern": "^[A-Z_][A-Z0-9_]*$",
    })
}

fn block(block: &Block) -> Map<String, Value> {
    let keys = || block.keys.iter().filter(|key| !is_later(&key.kind));
    let properties: Map<String, Value> = keys()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<&str> = keys()
        .filter(|key| key.is_required)
        .map(|key| key.name)
        .collect();
    let mut schema = object("object");
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}

/// A key's value, with what the key means.
fn property(key: &Key) -> Value {
    let mut schema = value(&key.kind);
    schema.insert("description".to_owned(), key.doc.into());
    if let Some(example) = example(key) {
        schema.insert("examples".to_owned(), json!([example]));
    }
    Value::Object(schema)
}

/// The value of the key's example. A variable has none that an editor could show: its tag would be lost.
fn example(key: &Key) -> Option<Value> {
    if key.example.contains("!env") {
        return None;
    }
    let (node, problems): (_, Problems) = parse("example", key.example);
    let node = node.filter(|_| problems.is_empty())?;
    node.to_json().get(key.name).cloned()
}

fn value(kind: &Kind) -> Map<String, Value> {
    match kind {
        Kind::Version => members(json!({ "enum": [1] })),
        // YAML's own words and numbers are taken as their text.
        Kind::Text | Kind::Expression => {
            members(json!({ "type": ["string", "number", "boolean"], "pattern": "\\S" }))
        }
        Kind::Word(words, _) => or_variable(json!({ "enum": words })),
        Kind::Flag => or_variable(json!({ "type": "boolean" })),
        Kind::Count => or_variable(json!({ "type": "integer", "minimum": 1 })),
        Kind::Time => or_variable(json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })),
        Kind::Size => or_variable(json!({
            "type": ["integer", "string"],
            "minimum": 1,
            "pattern": "^[0-9]*[1-9][0-9]*(B|KiB|MiB|GiB)?$",
        })),
        Kind::Address => or_variable(json!({
            "type": "string",
            "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$",
        })),
        Kind::Schema => members(json!({ "type": ["object", "boolean"] })),
        Kind::KeySet => any_of(&[
            members(json!({
                "type": "object",
                "required": ["keys"],
                "properties": { "keys": { "type": "array" } },
            })),
            or_variable(json!({ "type": "string", "pattern": "\"keys\"" })),
        ]),
        Kind::Limits => limits(),
        Kind::List(item) => list(item),
        Kind::OneOrList(item) => any_of(&[value(item), list(item)]),
        Kind::Map(item) => {
            let mut schema = object("object");
            schema.insert("additionalProperties".to_owned(), value(item).into());
            schema
        }
        Kind::Block(keys) => block(keys),
        Kind::Either(scalar, other) if is_later(other) => value(scalar),
        Kind::Either(scalar, other) => any_of(&[value(scalar), value(other)]),
        Kind::Nullable(kind) => any_of(&[object("null"), value(kind)]),
        Kind::Later(_) | Kind::Any => Map::new(),
    }
}

fn list(item: &Kind) -> Map<String, Value> {
    let mut schema = object("array");
    schema.insert("items".to_owned(), value(item).into());
    schema
}

/// Each limit by its name, with what it is where nobody says otherwise.
fn limits() -> Map<String, Value> {
    let mut defaults = Limits::default();
    let properties: Map<String, Value> = Limits::NAMES
        .iter()
        .filter_map(|name| {
            let limit = defaults.with(name, |limit| limit_schema(name, &limit))?;
            Some(((*name).to_owned(), limit.into()))
        })
        .collect();
    let mut schema = object("object");
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    schema
}

fn limit_schema(name: &str, limit: &Limit<'_>) -> Map<String, Value> {
    let (kind, default) = match limit {
        Limit::Time(time) => (Kind::Time, format!("{}ms", time.as_millis()).into()),
        Limit::Count(count) if name.ends_with("_bytes_max") => (Kind::Size, Value::from(**count)),
        Limit::Count(count) => (Kind::Count, Value::from(**count)),
    };
    let mut schema = value(&kind);
    schema.insert("default".to_owned(), default);
    schema
}

fn is_later(kind: &Kind) -> bool {
    matches!(kind, Kind::Later(_))
}

fn or_variable(schema: Value) -> Map<String, Value> {
    any_of(&[members(schema), members(json!({ "$ref": VARIABLE }))])
}

fn any_of(schemas: &[Map<String, Value>]) -> Map<String, Value> {
    members(json!({ "anyOf": schemas }))
}

fn object(ty: &str) -> Map<String, Value> {
    members(json!({ "type": ty }))
}

fn members(schema: Value) -> Map<String, Value> {
    match schema {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
