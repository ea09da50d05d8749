//! The road to the database falls silent: nobody closes a connection, and nobody answers. It costs time, and no write.

use std::path::Path;

use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::gateway::Gateway;
use crate::uploads::id;
use crate::valve::Valve;

/// Longer than the request's own time, shorter than a device's patience.
const PATIENCE: Duration = Duration::from_secs(5);

/// A gateway on the far side of a valve, with short limits.
async fn start(valve: &Valve) -> Gateway {
    let folder = Path::new("tests/cases/limits");
    let schema = std::fs::read_to_string(folder.join("schema.sql")).unwrap();
    Gateway::with(&schema, &folder.join("rules"), |settings| {
        valve.lead(settings);
        settings.database.pool = 2;
        settings.limits.request_timeout = Duration::from_secs(2);
        settings.limits.idle_in_transaction_timeout = Duration::from_millis(700);
    })
    .await
}

/// Sends one transaction of these notes, each a name and how many milliseconds it takes; the status and the answer, in time.
async fn put(gateway: &Gateway, notes: &[(&str, u32)]) -> (u16, Value) {
    let entry = |(name, ms): &(&str, u32)| json!({"op": "PUT", "table": "notes", "id": id(name), "op_data": {"n": ms}});
    let crud: Vec<Value> = notes.iter().map(entry).collect();
    let body = json!({"transactions": [{ "crud": crud }]}).to_string();
    let claims = json!({"sub": "ann"});
    let answered = timeout(PATIENCE, gateway.send("POST", &claims, &body)).await;
    let answer = answered.expect("an answer in time");
    let result = answer.body["results"][0].clone();
    (answer.status, result)
}

async fn is_kept(gateway: &Gateway, notes: &[(&str, u32)]) {
    let (status, result) = put(gateway, notes).await;
    let is_retryable = status == 200 && result["status"] == "retryable_error";
    assert!(status == 503 || is_retryable, "{status} {result}");
}

async fn is_applied(gateway: &Gateway, notes: &[(&str, u32)]) {
    let limit = Instant::now() + Duration::from_secs(20);
    while put(gateway, notes).await.1["status"] != "success" {
        assert!(Instant::now() < limit, "it stays away");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_falls_silent_costs_an_answer_in_time_and_no_write() {
    let valve = Valve::start(true).await;
    let gateway = start(&valve).await;
    is_applied(&gateway, &[("before", 1)]).await;
    valve.close();
    for name in ["one", "two", "three", "four"] {
        is_kept(&gateway, &[(name, 1)]).await;
    }
    gateway.readiness(503).await;
    assert_eq!(gateway.get("/livez").await.status, 200);
    valve.open();
    is_applied(&gateway, &[("after", 1)]).await;
    gateway.readiness(200).await;
    let rows = gateway
        .database
        .texts("SELECT count(*) FROM notes WHERE n = 1")
        .await;
    // What was answered as kept is not in the database behind the device's back: nothing commits that nobody waited for.
    assert_eq!(json!(rows), json!([["2"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_the_road_cut_off_is_ended_by_the_database() {
    let valve = Valve::start(true).await;
    let gateway = start(&valve).await;
    let cut = [("slow", 400), ("held", 1)];
    let silence = async {
        sleep(Duration::from_millis(200)).await;
        valve.close();
    };
    let ((), ()) = tokio::join!(is_kept(&gateway, &cut), silence);
    let began = Instant::now();
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    while gateway.database.texts(open).await[0][0].as_deref() != Some("0") {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "its locks are held for ever"
        );
        sleep(Duration::from_millis(50)).await;
    }
    let seen = "SELECT count(*) FROM notes";
    assert_eq!(json!(gateway.database.texts(seen).await), json!([["0"]]));
    valve.open();
    is_applied(&gateway, &cut).await;
}
