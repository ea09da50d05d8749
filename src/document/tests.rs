use super::*;
use proptest::prelude::*;
use serde_json::json;

fn messages(text: &str) -> Vec<String> {
    let (_, problems) = parse("f.yaml", text);
    problems
        .sorted()
        .iter()
        .map(|problem| problem.message.clone())
        .collect()
}

fn tree(text: &str) -> Node {
    let (node, problems) = parse("f.yaml", text);
    assert!(problems.is_empty(), "{problems:?}");
    node.unwrap()
}

#[test]
fn a_document_reads_as_its_values() {
    let text = "a: 1\nb: [x, 'true', true, null, 12345678901234567890.5]\nc:\n  d: |\n    two\n    lines\n  e: \"q\\\"\"\n";
    let digits: serde_json::Value = serde_json::from_str("12345678901234567890.5").unwrap();
    let wanted = json!({"a": 1, "b": ["x", "true", true, null, digits], "c": {"d": "two\nlines\n", "e": "q\""}});
    assert_eq!(tree(text).to_json(), wanted);
}

#[test]
fn env_tags_are_kept_inside_flow_maps_too() {
    let Content::Map(entries) = tree("database: { uri: !env DATABASE_URL }").content else {
        panic!("a map")
    };
    let Content::Map(inner) = &entries[0].value.content else {
        panic!("a map")
    };
    let Content::Scalar(scalar) = &inner[0].value.content else {
        panic!("a scalar")
    };
    assert!(scalar.is_env && &*scalar.text.text == "DATABASE_URL");
}

#[test]
fn all_that_is_refused_is_found_in_one_go() {
    let text = "a: &x 1\nb: *x\nc: !thing 2\na: 3\n<<: { d: 1 }\n? [k]\n: v\n";
    let wanted = [
        "anchors are not taken",
        "aliases are not taken",
        "`!thing` is a tag to YAML, and not known",
        "`a` stands twice",
        "merge keys are not taken",
        "a key is text",
    ];
    assert_eq!(messages(text), wanted);
}

#[test]
fn texts_that_are_no_document_have_one_problem() {
    let deep = format!("{}{}", "[".repeat(80), "]".repeat(80));
    let rows = [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("a: 1\n---\nb: 2\n", "a second document begins here"),
        ("a: [1\n", "this is not YAML"),
        (deep.as_str(), "nested deeper than 64 levels"),
    ];
    for (text, wanted) in rows {
        let found = messages(text);
        assert!(
            found.len() == 1 && found[0].starts_with(wanted),
            "{text}: {found:?}"
        );
    }
    let (_, problems) = parse("f.yaml", "a:\n\tb: 1\n");
    let help = problems.sorted()[0].help.clone();
    assert_eq!(
        help.as_deref(),
        Some("indent with blanks: YAML takes no tabs")
    );
}

#[test]
fn a_range_of_a_scalar_is_found_in_the_file() {
    let rows = [
        ("é: old.owner == auth.sub", "auth"),
        ("k: 'it''s auth.sub'", "auth"),
        ("k: \"say \\\"x\\\" auth.sub\"", "auth"),
        ("k: |\n    new.a &&\n    auth.sub\n", "auth"),
        ("k: >-\n  new.a &&\n  auth.sub\n", "auth"),
        ("k: new.a &&\n  auth.sub\n", "auth"),
    ];
    for (text, word) in rows {
        let Content::Map(entries) = tree(text).content else {
            panic!("a map")
        };
        let Content::Scalar(scalar) = &entries[0].value.content else {
            panic!("a scalar")
        };
        let at = scalar.text.text.find(word).unwrap();
        let place = scalar.text.at(at..at + word.len());
        assert_eq!(&text[place.start..place.end], word, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_place_lies_in_its_file(text in "([a-c:\\-\\[\\]{}|>&*!'\"#,? \n\\\\é]|true|: |\n  ){0,40}") {
        let (node, problems) = parse("f.yaml", &text);
        for problem in problems.sorted() {
            let place = problem.place.clone().unwrap();
            prop_assert!(text.get(place.start..place.end).is_some());
        }
        if let Some(node) = node {
            check(&node, &text);
        }
    }

    #[test]
    fn a_plain_scalar_stands_where_its_place_says(word in "[a-zé][a-zé.=&]{0,11}", start in 0_usize..12, length in 1_usize..6) {
        let text = format!("key: {word}");
        let Content::Map(entries) = tree(&text).content else { panic!("a map") };
        let Content::Scalar(scalar) = &entries[0].value.content else { return Ok(()) };
        if let Some(part) = word.get(start..start + length) {
            let place = scalar.text.at(start..start + length);
            prop_assert_eq!(&text[place.start..place.end], part);
        }
    }
}

fn check(node: &Node, text: &str) {
    assert!(
        text.get(node.place.start..node.place.end).is_some(),
        "{node:?}"
    );
    match &node.content {
        Content::List(items) => items.iter().for_each(|item| check(item, text)),
        Content::Map(entries) => entries.iter().for_each(|entry| check(&entry.value, text)),
        Content::Scalar(scalar) => {
            let place = scalar.text.at(0..scalar.text.text.len());
            assert!(place.start <= place.end && place.end <= text.len());
        }
    }
}
