//! Memory is bounded, whatever is sent and by how many: the real program under a flood, its memory as the kernel counts it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use crate::postgres::Fresh;
use crate::program::{Program, schema};
use crate::uploads::id;

/// A little less than a body may have.
const FULL: usize = (1 << 20) - 4096;
/// Twelve at once may hold bodies; eight might execute, were they not heavy.
const SETTINGS: &str = "
database: { pool: 4 }
limits: { in_flight_bytes_max: 12MiB, body_bytes_max: 1MiB, request_timeout: 6s }
";
const BODIES_KIB: u64 = 12 * 1024;
const BODY_KIB: u64 = 1024;
/// What a heavy body may become while it is judged against a row of its own kind, as a multiple of its bytes; `docs/operations.md` reckons with it.
const EXPANSION: u64 = 260;
const SENDERS: usize = 24;

/// Bodies of the most that is allowed, each of another kind of much.
fn bodies() -> Vec<(&'static str, String)> {
    let note = |data: &Value| {
        json!({"transactions": [{"crud": [{"op": "PUT", "table": "notes", "id": id("note"), "op_data": data}]}]})
            .to_string()
    };
    let entry = |at: usize| json!({"op": "PUT", "table": "notes", "id": id(&at.to_string()), "op_data": {"n": 1}});
    let many: Vec<Value> = (0..4500).map(entry).collect();
    let many = json!({"transactions": vec![json!({"crud": many}); 2]}).to_string();
    let nest = |item: &str, bytes: usize| {
        let items = item.repeat(bytes / item.len());
        note(&json!({"nest": "NEST"}))
            .replace("\"NEST\"", &format!("[{}]", items.trim_end_matches(',')))
    };
    vec![
        ("one long text", note(&json!({"body": "x".repeat(FULL)}))),
        ("many operations", many),
        ("many lists", nest("[],", FULL)),
        ("many texts", nest("\"\",", FULL)),
        ("no JSON", "[".repeat(FULL)),
        (
            "no end",
            format!("{{\"transactions\":[{}", "{},".repeat(FULL / 3)),
        ),
    ]
}

fn packed(body: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Sends it; the status, where there was one before the connection ended.
async fn send(program: &Program, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(program.public).await.unwrap();
    let mut bytes = Vec::new();
    // What is refused by its head alone is not read to its end.
    let _ = stream.write_all(request).await;
    let _ = timeout(Duration::from_mins(1), stream.read_to_end(&mut bytes)).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.split(' ').nth(1)?.parse().ok()
}

/// Many send it at once, each somebody else.
async fn flood(program: &Program, body: &str, is_packed: bool) -> Vec<Option<u16>> {
    let sent = (0..SENDERS).map(|sender| {
        let who = format!("user {}", sender / 2);
        // Everybody writes a row of his own.
        let body = &body.replace(&id("note"), &id(&who));
        let request = if is_packed {
            let packed = packed(body);
            let head = program.request(&who, "").replace(
                "content-length: 0",
                &format!("content-length: {}\r\ncontent-encoding: gzip", packed.len()),
            );
            [head.as_bytes(), &packed].concat()
        } else {
            program.request(&who, body).into_bytes()
        };
        async move { send(program, &request).await }
    });
    join_all(sent).await
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_through_a_flood_of_big_bodies() {
    let database = Fresh::with(&schema()).await;
    let program = Program::start(&database.uri, SETTINGS);
    program.readiness(200).await;
    let rest = program.memory_kib("VmHWM");
    let most = rest + BODIES_KIB + EXPANSION * BODY_KIB;
    for (kind, body) in bodies() {
        let statuses = flood(&program, &body, kind == "no end").await;
        let peak = program.memory_kib("VmHWM");
        assert!(peak < most, "{kind}: {peak} KiB of {most}, {rest} at rest");
        let is_told = |status: &Option<u16>| matches!(status, Some(200 | 400 | 503));
        assert!(statuses.iter().all(is_told), "{kind}: {statuses:?}");
        eprintln!("{kind}: {peak} KiB of {most}, {rest} at rest");
    }
    assert_eq!(program.get("/livez").await.status, 200);
    assert_eq!(program.put(&[("after", 1)]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_idle_connections_cost_little_and_keep_nobody_out() {
    let database = Fresh::with(&schema()).await;
    let program = Program::start(&database.uri, "limits: { connections_max: 2000 }\n");
    program.readiness(200).await;
    let rest = program.memory_kib("VmHWM");
    let mut open = Vec::new();
    for _ in 0..1500 {
        let mut stream = TcpStream::connect(program.public).await.unwrap();
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nhost: g\r\n\r\n")
            .await
            .unwrap();
        open.push(stream);
    }
    for stream in &mut open {
        let mut byte = [0; 1];
        assert_eq!(stream.read_exact(&mut byte).await.unwrap(), 1);
    }
    assert_eq!(program.put(&[("beside", 1)]).await.status, 200);
    let each = (program.memory_kib("VmHWM") - rest) / 1500;
    assert!(each < 40, "{each} KiB for each of them");
}
