//! Dead letters: what is refused is kept before the answer leaves (reliability, *Dead letters*).

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use rulegate::journal::{letters, seal};
use rulegate::settings::{OnFatalError, Settings};
use serde_json::{Value, json};

use crate::gateway::{Gateway, LETTERS_KEY};
use crate::postgres::{Fresh, connect};
use crate::uploads::id;

const SCHEMA: &str = include_str!("../cases/letters/schema.sql");

fn rules(name: &str) -> PathBuf {
    PathBuf::from("tests/cases/letters").join(name)
}

async fn start(name: &str, adjust: impl FnOnce(&mut Settings)) -> Gateway {
    Gateway::with(SCHEMA, &rules(name), adjust).await
}

fn put(name: &str, data: &Value) -> Value {
    json!({"op": "PUT", "table": "people", "id": id(name), "op_data": data})
}

/// A write that the database refuses: nobody is that old.
fn refused(name: &str) -> Value {
    put(name, &json!({"name": name, "age": 300}))
}

async fn send(gateway: &Gateway, who: &str, transactions: &[Value]) -> Value {
    let body = json!({ "transactions": transactions }).to_string();
    let answer = gateway.send("POST", &json!({"sub": who}), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["results"].clone()
}

/// The one result of a transaction with these operations.
async fn one(gateway: &Gateway, who: &str, crud: Value) -> Value {
    send(gateway, who, &[json!({"transaction_id": 1, "crud": crud})]).await[0].clone()
}

/// A query's rows, a null as nothing.
async fn rows(gateway: &Gateway, sql: &str) -> Vec<Vec<String>> {
    let rows = gateway.database.texts(sql).await.into_iter();
    rows.map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
        .collect()
}

/// The only value of a query.
async fn value(gateway: &Gateway, sql: &str) -> String {
    let rows = rows(gateway, sql).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0][0].clone()
}

