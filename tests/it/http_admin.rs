//! The operator's listener.

use crate::http_served::{Start, ask};

fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\n{headers}\r\n")
}

#[tokio::test]
async fn only_its_own_host_is_answered() {
    let served = Start::new().serve().await;
    let own = served.admin.to_string();
    let rows = [
        (format!("host: {own}\r\n"), 200),
        ("host: localhost\r\n".to_owned(), 200),
        ("host: rebound.example.com\r\n".to_owned(), 403),
        (
            format!("host: {own}\r\norigin: https://evil.example.com\r\n"),
            403,
        ),
        (format!("host: {own}\r\norigin: http://{own}\r\n"), 200),
    ];
    for (headers, status) in rows {
        for path in ["/status", "/metrics"] {
            let reply = ask(served.admin, request("GET", path, &headers)).await;
            assert_eq!(reply.status, status, "{headers}: {reply:?}");
            assert_eq!(reply.header("access-control-allow-origin"), None);
        }
    }
}

#[tokio::test]
async fn it_has_its_own_paths_and_no_others() {
    let served = Start::new().serve().await;
    let rows = [
        ("GET", "/status", 200),
        ("GET", "/metrics/", 200),
        ("POST", "/status", 405),
        ("POST", "/reload", 501),
        ("GET", "/reload", 405),
        ("POST", "/api/data", 404),
        ("GET", "/", 404),
    ];
    for (method, path, status) in rows {
        let reply = ask(served.admin, request(method, path, "host: localhost\r\n")).await;
        assert_eq!(reply.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn status_says_what_stands_in_the_way() {
    let served = Start {
        has_plan: false,
        ..Start::new()
    }
    .serve()
    .await;
    let reply = ask(
        served.admin,
        request("GET", "/status", "host: localhost\r\n"),
    )
    .await;
    let status = reply.json();
    assert_eq!(status["is_ready"], false);
    assert_eq!(status["rules"]["in_force"], false);
    assert_eq!(status["keys"]["usable"], true);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn metrics_count_requests_by_status_in_buckets() {
    let served = Start::new().serve().await;
    served.get("/nowhere-that-is-known").await;
    served
        .ask(served.upload(
            "content-type: application/json\r\n",
            r#"{"transactions":[{"crud":[]}]}"#,
        ))
        .await;
    let reply = ask(
        served.admin,
        request("GET", "/metrics", "host: localhost\r\n"),
    )
    .await;
    let wanted = [
        r#"rulegate_requests_total{route="(unknown)",status="404"}"#,
        r#"rulegate_requests_total{route="/api/data",status="200"}"#,
        r#"rulegate_request_seconds_bucket{route="/api/data",le="0.005"}"#,
        "rulegate_transactions_total{outcome=",
        "rulegate_in_flight_body_bytes 0",
        "rulegate_pool_connections 0",
    ];
    for line in wanted {
        assert!(
            reply.body.contains(line),
            "{line} is missing in {}",
            reply.body
        );
    }
    assert!(!reply.body.contains("nowhere"));
}
