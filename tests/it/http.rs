//! Contract, *POST /api/data*: the order of checks, and what every answer carries.

use std::io::Write as _;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rulegate::auth::development::SigningKey;

use crate::http_served::{Connection, Served, Start, VERSION, token, upload};

const EMPTY: &str = r#"{"transactions":[{"crud":[]},{"crud":[]}]}"#;
const JSON: &str = "content-type: application/json\r\n";

/// A request without anything but what the row says.
fn bare(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: g\r\n{headers}\r\n{body}")
}

fn many_headers(count: usize) -> String {
    "x: y\r\n".repeat(count)
}

/// One request that fails each check, in the contract's order, with its status.
fn failing(served: &Served) -> Vec<(&'static str, String, u16)> {
    let stranger = SigningKey::generate().unwrap();
    let good = format!("authorization: Bearer {}\r\n", served.token("ann"));
    let bad = format!("authorization: Bearer {}\r\n", token(&stranger, "ann"));
    let long = "content-length: 33554433\r\n";
    let row = |headers: &str, body: &str| bare("POST", "/api/data", headers, body);
    vec![
        (
            "1 too many headers",
            bare("POST", "/nowhere", &many_headers(101), ""),
            431,
        ),
        (
            "1 too many bytes",
            bare(
                "POST",
                "/nowhere",
                &format!("x: {}\r\n", "y".repeat(17_000)),
                "",
            ),
            431,
        ),
        (
            "1 a long token",
            row(
                &format!("authorization: Bearer {}\r\n", "y".repeat(8200)),
                "",
            ),
            431,
        ),
        ("1 path", bare("POST", "/nowhere", "", ""), 404),
        ("1 method", bare("GET", "/api/data", "", ""), 405),
        ("2 no token", row(long, ""), 401),
        (
            "2 two headers",
            row(&format!("{good}{good}{long}"), ""),
            401,
        ),
        (
            "2 another scheme",
            row(&format!("authorization: Basic YTpi\r\n{long}"), ""),
            401,
        ),
        ("4 length", row(&format!("{bad}{long}"), ""), 413),
        (
            "5 token",
            row(
                &format!("{bad}content-length: 1\r\ncontent-type: text/plain\r\n"),
                "{",
            ),
            401,
        ),
        (
            "7 content type",
            row(
                &format!("{good}content-length: 1\r\ncontent-type: text/plain\r\n"),
                "{",
            ),
            415,
        ),
        (
            "7 no content type",
            row(&format!("{good}content-length: 1\r\n"), "{"),
            415,
        ),
        (
            "7 encoding",
            row(
                &format!("{good}{JSON}content-encoding: br\r\ncontent-length: 1\r\n"),
                "{",
            ),
            415,
        ),
        (
            "8 no JSON",
            row(&format!("{good}{JSON}content-length: 1\r\n"), "{"),
            400,
        ),
        ("8 no body", row(&format!("{good}{JSON}"), ""), 400),
        (
            "8 two shapes at once",
            row(
                &format!("{good}{JSON}content-length: 30\r\n"),
                r#"{"transactions":[],"batch":[]}"#,
            ),
            400,
        ),
    ]
}

#[tokio::test]
async fn each_check_has_its_answer_and_the_first_that_fails_decides() {
    let served = Start::new().serve().await;
    for (name, request, status) in failing(&served) {
        let reply = served.ask(&request).await;
        assert_eq!(reply.status, status, "{name}: {reply:?}");
        assert!(reply.json()["message"].is_string(), "{name}: {reply:?}");
        let challenge = reply.header("www-authenticate");
        assert_eq!(challenge, (status == 401).then_some("Bearer"), "{name}");
        assert_eq!(reply.header("allow").is_some(), status == 405, "{name}");
        if status == 413 {
            assert_eq!(reply.header("connection"), Some("close"), "{name}");
        }
    }
}