const COUNT: &str = "SELECT count(*) FROM rulegate.dead_letters";

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_kept_with_everything_that_was_sent() {
    let gateway = start("plain", |_| ()).await;
    let crud = json!([
        put("a", &json!({"name": "Ann", "age": 1})),
        {"op": "PATCH", "table": "people", "id": id("a"), "op_data": {"age": 300},
         "previous_values": {"age": 1}, "metadata": "by hand"}]);
    let claims = json!({"sub": "ann", "iss": "https://login", "role": "admin"});
    let body = json!({"transactions": [{"transaction_id": 7, "crud": crud}]}).to_string();
    let answer = gateway.send("POST", &claims, &body).await;
    assert_eq!(
        answer.body["results"][0]["status"], "fatal_error",
        "{}",
        answer.body
    );
    let letter = "SELECT state, occurrences, issuer, subject, claims->>'role', client, transaction_id, error_code, sqlstate, message,
        details, operation_index, rules_version, tables, operations, is_whole, settled_at FROM rulegate.dead_letters";
    let details = r#"[{"field": "age", "message": "breaks a constraint of the database"}]"#;
    let wanted = [
        "open",
        "1",
        "https://login",
        "ann",
        "admin",
        "",
        "7",
        "CHECK_VIOLATION",
        "23514",
        "`age` breaks a constraint of the database",
        details,
        "1",
        &answer.rules_version,
        "people",
        "2",
        "t",
        "",
    ];
    let found = rows(&gateway, letter).await;
    // Which columns a CHECK is about, the database does not say.
    let mut wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    if found[0][10].is_empty() {
        wanted[9] = "a value breaks a constraint of the database".to_owned();
        wanted[10].clear();
    }
    assert_eq!(found, [wanted]);
    let kept = value(&gateway, "SELECT transaction FROM rulegate.dead_letters").await;
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept, json!({"transaction_id": 7, "crud": crud}));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fatal_answer_leaves_before_its_letter_is_committed() {
    for pool in [1, 4] {
        let gateway = start("plain", |settings| {
            settings.limits.lock_timeout = Duration::from_millis(200);
            settings.database.pool = pool;
        })
        .await;
        let holder = connect(&gateway.database.uri).await;
        let lock = "BEGIN; LOCK TABLE rulegate.dead_letters IN ACCESS EXCLUSIVE MODE";
        holder.batch_execute(lock).await.unwrap();
        let answer = one(&gateway, "ann", json!([refused("a")])).await;
        assert_eq!(answer["status"], "retryable_error");
        assert!(answer["retry_after_ms"].as_u64().unwrap() > 0);
        // The device keeps one that it handles itself, and its letter is no less stored.
        let handled = json!([put("b", &json!({"age": 14}))]);
        let answer = one(&gateway, "ann", handled.clone()).await;
        assert_eq!(answer["status"], "retryable_error");
        holder.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(value(&gateway, COUNT).await, "0");
        let answer = one(&gateway, "ann", json!([refused("a")])).await;
        assert_eq!(answer["status"], "fatal_error");
        let answer = one(&gateway, "ann", handled).await;
        assert_eq!(answer["requires_client_handling"], true);
        assert_eq!(value(&gateway, COUNT).await, "2");
        assert_eq!(gateway.get("/readyz").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_letters_that_is_missing_is_the_operators_to_mend() {
    let gateway = start("plain", |_| ()).await;
    let breaks = [
        (
            "ALTER TABLE rulegate.dead_letters RENAME TO gone",
            "run `rulegate migrate`",
            "ALTER TABLE rulegate.gone RENAME TO dead_letters",
        ),
        (
            "ALTER TABLE rulegate.dead_letters RENAME COLUMN message TO gone",
            "run `rulegate migrate`",
            "ALTER TABLE rulegate.dead_letters RENAME COLUMN gone TO message",
        ),
    ];
    for (breaks, reason, mends) in breaks {
        assert_eq!(
            one(&gateway, "ann", json!([refused("a")])).await["status"],
            "fatal_error"
        );
        gateway.run(breaks).await;
        for _ in 0..2 {
            let answer = one(&gateway, "ann", json!([refused("a")])).await;
            assert_eq!(answer["status"], "retryable_error", "{breaks}");
        }
        gateway.says(reason).await;
        gateway.run(mends).await;
        let answer = one(&gateway, "ann", json!([refused("a")])).await;
        assert_eq!(answer["status"], "fatal_error", "{mends}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_transaction_is_one_letter_however_often_it_comes() {
    let gateway = start("plain", |_| ()).await;
    let all = (0..3).map(|_| one(&gateway, "ann", json!([refused("a")])));
    futures_util::future::join_all(all).await;
    for _ in 0..7 {
        one(&gateway, "ann", json!([refused("a")])).await;
    }
    let counts = "SELECT occurrences, last_seen > first_seen FROM rulegate.dead_letters";
    assert_eq!(rows(&gateway, counts).await, [["10", "t"]]);
    // Rules and refusals may be others by now: the newest ones count. A device that comes again opens what was discarded.
    gateway
        .run("UPDATE rulegate.dead_letters SET error_code = 'OLD', message = 'old', state = 'discarded', settled_at = now()")
        .await;
    let answer = one(&gateway, "ann", json!([refused("a")])).await;
    assert_eq!(answer["status"], "fatal_error", "{answer}");
    let letter = "SELECT occurrences, state, error_code, settled_at FROM rulegate.dead_letters";
    assert_eq!(
        rows(&gateway, letter).await,
        [["11", "open", "CHECK_VIOLATION", ""]]
    );
    // Another user's, another content: other letters.
    one(&gateway, "bob", json!([refused("a")])).await;
    one(&gateway, "ann", json!([refused("b")])).await;
    assert_eq!(value(&gateway, COUNT).await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_has_so_many_open_letters_and_no_more() {
    let gateway = start("plain", |settings| settings.dead_letters.per_subject = 2).await;
    let status = async |who: &str, name: &str| {
        one(&gateway, who, json!([refused(name)])).await["status"].clone()
    };
    assert_eq!(status("ann", "a").await, "fatal_error");
    assert_eq!(status("ann", "b").await, "fatal_error");
    assert_eq!(status("ann", "c").await, "retryable_error");
    assert_eq!(status("ann", "c").await, "retryable_error");
    // What is there already may always be renewed, and another subject has room of its own.
    assert_eq!(status("ann", "a").await, "fatal_error");
    assert_eq!(status("bob", "c").await, "fatal_error");
    assert_eq!(gateway.get("/readyz").await.status, 200);
    gateway
        .run("UPDATE rulegate.dead_letters SET state = 'discarded', settled_at = now() WHERE subject = 'ann' AND occurrences = 2")
        .await;
    assert_eq!(status("ann", "c").await, "fatal_error");
    assert_eq!(status("ann", "d").await, "retryable_error");
    let open = "SELECT subject, count(*) FROM rulegate.dead_letters WHERE state = 'open' GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&gateway, open).await, [["ann", "2"], ["bob", "1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jsonb_cannot_hold_is_kept_as_bytes() {
    let gateway = start("plain", |settings| {
        settings.batch.on_fatal_error = OnFatalError::Skip;
    })
    .await;
    let values = [
        (r#""\u0000""#, "f"),
        (r#""\ud800""#, "f"),
        ("1e999999", "f"),
        ("1e70000", "f"),
        (r#""\u00e9 é €""#, "t"),
        ("12345678901234567890.123456789", "t"),
    ];
    for (position, (sent, is_json)) in values.into_iter().enumerate() {
        let crud = format!(
            r#"[{{"op":"PUT","table":"people","id":"{}","op_data":{{"age":300,"size":{sent}}}}}]"#,
            id(&position.to_string())
        );
        let body = format!(r#"{{"transactions":[{{"transaction_id":{position},"crud":{crud}}}]}}"#);
        let answer = gateway.send("POST", &json!({"sub": "ann"}), &body).await;
        let result = &answer.body["results"][0];
        assert_eq!(result["status"], "fatal_error", "{sent}: {result}");
        let letter = format!(
            "SELECT transaction IS NOT NULL, encode(transaction_bytes, 'escape') FROM rulegate.dead_letters WHERE transaction_id = '{position}'"
        );
        let found = rows(&gateway, &letter).await;
        assert_eq!(found[0][0], is_json, "{sent}");
        if is_json == "f" {
            // `escape` doubles backslashes, and nothing else of ASCII.
            let wanted = format!(r#"{{"transaction_id":{position},"crud":{crud}}}"#);
            assert_eq!(found[0][1], wanted.replace('\\', "\\\\"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_few_characters_holds_every_letter() {
    let script = format!("{SCHEMA}; {}", rulegate::journal::ddl());
    let database = Arc::new(Fresh::in_latin1(&script).await);
    let gateway = Gateway::over(database, &rules("plain"), |_| ()).await;
    // The first is of Latin 1, the others are not; the last one's message is not either.
    for (name, age, is_json) in [("é", 300, true), ("€", 300, false), ("x", 14, false)] {
        let entry = json!([put(name, &json!({"name": name, "age": age}))]);
        let answer = one(&gateway, "ann", entry.clone()).await;
        assert_eq!(answer["status"], "fatal_error", "{name}: {answer}");
        let letter = "SELECT transaction IS NOT NULL, encode(transaction_bytes, 'hex'), message FROM rulegate.dead_letters ORDER BY id DESC LIMIT 1";
        let found = rows(&gateway, letter).await;
        assert_eq!(found[0][0] == "t", is_json, "{name}");
        if !is_json {
            let hex = found[0][1].as_bytes().chunks(2);
            let bytes = hex.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16));
            let bytes: Vec<u8> = bytes.map(Result::unwrap).collect();
            let kept: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(kept["crud"], entry, "{name}");
        }
        if age == 14 {
            assert_eq!(found[0][2], "not yet: 5 ?");
            assert_eq!(answer["message"], "not yet: 5 €");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_and_every_size_is_kept_in_one_form() {
    let gateway = start("plain", |settings| {
        settings.limits.transaction_operations_max = 2;
    })
    .await;
    let ann = json!({"sub": "ann"});
    let data = json!({"id": id("a"), "age": 300});
    let one = json!({"table": "people", "data": data}).to_string();
    let batch =
        json!({"batch": [{"op": "PUT", "table": "people", "id": id("b"), "data": {"age": 300}}]});
    for (method, body) in [("PUT", one), ("POST", batch.to_string())] {
        let answer = gateway.send(method, &ann, &body).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(answer.body["code"], "CHECK_VIOLATION");
    }
    let many: Vec<Value> = (0..3)
        .map(|n| put(&n.to_string(), &json!({"age": n})))
        .collect();
    let large = json!({"transactions": [{"transaction_id": 3, "crud": many}]}).to_string();
    let answer = gateway.send("POST", &ann, &large).await;
    let failed = &answer.body["results"][0]["failed_operation"];
    assert_eq!(failed["error_code"], "TRANSACTION_TOO_LARGE");
    let kept = rows(
        &gateway,
        "SELECT transaction FROM rulegate.dead_letters ORDER BY id",
    )
    .await;
    let kept: Vec<Value> = kept
        .iter()
        .map(|row| serde_json::from_str(&row[0]).unwrap())
        .collect();
    let wanted = [
        json!({"crud": [{"op": "PUT", "table": "people", "id": id("a"), "op_data": data}]}),
        json!({"crud": [{"op": "PUT", "table": "people", "id": id("b"), "op_data": {"age": 300}}]}),
        json!({"transaction_id": 3, "crud": many}),
    ];
    assert_eq!(kept, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_a_batch_has_its_letter_and_what_was_not_attempted_has_none() {
    for (rule, count) in [(OnFatalError::Stop, "1"), (OnFatalError::Skip, "2")] {
        let gateway = start("plain", |settings| settings.batch.on_fatal_error = rule).await;
        let transactions: Vec<Value> = [
            put("a", &json!({"age": 1})),
            refused("b"),
            refused("c"),
            put("d", &json!({"age": 2})),
        ]
        .into_iter()
        .enumerate()
        .map(|(position, entry)| json!({"transaction_id": position, "crud": [entry]}))
        .collect();
        let results = send(&gateway, "ann", &transactions).await;
        assert_eq!(results[1]["status"], "fatal_error");
        assert_eq!(value(&gateway, COUNT).await, count, "{rule:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_transaction_is_applied_later_is_settled_and_pruned() {
    let gateway = start("plain", |_| ()).await;
    let store = gateway.database.store(1);
    one(&gateway, "ann", json!([refused("a")])).await;
    one(&gateway, "ann", json!([refused("b")])).await;
    assert!(!letters::settle(&store).await.unwrap());
    assert_eq!(letters::open_count(&store).await.unwrap(), 2);
    gateway
        .run("ALTER TABLE people DROP CONSTRAINT people_age_check")
        .await;
    assert_eq!(
        one(&gateway, "ann", json!([refused("a")])).await["status"],
        "success"
    );
    assert!(!letters::settle(&store).await.unwrap());
    assert_eq!(letters::open_count(&store).await.unwrap(), 1);
    let states = "SELECT state, settled_at IS NULL FROM rulegate.dead_letters ORDER BY id";
    assert_eq!(
        rows(&gateway, states).await,
        [["resolved_by_client", "f"], ["open", "t"]]
    );
    // Open letters stay, however old they are.
    gateway
        .run("UPDATE rulegate.dead_letters SET first_seen = first_seen - interval '1 year', last_seen = last_seen - interval '1 year'")
        .await;
    let hour = Duration::from_hours(1);
    assert!(!letters::prune(&store, hour).await.unwrap());
    assert_eq!(value(&gateway, COUNT).await, "2");
    gateway
        .run("UPDATE rulegate.dead_letters SET settled_at = settled_at - interval '2 hours'")
        .await;
    assert!(!letters::prune(&store, hour).await.unwrap());
    assert_eq!(rows(&gateway, states).await, [["open", "t"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_and_pruning_go_batch_by_batch() {
    let gateway = start("plain", |_| ()).await;
    let store = gateway.database.store(1);
    let many = "INSERT INTO rulegate.dead_letters (key, subject, claims, client, error_code, message, rules_version, tables, operations, is_whole, transaction)
        SELECT gen_random_uuid(), 'ann', '{}', 'phone', 'X', 'x', 'x', 'x', 1, true, '{}' FROM generate_series(1, 1001);
        INSERT INTO rulegate.applied SELECT key, now() FROM rulegate.dead_letters";
    gateway.run(many).await;
    assert!(letters::settle(&store).await.unwrap());
    assert_eq!(letters::open_count(&store).await.unwrap(), 1);
    assert!(!letters::settle(&store).await.unwrap());
    assert!(letters::prune(&store, Duration::ZERO).await.unwrap());
    assert!(!letters::prune(&store, Duration::ZERO).await.unwrap());
    assert_eq!(value(&gateway, COUNT).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_entry_older_than_the_letter_is_of_another_transaction() {
    let gateway = start("plain", |_| ()).await;
    let store = gateway.database.store(1);
    one(&gateway, "ann", json!([refused("a")])).await;
    let entry = "INSERT INTO rulegate.applied SELECT key, last_seen - interval '1 hour' FROM rulegate.dead_letters";
    gateway.run(entry).await;
    letters::settle(&store).await.unwrap();
    assert_eq!(letters::open_count(&store).await.unwrap(), 1);
    // A client with an id of its own never counts twice.
    gateway
        .run("UPDATE rulegate.dead_letters SET client = 'phone'")
        .await;
    letters::settle(&store).await.unwrap();
    assert_eq!(letters::open_count(&store).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sensitive_columns_are_sealed_or_left_out() {
    let gateway = start("sensitive", |_| ()).await;
    let data = json!({"age": 300, "ssn": "s3cr3t-ssn", "pin": "s3cr3t-pin", "email": "kept"});
    let entry = json!({"op": "PUT", "table": "people", "id": id("a"), "op_data": data,
        "previous_values": {"ssn": null, "pin": "s3cr3t-pin", "email": "kept"}});
    one(&gateway, "ann", json!([entry])).await;
    let letter = "SELECT key, transaction, is_whole FROM rulegate.dead_letters";
    let found = rows(&gateway, letter).await;
    assert!(!found[0][1].contains("s3cr3t"), "{found:?}");
    assert_eq!(found[0][2], "f");
    let kept: Value = serde_json::from_str(&found[0][1]).unwrap();
    let kept = &kept["crud"][0];
    let sealed = kept["op_data"]["ssn"]["sealed"].as_str().unwrap();
    assert!(sealed.starts_with(&seal::key_name(&[7; 32])), "{sealed}");
    assert_eq!(
        (&kept["op_data"]["age"], &kept["op_data"]["email"]),
        (&json!(300), &json!("kept"))
    );
    assert!(kept["op_data"].get("pin").is_none() && kept["previous_values"].get("pin").is_none());
    assert!(kept["previous_values"]["ssn"]["sealed"].is_string());
    // The older shape names its columns otherwise.
    let one = json!({"table": "people", "data": {"id": id("b"), "age": 300, "ssn": "s3cr3t-ssn", "pin": "s3cr3t-pin"}});
    let answer = gateway
        .send("PUT", &json!({"sub": "ann"}), &one.to_string())
        .await;
    assert_eq!(answer.status, 400);
    let dump = "SELECT l::text FROM rulegate.dead_letters l";
    for row in rows(&gateway, dump).await {
        assert!(!row[0].contains("s3cr3t"), "{row:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_renewed_is_masked_by_the_newest_rules() {
    let gateway = start("plain", |_| ()).await;
    let entry = json!([put("a", &json!({"age": 300, "pin": "s3cr3t-pin"}))]);
    one(&gateway, "ann", entry.clone()).await;
    let has_pin = "SELECT occurrences, is_whole, transaction::text LIKE '%s3cr3t-pin%' FROM rulegate.dead_letters";
    assert_eq!(rows(&gateway, has_pin).await, [["1", "t", "t"]]);
    let gateway = gateway.restarted(&rules("sensitive"), |_| ()).await;
    one(&gateway, "ann", entry).await;
    assert_eq!(rows(&gateway, has_pin).await, [["2", "f", "f"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_may_quote_a_sensitive_column_are_not_kept() {
    let gateway = start("sensitive", |settings| {
        settings.batch.on_fatal_error = OnFatalError::Skip;
    })
    .await;
    for (age, code) in [(13, "unlucky"), (66, "UNCLASSIFIED_ERROR")] {
        let entry = put(code, &json!({"name": "s3cr3t-name", "age": age}));
        let answer = one(&gateway, "ann", json!([entry])).await;
        // The author let the app itself see it.
        assert!(answer["message"].as_str().unwrap().contains("s3cr3t-name"));
        let letter =
            format!("SELECT l::text FROM rulegate.dead_letters l WHERE error_code = '{code}'");
        let found = value(&gateway, &letter).await;
        assert!(!found.contains("s3cr3t"), "{found}");
    }
}

const REJECTIONS: &str =
    r#"SELECT user_id, "table", row_id, code, field, message FROM upload_rejections ORDER BY code"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_written_to_the_apps_own_table_once() {
    let gateway = start("rejections", |settings| {
        settings.limits.transaction_operations_max = 2;
    })
    .await;
    let entry = json!([
        put("a", &json!({"age": 1})),
        put("b", &json!({"name": "x", "age": 13}))
    ]);
    for _ in 0..2 {
        one(&gateway, "ann", entry.clone()).await;
    }
    let many: Vec<Value> = (0..3).map(|n| refused(&n.to_string())).collect();
    one(&gateway, "bob", json!(many)).await;
    let wanted = [
        [
            "bob",
            "",
            "",
            "TRANSACTION_TOO_LARGE",
            "",
            "3 operations are more than 2 in one transaction",
        ]
        .map(ToOwned::to_owned),
        ["ann", "people", &id("b"), "unlucky", "age", "not 13 for x"].map(ToOwned::to_owned),
    ];
    assert_eq!(rows(&gateway, REJECTIONS).await, wanted);
    let same =
        "SELECT count(*) FROM upload_rejections r JOIN rulegate.dead_letters l ON r.id = l.key";
    assert_eq!(value(&gateway, same).await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_cannot_be_written_there_is_held_back_with_its_letter() {
    let gateway = start("rejections", |_| ()).await;
    gateway
        .run("ALTER TABLE upload_rejections ADD CHECK (code <> 'CHECK_VIOLATION')")
        .await;
    let answer = one(&gateway, "ann", json!([refused("a")])).await;
    assert_eq!(answer["status"], "retryable_error");
    gateway.says("the table of `rejections`").await;
    assert_eq!(value(&gateway, COUNT).await, "0");
    gateway
        .run("ALTER TABLE upload_rejections DROP CONSTRAINT upload_rejections_code_check")
        .await;
    assert_eq!(
        one(&gateway, "ann", json!([refused("a")])).await["status"],
        "fatal_error"
    );
}

/// `rulegate dead-letters` on the database of a gateway.
fn run(gateway: &Gateway, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rulegate"))
        .arg("dead-letters")
        .args(words)
        .args(["--rules", "tests/cases/letters/sensitive"])
        .env("DATABASE_URL", &gateway.database.uri)
        .env("RULEGATE_DEAD_LETTERS_KEY", LETTERS_KEY)
        .env_remove("JWKS_URI")
        .output()
        .unwrap()
}

fn said(gateway: &Gateway, words: &[&str]) -> String {
    let output = run(gateway, words);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{words:?}: {out}{err}");
    out.into_owned()
}

fn fails(gateway: &Gateway, words: &[&str], reason: &str) {
    let output = run(gateway, words);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words:?}: {err}");
    assert!(err.contains(reason), "{words:?}: {err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_shows_discards_and_exports() {
    let gateway = start("sensitive", |_| ()).await;
    assert_eq!(said(&gateway, &["list"]), "No letters.\n");
    assert_eq!(said(&gateway, &["export"]), "\n".repeat(0));
    let data = json!({"age": 300, "ssn": "s3cr3t-ssn", "pin": "s3cr3t-pin", "email": "known"});
    one(&gateway, "ann", json!([put("a", &data)])).await;
    one(&gateway, "bob", json!([refused("b"), refused("c")])).await;
    one(&gateway, "bob", json!([put("d", &json!({"age": 13}))])).await;

    let list = said(&gateway, &["list"]);
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[0].starts_with("ID  STATE"), "{list}");
    // The newest first.
    assert!(
        lines[1].starts_with("3   open   unlucky")
            && lines[3].starts_with("1   open   CHECK_VIOLATION  ann"),
        "{list}"
    );
    assert!(!list.contains("known") && !list.contains("300"), "{list}");
    assert!(said(&gateway, &["list", "--limit", "1"]).contains("and 2 more"));
    let filters: [(&[&str], usize); 4] = [
        (&["--subject", "bob"], 2),
        (&["--code", "unlucky"], 1),
        (&["--state", "discarded"], 0),
        (&["--subject", "ann", "--code", "unlucky"], 0),
    ];
    for (filter, count) in filters {
        let json = said(&gateway, &[&["list", "--json"], filter].concat());
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json.as_array().unwrap().len(), count, "{filter:?}: {json}");
        let lines = said(&gateway, &[&["export"], filter].concat());
        assert_eq!(lines.lines().count(), count, "{filter:?}: {lines}");
    }

    let shown = said(&gateway, &["show", "1"]);
    assert!(
        shown.contains("\"known\"") && shown.contains("sealed") && !shown.contains("s3cr3t"),
        "{shown}"
    );
    let shown = said(&gateway, &["show", "1", "--reveal"]);
    assert!(
        shown.contains("\"ssn\": \"s3cr3t-ssn\"") && !shown.contains("s3cr3t-pin"),
        "{shown}"
    );
    fails(&gateway, &["show", "9"], "there is no letter 9");
    fails(&gateway, &["replay", "1", "--force"], "not supported yet");

    let first = |words: &[&str]| -> Value {
        serde_json::from_str(said(&gateway, words).lines().next().unwrap()).unwrap()
    };
    let letter = first(&["export", "--reveal"]);
    assert_eq!(
        (
            &letter["subject"],
            &letter["claims"]["sub"],
            &letter["is_whole"]
        ),
        (&json!("ann"), &json!("ann"), &json!(false))
    );
    assert_eq!(
        letter["transaction"]["crud"][0]["op_data"]["ssn"],
        "s3cr3t-ssn"
    );
    assert!(first(&["export"])["transaction"]["crud"][0]["op_data"]["ssn"]["sealed"].is_string());

    // One that was applied since is not open any more, whether or not it was marked.
    gateway.run("INSERT INTO rulegate.applied SELECT key, now() FROM rulegate.dead_letters WHERE id = 2").await;
    assert_eq!(
        said(&gateway, &["discard", "1", "2"]),
        "1: discarded\n2: left as it is, resolved_by_client\n"
    );
    fails(&gateway, &["discard", "1", "9"], "there is no letter 9");
    assert_eq!(
        said(&gateway, &["discard", "--all", "--code", "unlucky"]),
        "1 open letter with unlucky discarded\n"
    );
    assert_eq!(run(&gateway, &["discard", "--all"]).status.code(), Some(2));
    assert_eq!(run(&gateway, &["discard"]).status.code(), Some(2));
    let states = "SELECT state FROM rulegate.dead_letters ORDER BY id";
    assert_eq!(
        rows(&gateway, states).await,
        [["discarded"], ["open"], ["discarded"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_for_operators_can_be_typed_as_it_stands() {
    let page = std::fs::read_to_string("docs/dead-letters.md").unwrap();
    let blocks = |language: &str| -> Vec<String> {
        let fence = format!("```{language}\n");
        let parts = page.split(&fence).skip(1);
        parts
            .map(|part| part.split("```").next().unwrap().to_owned())
            .collect()
    };
    // The documented table in place of the tests' own one.
    let script = format!("{SCHEMA}; DROP TABLE upload_rejections");
    let database = Arc::new(Fresh::migrated(&script).await);
    for statements in blocks("sql") {
        database.client.batch_execute(&statements).await.unwrap();
    }
    assert_eq!(blocks("sql").len(), 2);
    let gateway = Gateway::over(database, &rules("rejections"), |_| ()).await;
    one(&gateway, "ann", json!([refused("a")])).await;
    let found = value(&gateway, "SELECT code FROM upload_rejections").await;
    assert_eq!(found, "CHECK_VIOLATION");
    let commands = blocks("sh");
    let commands = commands[0]
        .lines()
        .filter_map(|line| line.strip_prefix("rulegate dead-letters "));
    for command in commands {
        let words: Vec<&str> = command
            .split(['#', '>'])
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let output = run(&gateway, &words);
        let err = String::from_utf8_lossy(&output.stderr);
        // There is one letter, whose number is another.
        assert!(
            output.status.success() || err.contains("there is no letter"),
            "{command}: {err}"
        );
    }
}
