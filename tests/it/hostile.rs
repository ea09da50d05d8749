//! Uploads that mean harm: to other people's rows, to the time and memory of the gateway, to what others learn.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use rulegate::settings::Secret;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::gateway::{Answer, Gateway};
use crate::uploads::id;

/// Longer than anything here may take, even where nothing is optimised and the machine is busy.
const PATIENCE: Duration = Duration::from_secs(20);

async fn start() -> Gateway {
    let folder = Path::new("tests/cases/uploads/hostile");
    let schema = std::fs::read_to_string(folder.join("schema.sql")).unwrap();
    Gateway::start(&schema, &folder.join("rules")).await
}

/// One transaction with one entry.
fn one(op: &str, row: &str, data: &str) -> String {
    format!(
        r#"{{"transactions":[{{"crud":[{{"op":"{op}","table":"notes","id":"{}","op_data":{data}}}]}}]}}"#,
        id(row)
    )
}

/// Sends it as `user`; the result of its one transaction.
async fn send(gateway: &Gateway, user: &str, body: &str) -> Value {
    let claims = json!({ "sub": user });
    let sent = gateway.send("POST", &claims, body);
    let Answer { status, body, .. } = timeout(PATIENCE, sent).await.unwrap();
    assert_eq!(status, 200, "{body}");
    body["results"][0].clone()
}

