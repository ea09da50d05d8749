//! Schemas that look at each member of an object by itself.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::schema::inspect::split;

/// Keywords that say nothing about how members go together.
const BY_FIELD: [&str; 8] = [
    "$comment",
    "$defs",
    "$schema",
    "definitions",
    "description",
    "properties",
    "required",
    "title",
];

/// Whether a schema, or the file that it is a reference to and nothing else, says what an object is by its members alone.
pub(super) fn is_by_field(path: &str, schema: &Value, files: &BTreeMap<String, Value>) -> bool {
    let Some(members) = schema.as_object() else {
        return false;
    };
    if let (1, Some(reference)) = (members.len(), members.get("$ref").and_then(Value::as_str)) {
        let (file, fragment) = split(path, reference);
        let target = files.get(&file).filter(|_| fragment.is_empty());
        // A reference behind a reference is followed no further.
        return target.is_some_and(is_plain);
    }
    is_plain(schema)
}

fn is_plain(schema: &Value) -> bool {
    schema.as_object().is_some_and(|members| {
        members
            .iter()
            .all(|(keyword, value)| match keyword.as_str() {
                "type" => value == "object",
                keyword => BY_FIELD.contains(&keyword) || keyword.starts_with("x-"),
            })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_by_field_says_nothing_of_two_members_at_once() {
        let plain =
            json!({"type": "object", "required": ["a"], "properties": {"a": {"minLength": 1}}});
        let both = json!({"properties": {"a": {}}, "dependentRequired": {"a": ["b"]}});
        let files = BTreeMap::from([
            ("s/plain.json".to_owned(), plain.clone()),
            ("both.json".to_owned(), both.clone()),
        ]);
        let cases = [
            (plain, true),
            (both, false),
            (json!({"$ref": "s/plain.json"}), true),
            (json!({"$ref": "both.json"}), false),
            (json!({"$ref": "s/plain.json#/properties/a"}), false),
            (json!({"$ref": "gone.json"}), false),
            (json!({"$ref": "s/plain.json", "minProperties": 2}), false),
            (json!({"additionalProperties": false}), false),
            (json!({"type": ["object", "null"]}), false),
            (json!({"anyOf": [{}]}), false),
            (json!(true), false),
        ];
        for (schema, wanted) in cases {
            assert_eq!(is_by_field("", &schema, &files), wanted, "{schema}");
        }
    }
}
