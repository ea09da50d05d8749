//! Uploads over a real socket, against a real database: stories told as data in `tests/cases/uploads`.
//!
//! A story is a folder: `schema.sql`, `rules/` (the starter's stand in the project's own `rules/`), and `steps.json`. In any text of a
//! story `@name` stands for a uuid of its own, and `HALF` for half a surrogate pair. A step runs `sql`, or sends `transactions` as a user and holds the answer against
//! `results`; then each statement under `rows` must give those rows.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::gateway::Gateway;
use crate::postgres::Fresh;

/// The uuid that a name stands for.
pub fn id(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    Uuid::from_slice(&digest[..16]).unwrap().to_string()
}

/// The text with every `@name` replaced.
pub fn with_ids(text: &str) -> String {
    let mut parts = text.split('@');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(part.len());
        out.push_str(&id(&part[..end]));
        out.push_str(&part[end..]);
    }
    out
}

/// An entry of `crud` from its short form: `{"PUT": "lists/@l1", "data": {…}}`, other members as they are.
pub fn entry(short: &Value) -> Value {
    let mut entry = json!({});
    for (name, value) in short.as_object().unwrap() {
        match name.as_str() {
            "PUT" | "PATCH" | "DELETE" => {
                let (table, id) = value.as_str().unwrap().split_once('/').unwrap();
                entry["op"] = json!(name);
                entry["table"] = json!(table);
                entry["id"] = json!(id);
            }
            "data" => entry["op_data"] = value.clone(),
            _ => entry[name] = value.clone(),
        }
    }
    entry
}

/// What a result must hold: `"success"`, `"retryable_error"`, a code with the index of its operation (`"UNAUTHORIZED#1"`, `#-` for none), or members.
pub fn wanted(short: &Value) -> Value {
    let Some(word) = short.as_str() else {
        return short.clone();
    };
    match word.split_once('#') {
        Some((code, "-")) => fatal(code, &Value::Null),
        Some((code, index)) => fatal(code, &json!(index.parse::<u64>().unwrap())),
        None => json!({"status": word}),
    }
}

fn fatal(code: &str, index: &Value) -> Value {
    json!({
        "status": "fatal_error", "requires_client_handling": false,
        "failed_operation": {"error_code": code, "operation_index": index},
    })
}

/// Whether `actual` has everything that `wanted` has; null means absent.
pub fn holds(actual: Option<&Value>, wanted: &Value) -> bool {
    match (actual, wanted) {
        (None, Value::Null) => true,
        (Some(Value::Object(actual)), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, value)| holds(actual.get(name), value)),
        (Some(Value::Array(actual)), Value::Array(wanted)) => {
            actual.len() == wanted.len()
                && actual.iter().zip(wanted).all(|(a, w)| holds(Some(a), w))
        }
        (Some(actual), wanted) => actual == wanted,
        (None, _) => false,
    }
}

/// Plays a story.
async fn check(story: &str, rules: Option<&Path>) {
    let folder = PathBuf::from("tests/cases/uploads").join(story);
    let own = folder.join("rules");
    let rules = rules.unwrap_or(&own);
    let schema = ["schema.sql", "../schema.sql"]
        .iter()
        .map(|name| rules.join(name))
        .find(|path| path.exists())
        .unwrap();
    let schema = std::fs::read_to_string(schema).unwrap();
    let gateway = Gateway::start(&schema, rules).await;
    let steps = std::fs::read_to_string(folder.join("steps.json")).unwrap();
    let steps: Value = serde_json::from_str(&with_ids(&steps)).unwrap();
    for step in steps.as_array().unwrap() {
        play(&gateway, story, step).await;
    }
}

async fn play(gateway: &Gateway, story: &str, step: &Value) {
    let name = step["step"].as_str().unwrap();
    if let Some(sql) = step["sql"].as_str() {
        gateway.database.client.batch_execute(sql).await.unwrap();
    }
    if let Some(transactions) = step["transactions"].as_array() {
        let body = body(transactions).to_string();
        let body = body.replace("HALF", "\\ud800");
        let answer = gateway.send("POST", &step["as"], &body).await;
        assert_eq!(answer.status, 200, "{story}: {name}: {}", answer.body);
        let answer = answer.body;
        assert!(
            !answer.to_string().contains("no client may see"),
            "{answer}"
        );
        let results = answer["results"]
            .as_array()
            .unwrap_or_else(|| panic!("{story}: {name}: {answer}"));
        let wanted: Vec<Value> = step["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(wanted)
            .collect();
        assert!(
            holds(
                Some(&Value::Array(results.clone())),
                &Value::Array(wanted.clone())
            ),
            "{story}: {name}:\n  got  {}\n  want {}",
            Value::Array(results.clone()),
            Value::Array(wanted)
        );
    }
    for (sql, rows) in step["rows"].as_object().into_iter().flatten() {
        let found = gateway.database.texts(sql).await;
        assert_eq!(&json!(found), rows, "{story}: {name}: {sql}");
    }
}

fn body(transactions: &[Value]) -> Value {
    let transactions: Vec<Value> = transactions
        .iter()
        .enumerate()
        .map(|(position, crud)| {
            let crud: Vec<Value> = crud.as_array().unwrap().iter().map(entry).collect();
            json!({"transaction_id": position + 1, "crud": crud})
        })
        .collect();
    json!({ "transactions": transactions })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_starter_rules_tell_their_story() {
    check("starter", Some(Path::new("rules"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_does_what_the_contract_says() {
    check("operations", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_arrive_exactly() {
    check("values", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presets_are_never_taken_from_the_app() {
    check("presets", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_database_are_answered_by_the_table() {
    check("database", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_the_table_of_sqlstates_has_its_answer() {
    check("sqlstates", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_stops_at_a_refusal() {
    check("stop", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_on_where_the_settings_say_skip() {
    check("skip", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_the_app_can_act_on() {
    check("checks", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_check_sees_each_touched_row_before_and_after() {
    check("deferred", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_do_not_know_may_wait_for_newer_ones() {
    check("unknown", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_see_the_whole_new_row_and_spare_what_was_bad_before() {
    check("schemas", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guards_add_up() {
    check("guards", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_database_cannot_read_or_finds_twice_is_nobodys() {
    check("keys", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_that_a_collation_takes_for_a_key_is_that_row() {
    let tried = Fresh::with("").await;
    let icu = "CREATE COLLATION icu (provider = icu, locale = 'und')";
    if tried.client.batch_execute(icu).await.is_err() {
        eprintln!("this Postgres is built without ICU, so collations are not tried");
        return;
    }
    check("collations", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_takes_over_a_write_once() {
    check("triggers", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_sent_unchanged_need_no_cover() {
    check("elements", None).await;
}
