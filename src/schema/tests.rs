use super::*;
use serde_json::json;

fn compiled(schema: &Value) -> Schema {
    compile(schema, &BTreeMap::new()).unwrap()
}

#[test]
fn each_keyword_has_a_message_of_ours_that_quotes_no_value() {
    let secret = "s3cr3t";
    let rows = [
        (json!({"type": "integer"}), json!(secret), "must be integer"),
        (
            json!({"type": ["integer", "null"]}),
            json!(secret),
            "must be ",
        ),
        (
            json!({"maxLength": 2}),
            json!(secret),
            "is too long (at most 2 characters)",
        ),
        (
            json!({"minLength": 9}),
            json!(secret),
            "is too short (at least 9 characters)",
        ),
        (
            json!({"pattern": "^x$"}),
            json!(secret),
            "does not match the pattern ^x$",
        ),
        (
            json!({"enum": ["a", "b"]}),
            json!(secret),
            r#"must be one of ["a","b"]"#,
        ),
        (json!({"const": 1}), json!(secret), "must be 1"),
        (
            json!({"format": "date"}),
            json!(secret),
            "is not a valid date",
        ),
        (json!({"maximum": 3}), json!(4), "must be at most 3"),
        (
            json!({"multipleOf": 2}),
            json!(3),
            "must be a multiple of 2",
        ),
        (
            json!({"required": ["a"]}),
            json!({"b": secret}),
            "is missing",
        ),
        (
            json!({"additionalProperties": false}),
            json!({"s3cr3t": 1}),
            "is not allowed",
        ),
        (
            json!({"not": {}}),
            json!(secret),
            "has a form that is not allowed",
        ),
        (
            json!({"uniqueItems": true}),
            json!([secret, secret]),
            "has an item twice",
        ),
        (json!(false), json!(secret), "is not allowed"),
    ];
    for (schema, value, wanted) in rows {
        let errors = compiled(&schema).errors(&value);
        assert_eq!(errors.len(), 1, "{schema}");
        assert!(
            errors[0].message.starts_with(wanted),
            "{schema}: {}",
            errors[0].message
        );
        assert!(!errors[0].message.contains(secret), "{}", errors[0].message);
    }
}

#[test]
fn files_of_the_folder_are_found_and_nothing_else_is() {
    let files = BTreeMap::from([(
        "schemas/title.json".to_owned(),
        json!({"$defs": {"t": {"maxLength": 1}}}),
    )]);
    let schema = compile(
        &json!({"properties": {"a": {"$ref": "schemas/title.json#/$defs/t"}}}),
        &files,
    )
    .unwrap();
    let errors = schema.errors(&json!({"a": "xx"}));
    assert_eq!(errors[0].field.as_deref(), Some("a"));
    for foreign in [
        "https://example.com/x.json",
        "schemas/other.json",
        "file:///etc/passwd",
    ] {
        assert!(
            compile(&json!({"$ref": foreign}), &files).is_err(),
            "{foreign}"
        );
    }
}

#[test]
fn a_misspelt_keyword_is_a_fault_with_a_suggestion() {
    let faults = compile(
        &json!({"properties": {"a": {"maxLenght": 3}}}),
        &BTreeMap::new(),
    )
    .unwrap_err();
    assert_eq!(faults[0].pointer, "/properties/a/maxLenght");
    assert_eq!(faults[0].help.as_deref(), Some("did you mean `maxLength`?"));
}

