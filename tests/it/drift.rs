//! The database changes while uploads run: only what a change touches waits, nothing is refused for good, and what is undone is mended.
//!
//! `tests/cases/drift/changes.json` holds the changes: the statements, the tables that they close, and what undoes them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rulegate::catalog::{Catalog, Table};
use rulegate::plan::{self, Plan, TablePlan};
use rulegate::rules::RuleSet;
use rulegate::settings::OnSchemaDrift;
use rulegate::vocabulary::problem::Problems;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep};
use uuid::Uuid;

use crate::gateway::{Gateway, exchange, load};
use crate::postgres::Fresh;
use crate::reload::request;
use crate::uploads::id;

/// The tables that are uploaded to.
const TABLES: [&str; 3] = ["items", "notes", "plans"];
/// Time between two uploads of a client.
const PAUSE: Duration = Duration::from_millis(25);
/// A change is noticed, or seen undone, within this time.
const PROMPT: Duration = Duration::from_secs(10);
/// The note that items lead to.
const NOTE: &str = "the note";

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new("tests/cases/drift").join(file)).unwrap()
}

async fn start() -> Gateway {
    Gateway::start(&read("schema.sql"), Path::new("tests/cases/drift/rules")).await
}

/// Uploads that run at a steady rate, one client for each table.
struct Load {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Told>>>,
}

/// What one upload was told.
#[derive(Debug)]
struct Told {
    table: &'static str,
    id: String,
    at: Instant,
    result: Value,
}

impl Load {
    fn start(gateway: &Gateway) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let token = gateway.token(&json!({"sub": "ann"}));
        let client = |table| client(gateway.public, token.clone(), table, is_over.clone());
        Self {
            clients: TABLES.map(|table| tokio::spawn(client(table))).into(),
            is_over,
        }
    }

    async fn end(self) -> Vec<Told> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for client in self.clients {
            all.extend(client.await.unwrap());
        }
        all
    }
}

async fn client(
    address: SocketAddr,
    token: String,
    table: &'static str,
    is_over: Arc<AtomicBool>,
) -> Vec<Told> {
    let mut all = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let id = Uuid::new_v4().to_string();
        let result = put(address, &token, table, &id).await;
        let at = Instant::now();
        all.push(Told {
            table,
            id,
            at,
            result,
        });
        sleep(PAUSE).await;
    }
    all
}

