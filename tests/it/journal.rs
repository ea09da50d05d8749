//! Our own schema in a live database.

use std::path::Path;
use std::process::{Command, Output};

use rulegate::journal::{self, JournalError, LATEST};

use crate::gateway::Gateway;
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

/// `rulegate` with these arguments, and a database.
fn rulegate(words: &[&str], database: &Fresh) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rulegate"))
        .args(words)
        .args(["tests/cases/ledger/rules", "--database", &database.uri])
        .env("JWKS_URI", "http://127.0.0.1:9/keys")
        .output()
        .unwrap()
}

#[tokio::test]
async fn a_server_does_not_start_without_it_and_says_what_to_type() {
    let database = Fresh::with("CREATE TABLE notes (id uuid PRIMARY KEY, text text)").await;
    let serve = ["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let states = [
        (String::new(), "the database has no schema `rulegate` yet"),
        (
            format!(
                "{}; DELETE FROM rulegate.version WHERE version > 1",
                journal::ddl()
            ),
            "the schema `rulegate` has version 1, and version",
        ),
    ];
    for (script, reason) in states {
        database.client.batch_execute(&script).await.unwrap();
        let refused = rulegate(&serve, &database);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success(), "{told}");
        let cure = "run `rulegate migrate tests/cases/ledger/rules`";
        for words in [reason, cure, &journal::ddl()] {
            assert!(told.contains(words), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_database_comes_later_waits_for_it() {
    let gateway = Gateway::start(
        "CREATE TABLE notes (id uuid PRIMARY KEY, text text)",
        Path::new("tests/cases/ledger/rules"),
    )
    .await;
    gateway.run("DROP SCHEMA rulegate CASCADE").await;
    let gateway = gateway
        .restarted(Path::new("tests/cases/ledger/rules"), |_| ())
        .await;
    gateway.says("run `rulegate migrate`").await;
    let migrated = rulegate(&["migrate"], &gateway.database);
    assert!(migrated.status.success(), "{migrated:?}");
    gateway.readiness(200).await;
}

async fn rows(database: &Fresh) -> i64 {
    database
        .client
        .query_one("SELECT count(*) FROM rulegate.version", &[])
        .await
        .unwrap()
        .get(0)
}
