use super::schema::versions;
use super::{LATEST, ddl};

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
