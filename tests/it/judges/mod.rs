//! Three judges agree: the evaluator, the condition as SQL on a real Postgres under both kinds of plans, and, in the tests of `expr` itself, the
//! interpreter of the crate `cel`.
//!
//! `RULEGATE_JUDGES_CASES` says how many conditions are judged, `RULEGATE_JUDGES_SEED` which ones.

mod desk;
mod dice;
mod grammar;
mod ground;
mod hearing;
mod laws;
mod render;

use std::time::{SystemTime, UNIX_EPOCH};

use dice::Dice;
use ground::Ground;
use hearing::Hearing;

/// How many conditions are judged over the same rows.
const ROWS_SERVE: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[tokio::test]
async fn a_condition_of_sql_is_true_exactly_where_the_evaluator_says_so() {
    let seed = number("RULEGATE_JUDGES_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) ^ now.as_secs()
    });
    let cases = number("RULEGATE_JUDGES_CASES").unwrap_or(400);
    let mut dice = Dice(seed);
    let mut hearing = Hearing::new(Ground::make(&mut dice).await);
    for case in 1..=cases {
        hearing.hear(&mut dice).await;
        if case % ROWS_SERVE == 0 {
            hearing = hearing.over_other_rows(&mut dice).await;
        }
    }
    println!("seed {seed}\n{}", hearing.totals());
    let disagreements = hearing.disagreements();
    assert!(disagreements.is_empty(), "seed {seed}\n{disagreements}");
    assert!(
        hearing.is_worth_something(),
        "seed {seed}\n{}",
        hearing.totals()
    );
}
