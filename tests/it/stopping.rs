//! Start and stop of the real program (reliability, *Stopping*).

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, Instant, sleep};

use crate::postgres::Fresh;
use crate::program::{Program, schema};
use crate::valve::Valve;

/// A short notice, so that the test is short.
const SETTINGS: &str = "limits: { drain_notice: 1s }\n";

fn words(body: &Value) -> Vec<&str> {
    let results = body["results"].as_array().unwrap().iter();
    results
        .map(|result| result["status"].as_str().unwrap())
        .collect()
}

async fn is_applied(program: &Program) {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = program.put(&[("note", 1)]).await;
        if answer.status == 200 && words(&answer.body) == ["success"] {
            return;
        }
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(Instant::now() < limit, "{}", answer.body);
        sleep(Duration::from_millis(50)).await;
    }
}

/// Serves a set of keys for ever.
async fn give_keys(listener: TcpListener, keys: Value) {
    let keys = keys.to_string();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", keys.len());
        let _ = stream.write_all((head + &keys).as_bytes()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_without_database_and_keys_says_what_is_missing_and_recovers_by_itself() {
    let database = Fresh::with(&schema()).await;
    // Our schema first, as an operator would; the other program is gone at once.
    drop(Program::start(&database.uri, ""));
    let valve = Valve::start(false).await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = taken.local_addr().unwrap();
    drop(taken);
    let program = Program::with_keys_at(&valve.uri(&database.uri), nobody);
    assert_eq!(program.get("/livez").await.status, 200);
    let reasons = program.readiness(503).await;
    assert!(
        reasons.contains("not in force yet") && reasons.contains("no keys yet"),
        "{reasons}"
    );
    let refused = program.put(&[("note", 1)]).await;
    assert_eq!(refused.status, 503, "{}", refused.body);

    let listener = TcpListener::bind(nobody).await.unwrap();
    let keys = tokio::spawn(give_keys(listener, program.key.jwks()));
    valve.open();
    is_applied(&program).await;
    assert_eq!(program.readiness(200).await, "[]");
    keys.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_is_red_at_once_serves_on_finishes_what_runs_and_exits_with_0() {
    let database = Fresh::with(&schema()).await;
    let mut program = Program::start(&database.uri, SETTINGS);
    is_applied(&program).await;
    let slow = [("one", 2000), ("two", 1), ("three", 1)];
    let (answer, ()) = tokio::join!(program.put(&slow), async {
        sleep(Duration::from_millis(300)).await;
        program.signal("TERM");
        let told = Instant::now();
        let reasons = program.readiness(503).await;
        assert!(reasons.contains("stopping"), "{reasons}");
        // Load balancers have not noticed yet, so what they send is served.
        assert_eq!(words(&program.put(&[("late", 1)]).await.body), ["success"]);
        assert!(
            told.elapsed() < Duration::from_millis(900),
            "{:?}",
            told.elapsed()
        );
        sleep(Duration::from_millis(1200).saturating_sub(told.elapsed())).await;
        assert!(TcpStream::connect(program.public).await.is_err());
    });
    // The one that ran was finished; the next one did not begin, and the device keeps it and all behind it.
    assert_eq!(
        words(&answer.body),
        ["success", "retryable_error", "not_attempted"]
    );
    assert!(
        answer.body["results"][1]["retry_after_ms"]
            .as_u64()
            .is_some()
    );
    assert_eq!(program.ended().await.code(), Some(0));
    let rows = database.texts("SELECT n FROM notes ORDER BY n").await;
    assert_eq!(json!(rows), json!([["1"], ["1"], ["2000"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_stops_it_at_once_and_leaves_nothing_half_done() {
    let database = Fresh::with(&schema()).await;
    let mut program = Program::start(&database.uri, "");
    is_applied(&program).await;
    let body = json!({"transactions": [{"crud": [
        {"op": "PUT", "table": "notes", "id": crate::uploads::id("half"), "op_data": {"n": 2}},
        {"op": "PUT", "table": "notes", "id": crate::uploads::id("slow"), "op_data": {"n": 2500}}]}]});
    let mut client = TcpStream::connect(program.public).await.unwrap();
    let request = program.request("ann", &body.to_string());
    client.write_all(request.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    program.signal("TERM");
    sleep(Duration::from_millis(500)).await;
    assert!(program.child.try_wait().unwrap().is_none());
    program.signal("INT");
    let second = Instant::now();
    assert_eq!(program.ended().await.code(), Some(130));
    assert!(second.elapsed() < Duration::from_millis(500));
    let mut heard = Vec::new();
    let _ = client.read_to_end(&mut heard).await;
    assert!(heard.is_empty(), "an answer before its COMMIT");
    sleep(Duration::from_secs(3)).await;
    let rows = database.texts("SELECT n FROM notes").await;
    assert_eq!(json!(rows), json!([["1"]]));
}
