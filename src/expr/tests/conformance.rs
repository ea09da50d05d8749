//! The conformance data of the CEL specification, wherever it lies beside the project. Each test of what the language has passes; the rest
//! is refused at load, and stands in the list of what was left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::expr::check::absent::ABSENT;
use crate::expr::check::builtins::every_name;
use crate::expr::check::check;
use crate::expr::evaluate::evaluate;
use crate::expr::fold::fold;
use crate::expr::parse::parse;
use crate::expr::syntax::{Call, Expression, Syntax};
use crate::expr::tests::left_out::{COUNT, LEFT_OUT, LeftOut};
use crate::expr::tests::world::{budget, framed};
use crate::expr::{EvalError, Expected, Fault, Scope, Variable, World};
use crate::vocabulary::value::{MapKey, Value};

/// What became of a test's expression.
#[derive(Debug)]
#[expect(dead_code, reason = "shown where a test fails")]
enum Outcome {
    Refused(Vec<Fault>),
    Evaluated(Result<Value, EvalError>),
    Loaded,
}

#[test]
fn every_test_passes_whose_feature_is_not_left_out() {
    // The parser recurses.
    let large = std::thread::Builder::new().stack_size(64 * 1024 * 1024);
    large.spawn(run).unwrap().join().unwrap();
}

fn run() {
    let Some(tests) = tests() else { return };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for test in &tests {
        let outcome = outcome(test);
        let is_right = match left_out(test) {
            Some(left) => {
                *counts.entry(left.feature).or_default() += 1;
                if left.deviates {
                    !passes(test, &outcome)
                } else {
                    matches!(outcome, Outcome::Refused(_))
                }
            }
            None => passes(test, &outcome),
        };
        if !is_right {
            wrong.push(format!(
                "{} {} {} {outcome:?}",
                path(test),
                test["expr"],
                test["want"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for left in LEFT_OUT {
        assert_eq!(
            counts.get(left.feature),
            Some(&left.count),
            "{}",
            left.feature
        );
        for pattern in left.tests {
            assert!(
                tests.iter().any(|test| is_matched(pattern, test)),
                "{pattern}"
            );
        }
    }
    assert_eq!(tests.len(), COUNT);
}

#[test]
fn the_page_shows_what_is_left_out() {
    let page = std::fs::read_to_string("docs/cel.md").unwrap();
    for line in lines() {
        assert!(page.contains(&line), "docs/cel.md lacks:\n{line}");
    }
    for name in every_name() {
        let word = name.split('.').next_back().unwrap();
        assert!(page.contains(word), "docs/cel.md does not name `{name}`");
    }
}

/// The lines that the page must have.
fn lines() -> Vec<String> {
    let absent = ABSENT.iter().map(|absent| {
        let names: Vec<String> = absent
            .names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let names = if names.is_empty() {
            "–".to_owned()
        } else {
            names.join(", ")
        };
        format!(
            "| {} | {names} | {} | {} |",
            absent.feature, absent.why, absent.instead
        )
    });
    let left: usize = LEFT_OUT.iter().map(|left| left.count).sum();
    let counts = LEFT_OUT.iter().map(|left| {
        assert!(
            ABSENT.iter().any(|absent| absent.feature == left.feature),
            "{}",
            left.feature
        );
        format!(
            "| {} | {} | {} |",
            left.feature,
            left.count,
            left.tests.join(", ")
        )
    });
    let total = format!(
        "Of {COUNT} tests, {} pass and {left} are left out.",
        COUNT - left
    );
    absent.chain(counts).chain([total]).collect()
}

fn left_out(test: &Json) -> Option<&'static LeftOut> {
    LEFT_OUT
        .iter()
        .find(|left| left.tests.iter().any(|pattern| is_matched(pattern, test)))
}

/// `file/section/name`; a star at the end stands for anything.
fn is_matched(pattern: &str, test: &Json) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => path(test).starts_with(start),
        None => path(test) == pattern,
    }
}

fn path(test: &Json) -> String {
    let part = |key| text(test, key);
    format!("{}/{}/{}", part("file"), part("section"), part("name"))
}

/// The tests that need no protobuf; none where the data does not lie beside the project.
fn tests() -> Option<Vec<Json>> {
    let name = "cel-spec-simple.json";
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    let path = std::env::var_os("RULEGATE_CEL_SPEC").map_or(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(&path) else {
        use std::io::Write as _;
        // Not `eprintln!`, which a passing test does not show.
        let _ = writeln!(
            std::io::stderr(),
            "\nnot run: {} is not there; RULEGATE_CEL_SPEC can name it",
            path.display()
        );
        return None;
    };
    let all: Vec<Json> = serde_json::from_str(&text).unwrap();
    Some(all.into_iter().filter(|test| test["np"] == false).collect())
}

fn text<'t>(test: &'t Json, key: &str) -> &'t str {
    test[key].as_str().unwrap()
}

/// Compiles and evaluates the expression of a test. Its variables are claims.
fn outcome(test: &Json) -> Outcome {
    let bindings = test["bind"].as_array().unwrap();
    let claims = bindings.iter().map(|binding| {
        (
            MapKey::String(binding[0].as_str().unwrap().into()),
            value(&binding[1]),
        )
    });
    let auth = Value::Map(Arc::new(claims.collect()));
    let names: Vec<&str> = bindings
        .iter()
        .map(|binding| binding[0].as_str().unwrap())
        .collect();
    let world = World::default();
    let scope = Scope {
        world: &world,
        table: None,
        variables: &[Variable::Auth],
        fields: &BTreeSet::new(),
        expected: Expected::Any,
        defines: None,
    };
    let mut tree = match parse(text(test, "expr")) {
        Ok(tree) => tree,
        Err(fault) => return Outcome::Refused(vec![fault]),
    };
    bind(&mut tree, &names);
    let mut checked = match check(&tree, &scope) {
        Ok(checked) => checked,
        Err(faults) => return Outcome::Refused(faults),
    };
    if test["check_only"] == true {
        return Outcome::Loaded;
    }
    fold(&mut checked.node);
    Outcome::Evaluated(framed(&auth, |frame| {
        evaluate(&checked.node, frame, &mut budget(1_000_000))
    }))
}

/// Puts `auth.x` where a test names its variable `x`.
fn bind(tree: &mut Expression, names: &[&str]) {
    let range = tree.range.clone();
    let name = match &tree.syntax {
        Syntax::Name(name) if names.contains(&&**name) => name.clone(),
        _ => return children(tree, names),
    };
    let auth = Expression {
        range: range.clone(),
        name_range: range,
        syntax: Syntax::Name("auth".into()),
    };
    tree.syntax = Syntax::Field(Box::new(auth), name);
}

fn children(tree: &mut Expression, names: &[&str]) {
    match &mut tree.syntax {
        Syntax::Field(of, _) | Syntax::Not(of) | Syntax::Negate(of) => bind(of, names),
        Syntax::Index(left, right) | Syntax::Binary(_, left, right) => {
            bind(left, names);
            bind(right, names);
        }
        Syntax::List(elements) => elements.iter_mut().for_each(|element| bind(element, names)),
        Syntax::Map(entries) => {
            for (key, value) in entries {
                bind(key, names);
                bind(value, names);
            }
        }
        Syntax::Conditional(parts) => parts.iter_mut().for_each(|part| bind(part, names)),
        Syntax::Call(call) => bind_call(call, names),
        _ => {}
    }
}

/// Within a macro the variable that it names is its own.
fn bind_call(call: &mut Call, names: &[&str]) {
    if let Some(on) = &mut call.on {
        bind(on, names);
    }
    let own: Vec<Arc<str>> = call
        .arguments
        .iter()
        .filter_map(|argument| match &argument.syntax {
            Syntax::Name(name) if call.arguments.len() > 1 => Some(name.clone()),
            _ => None,
        })
        .collect();
    let is_macro = [
        "exists",
        "all",
        "exists_one",
        "existsOne",
        "map",
        "filter",
        "bind",
    ]
    .contains(&&*call.function);
    let names: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !is_macro || own.first().is_none_or(|own| &**own != *name))
        .collect();
    call.arguments
        .iter_mut()
        .for_each(|argument| bind(argument, &names));
}

