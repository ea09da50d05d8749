//! Whatever is wrong with the database costs time, never a write: every answer is retryable, `/readyz` says why, and it mends by itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rulegate::settings::{Secret, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Duration, Instant, sleep};

use crate::gateway::Gateway;
use crate::postgres::Fresh;
use crate::uploads::id;

const SCHEMA: &str = "
CREATE TABLE notes (id uuid PRIMARY KEY, n int NOT NULL, owner text NOT NULL);
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.7); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON notes FOR EACH ROW WHEN (NEW.n = 700) EXECUTE FUNCTION slow();
";

fn rules() -> PathBuf {
    "tests/cases/outages/rules".into()
}

async fn start(adjust: impl FnOnce(&mut Settings)) -> Gateway {
    Gateway::with(SCHEMA, &rules(), adjust).await
}

/// A role of this test's own that may do what the rules allow; it goes with nothing, so that a failed test can be looked at.
pub async fn put_role(database: &Fresh, tables: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "outage_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let script = format!(
        "CREATE ROLE {name} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {name};
         GRANT USAGE ON SCHEMA rulegate TO {name}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rulegate TO {name}"
    );
    database.client.batch_execute(&script).await.unwrap();
    name
}

/// A gateway that logs in as a role of its own.
async fn start_as_role() -> (Gateway, String) {
    let gateway = start(|_| ()).await;
    let role = put_role(&gateway.database, "notes").await;
    let log_in = |settings: &mut Settings| {
        let uri = settings.database.uri.take().unwrap();
        let uri = uri.reveal().replace("postgres@", &format!("{role}@"));
        settings.database.uri = Some(Secret::new(uri));
    };
    (gateway.restarted(&rules(), log_in).await, role)
}

fn put(name: &str, n: i32) -> Value {
    json!({"transactions": [{"crud": [
        {"op": "PUT", "table": "notes", "id": id(name), "op_data": {"n": n}}]}]})
}

async fn upload(gateway: &Gateway, who: &str, body: &Value) -> (u16, Value) {
    let answer = gateway
        .send("POST", &json!({"sub": who}), &body.to_string())
        .await;
    let result = answer.body["results"][0].clone();
    (
        answer.status,
        if result.is_null() {
            answer.body
        } else {
            result
        },
    )
}

/// The answer keeps the write on the device: a 503, or a `retryable_error` that says when to come again.
async fn is_kept(gateway: &Gateway) {
    let (status, answer) = upload(gateway, "ann", &put("kept", 1)).await;
    let says_when = answer["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0);
    let is_retryable = status == 200 && answer["status"] == "retryable_error" && says_when;
    assert!(status == 503 || is_retryable, "{status} {answer}");
}

async fn is_applied(gateway: &Gateway) {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let (status, answer) = upload(gateway, "ann", &put("kept", 1)).await;
        if (status, &answer["status"]) == (200, &json!("success")) {
            break;
        }
        assert!(Instant::now() < limit, "still {status} {answer}");
        sleep(Duration::from_millis(200)).await;
    }
    let rows = gateway.database.texts("SELECT n, owner FROM notes").await;
    assert_eq!(json!(rows), json!([["1", "ann"]]));
}

