//! Every limit by its name: as rulegate.yaml sets it, kept by a real gateway over a real database. What keeps to it is served, what goes
//! beyond it gets the answer of its row, and afterwards the gateway serves as before.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rulegate::vocabulary::limits::{HEAVY_BYTES, HEAVY_PART, Limit, Limits};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::gateway::{Gateway, load, load_unchecked};
use crate::http_served::{Reply, ask};
use crate::uploads::id;

const CASE: &str = "tests/cases/limits";
/// Whatever happens, a request is answered by then.
const ANSWERED: Duration = Duration::from_secs(27);

/// One request, to be.
#[derive(Clone, Default)]
struct Ask {
    headers: String,
    claims: Value,
    body: String,
}

/// A limit, and what happens on either side of it.
struct Row {
    limit: &'static str,
    /// Its value, as it is written in rulegate.yaml.
    value: &'static str,
    within: Ask,
    beyond: Ask,
    /// The status, or the word of the one result.
    wanted: &'static str,
    /// What is sent a moment before, by somebody else.
    meanwhile: Option<Ask>,
}

/// Limits of which it takes more than one request to tell: each with the file beside this one, or in `src`, and the test.
const SCENES: [(&str, &str, &str); 14] = [
    (
        "header_read_timeout",
        "http_limits",
        "a_header_that_trickles_in_is_cut_off",
    ),
    (
        "body_read_timeout",
        "http_limits",
        "a_body_that_does_not_come_is_answered_and_the_connection_closed",
    ),
    (
        "keep_alive_timeout",
        "http_limits",
        "an_idle_connection_is_kept_for_longer_than_a_header_may_take",
    ),
    (
        "connections_max",
        "http_limits",
        "connections_beyond_the_limit_are_told_so",
    ),
    ("queue_max", "http_limits", "the_queue_is_limited"),
    (
        "subject_requests_max",
        "http_limits",
        "one_subject_has_its_share_and_others_have_theirs",
    ),
    (
        "subject_wait_timeout",
        "http_limits",
        "one_subject_has_its_share_and_others_have_theirs",
    ),
    (
        "in_flight_bytes_max",
        "http_limits",
        "body_bytes_in_flight_are_limited_and_come_back",
    ),
    (
        "drain_timeout",
        "http_stop",
        "what_does_not_finish_in_time_is_left",
    ),
    (
        "drain_notice",
        "http_stop",
        "stopping_is_told_first_then_closes_and_finishes_what_runs",
    ),
    (
        "idle_in_transaction_timeout",
        "silence",
        "a_transaction_that_the_road_cut_off_is_ended_by_the_database",
    ),
    (
        "request_timeout",
        "silence",
        "a_database_that_falls_silent_costs_an_answer_in_time_and_no_write",
    ),
    (
        "lock_timeout",
        "outages",
        "a_locked_row_keeps_its_own_upload_waiting_and_no_other",
    ),
    (
        "connections_max",
        "flood",
        "thousands_of_idle_connections_cost_little_and_keep_nobody_out",
    ),
];

fn one(op: &str, table: &str, key: &str, data: &Value) -> Value {
    json!({"crud": [{"op": op, "table": table, "id": key, "op_data": data}]})
}

fn upload(transactions: &[Value]) -> Ask {
    Ask {
        body: json!({ "transactions": transactions }).to_string(),
        claims: json!({"sub": "ann"}),
        ..Ask::default()
    }
}

/// An upload of one note.
fn note(data: &Value) -> Ask {
    upload(&[one("PUT", "notes", &id("note"), data)])
}

/// A note that takes so long.
fn slow(ms: u32) -> Ask {
    note(&json!({ "n": ms }))
}

fn notes(count: usize) -> Value {
    let entry = |at: usize| json!({"op": "PUT", "table": "notes", "id": id(&format!("note {at}")), "op_data": {"n": 1}});
    json!({"crud": (0..count).map(entry).collect::<Vec<_>>()})
}

/// A note whose body is that long, or that deep, or has that many tags.
fn long(bytes: usize) -> Ask {
    note(&json!({"body": "x".repeat(bytes)}))
}

fn deep(levels: usize) -> Ask {
    let mut ask = note(&json!({"nest": "DEEP"}));
    let nest = "[".repeat(levels) + &"]".repeat(levels);
    ask.body = ask.body.replace("\"DEEP\"", &nest);
    ask
}

fn tagged(count: usize) -> Ask {
    note(&json!({"tags": vec!["tag"; count]}))
}

fn with_four_keys() -> Ask {
    note(&json!({"n": 1, "tags": [], "body": "", "nest": null}))
}

fn label(bytes: usize) -> Ask {
    upload(&[one("PUT", "labels", &"l".repeat(bytes), &json!({}))])
}

fn list(name: &str) -> Ask {
    upload(&[one("PATCH", "lists", &id(name), &json!({"name": "x"}))])
}

fn with_headers(headers: String) -> Ask {
    Ask { headers, ..slow(1) }
}

