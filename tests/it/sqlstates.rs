//! The contract's table of SQLSTATEs, each row provoked in a real Postgres, over HTTP: `tests/cases/sqlstates/rows.json`.
//!
//! What only raising can make is a story of its own (`tests/cases/uploads/sqlstates`); what takes the database away is in `outages`.

use std::path::Path;

use rulegate::settings::{Secret, Settings};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use crate::gateway::Gateway;
use crate::outages::put_role;
use crate::postgres::Fresh;
use crate::uploads::{holds, id, wanted, with_ids};

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new("tests/cases/sqlstates").join(file)).unwrap()
}

fn rules() -> &'static Path {
    Path::new("tests/cases/sqlstates/rules")
}

/// A gateway that logs in as a role of its own, with one connection; the role.
async fn start(adjust: impl FnOnce(&mut Settings)) -> (Gateway, String) {
    let database = Fresh::with(&read("schema.sql")).await;
    let role = put_role(&database, "notes, kinds, parts, later").await;
    let login = role.clone();
    let gateway = Gateway::on(database, rules(), move |settings| {
        let uri = settings.database.uri.take().unwrap();
        let uri = uri.reveal().replace("postgres@", &format!("{login}@"));
        settings.database.uri = Some(Secret::new(uri));
        settings.database.pool = 1;
        settings.limits.statement_timeout = Duration::from_secs(2);
        adjust(settings);
    })
    .await;
    (gateway, role)
}

/// The entries of a row: notes that are made, or a change of one that is there.
fn crud(row: &Value) -> Value {
    let table = row["table"].as_str().unwrap_or("notes");
    if !row["patch"].is_null() {
        return json!([{"op": "PATCH", "table": table, "id": id("there"), "op_data": row["patch"]}]);
    }
    let notes = row["notes"].as_array().unwrap().iter();
    let put = |data: &Value| json!({"op": "PUT", "table": table, "id": Uuid::new_v4().to_string(), "op_data": data});
    notes.map(put).collect()
}

/// A text that no compression makes short.
fn long() -> String {
    (0..500).map(|_| Uuid::new_v4().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_that_postgres_can_make_has_its_answer() {
    let (gateway, role) = start(|_| ()).await;
    let there = format!("INSERT INTO notes (id) VALUES ('{}')", id("there"));
    gateway.run(&there).await;
    let rows = with_ids(&read("rows.json"));
    let rows: Value = serde_json::from_str(&rows.replace("LOGIN", &role)).unwrap();
    for row in rows.as_array().unwrap() {
        let name = row["row"].as_str().unwrap();
        if let Some(sql) = row["sql"].as_str() {
            gateway.run(sql).await;
        }
        let body = json!({"transactions": [{"crud": crud(row)}]}).to_string();
        let body = body.replace("LONG", &long());
        let before = count(&gateway).await;
        let answer = gateway.send("POST", &json!({"sub": "ann"}), &body).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        let result = &answer.body["results"][0];
        assert!(
            holds(Some(result), &wanted(&row["wanted"])),
            "{name}: {result}"
        );
        assert!(!result.to_string().contains("no client may see"), "{name}");
        let is_applied = result["status"] == "success" && row["patch"].is_null();
        assert_eq!(count(&gateway).await != before, is_applied, "{name}");
    }
}

async fn count(gateway: &Gateway) -> Vec<Vec<Option<String>>> {
    let sql = "SELECT (SELECT count(*) FROM notes), (SELECT count(*) FROM parts), (SELECT count(*) FROM later)";
    gateway.database.texts(sql).await
}

/// Two transactions that wait for one another: the database ends ours, and it is tried again here.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_costs_its_upload_nothing_but_time() {
    let (gateway, _) = start(|_| ()).await;
    let (a, b) = (id("a"), id("b"));
    let there = format!("INSERT INTO notes (id, n) VALUES ('{a}', 1), ('{b}', 1)");
    gateway.run(&there).await;
    let patch =
        |row: &str| json!({"op": "PATCH", "table": "notes", "id": row, "op_data": {"n": 2}});
    let body = json!({"transactions": [{"crud": [patch(&a), patch(&b)]}]}).to_string();
    let hold =
        format!("SET deadlock_timeout = '20s'; BEGIN; UPDATE notes SET n = 3 WHERE id = '{b}'");
    gateway.run(&hold).await;
    let ann = json!({"sub": "ann"});
    let other = async {
        sleep(Duration::from_millis(300)).await;
        let meet = format!("UPDATE notes SET n = 3 WHERE id = '{a}'; COMMIT");
        gateway.run(&meet).await;
    };
    let (answer, ()) = tokio::join!(gateway.send("POST", &ann, &body), other);
    assert_eq!(
        answer.body["results"][0]["status"], "success",
        "{}",
        answer.body
    );
    let rows = gateway.database.texts("SELECT DISTINCT n FROM notes").await;
    assert_eq!(json!(rows), json!([["2"]]));
}