/// Breaks something, and holds the gateway to what an outage may cost; `reason` is what `/readyz` must say meanwhile.
async fn outage(gateway: &Gateway, breaks: &str, reason: &str, mends: &str) {
    gateway.readiness(200).await;
    gateway.run(breaks).await;
    is_kept(gateway).await;
    gateway.says(reason).await;
    is_kept(gateway).await;
    assert_eq!(gateway.get("/livez").await.status, 200);
    gateway.run(mends).await;
    is_applied(gateway).await;
    gateway.readiness(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused() {
    let (gateway, role) = start_as_role().await;
    let breaks = format!(
        "ALTER ROLE {role} NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
    );
    outage(
        &gateway,
        &breaks,
        "not permitted to log in",
        &format!("ALTER ROLE {role} LOGIN"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_revoked() {
    let (gateway, role) = start_as_role().await;
    let breaks = format!("REVOKE INSERT ON notes FROM {role}");
    outage(
        &gateway,
        &breaks,
        "permission denied",
        &format!("GRANT INSERT ON notes TO {role}"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_read_only() {
    let (gateway, role) = start_as_role().await;
    let cut =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
    let breaks = format!("ALTER ROLE {role} SET default_transaction_read_only = on; {cut}");
    let mends = format!("ALTER ROLE {role} RESET default_transaction_read_only; {cut}");
    outage(&gateway, &breaks, "read-only", &mends).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_renamed() {
    let gateway = start(|_| ()).await;
    let (breaks, mends) = (
        "ALTER TABLE notes RENAME TO memos",
        "ALTER TABLE memos RENAME TO notes",
    );
    outage(&gateway, breaks, "the rules do not fit the database", mends).await;
}

/// A road to the database that can be closed.
struct Bridge {
    address: SocketAddr,
    far: SocketAddr,
    traffic: JoinHandle<()>,
}

impl Bridge {
    async fn open(address: SocketAddr, far: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let traffic = tokio::spawn(async move {
            let mut cars = JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                cars.spawn(async move {
                    let mut far = TcpStream::connect(far).await.unwrap();
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self {
            address,
            far,
            traffic,
        }
    }

    /// Nobody listens there any more, and who was on it is cut off.
    fn close(&self) {
        self.traffic.abort();
    }

    async fn again(self) -> Self {
        Self::open(self.address, self.far).await
    }
}

/// The host and port of a URI.
pub fn place(uri: &str) -> SocketAddr {
    let after = uri.rsplit('@').next().unwrap();
    after
        .split('/')
        .next()
        .unwrap()
        .replace("localhost", "127.0.0.1")
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_and_one_that_was_never_there() {
    let far = place(&std::env::var("TEST_DATABASE_URL").unwrap());
    let bridge = Bridge::open("127.0.0.1:0".parse().unwrap(), far).await;
    let near = bridge.address.to_string();
    let over_the_bridge = |settings: &mut Settings| {
        let uri = settings.database.uri.take().unwrap();
        settings.database.uri = Some(Secret::new(uri.reveal().replace(&far.to_string(), &near)));
    };
    let gateway = start(over_the_bridge).await;
    gateway.readiness(200).await;
    bridge.close();
    is_kept(&gateway).await;
    gateway.readiness(503).await;
    let bridge = bridge.again().await;
    is_applied(&gateway).await;
    gateway.readiness(200).await;
    bridge.close();
    let gateway = gateway.restarted(&rules(), over_the_bridge).await;
    gateway.says("not in force yet").await;
    is_kept(&gateway).await;
    let _bridge = bridge.again().await;
    is_applied(&gateway).await;
    gateway.readiness(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_keeps_its_own_upload_waiting_and_no_other() {
    let gateway = start(|settings| settings.limits.lock_timeout = Duration::from_millis(300)).await;
    gateway
        .run(&format!(
            "INSERT INTO notes VALUES ('{}', 1, 'ann')",
            id("locked")
        ))
        .await;
    gateway.run("BEGIN; SELECT * FROM notes FOR UPDATE").await;
    let began = Instant::now();
    let (locked, free) = (put("locked", 2), put("free", 2));
    let (kept, applied) = tokio::join!(
        upload(&gateway, "ann", &locked),
        upload(&gateway, "bob", &free)
    );
    assert_eq!(
        (kept.0, &kept.1["status"]),
        (200, &json!("retryable_error"))
    );
    assert_eq!(applied.1["status"], "success");
    assert!(began.elapsed() < Duration::from_secs(3));
    gateway.run("ROLLBACK").await;
    let (_, answer) = upload(&gateway, "ann", &locked).await;
    assert_eq!(answer["status"], "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_with_a_pool_of_one() {
    let gateway = Arc::new(start(|settings| settings.database.pool = 1).await);
    let mut uploads = JoinSet::new();
    for n in 1..=30 {
        let gateway = gateway.clone();
        uploads.spawn(async move {
            let body = put(&format!("note {n}"), n);
            upload(&gateway, &format!("user {n}"), &body).await
        });
    }
    while let Some(answer) = uploads.join_next().await {
        let (status, answer) = answer.unwrap();
        assert_eq!(
            (status, &answer["status"]),
            (200, &json!("success")),
            "{answer}"
        );
    }
    let count = gateway.database.texts("SELECT count(*) FROM notes").await;
    assert_eq!(json!(count), json!([["30"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_cuts_nothing_in_half() {
    let gateway = start(|settings| settings.database.pool = 1).await;
    let body = json!({"transactions": [{"crud": [
        {"op": "PUT", "table": "notes", "id": id("first"), "op_data": {"n": 700}},
        {"op": "PUT", "table": "notes", "id": id("second"), "op_data": {"n": 2}}]}]});
    let request = gateway.request("POST", &json!({"sub": "ann"}), &body.to_string());
    let mut stream = TcpStream::connect(gateway.public).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(200)).await;
    drop(stream);
    let (_, answer) = upload(&gateway, "ann", &put("third", 3)).await;
    assert_eq!(answer["status"], "success", "{answer}");
    let rows = gateway
        .database
        .texts("SELECT n FROM notes ORDER BY n")
        .await;
    assert_eq!(json!(rows), json!([["2"], ["3"], ["700"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_in_its_time_and_says_what_was_done() {
    let gateway = start(|settings| settings.limits.request_timeout = Duration::from_secs(1)).await;
    let note = |name: &str| json!({"crud": [{"op": "PUT", "table": "notes", "id": id(name), "op_data": {"n": 700}}]});
    let body = json!({"transactions": [note("a"), note("b"), note("c")]});
    let answer = gateway
        .send("POST", &json!({"sub": "ann"}), &body.to_string())
        .await;
    let results = answer.body["results"].as_array().unwrap();
    let words: Vec<&str> = results
        .iter()
        .map(|result| result["status"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["success", "retryable_error", "not_attempted"]);
    sleep(Duration::from_secs(1)).await;
    let rows = gateway.database.texts("SELECT id FROM notes").await;
    assert_eq!(json!(rows), json!([[id("a")]]));
}