#[test]
fn every_mistake_has_its_place_and_its_cure() {
    let files = BTreeMap::from([
        ("schemas/a.json".to_owned(), json!({"$defs": {"title": {}}})),
        ("schemas/b.json".to_owned(), json!({"$ref": "a.json"})),
    ]);
    let rows = [
        (
            json!({"items": [{"typ": 1}]}),
            "/items/0/typ",
            "no keyword `typ`",
            "`type`",
        ),
        (
            json!({"type": "strng"}),
            "/type",
            "no type `strng`",
            "`string`",
        ),
        (
            json!({"type": ["uuid", "null"]}),
            "/type/0",
            "no type `uuid`",
            "`string`",
        ),
        (
            json!({"properties": {"a/b": {"format": "uid"}}}),
            "/properties/a~1b/format",
            "no format `uid`",
            "`uuid`",
        ),
        (
            json!({"format": "iban"}),
            "/format",
            "no format `iban`",
            "`pattern`",
        ),
        (
            json!({"pattern": "a(?=b)"}),
            "/pattern",
            "linear engine",
            "look-around",
        ),
        (
            json!({"patternProperties": {"(": {}}}),
            "/patternProperties/(",
            "linear engine",
            "bracket",
        ),
        (
            json!({"$ref": "https://example.com/a.json"}),
            "/$ref",
            "outside of the rules folder",
            "`schemas/",
        ),
        (
            json!({"not": {"$ref": "schemas/c.json"}}),
            "/not/$ref",
            "no schema `schemas/c.json`",
            "`schemas/a.json`",
        ),
        (
            json!({"$ref": "schemas/a.json#/$defs/titel"}),
            "/$ref",
            "leads nowhere",
            "`#/$defs/title`",
        ),
        (
            json!({"$ref": "#/definitions/x"}),
            "/$ref",
            "leads nowhere",
            "`#/$defs/title`",
        ),
        (
            json!({"minLength": "3"}),
            "/minLength",
            "`minLength` must be integer",
            "quotes",
        ),
        (
            json!({"required": "a"}),
            "/required",
            "`required` must be array",
            "`[a, b]`",
        ),
        (
            json!({"properties": {"a": 1}}),
            "/properties/a",
            "`a` must be",
            "a schema",
        ),
    ];
    for (schema, pointer, message, help) in rows {
        let faults = compile(&schema, &files).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].pointer, pointer, "{faults:?}");
        assert!(faults[0].message.contains(message), "{faults:?}");
        assert!(
            faults[0].help.as_ref().unwrap().contains(help),
            "{faults:?}"
        );
    }
    let two = json!({"properties": {"a": {"typ": 1}, "b": {"pattern": "("}}, "format": "dat"});
    assert_eq!(compile(&two, &files).unwrap_err().len(), 3);
}

#[test]
fn a_reference_of_a_file_begins_where_that_file_lies() {
    let files = BTreeMap::from([
        ("schemas/a.json".to_owned(), json!({"maxLength": 1})),
        ("schemas/b.json".to_owned(), json!({"$ref": "a.json"})),
    ]);
    let whole = compile(&json!({"$ref": "schemas/b.json"}), &files).unwrap();
    let file = compile_at("schemas/b.json", &files["schemas/b.json"], &files).unwrap();
    for schema in [whole, file] {
        assert_eq!(schema.errors(&json!("xx")).len(), 1);
    }
    let found = references("", &json!({"items": {"$ref": "schemas/b.json#"}}), &files);
    let wanted = ["schemas/a.json", "schemas/b.json"].map(ToOwned::to_owned);
    assert_eq!(found, wanted.into());
}

#[test]
fn patterns_need_the_linear_engine() {
    assert!(compile(&json!({"pattern": "(a)\\1"}), &BTreeMap::new()).is_err());
    assert!(compile(&json!({"pattern": "a(?=b)"}), &BTreeMap::new()).is_err());
}

#[test]
fn numbers_are_judged_with_all_their_digits() {
    let schema = compiled(&serde_json::from_str(r#"{"maximum": 9007199254740992}"#).unwrap());
    assert!(
        !schema
            .errors(&serde_json::from_str("9007199254740993").unwrap())
            .is_empty()
    );
    assert!(
        schema
            .errors(&serde_json::from_str("9007199254740992").unwrap())
            .is_empty()
    );
}