#[tokio::test]
async fn every_answer_can_be_read_by_a_browser_and_names_request_and_rules() {
    let served = Start::new().serve().await;
    let mut requests: Vec<(&str, String)> = failing(&served)
        .into_iter()
        .map(|(name, request, _)| (name, request))
        .collect();
    requests.extend([
        ("an upload", served.upload(JSON, EMPTY)),
        ("root", bare("GET", "/", "", "")),
        ("live", bare("GET", "/livez", "", "")),
        ("ready", bare("GET", "/readyz", "", "")),
        ("token", bare("GET", "/api/auth/token", "", "")),
        ("preflight", bare("OPTIONS", "/api/data", "", "")),
        ("preflight of nothing", bare("OPTIONS", "/nowhere", "", "")),
    ]);
    for (name, request) in requests {
        let reply = served.ask(request).await;
        let exposed = "x-request-id, x-rules-version, retry-after";
        assert_eq!(
            reply.header("access-control-allow-origin"),
            Some("*"),
            "{name}"
        );
        assert_eq!(
            reply.header("access-control-expose-headers"),
            Some(exposed),
            "{name}"
        );
        assert_eq!(reply.header("x-rules-version"), Some(VERSION), "{name}");
        assert!(!reply.header("x-request-id").unwrap().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_good_upload_gets_a_result_for_each_transaction() {
    let served = Start::new().serve().await;
    let slash = served
        .upload(JSON, EMPTY)
        .replace("/api/data", "/api/data/")
        .replace("Bearer", "bEARER");
    for request in [served.upload(JSON, EMPTY), slash] {
        let reply = served.ask(request).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let results = reply.json()["results"].as_array().unwrap().clone();
        assert_eq!(results.len(), 2);
        assert!(results.iter().all(|result| result["status"].is_string()));
    }
}

#[tokio::test]
async fn the_older_shapes_are_answered_by_the_status_alone() {
    let served = Start::new().serve().await;
    let whole = r#"{"table":"nowhere","data":{"id":"1"}}"#;
    let rows = [
        ("POST", r#"{"batch":[]}"#, &[200, 503][..]),
        ("PUT", whole, &[503]),
        ("PATCH", whole, &[503]),
        ("DELETE", whole, &[503]),
        ("PUT", r#"{"table":"nowhere","data":{}}"#, &[400]),
        ("PUT", EMPTY, &[400]),
    ];
    for (method, body, statuses) in rows {
        let request = served.upload(JSON, body).replacen("POST", method, 1);
        let reply = served.ask(request).await;
        assert!(
            statuses.contains(&reply.status),
            "{method} {body}: {reply:?}"
        );
        assert_eq!(reply.header("retry-after").is_some(), reply.status == 503);
        assert!(reply.json()["message"].is_string());
        assert!(reply.json().get("results").is_none());
    }
}

#[tokio::test]
async fn a_gzip_body_is_read_like_a_plain_one() {
    let served = Start::new().serve().await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(EMPTY.as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let head = served
        .upload(&format!("{JSON}content-encoding: gzip\r\n"), "")
        .replace(
            "content-length: 0",
            &format!("content-length: {}", body.len()),
        );
    let reply = served.ask([head.as_bytes(), &body].concat()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let broken = served.upload(&format!("{JSON}content-encoding: gzip\r\n"), EMPTY);
    assert_eq!(served.ask(broken).await.status, 400);
}

#[tokio::test]
async fn a_request_id_is_taken_over_where_it_is_plain_and_made_otherwise() {
    let served = Start::new().serve().await;
    let mine = served
        .ask(bare("GET", "/livez", "x-request-id: abc-1\r\n", ""))
        .await;
    assert_eq!(mine.header("x-request-id"), Some("abc-1"));
    let odd = served
        .ask(bare("GET", "/livez", "x-request-id: a b\r\n", ""))
        .await;
    assert_eq!(odd.header("x-request-id").unwrap().len(), 36);
}

#[tokio::test]
async fn a_preflight_names_methods_and_headers() {
    let served = Start::new().serve().await;
    let reply = served.ask(bare("OPTIONS", "/api/data", "", "")).await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    assert_eq!(
        reply.header("access-control-allow-methods"),
        Some("POST, PUT, PATCH, DELETE, OPTIONS")
    );
    let allowed = "authorization, content-type, content-encoding, idempotency-key, x-powersync-client-id, x-request-id";
    assert_eq!(reply.header("access-control-allow-headers"), Some(allowed));
}

#[tokio::test]
async fn narrowed_origins_name_the_caller_or_nobody() {
    let app = "https://app.example.com";
    let served = Start::new()
        .with(|settings| settings.server.cors_origins = vec![app.to_owned()])
        .serve()
        .await;
    for (origin, named) in [(app, Some(app)), ("https://evil.example.com", None)] {
        for path in ["/livez", "/nowhere"] {
            let request = bare("GET", path, &format!("origin: {origin}\r\n"), "");
            let reply = served.ask(request).await;
            assert_eq!(reply.header("access-control-allow-origin"), named);
            assert_eq!(reply.header("vary"), Some("origin"));
        }
    }
}

#[tokio::test]
async fn a_strangers_body_is_never_asked_for() {
    let served = Start::new().serve().await;
    let headers = "authorization: Bearer a.b.c\r\nexpect: 100-continue\r\ncontent-length: 100\r\n";
    let reply = served.ask(bare("POST", "/api/data", headers, "")).await;
    assert_eq!(reply.status, 401);
    let friend = served
        .upload(&format!("{JSON}expect: 100-continue\r\n"), "")
        .replace("content-length: 0", "content-length: 100");
    assert_eq!(served.ask(friend).await.status, 100);
}

#[tokio::test]
async fn small_answers_say_what_the_contract_says() {
    let served = Start::new().serve().await;
    let rows = [
        ("/", 200, "rulegate"),
        ("/livez", 200, "alive"),
        ("/livez/", 200, "alive"),
        ("/api/auth/token", 404, "token issuing is not supported yet"),
        ("/api/auth/keys", 404, "token issuing is not supported yet"),
        (
            "/.well-known/jwks.json",
            404,
            "token issuing is not supported yet",
        ),
        ("/metrics", 404, "there is nothing at this path"),
        ("/status", 404, "there is nothing at this path"),
    ];
    for (path, status, message) in rows {
        let reply = served.get(path).await;
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.json()["message"], message, "{path}");
    }
}

#[tokio::test]
async fn without_a_database_it_lives_and_is_not_ready_and_says_why() {
    let served = Start {
        has_plan: false,
        ..Start::new()
    }
    .serve()
    .await;
    assert_eq!(served.get("/livez").await.status, 200);
    let ready = served.get("/readyz").await;
    assert_eq!(ready.status, 503);
    let reasons = ready.json()["reasons"].to_string();
    assert!(reasons.contains("rules"), "{reasons}");
    let upload = served.ask(served.upload(JSON, EMPTY)).await;
    assert_eq!(upload.status, 503);
    assert!(upload.header("retry-after").is_some());
    let stranger = bare("POST", "/api/data", "authorization: Bearer a.b.c\r\n", "");
    assert_eq!(served.ask(stranger).await.status, 401);
}

#[tokio::test]
async fn an_unreachable_database_turns_readiness_red_with_its_reason() {
    let served = Start::new().serve().await;
    for _ in 0..100 {
        let ready = served.get("/readyz").await;
        if ready.status == 503 {
            let reasons = ready.json()["reasons"].to_string();
            assert!(reasons.to_lowercase().contains("connect"), "{reasons}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it stayed green");
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let served = Start::new().serve().await;
    let mut connection = Connection::to(served.public).await;
    for _ in 0..3 {
        connection.send(served.upload(JSON, EMPTY)).await;
        assert_eq!(connection.reply().await.unwrap().status, 200);
        connection.send(served.upload(JSON, "{")).await;
        // Read to its end, so the connection is still good.
        assert_eq!(connection.reply().await.unwrap().status, 400);
    }
}

/// What this process logs, from the first look on.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .json()
        .with_writer(move || writer.clone())
        .init();
    log
});

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_one_line_for_each_request_and_none_of_what_was_sent() {
    let log = LazyLock::force(&LOG);
    let served = Start::new().serve().await;
    let token = served.token("SECRET");
    let body = r#"{"transactions":[{"crud":[{"op":"PUT","table":"SECRET","id":"SECRET","op_data":{"SECRET":"SECRET"}}]}]}"#;
    let mine = "x-request-id: logged\r\n";
    let good = upload(&token, &format!("{JSON}{mine}"), body);
    let stranger = format!("authorization: Bearer SECRET.SECRET.SECRET\r\n{mine}");
    let requests = [
        good.clone(),
        good.replace(body, &body.replace('}', " ")),
        good.replace("/api/data", "/api/SECRET?SECRET=SECRET"),
        bare("POST", "/api/data", &stranger, ""),
        bare("GET", "/livez?token=SECRET", mine, ""),
    ];
    for request in &requests {
        served.ask(request).await;
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let answered = logged.lines().filter(|line| line.contains("\"logged\""));
    assert_eq!(answered.count(), requests.len(), "{logged}");
    let signature = token.rsplit('.').next().unwrap();
    assert!(
        !logged.contains("SECRET") && !logged.contains(signature),
        "{logged}"
    );
}

#[tokio::test]
async fn a_client_that_hangs_up_is_served_to_the_end() {
    let log = LazyLock::force(&LOG);
    let served = Start::new().serve().await;
    let mut connection = Connection::to(served.public).await;
    let request = served.upload(&format!("{JSON}x-request-id: hung-up\r\n"), EMPTY);
    connection.send(request).await;
    drop(connection);
    let told = || {
        let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let mut lines = logged.lines().map(ToOwned::to_owned);
        lines.find(|line| line.contains("hung-up"))
    };
    for _ in 0..100 {
        if told().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let line = told().expect("its line in the log");
    assert!(line.contains("\"status\":200"), "{line}");
}

#[tokio::test]
async fn no_bytes_bring_it_down() {
    let served = Start::new().serve().await;
    let whole = served.upload(JSON, EMPTY);
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for _ in 0..200 {
        let mut bytes = whole.clone().into_bytes();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            bytes[at] = u8::try_from(next(256)).unwrap();
        }
        bytes.truncate(next(bytes.len()) + 1);
        let mut connection = Connection::to(served.public).await;
        connection.send(bytes).await;
    }
    assert_eq!(served.ask(whole).await.status, 200);
    assert_eq!(served.get("/livez").await.status, 200);
}
