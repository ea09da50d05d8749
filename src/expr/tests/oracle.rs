//! The interpreter of the crate `cel` as a second judge, over the fragment that both have and where that one is right.
//!
//! Masked: NaN, which it does not order; errors inside lists and maps that are compared; ints beside doubles beyond 2^53, which it rounds
//! before it compares; macros more than two deep, which rules do not have.

use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, extensions};
use proptest::prelude::*;

use crate::expr::tests::world::{budget, compiled_with, evaluated, related};
use crate::expr::{Expected, Fault, Variable};
use crate::vocabulary::value::{MapKey, Value};

/// The other interpreter, with the library that ours has.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    environment.add_extension(extensions::strings).unwrap();
    environment.add_extension(extensions::lists).unwrap();
    environment.add_extension(extensions::math).unwrap();
    Arc::new(environment)
});

/// How many expressions a property tries: `RULEGATE_CASES`, or few.
fn cases() -> ProptestConfig {
    let asked = std::env::var("RULEGATE_CASES").ok();
    let cases = asked.and_then(|cases| cases.parse().ok()).unwrap_or(192);
    ProptestConfig {
        max_global_rejects: u32::MAX,
        ..ProptestConfig::with_cases(cases)
    }
}

/// The claims of the tests, as the other interpreter takes them.
fn context() -> Context<'static, 'static> {
    let mut context = Context::with_env(ENVIRONMENT.clone());
    context.add_variable_from_value(
        "auth",
        std::collections::HashMap::from([
            ("role".to_owned(), cel::Value::from("member".to_owned())),
            ("share".to_owned(), cel::Value::from(2.0)),
            (
                "groups".to_owned(),
                cel::Value::from(vec!["a".to_owned(), "b".to_owned()]),
            ),
            (
                "app".to_owned(),
                cel::Value::from(std::collections::HashMap::from([("plan", "pro")])),
            ),
        ]),
    );
    context
}

/// Their answer as one of ours; `None` for an error.
fn theirs(text: &str) -> Option<Value> {
    let program = ENVIRONMENT
        .compile(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let answer: Result<cel::Value, ExecutionError> = program.execute(&context());
    answer.ok().map(|value| translate(&value))
}

fn translate(value: &cel::Value) -> Value {
    match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(b) => Value::Bool(*b),
        cel::Value::Int(n) => Value::Int(*n),
        cel::Value::UInt(n) => Value::Uint(*n),
        cel::Value::Float(n) => Value::Double(*n),
        cel::Value::String(text) => Value::string(text),
        cel::Value::Bytes(bytes) => Value::Bytes(bytes.as_slice().into()),
        cel::Value::List(elements) => Value::List(elements.iter().map(translate).collect()),
        cel::Value::Map(map) => Value::Map(Arc::new(
            map.map
                .iter()
                .map(|(key, value)| {
                    let key = match key {
                        cel::objects::Key::Bool(b) => MapKey::Bool(*b),
                        cel::objects::Key::Int(n) => MapKey::Int(*n),
                        cel::objects::Key::Uint(n) => {
                            i64::try_from(*n).map_or(MapKey::Uint(*n), MapKey::Int)
                        }
                        cel::objects::Key::String(text) => MapKey::String(text.as_str().into()),
                    };
                    (key, translate(value))
                })
                .collect(),
        )),
        other => panic!("no value of ours: {other:?}"),
    }
}

/// Our answer, `None` for an error; nothing for an expression beyond the limits, which the other one does not have.
fn ours(text: &str) -> Option<Option<Value>> {
    let compiled = match compiled_with(text, &[Variable::Auth], None, Expected::Any) {
        Ok(compiled) => compiled,
        Err(faults) => {
            let is_limit = |fault: &Fault| {
                ["inside one another", "nested more", "parts", "longer than"]
                    .iter()
                    .any(|limit| fault.message.contains(limit))
            };
            assert!(faults.iter().all(is_limit), "{text}: {faults:?}");
            return None;
        }
    };
    Some(evaluated(&compiled, &related(), &mut budget(100_000)).ok())
}