async fn put(address: SocketAddr, token: &str, table: &str, row: &str) -> Value {
    let data = match table {
        "notes" => json!({"n": 1, "title": "a", "owner": "ann"}),
        "items" => json!({"n": 1, "note_id": id(NOTE)}),
        _ => json!({"n": 1}),
    };
    let put = json!({"op": "PUT", "table": table, "id": row, "op_data": data});
    let body = json!({"transactions": [{"crud": [put]}]}).to_string();
    let answer = exchange(address, &request(token, &body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["results"][0].clone()
}

/// Writes the note that items lead to, until that is a success.
async fn write_note(gateway: &Gateway) {
    let token = gateway.token(&json!({"sub": "ann"}));
    let limit = Instant::now() + PROMPT;
    loop {
        let result = put(gateway.public, &token, "notes", &id(NOTE)).await;
        if result["status"] == "success" {
            return;
        }
        assert!(Instant::now() < limit, "{result}");
        sleep(PAUSE).await;
    }
}

/// Waits until exactly these tables are closed; the reasons, as the operator reads them.
async fn closes(gateway: &Gateway, wanted: &[&str], change: &str) -> String {
    let limit = Instant::now() + PROMPT;
    loop {
        let status = gateway.ask_admin("/status").await.body;
        let closed = status["rules"]["closed"].as_object().unwrap();
        if closed.keys().eq(wanted) {
            return status["rules"]["closed"].to_string();
        }
        assert!(Instant::now() < limit, "{change}: closed are {closed:?}");
        sleep(PAUSE).await;
    }
}

fn words(value: &Value) -> Vec<&str> {
    let items = value.as_array().unwrap().iter();
    items.map(|item| item.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_closes_only_what_it_touches_and_refuses_nothing_for_good() {
    let gateway = start().await;
    let changes: Value = serde_json::from_str(&read("changes.json")).unwrap();
    for change in changes.as_array().unwrap() {
        let name = change["change"].as_str().unwrap();
        let wanted = words(&change["closes"]);
        gateway.run("DELETE FROM notes").await;
        write_note(&gateway).await;
        let load = Load::start(&gateway);
        sleep(Duration::from_millis(150)).await;
        gateway.run(change["breaks"].as_str().unwrap()).await;
        let broken = Instant::now();
        let reasons = closes(&gateway, &wanted, name).await;
        assert!(
            reasons.contains(change["says"].as_str().unwrap_or_default()),
            "{name}: {reasons}"
        );
        let settled = Instant::now();
        sleep(Duration::from_millis(300)).await;
        let ready = gateway.get("/readyz").await;
        assert_eq!(ready.status, 200, "{name}: {}", ready.body);
        let undoing = Instant::now();
        gateway.run(change["undoes"].as_str().unwrap()).await;
        closes(&gateway, &[], name).await;
        write_note(&gateway).await;
        let mended = Instant::now();
        sleep(Duration::from_millis(150)).await;
        let all = load.end().await;
        hold(&gateway, name, &all).await;
        for told in &all {
            let is_closed = wanted.contains(&told.table);
            let is_applied = told.result["status"] == "success";
            let is_calm = told.at < broken || told.at > mended + PAUSE * 4;
            if told.at > settled + PAUSE * 4 && told.at < undoing {
                // What reads a note that the change took away is no matter of this law.
                let is_wanted = !is_closed || !is_applied;
                assert!(is_wanted, "{name}: applied all the same: {told:?}");
            }
            if is_calm && !name.contains("made again") {
                assert!(is_applied, "{name}: {told:?}");
            }
            if told.table == "plans" {
                assert!(is_applied, "{name}: {told:?}");
            }
        }
    }
}

/// Nothing is refused for good, and what was answered `success` was written, once.
async fn hold(gateway: &Gateway, change: &str, all: &[Told]) {
    let rows = gateway
        .database
        .texts("SELECT id, count(*) FROM written GROUP BY id")
        .await;
    let written: BTreeMap<String, String> = rows
        .into_iter()
        .map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap()))
        .collect();
    for told in all {
        // The note of an item may be away with its table: then nobody knows whose it is.
        let is_lost = change.contains("made again") && told.table == "items";
        let status = &told.result["status"];
        assert!(
            is_lost || *status != "fatal_error",
            "{change}: {}: {}",
            told.table,
            told.result
        );
        let times = written.get(&told.id).map(String::as_str);
        let wanted = (*status == "success").then_some("1");
        assert_eq!(times, wanted, "{change}: {told:?}");
    }
    for table in TABLES {
        let count = all.iter().filter(|told| told.table == table).count();
        assert!(count > 4, "{change}: only {count} uploads to {table}");
    }
}

/// No upload comes to a table that is closed: that its change is undone is seen all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_undone_is_seen_without_an_upload() {
    let gateway = start().await;
    write_note(&gateway).await;
    gateway.run("ALTER TABLE notes DROP COLUMN title").await;
    let token = gateway.token(&json!({"sub": "ann"}));
    let result = put(gateway.public, &token, "notes", &id("another")).await;
    assert_eq!(result["status"], "retryable_error", "{result}");
    closes(&gateway, &["notes"], "dropped").await;
    gateway.run("ALTER TABLE notes ADD COLUMN title text").await;
    closes(&gateway, &[], "undone").await;
}

/// Where the settings say so, a write waits for nobody who may never come: it is refused, once the catalogue was read again.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fits_no_more_is_refused_where_the_settings_say_so() {
    let (schema, rules) = (read("schema.sql"), Path::new("tests/cases/drift/rules"));
    let gateway = Gateway::with(&schema, rules, |settings| {
        settings.database.on_schema_drift = OnSchemaDrift::Fatal;
    })
    .await;
    let token = gateway.token(&json!({"sub": "ann"}));
    let rows = [
        ("SELECT 1", "notes", None),
        ("ALTER TABLE notes DROP COLUMN title", "notes", Some(0)),
        ("ALTER TABLE notes ADD COLUMN title text", "notes", None),
        ("ALTER TABLE notes RENAME TO memos", "notes", Some(0)),
        // What reads the table is closed with it.
        ("SELECT 1", "items", Some(0)),
        ("ALTER TABLE memos RENAME TO notes", "notes", None),
        // The rules fit, and the database does not fit itself.
        ("DROP TABLE written", "notes", Some(0)),
        ("CREATE TABLE written (id text)", "notes", None),
    ];
    for (number, (sql, table, wanted)) in rows.into_iter().enumerate() {
        gateway.run(sql).await;
        let result = put(gateway.public, &token, table, &id(&number.to_string())).await;
        let failed = &result["failed_operation"];
        match wanted {
            None => assert_eq!(result["status"], "success", "{sql}: {result}"),
            Some(index) => {
                assert_eq!(failed["error_code"], "SCHEMA_MISMATCH", "{sql}: {result}");
                assert_eq!(failed["operation_index"], index, "{sql}: {result}");
            }
        }
    }
}

