//! Accounts: which parts decided, with what they said.

use proptest::prelude::*;

use crate::expr::tests::world::{accounted, budget, compiled, evaluated, related};
use crate::expr::{Account, Expected, Related, Said, show};
use crate::vocabulary::value::Value;

fn told(text: &str, related: &Related) -> String {
    let compiled = compiled(text, Expected::Any).unwrap_or_else(|faults| panic!("{faults:?}"));
    accounted(&compiled, related, &mut budget(100_000)).text(0)
}

#[test]
fn an_account_names_what_decided() {
    let rows = [
        (
            "this.title == 'Beer'",
            "`this.title == 'Beer'` is false: `this.title` is \"Milk\"\n",
        ),
        (
            "this.title == 'Milk' && this.completed && this.rank > 8",
            "`this.title == 'Milk' && this.completed && this.rank > 8` is false: `this.completed` is false\n",
        ),
        (
            "this.completed || this.rank + 1 > 8",
            "`this.completed || this.rank + 1 > 8` is false
  `this.completed` is false
  `this.rank + 1 > 8` is false
    `this.rank + 1` is 8: `this.rank` is 7
",
        ),
        (
            "!(this.title == 'Milk')",
            "`!(this.title == 'Milk')` is false
  `this.title == 'Milk'` is true: `this.title` is \"Milk\"
",
        ),
        (
            "this.list.is_owner",
            "`this.list.is_owner` is false
  `this.owner_id == auth.sub` is false: `this.owner_id` is \"00000000-0000-0000-0000-00000000000b\", `auth.sub` is \"00000000-0000-0000-0000-00000000000A\"
",
        ),
        (
            "this.list.members.exists(m, m.user_id == auth.sub && m.role == 'owner')",
            "`this.list.members.exists(m, m.user_id == auth.sub && m.role == 'owner')` is false
  `m` is row 1 of 2
    `m.role == 'owner'` is false: `m.role` is \"editor\"
  `m` is row 2 of 2
    `m.user_id == auth.sub` is false: `m.user_id` is \"00000000-0000-0000-0000-00000000000b\", `auth.sub` is \"00000000-0000-0000-0000-00000000000A\"
",
        ),
        (
            "this.list.members.all(m, m.role == 'owner')",
            "`this.list.members.all(m, m.role == 'owner')` is false
  `m` is row 1 of 2
    `m.role == 'owner'` is false: `m.role` is \"editor\"
",
        ),
        (
            "this.parent.title == 'Milk'",
            "`this.parent.title == 'Milk'` has no value
  `this.parent.title` has no value: there is no row to read a column of
    `this.parent` is null: `this.parent_id` is null
",
        ),
        (
            "this.parent != null",
            "`this.parent != null` is false
  `this.parent` is null: `this.parent_id` is null
",
        ),
        (
            "this.parent.list.is_owner",
            "`this.parent.list.is_owner` has no value: there is no row that a relation could start from
  `this.parent` is null: `this.parent_id` is null
",
        ),
        (
            "this.due < request.time",
            "`this.due < request.time` has no value: null has no order: `this.due` is null, `request.time` is 2026-01-01T00:00:00Z\n",
        ),
        (
            "this.completed ? true : auth.level > 3",
            "`this.completed ? true : auth.level > 3` has no value
  `this.completed` is false
  `auth.level > 3` has no value: `auth.level` has no value: the token has no claim `level`
",
        ),
        (
            "[1, 2, 3, 4, 5].exists(x, x > this.rank)",
            "`[1, 2, 3, 4, 5].exists(x, x > this.rank)` is false
  `x` is 1
    `x > this.rank` is false: `x` is 1, `this.rank` is 7
  `x` is 2
    `x > this.rank` is false: `x` is 2, `this.rank` is 7
  `x` is 3
    `x > this.rank` is false: `x` is 3, `this.rank` is 7
  and 2 more like these
",
        ),
        ("this.state in ['done']", "`this.state in ['done']` is false: `this.state` is \"open\"\n"),
        ("'rank' in changed", "`'rank' in changed` is false\n"),
        ("has(auth.level)", "`has(auth.level)` is false\n"),
    ];
    for (text, wanted) in rows {
        assert_eq!(told(text, &related()), wanted);
    }
}

#[test]
fn what_is_shown_is_cut_and_escaped() {
    let long = "ä".repeat(300);
    let shown = show(&Value::string(&long));
    assert_eq!(shown.chars().count(), 201);
    assert!(shown.ends_with("ä…"));
    assert_eq!(
        show(&Value::string("a\"\u{1b}[2J\n")),
        r#""a\"\u{1b}[2J\n""#
    );
}

/// A condition with rows, relations, computed values and errors in it.
fn condition() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(vec![
        "true",
        "this.completed",
        "this.title == 'Milk'",
        "this.rank / (this.rank - 7) == 1",
        "this.due < request.time",
        "this.list.is_owner",
        "this.list.can_edit",
        "this.parent == null",
        "this.parent.list.can_edit",
        "this.parent.title != 'x'",
        "this.is_late",
        "size(this.list.members) > 1",
        "auth.level > 1",
        "auth.groups.exists(g, g == 'b')",
        "this.data.k[1] == 2.5",
        "this.data.x == 1",
        "auth.sub in this.owners",
        "'title' in changed && op == 'update'",
    ])
    .prop_map(ToOwned::to_owned);
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), any::<bool>()).prop_map(|(a, exists)| {
                let word = if exists { "exists" } else { "all" };
                format!("[7, 8].{word}(x, x == this.rank || {a})")
            }),
            inner.prop_map(|a| format!("this.list.members.exists(m, m.role == 'owner' && ({a}))")),
        ]
    })
    .prop_filter("two quantifiers deep", |text| {
        compiled(text, Expected::Condition).is_ok()
    })
}

/// Every part whose text means something by itself says in the account what that text says alone.
fn each_part_tells_the_truth(account: &Account) -> Result<(), TestCaseError> {
    let alone = compiled(&account.text, Expected::Any).ok();
    if let (Some(alone), Said::Value(_) | Said::Failed(_)) = (&alone, &account.said) {
        let said = match evaluated(alone, &related(), &mut budget(100_000)) {
            Ok(value) => Said::Value(value),
            Err(error) => Said::Failed(error),
        };
        prop_assert_eq!(
            format!("{said:?}"),
            format!("{:?}", account.said),
            "{}",
            &account.text
        );
    }
    for part in &account.because {
        // What stands in a computed value speaks of another row.
        if !account.text.ends_with("can_edit") && !account.text.ends_with("is_owner") {
            each_part_tells_the_truth(part)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_account_says_what_evaluation_says_and_asks_for_no_other_rows(text in condition(), steps in 1_usize..400, is_read in any::<bool>()) {
        let compiled = compiled(&text, Expected::Condition).unwrap();
        let rows = || if is_read { related() } else { Related::default() };
        let (asked, told) = (rows(), rows());
        let (mut left, mut left_too) = (budget(steps), budget(steps));
        let said = match evaluated(&compiled, &asked, &mut left) {
            Ok(value) => Said::Value(value),
            Err(error) => Said::Failed(error),
        };
        let account = accounted(&compiled, &told, &mut left_too);
        prop_assert!(text.contains(&account.text));
        prop_assert_eq!(&account.said, &said);
        prop_assert_eq!(left.steps_left, left_too.steps_left);
        prop_assert_eq!(asked.missing(), told.missing());
        let _ = account.text(0);
        if is_read && steps > 350 {
            each_part_tells_the_truth(&account)?;
        }
    }
}