/// An int, as text: plain, at an end, calculated, found in a list.
fn int() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        (-3_i64..4).prop_map(|n| n.to_string()),
        prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(9_007_199_254_740_993)]
            .prop_map(|n| n.to_string()),
        text().prop_map(|text| format!("size({text})")),
        (0_u8..3).prop_map(|at| format!("[4, 5][{at}]")),
        Just("{'a': 1}['a']".to_owned()),
        Just("int('12')".to_owned()),
        Just("int(3.7)".to_owned()),
        (words(), word()).prop_map(|(text, sought)| format!("{text}.indexOf({sought})")),
        (words(), word(), -1_i8..4)
            .prop_map(|(text, sought, from)| format!("{text}.lastIndexOf({sought}, {from})")),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        let sign = prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("%")];
        let both = || (inner.clone(), inner.clone());
        let pair = prop_oneof![
            Just("greatest"),
            Just("least"),
            Just("bitAnd"),
            Just("bitOr"),
            Just("bitXor"),
            Just("bitShiftLeft"),
            Just("bitShiftRight")
        ];
        let single = prop_oneof![Just("abs"), Just("sign"), Just("bitNot")];
        prop_oneof![
            4 => (both(), sign).prop_map(|((left, right), sign)| format!("({left} {sign} {right})")),
            1 => (both(), pair).prop_map(|((left, right), word)| format!("math.{word}({left}, {right})")),
            1 => (inner.clone(), single).prop_map(|(operand, word)| format!("math.{word}({operand})")),
        ]
    })
    .boxed()
}

/// A list of ints.
fn ints() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        proptest::collection::vec(-2_i64..4, 0..5).prop_map(|list| format!("{list:?}")),
        (int(), int()).prop_map(|(a, b)| format!("[{a}, {b}]")),
    ];
    leaf.prop_recursive(3, 6, 2, |inner| {
        let step = prop_oneof![
            Just("x + 1"),
            Just("x * x"),
            Just("2 / x"),
            Just("size([x].filter(y, y > 0))")
        ];
        let test = prop_oneof![Just("x > 0"), Just("2 / x == 1"), Just("x in [1, 2]")];
        let method = prop_oneof![
            Just("sort()"),
            Just("distinct()"),
            Just("reverse()"),
            Just("slice(0, 2)"),
            Just("slice(1, 1)")
        ];
        prop_oneof![
            (inner.clone(), step.clone()).prop_map(|(list, step)| format!("{list}.map(x, {step})")),
            (inner.clone(), test.clone(), step)
                .prop_map(|(list, test, step)| format!("{list}.map(x, {test}, {step})")),
            (inner.clone(), test).prop_map(|(list, test)| format!("{list}.filter(x, {test})")),
            (inner.clone(), method).prop_map(|(list, method)| format!("{list}.{method}")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("({left} + {right})")),
        ]
    })
    .boxed()
}

/// A text that is written out.
fn word() -> BoxedStrategy<String> {
    proptest::sample::select(vec!["", "a", "b", "ab", "ä", "💖", ",", " a "])
        .prop_map(|text| format!("'{text}'"))
        .boxed()
}

/// A text of several such.
fn words() -> BoxedStrategy<String> {
    proptest::collection::vec(word(), 1..5)
        .prop_map(|words| format!("({})", words.join(" + ")))
        .boxed()
}

/// A text that functions of the library make.
fn made() -> BoxedStrategy<String> {
    let leaf = prop_oneof![words(), text()];
    leaf.prop_recursive(3, 6, 2, |inner| {
        let plain = prop_oneof![
            Just("lowerAscii()"),
            Just("upperAscii()"),
            Just("trim()"),
            Just("reverse()"),
            Just("charAt(0)"),
            Just("charAt(2)"),
            Just("substring(1)"),
            Just("substring(0, 2)"),
        ];
        let at = -1_i8..4;
        prop_oneof![
            (inner.clone(), plain).prop_map(|(text, method)| format!("{text}.{method}")),
            (inner.clone(), word(), word())
                .prop_map(|(text, from, to)| format!("{text}.replace({from}, {to})")),
            (inner.clone(), word(), word(), at.clone())
                .prop_map(|(text, from, to, at)| format!("{text}.replace({from}, {to}, {at})")),
            (inner.clone(), word(), word())
                .prop_map(|(text, from, with)| format!("{text}.split({from}).join({with})")),
            (inner.clone(), word(), at)
                .prop_map(|(text, from, at)| format!("{text}.split({from}, {at}).join('|')")),
            inner.prop_map(|text| format!("strings.quote({text})")),
        ]
    })
    .boxed()
}

