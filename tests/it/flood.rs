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

const MIB: usize = 1 << 20;
/// Twelve at once may hold bodies, and two decode and apply.
const SETTINGS: &str = "
database: { pool: 1 }
limits: { in_flight_bytes_max: 96MiB, body_bytes_max: 8MiB, request_timeout: 20s }
";
const SENDERS: usize = 24;

/// Bodies of the most that is allowed, each of another kind of much.
fn bodies() -> Vec<(&'static str, String)> {
    let note = |data: &Value| {
        json!({"transactions": [{"crud": [{"op": "PUT", "table": "notes", "id": id("note"), "op_data": data}]}]})
            .to_string()
    };
    let entry = |at: usize| json!({"op": "PUT", "table": "notes", "id": id(&at.to_string()), "op_data": {"n": 1}});
    let many: Vec<Value> = (0..10_000).map(entry).collect();
    let many = json!({"transactions": vec![json!({"crud": many}); 7]}).to_string();
    let nest = |item: &str, bytes: usize| {
        let items = item.repeat(bytes / item.len());
        note(&json!({"nest": "NEST"}))
            .replace("\"NEST\"", &format!("[{}]", items.trim_end_matches(',')))
    };
    vec![
        ("one long text", note(&json!({"body": "x".repeat(7 * MIB)}))),
        ("many operations", many),
        ("many numbers", nest("1,", 7 * MIB)),
        ("many lists", nest("[],", 7 * MIB)),
        ("many texts", nest("\"\",", 7 * MIB)),
        (
            "many tags",
            note(&json!({"tags": "TAGS"}))
                .replace("\"TAGS\"", &format!("[{}\"\"]", "\"\",".repeat(2 * MIB))),
        ),
        ("no JSON", "[".repeat(7 * MIB)),
        (
            "no end",
            format!("{{\"transactions\":[{}", "{},".repeat(2 * MIB)),
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
    let _ = timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes)).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.split(' ').nth(1)?.parse().ok()
}

/// Many send it at once, each somebody else.
async fn flood(program: &Program, body: &str, is_packed: bool) -> Vec<Option<u16>> {
    let sent = (0..SENDERS).map(|sender| {
        let who = format!("user {}", sender / 2);
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
    for (kind, body) in bodies() {
        for is_packed in [false, true] {
            let began = std::time::Instant::now();
            let statuses = flood(&program, &body, is_packed).await;
            let peak = program.memory_kib("VmHWM");
            let now = program.memory_kib("VmRSS");
            eprintln!(
                "{kind} {is_packed} {:?}: rest {rest} peak {peak} now {now} {statuses:?}",
                began.elapsed()
            );
        }
    }
    assert_eq!(program.get("/livez").await.status, 200);
}
