//! The checker is checked: each thing that can go wrong, alone.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn trace(op: &str) -> Trace {
    Trace {
        op: op.to_owned(),
        place: "notes/1".to_owned(),
        tag: "a1/0".to_owned(),
    }
}

fn story(id: i64, ending: Ending, words: &[Word]) -> Story {
    let transaction = Transaction {
        name: format!("a{id}"),
        device: "a".to_owned(),
        id,
        crud: vec![json!({"op": "PUT"}), json!({"op": "DELETE"})],
        traces: vec![trace("INSERT"), trace("DELETE")],
        ending,
        before: Vec::new(),
        after: Vec::new(),
    };
    Story {
        transaction,
        words: words.to_vec(),
    }
}

fn letter(crud: &Value, occurrences: usize) -> Letter {
    Letter {
        transaction: json!({ "crud": crud }),
        occurrences,
    }
}

/// What is found of one story whose transaction was applied as these copies and kept as these letters.
fn found(story: Story, copies: &[&[&str]], letters: Vec<Letter>) -> String {
    let copies = (1..).zip(copies);
    let copies = copies.map(|(txid, ops)| (txid, ops.iter().map(|op| trace(op)).collect()));
    let truth = Truth {
        applied: BTreeMap::from([("a1".to_owned(), copies.collect())]),
        letters: BTreeMap::from([("a1".to_owned(), letters)]),
    };
    let totals = Findings::of(&BTreeMap::from([("a1".to_owned(), story)]), &truth).totals();
    let wrong = totals.split(", ").filter(|total| !total.ends_with(" 0"));
    wrong.collect::<Vec<_>>().join(", ")
}

#[test]
fn each_thing_that_can_go_wrong_is_found_and_named() {
    let whole: &[&str] = &["INSERT", "DELETE"];
    let kept = || vec![letter(&json!([{"op": "PUT"}, {"op": "DELETE"}]), 1)];
    let fatal = || Word::Fatal("CHECK".to_owned());
    let good = |words: &[Word]| story(1, Ending::Applied, words);
    let bad = |words: &[Word]| story(1, Ending::Refused("CHECK"), words);
    let success = || Word::Success;
    for (wanted, story, copies, letters) in [
        ("", good(&[Word::Later, success()]), &[whole][..], vec![]),
        ("", bad(&[Word::Later, fatal()]), &[], kept()),
        ("lost 1", good(&[success()]), &[], vec![]),
        ("lost 1", bad(&[fatal()]), &[], vec![]),
        (
            "lost 1",
            bad(&[fatal()]),
            &[],
            vec![letter(&json!([{"op": "PUT"}]), 1)],
        ),
        (
            "applied twice 1",
            good(&[success()]),
            &[whole, whole],
            vec![],
        ),
        (
            "applied twice 1",
            good(&[success()]),
            &[&["INSERT", "DELETE", "INSERT"]],
            vec![],
        ),
        ("half 1", good(&[success()]), &[&["DELETE"]], vec![]),
        (
            "wrongly dead-lettered 1",
            good(&[success()]),
            &[whole],
            kept(),
        ),
        ("wrongly dead-lettered 1", good(&[fatal()]), &[], kept()),
        (
            "wrongly dead-lettered 1",
            bad(&[Word::Fatal("OTHER".to_owned())]),
            &[],
            kept(),
        ),
        ("let in 1", bad(&[fatal()]), &[whole], kept()),
        ("let in 1", bad(&[success()]), &[], vec![]),
        (
            "letters miscounted 1",
            bad(&[fatal()]),
            &[],
            [kept(), kept()].into_iter().flatten().collect(),
        ),
        (
            "letters miscounted 1",
            bad(&[fatal(), fatal()]),
            &[],
            kept(),
        ),
        ("unsent 1", good(&[Word::Later]), &[whole], vec![]),
    ] {
        let case = format!("{wanted}: {story:?} {copies:?}");
        assert_eq!(found(story, copies, letters), wanted, "{case}");
    }
}

#[test]
fn a_transaction_that_overtook_another_is_found() {
    let stories: BTreeMap<String, Story> = [2, 10, 9]
        .map(|id| story(id, Ending::Applied, &[Word::Success]))
        .map(|story| (story.transaction.name.clone(), story))
        .into();
    for (txids, wanted) in [
        ([5, 6, 7], vec![]),
        ([5, 7, 6], vec!["a10"]),
        ([6, 5, 7], vec!["a9"]),
    ] {
        let names = ["a2", "a9", "a10"];
        let copies = names.iter().zip(txids);
        let truth = Truth {
            applied: copies
                .map(|(name, txid)| ((*name).to_owned(), Copies::from([(txid, vec![])])))
                .collect(),
            letters: BTreeMap::new(),
        };
        assert_eq!(disordered(&stories, &truth), wanted);
    }
}
