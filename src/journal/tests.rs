use proptest::prelude::*;

use super::schema::versions;
use super::{Key, LATEST, Origin, ddl};

#[test]
fn steps_count_up_from_one_to_the_latest() {
    assert_eq!(versions(), (1..=LATEST).collect::<Vec<_>>());
}

#[test]
fn the_printed_text_is_one_transaction_under_the_lock() {
    let text = ddl();
    let statements: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with([' ', '-']) && !line.is_empty())
        .collect();
    assert_eq!(
        statements.first(),
        Some(&"BEGIN ISOLATION LEVEL READ COMMITTED;")
    );
    assert!(statements[1].starts_with("SELECT pg_advisory_xact_lock("));
    assert_eq!(statements.last(), Some(&"COMMIT;"));
    assert_eq!(text.matches("COMMIT;").count(), 1);
}

const CONTENT: &[u8; 32] =
    b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";

/// Entries outlive the program that made them: a later one must find them. Both were calculated by hand, with another program.
#[test]
fn a_key_is_what_the_page_says() {
    let named = Origin {
        issuer: Some("https://login.example.com"),
        subject: "ann",
        client: Some("phone"),
        number: Some("42"),
        content: CONTENT,
    };
    let bare = Origin {
        issuer: None,
        subject: "ann",
        client: None,
        number: None,
        content: CONTENT,
    };
    let rows = [
        (named, "b1d47db4-9d39-6d99-ef87-bfe407bd7d64"),
        (bare, "95fa4fa4-5134-5c84-724f-89309ccd1e35"),
    ];
    for (origin, key) in rows {
        assert_eq!(Key::of(&origin).to_string(), key);
    }
}

proptest! {
    #[test]
    fn two_origins_that_differ_anywhere_have_two_keys(
        left in prop::collection::vec("[a-c]{0,2}", 3), right in prop::collection::vec("[a-c]{0,2}", 3),
        numbers in (prop::option::of("[0-9]{0,2}"), prop::option::of("[0-9]{0,2}")),
    ) {
        let (left, right) = (origin(&left, numbers.0.as_deref()), origin(&right, numbers.1.as_deref()));
        let parts = |it: &Origin<'_>| format!("{:?}", (it.issuer, it.subject, it.client, it.number));
        prop_assert_eq!(Key::of(&left) == Key::of(&right), parts(&left) == parts(&right));
    }
}

fn origin<'a>(parts: &'a [String], number: Option<&'a str>) -> Origin<'a> {
    Origin {
        issuer: Some(&parts[0]),
        subject: &parts[1],
        client: Some(&parts[2]),
        number,
        content: CONTENT,
    }
}
