//! What an expression says that it reads.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::expr::tests::world::{
    LIST_OF_MEMBER, LIST_OF_TODO, MEMBERS_OF_LIST, budget, compiled, evaluated,
    evaluated_within_reads, related,
};
use crate::expr::{EvalError, Expected, Related, RelationId, Variable};
use crate::vocabulary::row::ColumnId;
use crate::vocabulary::value::Value;

type Columns<'a> = &'a [(Variable, u16)];
type Followed<'a> = &'a [(RelationId, &'a [u16])];

#[test]
fn columns_and_relations_are_read_with_what_leads_to_them() {
    use Variable::{Auth, New, Old, This};
    let rows: &[(&str, &[Variable], Columns<'_>, Followed<'_>)] = &[
        ("auth.sub == 'x'", &[Auth], &[], &[]),
        (
            "old.title == new.title",
            &[Old, New],
            &[(Old, 2), (New, 2)],
            &[],
        ),
        (
            "this.list == null",
            &[This],
            &[(This, 1)],
            &[(LIST_OF_TODO, &[])],
        ),
        (
            "this.list.name == ''",
            &[This],
            &[(This, 1)],
            &[(LIST_OF_TODO, &[2])],
        ),
        (
            "size(new.list.members) == 1",
            &[New],
            &[(New, 1)],
            &[(LIST_OF_TODO, &[0]), (MEMBERS_OF_LIST, &[])],
        ),
        (
            "new.list.members.exists(m, m.list.name == '')",
            &[New],
            &[(New, 1)],
            &[
                (LIST_OF_TODO, &[0]),
                (MEMBERS_OF_LIST, &[0]),
                (LIST_OF_MEMBER, &[2]),
            ],
        ),
        (
            "old.list.can_edit",
            &[Old, Auth],
            &[(Old, 1)],
            &[(LIST_OF_TODO, &[0, 1]), (MEMBERS_OF_LIST, &[1, 2])],
        ),
        ("old.is_late", &[Old], &[(Old, 7)], &[]),
    ];
    for (text, variables, columns, followed) in rows {
        let compiled = compiled(text, Expected::Condition).unwrap();
        let reads = compiled.reads();
        let wanted: BTreeSet<Variable> = variables.iter().copied().collect();
        assert_eq!(reads.variables, wanted, "{text}");
        let wanted: BTreeSet<_> = columns.iter().map(|(v, id)| (*v, ColumnId(*id))).collect();
        assert_eq!(reads.columns, wanted, "{text}");
        let wanted = followed
            .iter()
            .map(|(id, columns)| (*id, columns.iter().map(|id| ColumnId(*id)).collect()))
            .collect();
        assert_eq!(reads.related, wanted, "{text}");
    }
}

#[test]
fn missing_rows_are_noted_until_all_are_there() {
    let compiled = compiled(
        "this.list.can_edit && this.list.members.all(m, m.list.name == 'Home')",
        Expected::Condition,
    )
    .unwrap();
    let stored = related();
    let mut found = Related::default();
    for _ in 0..4 {
        let answer = evaluated(&compiled, &found, &mut budget(1_000));
        let missing = found.missing();
        if missing.is_empty() {
            assert_eq!(answer, Ok(Value::Bool(true)));
            return;
        }
        assert_eq!(answer, Err(EvalError::Missing));
        for need in missing {
            assert!(compiled.reads().related.contains_key(&need.relation));
            let rows = stored.rows(&need).unwrap().clone();
            found.insert(need, rows);
        }
    }
    panic!("after four rounds rows were still missing");
}

#[test]
fn a_null_asks_for_nothing() {
    let compiled = compiled("this.parent == null", Expected::Condition).unwrap();
    let none = Related::default();
    assert_eq!(
        evaluated(&compiled, &none, &mut budget(10)),
        Ok(Value::Bool(true))
    );
    assert!(none.missing().is_empty());
}

/// Conditions that reach for every kind of thing that can be read.
const ATOMS: &[&str] = &[
    "this.title == 'Milk'",
    "old.rank > 3",
    "new.tags.exists(t, t == 'a')",
    "this.list.name == 'Home'",
    "new.list.is_owner",
    "old.list.can_edit",
    "this.list.members.exists(m, m.role == 'owner' && m.list.owner_id == m.user_id)",
    "size(new.list.members) == 2",
    "this.list.members.all(m, this.list.members.exists(n, n.role == 'viewer' && m.list != null))",
    "this.parent == null",
    "old.parent.title == 'x'",
    "this.list.members.exists(m, m.list.is_owner)",
    "new.is_late",
    "this.price * 2 == 0.2",
    "old.data.n == 1",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_not_in_reads_is_never_looked_at(
        atoms in proptest::collection::vec(proptest::sample::select(ATOMS), 1..4),
        signs in proptest::collection::vec(proptest::sample::select(vec![" && ", " || ", " != "]), 3),
    ) {
        let mut text = String::new();
        for (atom, sign) in atoms.iter().zip(&signs) {
            let sign = if text.is_empty() { "" } else { sign };
            text = format!("{text}{sign}({atom})");
        }
        let compiled = compiled(&text, Expected::Condition).unwrap();
        let whole = evaluated(&compiled, &related(), &mut budget(10_000));
        prop_assert_eq!(evaluated_within_reads(&compiled), whole, "{}", text);
    }
}