fn uint() -> BoxedStrategy<String> {
    prop_oneof![
        (0_u64..4).prop_map(|n| format!("{n}u")),
        Just("18446744073709551615u".to_owned()),
        Just("uint(7)".to_owned()),
        Just("(1u - 2u)".to_owned()),
    ]
    .boxed()
}

/// A double that is a number.
fn double() -> BoxedStrategy<String> {
    prop_oneof![
        prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(-1.5), Just(0.1)]
            .prop_map(|n: f64| format!("{n:?}")),
        Just("1e300".to_owned()),
        Just("(1.0 / 0.0)".to_owned()),
        Just("auth.share".to_owned()),
        Just("double('2.5')".to_owned()),
        Just("(0.1 + 0.2)".to_owned()),
    ]
    .boxed()
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        proptest::sample::select(vec!["", "a", "A", "ab", "ä", "_", "💖", "a%b", "é"])
            .prop_map(|text| format!("'{text}'")),
        Just("string(1)".to_owned()),
        Just("auth.groups[0]".to_owned()),
        Just("auth.groups[7]".to_owned()),
        Just("auth.app.plan".to_owned()),
        Just("('a' + 'b')".to_owned()),
    ]
    .boxed()
}

/// Two expressions that may be compared.
fn pair() -> BoxedStrategy<(String, String)> {
    let number = || prop_oneof![int(), uint(), double()];
    prop_oneof![(number(), number()), (text(), text())].boxed()
}

fn condition() -> BoxedStrategy<String> {
    let order = prop_oneof![Just("<"), Just("<="), Just(">"), Just(">=")];
    let sign = prop_oneof![Just("=="), Just("!="), order];
    let test = prop_oneof![Just("contains"), Just("startsWith"), Just("endsWith")];
    let leaf = prop_oneof![
        4 => (pair(), sign).prop_map(|((a, b), sign)| format!("({a} {sign} {b})")),
        1 => any::<bool>().prop_map(|b| b.to_string()),
        1 => (text(), test, text()).prop_map(|(a, test, b)| format!("{a}.{test}({b})")),
        1 => (pair(), pair()).prop_map(|((a, b), (c, _))| format!("({a} in [{b}, {a}]) == ({c} == {c})")),
        1 => (text(), text()).prop_map(|(a, b)| format!("{a} in [{b}]")),
        1 => (int(), int()).prop_map(|(a, b)| format!("({a} in [1, {b}])")),
        1 => text().prop_map(|a| format!("({a} in auth.groups)")),
        1 => Just("has(auth.app.plan)".to_owned()),
        1 => Just("has(auth.app.other)".to_owned()),
        1 => Just("(null == null)".to_owned()),
        1 => (int(), int()).prop_map(|(a, b)| format!("([{a}, 1.0] == [{b}, 1])")),
        1 => (int(), int()).prop_map(|(a, b)| format!("({{'k': {a}}} != {{'k': {b}}})")),
        1 => (ints(), int()).prop_map(|(list, a)| format!("({a} in {list})")),
        1 => ints().prop_map(|list| format!("{list}.exists_one(x, 2 / x == 1)")),
        1 => (made(), word()).prop_map(|(a, b)| format!("({a} < {b})")),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (
                prop_oneof![Just("exists"), Just("all")],
                prop_oneof![Just("[0, 1, 2]"), Just("[]"), Just("[0, 2]")],
                inner,
            )
                .prop_map(|(word, list, body)| format!("{list}.{word}(x, 2 / x == 1 || {body})")),
        ]
    })
    .boxed()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn both_interpreters_give_the_same_answer(text in condition()) {
        prop_assume!(text.len() < 2_000);
        let ours = ours(&text);
        prop_assume!(ours.is_some());
        prop_assert_eq!(ours, Some(theirs(&text)), "{}", text);
    }

    #[test]
    fn both_interpreters_calculate_alike(text in prop_oneof![int(), uint(), double(), text(), ints(), made()]) {
        let ours = ours(&text);
        prop_assume!(ours.is_some());
        prop_assert_eq!(ours, Some(theirs(&text)), "{}", text);
    }
}
