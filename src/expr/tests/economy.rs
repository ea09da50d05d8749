//! What an evaluation costs: steps before anything is built, and no memory for what is ordinary.

use proptest::prelude::*;

use crate::expr::tests::world::{budget, claims, compiled, evaluated, framed_with, related, todo};
use crate::expr::{EvalError, Expected, Frame};
use crate::vocabulary::value::Value;

/// Bytes that a step may bring with it, at most: the largest are the elements of a list and the entries of a map.
const BYTES_OF_STEP: u64 = 1024;

#[test]
fn an_ordinary_condition_takes_no_memory() {
    let conditions = [
        "auth.sub == this.list_id || this.rank > 3 && this.completed == false",
        "op == 'update' && auth.role in ['owner', 'member'] && this.title == 'Milk'",
        "'title' in changed && !('rank' in changed) && request.time > timestamp('2025-01-01T00:00:00Z')",
        "this.due == null && old.rank <= new.rank && new.state != 'done' && has(auth.role)",
        "this.title.startsWith('M') && size(this.title) < 500 && this.title.contains('il')",
        "(this.completed ? this.rank : 3) < 10 && auth.share > 1.5 && 'a' in auth.groups",
        "this.due < request.time || this.rank == 7",
    ];
    let (auth, row) = (claims(), todo());
    let related = related();
    for text in conditions {
        let condition = compiled(text, Expected::Condition).unwrap();
        framed_with(&auth, &row, &related, |frame: &Frame<'_>| {
            let mut budget = budget(1_000);
            let mut answer = Ok(Value::Null);
            let taken = allocation_counter::measure(|| {
                answer = condition.evaluate(frame, &mut budget);
            });
            assert_eq!(answer, Ok(Value::Bool(true)), "{text}");
            assert_eq!(taken.count_total, 0, "{text}");
        });
    }
}

/// Expressions that would build much out of little.
fn greedy() -> impl Strategy<Value = String> {
    let text = "'0123456789abcdef'";
    let grown = format!("{text}.replace('', {text}).replace('', {text})");
    let doubled = |inner: String, count: usize| {
        (0..count).fold(inner, |inner, at| {
            format!("cel.bind(x{at}, {inner}, x{at} + x{at})")
        })
    };
    let nested = |count: usize| {
        (0..count).fold("[1]".to_owned(), |inner, at| {
            format!("cel.bind(x{at}, {inner}, [x{at}, x{at}])")
        })
    };
    let list = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]".to_owned();
    prop_oneof![
        (1_usize..14, Just(list.clone())).prop_map(move |(count, list)| doubled(list, count)),
        (1_usize..14, Just(grown.clone())).prop_map(move |(count, text)| doubled(text, count)),
        (1_usize..14).prop_map(nested),
        Just(format!("{list}.map(x, {list}.map(y, {grown}))")),
        Just(format!("{grown}.split('').map(x, {grown})")),
        Just(format!("{grown}.split('').join({grown})")),
        Just(format!("{grown}.split('').sort().reverse().distinct()")),
        Just(format!(
            "base64.encode(bytes({grown})) + strings.quote({grown}).upperAscii()"
        )),
        Just(format!(
            "{list}.transformMap(i, x, {list}.transformMap(j, y, {grown}))"
        )),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn memory_is_bounded_by_the_budget(text in greedy(), steps in prop_oneof![Just(1_000_usize), Just(20_000)]) {
        let condition = compiled(&text, Expected::Any).unwrap();
        let related = related();
        let mut left = budget(steps);
        let mut answer = Ok(Value::Null);
        let taken = allocation_counter::measure(|| answer = evaluated(&condition, &related, &mut left));
        let spent = u64::try_from(steps - left.steps_left).unwrap();
        // The rows and claims of these tests take some memory of their own.
        prop_assert!(taken.bytes_max < 64 * 1024 + spent * BYTES_OF_STEP, "{} bytes for {} steps: {}", taken.bytes_max, spent, text);
        match answer {
            Ok(_) => {}
            Err(error) => prop_assert_eq!(error, EvalError::OutOfBudget(steps), "{}", text),
        }
    }
}

#[test]
fn what_is_shared_counts_each_time_it_is_written() {
    let nested = (0..20).fold("[1]".to_owned(), |inner, at| {
        format!("cel.bind(x{at}, {inner}, [x{at}, x{at}])")
    });
    let condition = compiled(&nested, Expected::Any).unwrap();
    let answer = evaluated(&condition, &related(), &mut budget(100_000));
    assert_eq!(answer, Err(EvalError::OutOfBudget(100_000)));
}
