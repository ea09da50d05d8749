//! One pointer: what an upload began with decides it to its end, and a reload is as good as a fresh start.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use rulegate::reload::{Edition, Snapshot};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::gateway::{Answer, Gateway, exchange, load_unchecked};
use crate::reload::folder::{Folder, SCHEMA, table};
use crate::reload::load::request;
use crate::reload::{House, PROMPT, TOLD};

/// Asks the operators' listener to look at the folder.
async fn reload(gateway: &Gateway) -> Answer {
    let text = "POST /reload HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    exchange(gateway.admin, text).await
}

async fn status(gateway: &Gateway) -> Value {
    let text = "GET /status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    exchange(gateway.admin, text).await.body
}

async fn metrics(gateway: &Gateway) -> String {
    let text = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let body = exchange(gateway.admin, text).await.body;
    body.as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_can_force_a_look_and_hears_what_came_of_it() {
    // Nothing tells of edits here, and no poll comes in time.
    let house = House::with(Folder::new("forced"), TOLD, false).await;
    let version = house.folder.edit(2, 2);
    let answer = reload(&house.gateway).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["version"], version);
    let words = answer.body["reload"]["last"]["changes"].to_string();
    assert!(
        words.contains("`edition` now preset on create to `2`"),
        "{words}"
    );

    house
        .folder
        .write("pears.yaml", "version: 1\ntabel: pears\n");
    let answer = reload(&house.gateway).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert_eq!(answer.body["version"], version);
    let failing = status(&house.gateway).await["rules"]["reload"]["failing"].clone();
    let problems = failing["problems"].as_str().unwrap_or_default();
    assert!(problems.contains("pears.yaml:2:1"), "{failing}");

    let counted = metrics(&house.gateway).await;
    for line in [
        "rulegate_reloads_total{result=\"success\"}",
        "rulegate_reloads_total{result=\"failure\"}",
        "rulegate_reload_failing ",
        "rulegate_closed_tables ",
    ] {
        assert!(counted.contains(line), "{line} is missing in {counted}");
    }

    house.folder.edit(2, 2);
    assert_eq!(reload(&house.gateway).await.status, 200);
    assert!(status(&house.gateway).await["rules"]["reload"]["failing"].is_null());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_goes_only_where_somebody_says_so() {
    let folder = Folder::new("gone");
    let gateway = Gateway::watching(SCHEMA, &folder.rules, TOLD, false).await;
    std::fs::remove_file(folder.path("pears.yaml")).unwrap();
    // The first look is nobody's wish, and finds that a file is gone.
    assert_eq!(reload(&gateway).await.status, 200);
    assert!(
        gateway
            .current
            .snapshot()
            .unwrap()
            .plan
            .table("pears")
            .is_none()
    );
    let last = status(&gateway).await["rules"]["reload"]["last"].to_string();
    assert!(last.contains("pears: no longer open to uploads"), "{last}");
}

/// Holds a row so that an upload has to wait in the middle; then the rules are edited, and the row is let go.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_began_under_old_rules_ends_under_them_though_the_catalogue_is_read_again() {
    let schema =
        "CREATE TABLE apples (id uuid PRIMARY KEY, n int, extra int, edition int NOT NULL);
                  CREATE TABLE pears (id uuid PRIMARY KEY, n int, edition int NOT NULL);";
    let folder = Folder::new("across");
    let gateway = Gateway::watching(schema, &folder.rules, TOLD, true).await;
    let old = folder.version();
    let (held, after) = (Uuid::new_v4(), Uuid::new_v4());
    gateway
        .run(&format!(
            "BEGIN; INSERT INTO apples (id, edition) VALUES ('{held}', 0)"
        ))
        .await;
    let put = |id: Uuid, data: Value| json!({"crud": [{"op": "PUT", "table": "apples", "id": id.to_string(), "op_data": data}]});
    // No number for the old rules: a fatal answer, which waits for a fresh reading of the catalogue. The new rules do not look at it.
    let body =
        json!({"transactions": [put(held, json!({"n": 1})), put(after, json!({"n": "many"}))]});
    let token = gateway.token(&json!({"sub": "ann"}));
    let text = request(&token, &body.to_string());
    let (address, began) = (gateway.public, Instant::now());
    let sent = tokio::spawn(async move { exchange(address, &text).await });
    sleep(Duration::from_millis(300)).await;

    let ignoring = table("apples", 2).replace("{ n: }", "{ extra: }\nignore: [n]");
    folder.write("apples.yaml", ignoring);
    while *gateway.current.edition().version == *old {
        assert!(began.elapsed() < PROMPT);
        sleep(Duration::from_millis(10)).await;
    }
    gateway.run("ROLLBACK").await;
    let answer = sent.await.unwrap();
    assert_eq!(answer.rules_version, old);
    let results = &answer.body["results"];
    assert_eq!(results[0]["status"], "success", "{results}");
    assert_eq!(
        results[1]["failed_operation"]["error_code"], "INVALID_DATA",
        "{results}"
    );
    let rows = gateway
        .database
        .texts(&format!("SELECT edition FROM apples WHERE id = '{held}'"))
        .await;
    assert_eq!(rows, [[Some("1".to_owned())]]);
    // What was read for the old rules did not bring them back.
    assert_ne!(*gateway.current.edition().version, *old);
    let body = json!({"transactions": [put(Uuid::new_v4(), json!({"n": "many"}))]}).to_string();
    let next = gateway.send("POST", &json!({"sub": "ann"}), &body).await;
    assert_eq!(next.body["results"][0]["status"], "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_decides_comes_with_its_rules() {
    let folder = Folder::new("setting");
    let gateway = Gateway::watching(SCHEMA, &folder.rules, TOLD, false).await;
    let put = |data: Value| json!({"crud": [{"op": "PUT", "table": "apples", "id": Uuid::new_v4().to_string(), "op_data": data}]});
    let body =
        || json!({"transactions": [put(json!({"nobody": 1})), put(json!({"n": 1}))]}).to_string();
    let ann = json!({"sub": "ann"});
    let project = std::fs::read_to_string(folder.path("rulegate.yaml")).unwrap();
    for (setting, wanted) in [("stop", "not_attempted"), ("skip", "success")] {
        folder.write(
            "rulegate.yaml",
            format!("{project}batch: {{ on_fatal_error: {setting} }}\n"),
        );
        assert_eq!(reload(&gateway).await.status, 200);
        let answer = gateway.send("POST", &ann, &body()).await;
        assert_eq!(answer.rules_version, *gateway.current.edition().version);
        let results = &answer.body["results"];
        assert_eq!(results[0]["status"], "fatal_error", "{setting}: {results}");
        assert_eq!(results[1]["status"], wanted, "{setting}: {results}");
    }
}

/// One edit of one file: which table, and what it says afterwards.
fn edits() -> impl Strategy<Value = Vec<(bool, String)>> {
    let edit = (any::<bool>(), 1..4_u32, 0..6_usize).prop_map(|(is_apples, edition, twist)| {
        let text = table(if is_apples { "apples" } else { "pears" }, edition);
        let text = match twist {
            0 => text.replace("{ n: }", "{ n: { immutable: true } }"),
            1 => text.replace("create: \"true\"", "write: auth.sub == 'ann'"),
            2 => text.replace("columns", "colums"),
            3 => text.replace("edition:", "edision:"),
            4 => text + "# the end\n",
            _ => text,
        };
        (is_apples, text)
    });
    prop::collection::vec(edit, 1..4)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_equals_a_fresh_start() {
    let folder = Folder::new("law");
    let gateway = Gateway::watching(SCHEMA, &folder.rules, TOLD, false).await;
    let catalog = gateway.database.store(1).introspect().await.unwrap();
    let mut runner = TestRunner::deterministic();
    let mut taken = 0;
    for _ in 0..12 {
        for (is_apples, text) in edits().new_tree(&mut runner).unwrap().current() {
            let file = if is_apples {
                "apples.yaml"
            } else {
                "pears.yaml"
            };
            folder.write(file, text);
        }
        let before = gateway.current.snapshot().unwrap();
        let answer = reload(&gateway).await;
        let now = gateway.current.snapshot().unwrap();
        if let Some(fresh) = fresh(&folder, &gateway, &catalog) {
            taken += 1;
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(now.version(), fresh.version());
            assert_eq!(now.plan.text(), fresh.plan.text());
            assert_eq!(now.plan.digest(), fresh.plan.digest());
        } else {
            assert_eq!(answer.status, 422, "{}", answer.body);
            assert_eq!(now.version(), before.version());
        }
    }
    assert!((3..12).contains(&taken), "{taken} of 12 were taken");
}

/// What a process that starts now would have in force.
fn fresh(
    folder: &Folder,
    gateway: &Gateway,
    catalog: &rulegate::catalog::Catalog,
) -> Option<Snapshot> {
    let loading = load_unchecked(&folder.rules, &gateway.database.uri);
    if loading.problems.has_errors() {
        return None;
    }
    let edition = Arc::new(Edition::of(loading));
    Snapshot::compile(edition, catalog, Instant::now()).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_edits_of_which_five_are_broken_fail_no_request_and_each_is_explained_at_once() {
    let house = House::with(
        Folder::new("twenty"),
        rulegate::reload::Patience::default(),
        true,
    )
    .await;
    for edition in 2..22 {
        let began = Instant::now();
        if edition % 4 == 0 {
            let key = format!("allow{edition}");
            let broken = table("apples", edition).replace("allow", &key);
            house.folder.write("apples.yaml", broken);
            house.fails_for(&format!("unknown key `{key}`")).await;
        } else {
            let version = house.folder.edit(edition, edition);
            house.is_in_force(&version).await;
        }
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
    }
    house.close().await;
}
