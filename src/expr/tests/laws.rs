//! Laws of evaluation.

use proptest::prelude::*;

use crate::expr::check::builtins::every_name;
use crate::expr::tests::world::{budget, compiled, evaluated, related, value};
use crate::expr::{EvalError, Expected};
use crate::vocabulary::value::Value;

/// A condition that is true, false or an error.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("1 / 0 == 1".to_owned()),
        Just("this.due < request.time".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

/// True, false, or neither.
fn judged(text: &str) -> Option<bool> {
    match value(text) {
        Ok(Value::Bool(b)) => Some(b),
        Ok(value) => panic!("{text} is {value:?}"),
        Err(_) => None,
    }
}

/// A value at some end of its type, with the type known or not.
fn argument() -> impl Strategy<Value = String> {
    let value = proptest::sample::select(vec![
        "''",
        "'ä💖'",
        "'a,b'",
        "-9223372036854775808",
        "9223372036854775807",
        "0",
        "1",
        "-1",
        "18446744073709551615u",
        "1.5",
        "-0.0",
        "(0.0 / 0.0)",
        "(1.0 / 0.0)",
        "this.price",
        "null",
        "true",
        "[]",
        "[1, 2]",
        "['a', 'b']",
        "{}",
        "{'a': 1}",
        "b'\\xff'",
        "this.tags",
        "request.time",
        "timestamp('0001-01-01T00:00:00Z')",
        "timestamp('9999-12-31T23:59:59Z')",
        "duration('-1ns')",
        "this.id",
        "this.at",
        "this.weight",
        "'Europe/Berlin'",
        "'-23:59'",
        "this.data",
        "auth",
        "x",
    ]);
    (value, any::<bool>()).prop_map(|(value, is_dynamic)| {
        if is_dynamic {
            format!("dyn({value})")
        } else {
            value.to_owned()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn connectives_are_kleenes_with_error_as_the_third_value(a in condition(), b in condition()) {
        let (left, right) = (judged(&a), judged(&b));
        let and = match (left, right) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
        let or = match (left, right) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        };
        prop_assert_eq!(judged(&format!("{a} && {b}")), and);
        prop_assert_eq!(judged(&format!("{b} && {a}")), and);
        prop_assert_eq!(judged(&format!("{a} || {b}")), or);
        prop_assert_eq!(judged(&format!("!({a})")), left.map(|left| !left));
        // Quantifiers over a list are the connectives over its elements.
        let each = format!("[1, 2].exists(x, x == 1 ? {a} : {b})");
        prop_assert_eq!(judged(&each), or);
        let each = format!("[1, 2].all(x, x == 1 ? {a} : {b})");
        prop_assert_eq!(judged(&each), and);
    }

    #[test]
    fn a_spent_budget_ends_the_evaluation_and_is_never_absorbed(a in condition(), steps in 0_usize..40) {
        let text = format!("({a}) || [1, 2, 3].exists(x, x > 2) || true");
        let compiled = compiled(&text, Expected::Condition).unwrap();
        let mut left = budget(steps);
        match evaluated(&compiled, &related(), &mut left) {
            Ok(value) => prop_assert_eq!(value, Value::Bool(true)),
            Err(error) => {
                prop_assert_eq!(error, EvalError::OutOfBudget(steps));
                prop_assert_eq!(left.steps_left, 0);
            }
        }
    }

    #[test]
    fn no_text_makes_the_compiler_panic(text in ".{0,60}") {
        let _ = compiled(&text, Expected::Any);
    }

    #[test]
    fn no_mixture_of_words_makes_the_compiler_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "this", "auth", ".", "list", "members", "exists", "all", "(", ")", "[", "]", "{", "}",
                ",", ":", "?", "&&", "||", "!", "==", "in", "1", "'a'", "m", "null", "-", "+", "has",
                "size", "//", "\n", "0x", "1e", "'", "\\", "ä", "\"\"\"", "title", "changed", "=", "`a`",
                "@", "1u", "b'", "r'", ".5", "true", "map", "filter", "cel", "bind", "math", "greatest", "dyn", "split",
            ]),
            0..40,
        ),
        is_spaced in any::<bool>(),
    ) {
        let text = words.join(if is_spaced { " " } else { "" });
        for expected in [Expected::Any, Expected::Condition, Expected::Text] {
            match compiled(&text, expected) {
                Ok(compiled) => {
                    let _ = evaluated(&compiled, &related(), &mut budget(1_000));
                }
                Err(faults) => {
                    prop_assert!(!faults.is_empty());
                    for fault in faults {
                        prop_assert!(text.get(fault.range.clone()).is_some(), "{:?}", fault);
                        prop_assert_ne!(fault.message.as_str(), "the expression cannot be read", "{}", text);
                    }
                }
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_call_makes_the_evaluator_panic(
        name in proptest::sample::select(every_name().collect::<Vec<_>>()),
        values in proptest::collection::vec(argument(), 1..5),
        is_method in any::<bool>(),
    ) {
        let text = if is_method && !name.contains('.') {
            format!("({}).{name}({})", values[0], values[1..].join(", "))
        } else {
            format!("{name}({})", values.join(", "))
        };
        match compiled(&text, Expected::Any) {
            Ok(compiled) => {
                let _ = evaluated(&compiled, &related(), &mut budget(10_000));
            }
            Err(faults) => prop_assert_ne!(faults[0].message.as_str(), "the expression cannot be read", "{}", text),
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_run_of_anything_within_the_limit_of_bytes_is_read_or_refused(
        piece in proptest::sample::select(vec![
            "(", "[", "{", "!", "-", "a.", "1+", "1?1:", "a[", "f(", "''+", "1&&", "!-", "x in ", "{1:", "a.f(", "\"", "1==",
            ".", "?", ",", "((a)", "[[]", "- -", "0", "//", "\\", "1.", "'''",
        ]),
        count in 1_usize..2048,
    ) {
        let text: String = piece.repeat(count).chars().take(2048).collect();
        let faults = compiled(&text, Expected::Condition);
        prop_assert!(faults.is_err() || text.starts_with("//"), "{}", text);
    }
}

#[test]
fn the_deepest_expression_fits_the_stack_of_a_worker() {
    let run = || value("this.list.deep_1");
    let small = std::thread::Builder::new().stack_size(1024 * 1024);
    let answer = small.spawn(run).unwrap().join().unwrap();
    assert_eq!(answer, Ok(Value::Bool(true)));
    let faults = compiled("this.list.deep_0", Expected::Condition).unwrap_err();
    assert!(
        faults[0].message.contains("nested more than 96 deep"),
        "{faults:?}"
    );
}

#[test]
fn comparing_what_is_large_costs_what_it_takes() {
    let costs = |text: &str| {
        let compiled = compiled(text, Expected::Condition).unwrap();
        let mut left = budget(10_000);
        let _ = evaluated(&compiled, &related(), &mut left);
        10_000 - left.steps_left
    };
    let list = format!("[{}]", vec!["1"; 100].join(", "));
    let base = costs(&format!("[{list}] == [[]]"));
    assert!(costs(&format!("[{list}] == [[1]]")) <= base + 2);
    assert!(costs(&format!("[{list}] == [{list}]")) >= base + 100);
    assert!(costs(&format!("2 in {list}")) >= 100);
    assert!(costs(&format!("[{list}].exists(x, x == {list})")) >= 100);
}

#[test]
fn every_element_costs_a_step() {
    let over = |count: usize| {
        let list = vec!["1"; count].join(", ");
        let text = format!("[{list}].all(x, x == 1)");
        let compiled = compiled(&text, Expected::Condition).unwrap();
        let mut left = budget(10_000);
        assert_eq!(
            evaluated(&compiled, &related(), &mut left),
            Ok(Value::Bool(true))
        );
        10_000 - left.steps_left
    };
    assert!(over(200) - over(100) >= 200);
}
