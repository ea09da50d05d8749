//! Readiness follows the database: red with the reason, and green again by itself.

use std::time::Duration;

use rulegate::settings::Secret;
use tokio::time::sleep;
use tokio_postgres::{Client, NoTls};

use crate::http_served::{Served, Start};
use crate::postgres::Fresh;

/// A connection to another database of the same server.
async fn beside() -> Client {
    let server = std::env::var("TEST_DATABASE_URL").unwrap();
    let (client, connection) = tokio_postgres::connect(&server, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Waits until readiness is what is wanted: green, or red for a reason that holds these words.
async fn becomes(served: &Served, wanted: Option<&str>) {
    let mut last = None;
    for _ in 0..100 {
        let reply = served.get("/readyz").await;
        let reasons = reply.json()["reasons"].to_string();
        let is_there = match wanted {
            None => reply.status == 200,
            Some(words) => reply.status == 503 && reasons.contains(words),
        };
        if is_there {
            return;
        }
        last = Some(reasons);
        sleep(Duration::from_millis(100)).await;
    }
    assert!(last.is_none(), "{wanted:?} was never said: {last:?}");
}

#[tokio::test]
async fn it_turns_red_with_the_reason_and_recovers_by_itself() {
    let fresh = Fresh::migrated("").await;
    let database = fresh.uri.rsplit_once('/').unwrap().1.to_owned();
    let served = Start::new()
        .with(|settings| settings.database.uri = Some(Secret::new(fresh.uri.clone())))
        .serve()
        .await;
    drop(fresh);
    let operator = beside().await;
    let rows = [
        (
            "ALLOW_CONNECTIONS false",
            "not currently accepting connections",
            "ALLOW_CONNECTIONS true",
        ),
        (
            "SET default_transaction_read_only = on",
            "read-only",
            "RESET default_transaction_read_only",
        ),
    ];
    becomes(&served, None).await;
    for (breaks, words, mends) in rows {
        change(&operator, &database, breaks).await;
        becomes(&served, Some(words)).await;
        assert_eq!(served.get("/livez").await.status, 200);
        change(&operator, &database, mends).await;
        becomes(&served, None).await;
    }
}

/// Changes the database, and ends the connections that do not know of it.
async fn change(operator: &Client, database: &str, how: &str) {
    let statements = format!(
        "ALTER DATABASE {database} {how};
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    );
    operator.batch_execute(&statements).await.unwrap();
}