fn passes(test: &Json, outcome: &Outcome) -> bool {
    let want = &test["want"];
    match outcome {
        Outcome::Refused(_) | Outcome::Evaluated(Err(EvalError::Failed(_))) => {
            want.get("error").is_some()
        }
        Outcome::Loaded => true,
        Outcome::Evaluated(Ok(found)) => {
            want.get("error").is_none()
                && want.get("type").is_none()
                && is_same(found, &value(want))
        }
        Outcome::Evaluated(Err(_)) => false,
    }
}

/// The same value of the same type; NaN is NaN.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Double(left), Value::Double(right)) => {
            left.total_cmp(right).is_eq() || (left.is_nan() && right.is_nan())
        }
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right.iter())
                    .all(|(left, right)| is_same(left, right))
        }
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right.iter())
                    .all(|((left_key, left), (right_key, right))| {
                        left_key == right_key && is_same(left, right)
                    })
        }
        _ => left == right,
    }
}

/// A value as the data spells it.
fn value(json: &Json) -> Value {
    let (kind, spelled) = json.as_object().unwrap().iter().next().unwrap();
    let text = || spelled.as_str().unwrap();
    match kind.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(spelled.as_bool().unwrap()),
        "int" => Value::Int(text().parse().unwrap()),
        "uint" => Value::Uint(text().parse().unwrap()),
        "double" => Value::Double(text().parse().unwrap()),
        "string" => Value::string(text()),
        "bytes" => Value::Bytes(
            spelled
                .as_array()
                .unwrap()
                .iter()
                .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
                .collect(),
        ),
        "list" => Value::List(spelled.as_array().unwrap().iter().map(value).collect()),
        "map" => Value::Map(Arc::new(
            spelled
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| {
                    (
                        crate::expr::values::key(&value(&entry[0])).unwrap(),
                        value(&entry[1]),
                    )
                })
                .collect(),
        )),
        _ => panic!("{json}"),
    }
}