fn with_token_of(bytes: usize) -> Ask {
    Ask {
        claims: json!({"sub": "ann", "filler": "x".repeat(bytes)}),
        ..slow(1)
    }
}

fn by(who: &str, ask: Ask) -> Ask {
    let mut ask = Ask {
        claims: json!({ "sub": who }),
        ..ask
    };
    ask.body = ask.body.replace(&id("note"), &id(who));
    ask
}

fn rows() -> Vec<Row> {
    let row = |limit, value, within, beyond, wanted| Row {
        limit,
        value,
        within,
        beyond,
        wanted,
        meanwhile: None,
    };
    vec![
        row("body_bytes_max", "2KiB", long(1000), long(3000), "413"),
        row(
            "transaction_bytes_max",
            "2KiB",
            long(1000),
            long(3000),
            "TRANSACTION_TOO_LARGE",
        ),
        row(
            "transaction_operations_max",
            "3",
            upload(&[notes(3)]),
            upload(&[notes(4)]),
            "TRANSACTION_TOO_LARGE",
        ),
        row(
            "batch_transactions_max",
            "2",
            upload(&[notes(1), notes(1)]),
            upload(&[notes(1), notes(1), notes(1)]),
            "400",
        ),
        // The value lies six levels down in the body.
        row("json_depth_max", "16", deep(10), deep(11), "400"),
        row("id_bytes_max", "8", label(8), label(9), "INVALID_DATA"),
        row(
            "op_data_keys_max",
            "3",
            slow(1),
            with_four_keys(),
            "INVALID_DATA",
        ),
        row("in_flight_bytes_max", "2KiB", long(1000), long(3000), "503"),
        row(
            "headers_max",
            "12",
            slow(1),
            with_headers("x: y\r\n".repeat(12)),
            "431",
        ),
        row(
            "header_bytes_max",
            "2KiB",
            slow(1),
            with_headers(format!("x: {}\r\n", "y".repeat(2048))),
            "431",
        ),
        row(
            "authorization_bytes_max",
            "1KiB",
            slow(1),
            with_token_of(1000),
            "431",
        ),
        row(
            "evaluation_steps_max",
            "200",
            tagged(10),
            tagged(1000),
            "UNAUTHORIZED",
        ),
        row(
            "related_rows_max",
            "4",
            list("few"),
            list("many"),
            "UNAUTHORIZED",
        ),
        row(
            "request_timeout",
            "800ms",
            slow(1),
            slow(2000),
            "retryable_error",
        ),
        row(
            "statement_timeout",
            "300ms",
            slow(1),
            slow(1500),
            "retryable_error",
        ),
        Row {
            meanwhile: Some(by("bob", slow(1500))),
            ..row(
                "pool_wait_timeout",
                "300ms",
                slow(1),
                slow(1),
                "retryable_error",
            )
        },
    ]
}

