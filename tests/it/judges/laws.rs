//! Laws of conditions as SQL that need no database.

use proptest::prelude::*;
use rulegate::expr::Why;
use serde_json::json;

use super::desk::Desk;

const SUB: &str = "00000000-0000-0000-0000-00000000000A";

#[test]
fn a_value_becomes_the_text_that_postgres_reads_as_the_same_value() {
    let desk = Desk::new(&[]);
    let some = |text: &str| Some(text.to_owned());
    let cases = [
        // A uuid in either case is one; a text that is none equals none.
        (
            "old.id == auth.sub",
            json!({"sub": SUB}),
            Ok(some("00000000-0000-0000-0000-00000000000a")),
        ),
        ("old.id == auth.sub", json!({"sub": "ann"}), Ok(None)),
        (
            "old.id in auth.ids",
            json!({"ids": ["ann", SUB, null]}),
            Ok(some("{\"00000000-0000-0000-0000-00000000000a\"}")),
        ),
        // A text with NUL equals none, and its order is not for the database to say.
        ("old.title == auth.sub", json!({"sub": "a\u{0}"}), Ok(None)),
        ("old.title < auth.sub", json!({"sub": "a\u{0}"}), Err(())),
        (
            "old.title in auth.ids",
            json!({"ids": ["\"", "\\", "a,b", "\u{0}"]}),
            Ok(some(r#"{"\"","\\","a,b"}"#)),
        ),
        // Numbers are what they are.
        ("old.rank == auth.any", json!({"any": 2.0}), Ok(some("2"))),
        ("old.rank == auth.any", json!({"any": 2.5}), Ok(None)),
        ("old.rank < auth.any", json!({"any": 2.5}), Err(())),
        ("old.rank < auth.any", json!({"any": "2"}), Ok(None)),
        ("old.rank < auth.any", json!({}), Ok(None)),
        (
            "old.weight == auth.any",
            json!({"any": 9_007_199_254_740_993_i64}),
            Ok(None),
        ),
        (
            "old.weight == auth.any",
            json!({"any": 0.1}),
            Ok(some("1e-1")),
        ),
        ("old.weight == 0.0 / 0.0", json!({}), Ok(some("NaN"))),
        ("old.price == 0.1", json!({}), Ok(some("0.1"))),
        (
            "old.price == auth.any",
            json!({"any": 0.5}),
            Ok(some("0.5")),
        ),
        // Times have microseconds.
        (
            "old.due == request.time",
            json!({}),
            Ok(some("2026-01-01 00:00:00.000001+00")),
        ),
        (
            "old.due == timestamp('2026-01-01T00:00:00.0000005Z')",
            json!({}),
            Ok(None),
        ),
        (
            "old.due < timestamp('2026-01-01T00:00:00.0000005Z')",
            json!({}),
            Err(()),
        ),
        (
            "old.due < timestamp('0001-01-01T00:00:00Z') - duration('0')",
            json!({}),
            Ok(some("0001-01-01 00:00:00.000000+00")),
        ),
        (
            "old.due != timestamp('0001-01-01T00:00:00Z')",
            json!({}),
            Ok(some("0001-01-01 00:00:00.000000+00")),
        ),
        (
            "old.due - request.time < duration('-90m')",
            json!({}),
            Ok(some("-01:30:00.000000")),
        ),
    ];
    for (text, auth, wanted) in cases {
        let fills = desk.fills(text, &auth).map_err(|_| ());
        // The value is what the text of the last hole says, where others ask whether it is null.
        let found = fills.map(|fills| fills.last().cloned().flatten());
        assert_eq!(found, wanted, "{text} {auth}");
    }
}

#[test]
fn what_stays_outside_says_where_and_why() {
    let desk = Desk::new(&[]);
    let cases = [
        (
            "old.title.matches('a') || old.rank == 1",
            Why::Pattern,
            "old.title.matches('a')",
        ),
        ("old.rank == 1 && old.doc.x == 1", Why::Json, "old.doc.x"),
        (
            "1 + (old.title == null ? 1 : old.price) == 2",
            Why::MixedNumbers,
            "1 + (old.title == null ? 1 : old.price)",
        ),
        ("dyn(old.rank) == 1", Why::Dynamic, "dyn(old.rank)"),
        (
            "old.weight + 1.0 == 2.0",
            Why::Arithmetic,
            "old.weight + 1.0",
        ),
        (
            "double(old.rank) < 2.0",
            Why::Conversion,
            "double(old.rank)",
        ),
        (
            "old.rank == old.weight",
            Why::MixedNumbers,
            "old.rank == old.weight",
        ),
        (
            "old.due.getHours() < 12",
            Why::Calendar,
            "old.due.getHours()",
        ),
        ("old.title.trim() == 'a'", Why::Function, "old.title.trim()"),
        (
            "auth.ids.exists_one(i, x, x == old.title)",
            Why::Macro,
            "auth.ids.exists_one(i, x, x == old.title)",
        ),
        (
            "auth.any.exists(x, x == old.title)",
            Why::Dynamic,
            "auth.any",
        ),
    ];
    for (text, why, part) in cases {
        let outside = desk
            .fragment(text)
            .err()
            .unwrap_or_else(|| panic!("{text} is SQL"));
        assert_eq!((outside.why, &text[outside.range]), (why, part), "{text}");
    }
}

/// A condition nested nearly as deep as one may be, around another.
fn nested(inner: &str) -> String {
    format!(
        "{}{inner}{}",
        "!(old.rank == 1 || ".repeat(14),
        ")".repeat(14)
    )
}

#[test]
fn the_deepest_condition_needs_no_large_stack() {
    let of = |inner: &str| nested(inner).replace("old.", "this.");
    let (first, second) = (of("this.second"), of("this.rank == 1"));
    let desk = Desk::new(&[("first", &first), ("second", &second)]);
    let text = nested("old.first");
    let fragment = desk.fragment(&text).unwrap();
    assert!(fragment.sql().len() > 42);
}

/// A condition with places for two texts and a number.
fn templates() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "old.title == @a || old.rank < @n",
        "!(old.title in [@a, @b]) && auth.sub == @a",
        "old.title.contains(@a) && old.title.lowerAscii() != @b",
        "(old.rank == @n ? old.title : @a) == @b",
        "[@a, @b].exists(x, x == old.title)",
        "cel.bind(x, @a, old.title == x)",
    ])
}

proptest! {
    #[test]
    fn the_text_depends_on_no_value(template in templates(), a in "[a-z'\"$;-]{1,9}", b in "[A-Z%_]{1,9}", n in any::<i32>()) {
        let desk = Desk::new(&[]);
        let with = |a: &str, b: &str, n: i32| {
            let literal = |text: &str| serde_json::to_string(text).unwrap();
            let text = template.replace("@n", &n.to_string()).replace("@a", &literal(a)).replace("@b", &literal(b));
            desk.fragment(&text).unwrap().text(|at| format!("${at}"))
        };
        prop_assert_eq!(with(&a, &b, n), with("one", "two", 3));
    }
}
