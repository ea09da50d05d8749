//! Our own schema in a live database.

use rulegate::journal::{self, JournalError, LATEST};

use crate::postgres::Fresh;

#[tokio::test]
async fn a_migration_brings_the_schema_and_a_second_one_changes_nothing() {
    let database = Fresh::with("").await;
    let store = database.store(2);
    assert_eq!(journal::version(&store).await.unwrap(), None);
    assert_eq!(journal::migrate(&store).await.unwrap(), None);
    assert_eq!(journal::version(&store).await.unwrap(), Some(LATEST));
    assert_eq!(journal::migrate(&store).await.unwrap(), Some(LATEST));
    store.administer(&journal::ddl()).await.unwrap();
    assert_eq!(rows(&database).await, i64::from(LATEST));
}

#[tokio::test]
async fn migrations_that_run_at_once_wait_for_each_other() {
    let database = Fresh::with("").await;
    let store = database.store(6);
    let runs: Vec<_> = (0..6)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.administer(&journal::ddl()).await })
        })
        .collect();
    for run in runs {
        run.await.unwrap().unwrap();
    }
    assert_eq!(rows(&database).await, i64::from(LATEST));
}

#[tokio::test]
async fn a_schema_of_a_later_program_is_left_alone() {
    let database = Fresh::with(&journal::ddl()).await;
    let later = format!("INSERT INTO rulegate.version VALUES ({})", LATEST + 1);
    database.client.batch_execute(&later).await.unwrap();
    let refused = journal::migrate(&database.store(1)).await;
    assert!(
        matches!(refused, Err(JournalError::Newer { found }) if found == LATEST + 1),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_role_that_may_create_nothing_finds_a_made_schema_in_order() {
    let database = Fresh::with(&journal::ddl()).await;
    let name = format!("plain_{}", std::process::id());
    let plain = format!(
        "CREATE ROLE {name} LOGIN; GRANT USAGE ON SCHEMA rulegate TO {name}; GRANT SELECT, INSERT ON rulegate.version TO {name};
         SET ROLE {name}; {}; RESET ROLE; DROP OWNED BY {name}; DROP ROLE {name}",
        journal::ddl()
    );
    database.client.batch_execute(&plain).await.unwrap();
    assert_eq!(rows(&database).await, i64::from(LATEST));
}

async fn rows(database: &Fresh) -> i64 {
    database
        .client
        .query_one("SELECT count(*) FROM rulegate.version", &[])
        .await
        .unwrap()
        .get(0)
}