/// A value that is read as a type that it is no more fails every condition: that is a stale picture, and no refusal.
#[tokio::test(flavor = "multi_thread")]
async fn no_condition_refuses_what_it_read_as_another_type() {
    let gateway = start().await;
    let row = id("there");
    let sql = format!("INSERT INTO notes (id, n, owner) VALUES ('{row}', 1, 'ann')");
    gateway.run(&sql).await;
    let patch = async |status: &str, code: Option<&str>, data: Value| {
        let patch = json!({"op": "PATCH", "table": "notes", "id": row, "op_data": data});
        let body = json!({"transactions": [{"crud": [patch]}]}).to_string();
        let answer = gateway.send("POST", &json!({"sub": "ann"}), &body).await;
        let result = &answer.body["results"][0];
        assert_eq!(result["status"], status, "{result}");
        assert_eq!(result["failed_operation"]["error_code"].as_str(), code);
    };
    patch("fatal_error", Some("NEGATIVE"), json!({"n": -1})).await;
    let breaks = "ALTER TABLE notes ALTER COLUMN n TYPE text USING 'one'";
    gateway.run(breaks).await;
    patch("retryable_error", None, json!({"title": "b"})).await;
    let undoes = "ALTER TABLE notes ALTER COLUMN n TYPE int USING 1";
    gateway.run(undoes).await;
    sleep(Duration::from_millis(1100)).await;
    patch("success", None, json!({"title": "b"})).await;
    patch("fatal_error", Some("NEGATIVE"), json!({"n": -1})).await;
}

/// What the rules of a table come to, in numbers: nothing of it may get lost on the way into a plan.
fn weight(table: &TablePlan) -> [usize; 6] {
    [
        table.fields.len(),
        table.presets.len(),
        table.guards.len(),
        table.grants.len(),
        table.checks.len(),
        usize::from(table.schema.is_some()),
    ]
}

/// Every catalogue in which one thing is gone, or is something else.
fn damaged(catalog: &Catalog) -> Vec<Catalog> {
    let mut all = Vec::new();
    for target in catalog.tables.keys() {
        let mut without = catalog.clone();
        without.tables.remove(target);
        all.push(without);
        let table = &catalog.tables[target];
        let mut with = |change: &dyn Fn(&mut Table)| {
            let mut other = catalog.clone();
            change(other.tables.get_mut(target).unwrap());
            all.push(other);
        };
        with(&|table| table.indexes.clear());
        with(&|table| table.rls.binds_login = true);
        for at in 0..table.columns.len() {
            with(&|table| table.columns[at].name = "gone".into());
            with(&|table| table.columns[at].not_null ^= true);
            with(&|table| table.columns[at].has_default ^= true);
            with(&|table| table.columns[at].ty = another(table, at));
        }
    }
    all
}

/// The type of another column.
fn another(table: &Table, at: usize) -> rulegate::catalog::ColumnType {
    table.columns[(at + 1) % table.columns.len()].ty.clone()
}

/// A plan in parts is the whole plan where all fits; else what is left of it is whole, table by table, and the rest is named.
fn hold_parts(rules: &RuleSet, whole: &Plan, catalog: &Catalog) -> usize {
    let strict = plan::compile(rules, catalog);
    let partial = plan::compile_fitting(rules, catalog).unwrap();
    if let Some(strict) = &strict.plan {
        assert!(partial.misfits.is_empty(), "{:?}", partial.misfits);
        assert_eq!(partial.plan.text(), strict.text());
        return 0;
    }
    assert!(!partial.misfits.is_empty(), "{:?}", strict.problems);
    for table in whole.tables() {
        let misfit = partial.misfits.get(&table.name);
        match partial.plan.table(table.name.as_str()) {
            Some(part) => {
                assert!(misfit.is_none());
                assert_eq!(weight(part), weight(table), "{}", table.name);
                let broken = part.expressions().flat_map(|one| &one.reads().broken);
                assert_eq!(broken.count(), 0, "{}", table.name);
            }
            None => assert!(misfit.is_some_and(Problems::has_errors)),
        }
    }
    partial.misfits.len()
}

#[tokio::test]
async fn what_is_left_of_a_plan_is_whole_table_by_table() {
    let worlds = [
        ("tests/cases/drift/rules", "tests/cases/drift/schema.sql"),
        ("rules", "rules/schema.sql"),
        (
            "tests/cases/uploads/deferred/rules",
            "tests/cases/uploads/deferred/schema.sql",
        ),
        (
            "tests/cases/uploads/guards/rules",
            "tests/cases/uploads/guards/schema.sql",
        ),
    ];
    let mut counts = BTreeSet::new();
    for (folder, schema) in worlds {
        let database = Fresh::with(&std::fs::read_to_string(schema).unwrap()).await;
        let catalog = database.store(1).introspect().await.unwrap();
        let mut rules = load(Path::new(folder), &database.uri).rules;
        rules.require_guard = false;
        let whole = plan::compile(&rules, &catalog).plan.unwrap();
        assert_eq!(hold_parts(&rules, &whole, &catalog), 0);
        for catalog in damaged(&catalog) {
            counts.insert(hold_parts(&rules, &whole, &catalog));
        }
    }
    assert!(counts.len() > 2, "{counts:?}");
}