/// A list of so many items.
fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = (0..count).map(item).collect();
    format!("[{}]", items.join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_created_once_and_belongs_to_whoever_came_first() {
    let gateway = start().await;
    for round in 0..10 {
        let row = format!("race{round}");
        let users: Vec<String> = (0..6).map(|user| format!("user{user}")).collect();
        let sent = users.iter().map(|user| {
            let body = one("PUT", &row, &format!(r#"{{"owner":"{user}","n":1}}"#));
            let gateway = &gateway;
            async move { send(gateway, user, &body).await }
        });
        let results = join_all(sent).await;
        let sql = format!("SELECT owner FROM notes WHERE id = '{}'", id(&row));
        let owner = gateway.database.texts(&sql).await[0][0].clone().unwrap();
        for (user, result) in users.iter().zip(results) {
            let code = &result["failed_operation"]["error_code"];
            if *user == owner {
                assert_eq!(result["status"], "success", "{result}");
            } else {
                assert_eq!(code, "UNAUTHORIZED", "{result}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_upload_sent_twice_at_once_succeeds_twice() {
    let gateway = start().await;
    let body = one("PUT", "twice", r#"{"owner":"ann","n":1}"#);
    let results = join_all((0..4).map(|_| send(&gateway, "ann", &body))).await;
    assert!(
        results.iter().all(|result| result["status"] == "success"),
        "{results:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_says_of_a_row_reaches_nobody() {
    let gateway = start().await;
    let created = one("PUT", "a", r#"{"owner":"s3cr3t","n":1}"#);
    assert_eq!(
        send(&gateway, "s3cr3t", &created).await["status"],
        "success"
    );
    for n in [28, 57, 42] {
        let body = one("PATCH", "a", &format!(r#"{{"n":{n}}}"#));
        let result = send(&gateway, "s3cr3t", &body).await;
        assert_eq!(result["status"], "retryable_error", "{n}: {result}");
        let ready = gateway.get("/readyz").await.body;
        let status = gateway.ask_admin("/status").await.body;
        let told = format!("{result} {ready} {status}");
        assert!(!told.contains("s3cr3t"), "{n}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_an_app_turns_readiness_red() {
    let folder = Path::new("tests/cases/uploads/keys");
    let schema = std::fs::read_to_string(folder.join("schema.sql")).unwrap();
    let gateway = Gateway::start(&schema, &folder.join("rules")).await;
    for (table, key) in [("moods", "s3cr3t"), ("nets", "s3cr3t"), ("things", "1")] {
        let body = format!(
            r#"{{"transactions":[{{"crud":[{{"op":"DELETE","table":"{table}","id":"{key}"}}]}}]}}"#
        );
        send(&gateway, "ann", &body).await;
        let ready = gateway.get("/readyz").await;
        assert_eq!(ready.status, 200, "{table}: {}", ready.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_errors_are_told_in_few_words() {
    let gateway = start().await;
    let words = list(1_000_000, |_| "1".to_owned());
    let body = one("PUT", "a", &format!(r#"{{"owner":"ann","words":{words}}}"#));
    let result = send(&gateway, "ann", &body).await;
    let code = &result["failed_operation"]["error_code"];
    assert_eq!(code, "DOCUMENT_VALIDATION_FAILURE");
    assert!(result.to_string().len() < 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_seem_alike_are_told_apart_in_time() {
    let gateway = start().await;
    let rows = [
        list(20_000, |at| format!("1.{at:030}1")),
        list(20_000, |at| format!("{}e980", 1_000_000 + at)),
        list(20_000, |at| nested(at, 16)),
    ];
    for tags in rows {
        for (row, field) in [("a", "tags"), ("b", "raw")] {
            let data = format!(r#"{{"owner":"ann","{field}":{tags}}}"#);
            let result = send(&gateway, "ann", &one("PUT", row, &data)).await;
            assert!(
                ["success", "fatal_error"].contains(&result["status"].as_str().unwrap()),
                "{result}"
            );
        }
    }
}

/// Empty lists inside lists: a structure for each number, without any value in it.
fn nested(number: usize, bits: usize) -> String {
    let items = (0..bits).map(|bit| if number >> bit & 1 == 1 { "[[]]" } else { "[]" });
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn short_numbers_that_spell_long_ones_do_not_fill_the_memory() {
    let gateway = start().await;
    let many = list(200_000, |_| "1e999".to_owned());
    for field in ["words", "prices"] {
        let body = one(
            "PUT",
            "a",
            &format!(r#"{{"owner":"ann","{field}":{many}}}"#),
        );
        let result = send(&gateway, "ann", &body).await;
        let code = &result["failed_operation"]["error_code"];
        assert_eq!(code, "INVALID_DATA", "{field}: {result}");
    }
    let body = one(
        "PUT",
        "a",
        r#"{"owner":"ann","prices":[1e999],"tags":[1e999]}"#,
    );
    assert_eq!(send(&gateway, "ann", &body).await["status"], "success");
    let body = one("PUT", "b", r#"{"owner":"ann","raw":[1e1000000]}"#);
    let code = send(&gateway, "ann", &body).await["failed_operation"]["error_code"].clone();
    assert_eq!(code, "INVALID_DATA");
}

/// Row-level security that is switched on while we run hides rows from us: nothing of it may look like a row that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_hidden_from_us_later_is_not_taken_for_gone() {
    let folder = Path::new("tests/cases/uploads/hostile");
    let role = format!("rulegate_login_{}", std::process::id());
    let schema = std::fs::read_to_string(folder.join("schema.sql")).unwrap();
    let schema = format!(
        "{schema}; CREATE ROLE {role} LOGIN; GRANT ALL ON notes TO {role};
         INSERT INTO notes VALUES ('{}', 'ann', 1)",
        id("a")
    );
    let gateway = Gateway::with(&schema, &folder.join("rules"), |settings| {
        let uri = settings.database.uri.as_ref().unwrap().reveal();
        let uri = uri.replace("postgres@", &format!("{role}@"));
        settings.database.uri = Some(Secret::new(uri));
    })
    .await;
    let grants = format!(
        "GRANT USAGE ON SCHEMA rulegate TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA rulegate TO {role}"
    );
    gateway.run(&grants).await;
    let operator = &gateway.database.client;
    let patch = one("PATCH", "a", r#"{"n":2}"#);
    assert_eq!(send(&gateway, "ann", &patch).await["status"], "success");
    let hide = "ALTER TABLE notes ENABLE ROW LEVEL SECURITY";
    operator.batch_execute(hide).await.unwrap();
    let put = r#"{"owner":"ann","n":3}"#;
    for body in [
        one("PATCH", "a", r#"{"n":3}"#),
        one("DELETE", "a", "{}"),
        one("PUT", "a", put),
    ] {
        let result = send(&gateway, "ann", &body).await;
        assert_eq!(result["status"], "retryable_error", "{body}: {result}");
    }
    gateway.readiness(503).await;
    let show = "ALTER TABLE notes DISABLE ROW LEVEL SECURITY";
    operator.batch_execute(show).await.unwrap();
    let patch = one("PATCH", "a", r#"{"n":4}"#);
    assert_eq!(send(&gateway, "ann", &patch).await["status"], "success");
    gateway.readiness(200).await;
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    operator.batch_execute(&drop).await.unwrap();
}

/// The second belt: where the rules would let a write pass, the policies of the writing role do not, and nothing else is read or written as that role.
#[tokio::test(flavor = "multi_thread")]
async fn what_row_level_security_refuses_is_unauthorized_and_changes_nothing() {
    let folder = Path::new("tests/cases/uploads/triggers");
    let role = format!("rulegate_writer_{}", std::process::id());
    let schema = format!(
        "CREATE TABLE notes (id uuid PRIMARY KEY, n int, email text UNIQUE);
         CREATE ROLE {role}; GRANT ALL ON notes TO {role}; ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY seen ON notes FOR SELECT USING (true);
         CREATE POLICY made ON notes FOR INSERT WITH CHECK (email = current_setting('app.user_id'));
         CREATE POLICY changed ON notes FOR UPDATE USING (email = current_setting('request.jwt.claims')::jsonb->>'sub');
         CREATE POLICY gone ON notes FOR DELETE USING (email = current_setting('app.user_id'));
         INSERT INTO notes VALUES ('{}', 1, 'ann')",
        id("a")
    );
    let gateway = Gateway::with(&schema, &folder.join("rules"), |settings| {
        settings.database.role = Some(role.clone());
    })
    .await;
    let rows = [
        ("eve", one("PATCH", "a", r#"{"n":2}"#), "UNAUTHORIZED"),
        (
            "eve",
            one("PUT", "a", r#"{"n":2,"email":"eve"}"#),
            "UNAUTHORIZED",
        ),
        (
            "eve",
            one("PUT", "b", r#"{"n":2,"email":"ann"}"#),
            "UNAUTHORIZED",
        ),
        ("eve", one("DELETE", "a", "{}"), "UNAUTHORIZED"),
        (
            "ann",
            one("PATCH", "a", r#"{"email":"eve"}"#),
            "UNAUTHORIZED",
        ),
        (
            "eve",
            one("PUT", "b", r#"{"n":2,"email":"eve"}"#),
            "success",
        ),
        ("ann", one("PATCH", "a", r#"{"n":3}"#), "success"),
        ("eve", one("DELETE", "b", "{}"), "success"),
    ];
    for (user, body, wanted) in rows {
        let result = send(&gateway, user, &body).await;
        let code = &result["failed_operation"]["error_code"];
        let got = code.as_str().or(result["status"].as_str());
        assert_eq!(got, Some(wanted), "{user} {body}: {result}");
    }
    let found = gateway.database.texts("SELECT n, email FROM notes").await;
    assert_eq!(json!(found), json!([["3", "ann"]]));
    assert_eq!(gateway.get("/readyz").await.status, 200);
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    gateway.database.client.batch_execute(&drop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_operations_are_one_transaction_and_one_more_is_none() {
    let gateway = start().await;
    let upload = |count: usize| {
        let entries = list(count, |at| {
            format!(
                r#"{{"op":"PUT","table":"notes","id":"{}","op_data":{{"owner":"ann","n":1{at:05}}}}}"#,
                id(&format!("row{at}"))
            )
        });
        format!(r#"{{"transactions":[{{"crud":{entries}}}]}}"#)
    };
    let result = send(&gateway, "ann", &upload(10_001)).await;
    let code = &result["failed_operation"]["error_code"];
    assert_eq!(code, "TRANSACTION_TOO_LARGE");
    let result = send(&gateway, "ann", &upload(10_000)).await;
    assert_eq!(result["status"], "success", "{result}");
    let found = gateway.database.texts("SELECT count(*) FROM notes").await;
    assert_eq!(json!(found), json!([["10000"]]));
}
