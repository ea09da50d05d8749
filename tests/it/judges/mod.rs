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

/// Where Postgres would raise, round, or order otherwise.
const CORNERS: &[&str] = &[
    "old.nn / -1 > 0",
    "!(old.nn / -1 > 0)",
    "!(old.nn % -1 != 0)",
    "!(old.n / (old.i - 1) > 0)",
    "!(old.n % old.nn == 0)",
    "!(old.nn - 1 > old.nn)",
    "!(old.nn + 1 < old.nn)",
    "!(old.nn * old.nn < 0)",
    "!(old.nn * old.i < 0)",
    "!(-old.nn > 0)",
    "!(-old.i > 0)",
    "old.n == 9007199254740993 || old.n != 9007199254740992",
    "!(old.t + duration('1us') < old.t)",
    "!(old.t - duration('1us') > old.t)",
    "!(old.t + duration('2562047h') < old.tn)",
    "!(old.t - old.tn < duration('0'))",
    "!(old.tn - old.lo == duration('0'))",
    "!(old.da - old.lo - (old.tn - old.t) == duration('1h'))",
    "!(old.t == old.lo)",
    "!(old.t < old.da)",
    "!(old.d + old.dn < 0.5)",
    "!(old.d * old.d == 1)",
    "!(old.d - 1 == old.dn)",
    "!(-old.d == 1)",
    "!(old.d in [1, 2.5])",
    "!(old.d == old.n)",
    "!(old.f in [0.0, 0.0 / 0.0])",
    "!(old.f == old.f4)",
    "!(old.fn == -old.f4)",
    "!(-old.f4 == old.fn)",
    "!(old.fn in auth.counts)",
    "!(old.d in auth.counts)",
    "!(old.n in auth.counts)",
    "!(old.fn == auth.share)",
    "!(old.dn == auth.level)",
    "!(9223372036854775807 + (old.b ? old.d : old.dn) == old.d)",
    "!(old.f < old.fn)",
    "!(old.fn >= old.fn)",
    "!(-old.f == old.fn)",
    "!(old.f != 0.1)",
    "!(old.f4 == 0.1)",
    "!(old.s < old.nd)",
    "!(old.nd == old.ci)",
    "!(old.nd == 'a')",
    "old.nd in ['a', 'e\\u0301'] || old.ci == 'a'",
    "!(old.nd.contains('a'))",
    "!(old.nd.startsWith(old.s))",
    "!(old.s.endsWith(old.sn))",
    "!(old.nd.lowerAscii() == old.ci.lowerAscii())",
    "size(old.s) == 2 || size(old.nd) == 2",
    "old.s + old.nd == old.ci + 'a'",
    "!(old.s == '\\u0000')",
    "!(old.u < old.un)",
    "!(old.u == 'A0000000-0000-0000-0000-000000000000')",
    "!(old.u == 'none')",
    "!('sad' in old.es)",
    "!(old.u in old.us)",
    "!(old.s in old.tags)",
    "!(null in old.tags)",
    "!(size(old.nums) == 2)",
    "!(old.nums.exists(x, 2 / x == 1))",
    "!(old.nums.all(x, 2 / x == 1))",
    "!(old.nums.exists_one(x, 2 / x == 1))",
    "!(old.pair == null)",
    "!(old.j == null)",
    "!(old.by < b'a')",
    "!(old.e == old.en)",
    "!(old.group.level == null)",
    "!(old.group.boss.level == old.n)",
    "!(old.group == null || old.group.boss == null)",
    "!(old.group.members.exists(m, m.score > old.group.level))",
    "!(old.group.members.all(m, m.score > old.group.level))",
    "!(old.peers.exists(m, m.group.is_member && m.score > 0))",
    "!(old.group.always)",
    "!(size(old.group.members) == 0)",
    "(old.b ? old.u : old.un) == auth.sub",
    "!((old.b ? old.u : old.un) == auth.sub)",
    "!((old.b ? old.group.level : null) == old.n)",
    "!((old.b ? old.t : old.tn) == old.tn)",
    "!(cel.bind(x, old.group.level, x == null || x > 1))",
];

#[tokio::test]
async fn both_judges_agree_in_every_corner() {
    let mut dice = Dice(number("RULEGATE_JUDGES_SEED").unwrap_or(1));
    let mut hearing = Hearing::new(Ground::make(&mut dice).await);
    for _ in 0..2 {
        for text in CORNERS {
            hearing.hear_corner(&mut dice, text).await;
        }
        hearing = hearing.over_other_rows(&mut dice).await;
    }
    let disagreements = hearing.disagreements();
    assert!(disagreements.is_empty(), "{disagreements}");
    assert!(hearing.is_worth_something(), "{}", hearing.totals());
}

#[tokio::test]
async fn what_the_catalogue_no_longer_knows_makes_no_condition_true() {
    let mut dice = Dice(number("RULEGATE_JUDGES_SEED").unwrap_or(2));
    let ground = Ground::make(&mut dice).await;
    let mut hearing = Hearing::new(ground).over_stale_rows().await;
    for text in CORNERS {
        hearing.hear_corner(&mut dice, text).await;
    }
    for _ in 0..number("RULEGATE_JUDGES_CASES").unwrap_or(400) / 4 {
        hearing.hear(&mut dice).await;
    }
    let disagreements = hearing.disagreements();
    assert!(disagreements.is_empty(), "{disagreements}");
    assert!(hearing.is_worth_something(), "{}", hearing.totals());
}
