//! Guards that a change of the database, or an edit, takes from a table.

use serde_json::json;
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use crate::gateway::{Answer, Gateway};
use crate::reload::folder::Folder;
use crate::reload::{TOLD, until};

const SCHEMA: &str = "
CREATE TABLE notes (id uuid PRIMARY KEY, n int, org text);
CREATE TABLE plans (id uuid PRIMARY KEY, n int, org text);";

const PROJECT: &str = "
version: 1
client_auth: { jwks_uri: !env JWKS_URI, audience: [powersync] }
guards:
  - tables: \"*\"
    having: [org]
    rule: this.org == auth.sub
    presets: { create: { org: auth.sub } }
";

fn rules(table: &str) -> String {
    format!(
        "version: 1\ntable: {table}\ncolumns: {{ n: }}\nallow: {{ write: \"true\" }}\npublic_reason: the guard does it\n"
    )
}

async fn house(name: &str) -> (Folder, Gateway) {
    let folder = Folder::new(name);
    for file in ["apples.yaml", "pears.yaml"] {
        std::fs::remove_file(folder.path(file)).unwrap();
    }
    folder.write("rulegate.yaml", PROJECT);
    folder.write("notes.yaml", rules("notes"));
    folder.write("plans.yaml", rules("plans"));
    let gateway = Gateway::watching(SCHEMA, &folder.rules, TOLD, true).await;
    (folder, gateway)
}

async fn put(gateway: &Gateway, table: &str) -> Answer {
    let put =
        json!({"op": "PUT", "table": table, "id": Uuid::new_v4().to_string(), "op_data": {"n": 1}});
    let body = json!({"transactions": [{"crud": [put]}]}).to_string();
    gateway.send("POST", &json!({"sub": "ann"}), &body).await
}

async fn answers(gateway: &Gateway, table: &str, status: &str) {
    let answer = put(gateway, table).await;
    assert_eq!(
        answer.body["results"][0]["status"], status,
        "{table}: {}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_lost_its_guard_is_closed_and_the_others_go_on() {
    let (folder, gateway) = house("drift").await;
    answers(&gateway, "notes", "success").await;
    gateway.run("ALTER TABLE notes DROP COLUMN org").await;
    for _ in 0..2 {
        answers(&gateway, "notes", "retryable_error").await;
        answers(&gateway, "plans", "success").await;
    }
    let closed = gateway.current.snapshot().unwrap().closed.clone();
    assert_eq!(closed.len(), 1);
    assert!(
        closed
            .values()
            .all(|reason| reason.contains("this.org == auth.sub"))
    );
    assert_eq!(gateway.get("/readyz").await.status, 200);

    // Another file's edit is no answer to the question.
    folder.write("plans.yaml", rules("plans").replace("write", "create"));
    sleep(Duration::from_millis(700)).await;
    answers(&gateway, "notes", "retryable_error").await;

    // The column comes back, and with it the guard.
    gateway.run("ALTER TABLE notes ADD COLUMN org text").await;
    sleep(Duration::from_millis(1100)).await;
    answers(&gateway, "notes", "success").await;
    assert!(gateway.current.snapshot().unwrap().closed.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_opens_the_table_that_a_change_of_the_database_closed() {
    let (folder, gateway) = house("opens").await;
    gateway.run("ALTER TABLE notes DROP COLUMN org").await;
    answers(&gateway, "notes", "retryable_error").await;
    folder.write("notes.yaml", rules("notes") + "guard: none\n");
    let words = last_changes(&gateway).await;
    assert!(
        words.contains("notes: guard `this.org == auth.sub` of rulegate.yaml no longer covers it"),
        "{words}"
    );
    answers(&gateway, "notes", "success").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_drops_a_guard_is_told_table_by_table() {
    let (folder, gateway) = house("dropped").await;
    let narrowed = PROJECT.replace("\"*\"", "[plans]") + "require_guard: false\n";
    folder.write("rulegate.yaml", narrowed);
    let words = last_changes(&gateway).await;
    assert!(
        words.contains("notes: guard `this.org == auth.sub` of rulegate.yaml no longer covers it"),
        "{words}"
    );
    assert!(!words.contains("plans: guard"), "{words}");
    assert!(gateway.current.snapshot().unwrap().closed.is_empty());
}

/// What the next rules that come into force changed.
async fn last_changes(gateway: &Gateway) -> String {
    let swapped = until(|| gateway.current.looks().standing().swapped).await;
    swapped
        .unwrap_or_else(|| panic!("{:?}", gateway.current.looks().standing()))
        .changes
        .join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_fit_the_changed_table_open_it() {
    let (folder, gateway) = house("fits").await;
    gateway
        .run("ALTER TABLE notes RENAME COLUMN n TO number")
        .await;
    answers(&gateway, "notes", "retryable_error").await;
    answers(&gateway, "plans", "success").await;
    let status = gateway.ask_admin("/status").await.body;
    let reason = status["rules"]["closed"]["notes"].to_string();
    assert!(reason.contains("notes.yaml:3:12: table"), "{reason}");
    // Rules that do not fit the database are no better for being newer.
    folder.write("plans.yaml", rules("plans").replace("write", "create"));
    let failing = until(|| gateway.current.looks().standing().failing).await;
    let text = failing.unwrap().text;
    assert!(text.contains("has no column `n`"), "{text}");
    answers(&gateway, "plans", "success").await;

    let fitting = rules("notes").replace("{ n: }", "{ n: { column: number } }");
    folder.write("notes.yaml", fitting);
    assert!(last_changes(&gateway).await.contains("notes"));
    answers(&gateway, "notes", "success").await;
    assert!(gateway.current.snapshot().unwrap().closed.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_is_remembered_while_its_table_is_closed() {
    let (_folder, gateway) = house("remembered").await;
    answers(&gateway, "notes", "success").await;
    let breaks = "ALTER TABLE notes DROP COLUMN org; ALTER TABLE notes RENAME COLUMN n TO number";
    gateway.run(breaks).await;
    answers(&gateway, "notes", "retryable_error").await;
    // What the rules name is there again, and the guard is not.
    gateway
        .run("ALTER TABLE notes RENAME COLUMN number TO n")
        .await;
    for _ in 0..2 {
        sleep(Duration::from_millis(1100)).await;
        answers(&gateway, "notes", "retryable_error").await;
    }
    let closed = gateway.current.snapshot().unwrap().closed.clone();
    let reason = closed.values().next().unwrap();
    assert!(reason.contains("this.org == auth.sub"), "{reason}");
}

/// Only an author can say whether a table goes on without its guard, so nothing is refused for good meanwhile, whatever the settings say
/// of tables that fit no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_guard_is_waited_for_where_what_fits_no_more_is_refused() {
    let (folder, gateway) = house("waited").await;
    let fatal = format!("{PROJECT}database: {{ on_schema_drift: fatal }}\n");
    folder.write("rulegate.yaml", fatal);
    assert!(last_changes(&gateway).await.contains("on_schema_drift"));
    gateway.run("ALTER TABLE notes DROP COLUMN org").await;
    answers(&gateway, "notes", "retryable_error").await;
    gateway
        .run("ALTER TABLE plans RENAME COLUMN n TO number")
        .await;
    answers(&gateway, "plans", "fatal_error").await;
}
