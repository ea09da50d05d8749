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