/// The rules with one limit written into their settings, in a folder of its own. The pool has one connection.
fn folder(limit: &str, value: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("rulegate-limit-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for entry in fs::read_dir(Path::new(CASE).join("rules")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let file = folder.join("rulegate.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let more = format!("database: {{ pool: 1 }}\nlimits: {{ {limit}: {value} }}\n");
    fs::write(file, text + &more).unwrap();
    folder
}

async fn start(row: &Row) -> Gateway {
    let schema = fs::read_to_string(Path::new(CASE).join("schema.sql")).unwrap();
    let seed = format!(
        "INSERT INTO lists VALUES ('{few}', ''), ('{many}', '');
         INSERT INTO members (list_id, user_id) SELECT '{few}', 'ann' FROM generate_series(1, 4);
         INSERT INTO members (list_id, user_id) SELECT '{many}', 'ann' FROM generate_series(1, 5)",
        few = id("few"),
        many = id("many")
    );
    let folder = folder(row.limit, row.value);
    let gateway = Gateway::start(&format!("{schema}{seed}"), &folder).await;
    fs::remove_dir_all(folder).unwrap();
    gateway
}

/// Sends it; the answer comes in time, whatever it is.
async fn send(gateway: &Gateway, sent: &Ask) -> Reply {
    let request = gateway.request("POST", &sent.claims, &sent.body);
    let request = request.replacen("\r\n\r\n", &format!("\r\n{}\r\n", sent.headers), 1);
    let answered = timeout(ANSWERED, ask(gateway.public, request)).await;
    answered.expect("an answer in time")
}

/// The status, or the word of the first result; whoever has to come again is told when.
fn word(reply: &Reply) -> String {
    if reply.status != 200 {
        let says_when = reply.header("retry-after").is_some();
        assert_eq!(says_when, reply.status == 503, "{reply:?}");
        return reply.status.to_string();
    }
    let result = reply.json()["results"][0].clone();
    let says_when = result["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0);
    assert_eq!(says_when, result["status"] == "retryable_error", "{result}");
    let code = result["failed_operation"]["error_code"].as_str();
    code.or(result["status"].as_str())
        .unwrap_or("nothing")
        .to_owned()
}

async fn check(row: &Row) {
    let gateway = start(row).await;
    assert_eq!(
        word(&send(&gateway, &row.within).await),
        "success",
        "{}",
        row.limit
    );
    let Some(meanwhile) = &row.meanwhile else {
        assert_eq!(
            word(&send(&gateway, &row.beyond).await),
            row.wanted,
            "{}",
            row.limit
        );
        return is_as_before(&gateway, row).await;
    };
    let beyond = async {
        sleep(Duration::from_millis(300)).await;
        send(&gateway, &row.beyond).await
    };
    let (_, reply) = tokio::join!(send(&gateway, meanwhile), beyond);
    assert_eq!(word(&reply), row.wanted, "{}", row.limit);
    is_as_before(&gateway, row).await;
}

/// A moment after, everything is served as before.
async fn is_as_before(gateway: &Gateway, row: &Row) {
    let limit = Instant::now() + Duration::from_secs(20);
    while word(&send(gateway, &row.within).await) != "success" {
        assert!(Instant::now() < limit, "{} for ever", row.limit);
        sleep(Duration::from_millis(100)).await;
    }
    let slow_ones = "SELECT count(*) FROM notes WHERE n >= 1500 AND owner = 'ann'";
    assert_eq!(
        gateway.database.texts(slow_ones).await[0][0].as_deref(),
        Some("0")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_is_kept_as_it_is_set_and_what_goes_beyond_it_gets_its_answer() {
    for row in rows() {
        check(&row).await;
    }
}

/// A note whose body is beyond `HEAVY_BYTES`.
fn heavy(ms: u32) -> Ask {
    note(&json!({"n": ms, "body": "x".repeat(2 * HEAVY_BYTES)}))
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_bodies_wait_for_one_another_and_light_ones_pass_them_by() {
    let schema = fs::read_to_string(Path::new(CASE).join("schema.sql")).unwrap();
    let rules = Path::new(CASE).join("rules");
    let gateway = Gateway::with(&schema, &rules, |settings| {
        settings.database.pool = 4;
        settings.limits.in_flight_bytes_max = HEAVY_PART * 3 * HEAVY_BYTES;
    })
    .await;
    let order = std::sync::Mutex::new(Vec::new());
    let (gateway, order) = (&gateway, &order);
    let later = |ms, who: &'static str, ask: Ask| async move {
        sleep(Duration::from_millis(ms)).await;
        assert_eq!(
            word(&send(gateway, &by(who, ask)).await),
            "success",
            "{who}"
        );
        order.lock().unwrap().push(who);
    };
    tokio::join!(
        later(0, "first", heavy(1500)),
        later(300, "second", heavy(1)),
        later(600, "light", slow(1)),
    );
    assert_eq!(*order.lock().unwrap(), ["light", "first", "second"]);
}

#[test]
fn each_limit_has_a_test() {
    let rows = rows();
    let tried: BTreeSet<&str> = rows
        .iter()
        .map(|row| row.limit)
        .chain(SCENES.iter().map(|scene| scene.0))
        .collect();
    let names: BTreeSet<&str> = Limits::NAMES.iter().copied().collect();
    assert_eq!(tried, names);
    for (limit, file, test) in SCENES {
        let text = fs::read_to_string(format!("tests/it/{file}.rs")).unwrap();
        assert!(text.contains(&format!("fn {test}(")), "{file}::{test}");
        assert!(text.contains(limit), "{file} does not set {limit}");
    }
}

#[test]
fn each_limit_is_what_the_settings_say() {
    for name in Limits::NAMES {
        let is_time = Limits::default()
            .with(name, |limit| matches!(limit, Limit::Time(_)))
            .unwrap();
        let folder = folder(name, if is_time { "7s" } else { "7" });
        let mut limits = load(&folder, "postgres://nobody@localhost/none")
            .settings
            .unwrap()
            .limits;
        fs::remove_dir_all(folder).unwrap();
        let mut expected = Limits::default();
        expected.with(name, |limit| match limit {
            Limit::Count(count) => *count = 7,
            Limit::Time(time) => *time = Duration::from_secs(7),
        });
        assert_eq!(limits, expected);
        assert!(limits.with(name, |_| ()).is_some());
    }
}

#[test]
fn no_setting_takes_what_would_not_be_kept() {
    let rows = [
        ("request_timeout", "28s", "must be at most `27s`"),
        ("json_depth_max", "1001", "must be at most 1000"),
        ("statement_timeout", "10", "a time such as"),
        ("queue_max", "0", "must be a whole number above zero"),
        ("body_bytes", "1MiB", "did you mean `body_bytes_max`?"),
    ];
    for (limit, value, words) in rows {
        let folder = folder(limit, value);
        let loading = load_unchecked(&folder, "postgres://nobody@localhost/none");
        fs::remove_dir_all(folder).unwrap();
        let told = loading.problems.render(&loading.sources, false);
        assert!(told.contains(words), "{limit}: {told}");
    }
}
