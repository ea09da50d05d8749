//! A batch waits for the disk once, and no answer leaves before what it says is there.

use std::path::Path;

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::uploads::id;

/// Each write leaves behind whether its commit is waited for, and how far the log was.
const SCHEMA: &str = "
CREATE TABLE notes (id uuid PRIMARY KEY, text text);
CREATE TABLE happened (n bigint GENERATED ALWAYS AS IDENTITY, text text, waits text, at pg_lsn);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO happened (text, waits, at) VALUES (NEW.text, current_setting('synchronous_commit'), pg_current_wal_insert_lsn());
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION note();
";

async fn start() -> Gateway {
    Gateway::start(SCHEMA, Path::new("tests/cases/ledger/rules")).await
}

/// Sends transactions, each a text for a row of its own, numbered from `first`; what became of each.
async fn send(gateway: &Gateway, first: usize, texts: &[&str]) -> Vec<Value> {
    let transactions: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let row = id(&(first + at).to_string());
            let entry =
                json!({"op": "PUT", "table": "notes", "id": row, "op_data": {"text": text}});
            json!({"transaction_id": first + at, "crud": [entry]})
        })
        .collect();
    let body = json!({"transactions": transactions}).to_string();
    let answer = gateway.send("POST", &json!({"sub": "bob"}), &body).await;
    let results = answer.body["results"].as_array().unwrap();
    results
        .iter()
        .map(|result| result["status"].clone())
        .collect()
}

/// What happened and is not on disk.
async fn unwritten(gateway: &Gateway) -> usize {
    let late = "SELECT text FROM happened WHERE at > pg_current_wal_flush_lsn()";
    gateway.database.texts(late).await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_but_the_last_are_waited_for_together() {
    let gateway = start().await;
    assert_eq!(send(&gateway, 1, &["a", "b", "c"]).await, ["success"; 3]);
    let rows = gateway
        .database
        .texts("SELECT waits FROM happened ORDER BY n")
        .await;
    let waits: Vec<&str> = rows.iter().filter_map(|row| row[0].as_deref()).collect();
    assert_eq!(waits, ["off", "off", "on"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_only_what_is_on_disk() {
    let gateway = start().await;
    let (success, refused, not) = (
        json!("success"),
        json!("fatal_error"),
        json!("not_attempted"),
    );
    for round in 0..20 {
        let first = 1 + round * 10;
        // The third of the batch that follows is there already, so that nothing of that one is waited for by itself.
        assert_eq!(send(&gateway, first + 2, &["c"]).await, ["success"]);
        let batches: [(usize, &[&str], Vec<&Value>); 3] = [
            (first, &["a", "b", "c"], vec![&success, &success, &success]),
            (
                first + 3,
                &["a", "refused", "c"],
                vec![&success, &refused, &not],
            ),
            (first + 6, &["a", "b"], vec![&success, &success]),
        ];
        for (first, texts, wanted) in batches {
            let got = send(&gateway, first, texts).await;
            let late = unwritten(&gateway).await;
            assert_eq!(got.iter().collect::<Vec<_>>(), wanted);
            assert_eq!(late, 0, "round {round}, {texts:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_on_disk_is_not_said_to_be_done() {
    let gateway = start().await;
    send(&gateway, 3, &["c"]).await;
    // The server's own superuser may always call it, so it is taken away by its name.
    let rename = |from: &str, to: &str| {
        let each = ["text", "bytea"].map(|last| {
            format!("ALTER FUNCTION pg_catalog.{from}(boolean, text, {last}) RENAME TO {to};")
        });
        each.concat()
    };
    gateway
        .run(&rename("pg_logical_emit_message", "away"))
        .await;
    // The last one is found in the ledger, so nothing of this batch was waited for.
    let told = send(&gateway, 1, &["a", "b", "c"]).await;
    gateway
        .run(&rename("away", "pg_logical_emit_message"))
        .await;
    assert_eq!(told, ["retryable_error", "not_attempted", "not_attempted"]);
    assert_eq!(send(&gateway, 1, &["a", "b", "c"]).await, ["success"; 3]);
    let rows = gateway
        .database
        .texts("SELECT text FROM happened ORDER BY n")
        .await;
    assert_eq!(rows.len(), 3, "{rows:?}");
}
