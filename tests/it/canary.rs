//! Values that can be recognised, sent in every place of an upload, turn up nowhere but in the database: not in the log of the real program, not in
//! metrics, status, readiness or answers. Those of sensitive columns are not even in the letters.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rulegate::auth::development::SigningKey;
use rulegate::journal;
use serde_json::{Value, json};

use crate::gateway::{LETTERS_KEY, exchange};
use crate::postgres::Fresh;
use crate::uploads::id;

/// Begins every text that is looked for.
const MARK: &str = "cAnAry";
/// The digits of every number that is looked for.
const NUMBER: &str = "918273645";

/// `rulegate serve`, everything that it may tell in a file.
struct Program {
    child: Child,
    log: PathBuf,
    key: SigningKey,
    public: SocketAddr,
    admin: SocketAddr,
}

impl Program {
    async fn start(database: &Fresh) -> Self {
        let key = SigningKey::generate().unwrap();
        let log = std::env::temp_dir().join(format!("rulegate-canary-{}", std::process::id()));
        let none = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut program = Self {
            child: Command::new(env!("CARGO_BIN_EXE_rulegate"))
                .args(["serve", "tests/cases/letters/canary"])
                .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
                .env("DATABASE_URL", &database.uri)
                .env("JWKS", key.jwks().to_string())
                .env("RULEGATE_DEAD_LETTERS_KEY", LETTERS_KEY)
                .env("RULEGATE_LOG", "trace")
                .stdin(Stdio::null())
                .stderr(fs::File::create(&log).unwrap())
                .spawn()
                .unwrap(),
            log,
            key,
            public: none,
            admin: none,
        };
        let limit = Instant::now() + Duration::from_secs(30);
        loop {
            let text = fs::read_to_string(&program.log).unwrap();
            let addresses: Vec<SocketAddr> = text
                .split("http://")
                .skip(1)
                .filter_map(|rest| rest.split([',', ' ']).next()?.parse().ok())
                .collect();
            if let [public, admin, ..] = addresses[..] {
                (program.public, program.admin) = (public, admin);
                return program;
            }
            assert!(Instant::now() < limit, "{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn send(&self, who: &str, role: &str, body: &str) -> String {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let token = json!({"aud": "powersync", "exp": now.as_secs() + 600, "sub": who, "role": role, "email": mark("claim")});
        let token = self.key.sign(&token).unwrap();
        let head = format!(
            "POST /api/data HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = exchange(self.public, &(head + body)).await;
        format!("{} {}", answer.status, answer.body)
    }

    async fn get(&self, address: SocketAddr, path: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        exchange(address, &head).await.body.to_string()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.log);
    }
}

fn mark(name: &str) -> String {
    format!("{MARK}-{name}")
}

/// Columns in which everything can be recognised, some of them as given.
fn data(some: &Value) -> Value {
    let mut data = json!({"name": mark("name"), "age": 1, "size": 1.25, "ssn": mark("ssn"), "pin": mark("pin"), "email": null});
    for (field, value) in some.as_object().unwrap() {
        data[field] = value.clone();
    }
    data
}

fn entry(op: &str, table: &str, row: &str, some: &Value) -> Value {
    json!({"op": op, "table": table, "id": row, "op_data": data(some), "metadata": mark("metadata"),
        "previous_values": {"name": mark("before"), "ssn": mark("before"), "pin": mark("before"), "age": NUMBER}})
}

/// Each with the code that it is refused with.
fn refusals(number: &Value) -> Vec<(&'static str, Value)> {
    let put = |row: &str, some: Value| entry("PUT", "people", &id(row), &some);
    let long = mark(&"x".repeat(80));
    vec![
        (
            "UNAUTHORIZED",
            entry("PUT", "nowhere", &id("1"), &json!({})),
        ),
        (
            "SCHEMA_MISMATCH",
            put("2", json!({"nowhere": mark("column")})),
        ),
        ("UNAUTHORIZED", put("3", json!({"hidden": mark("hidden")}))),
        (
            "DOCUMENT_VALIDATION_FAILURE",
            put("4", json!({"name": long})),
        ),
        ("unlucky", put("5", json!({"age": 13}))),
        ("late", put("6", json!({"age": 15}))),
        ("INVALID_DATA", put("7", json!({"age": mark("age")}))),
        (
            "INVALID_DATA",
            put("8", json!({"age": "918273645918273645"})),
        ),
        ("INVALID_DATA", put("9", json!({"size": number}))),
        ("INVALID_DATA", put("10", json!({"boss": mark("boss")}))),
        ("INVALID_DATA", put("11", json!({"ssn": mark("nul\0")}))),
        (
            "INVALID_DATA",
            entry("PUT", "people", &mark("id"), &json!({})),
        ),
        (
            "INVALID_DATA",
            entry("DELETE", "people", &mark("id"), &json!({})),
        ),
        ("CHECK_VIOLATION", put("12", json!({"age": number}))),
        (
            "UNIQUE_VIOLATION",
            put("13", json!({"email": mark("taken")})),
        ),
        (
            "FOREIGN_KEY_VIOLATION",
            put("14", json!({"boss": id(MARK)})),
        ),
        ("UNCLASSIFIED_ERROR", put("15", json!({"age": 66}))),
        (
            "UNAUTHORIZED",
            entry("PATCH", "people", &id("bobs"), &json!({})),
        ),
        (
            "UNAUTHORIZED",
            entry("DELETE", "people", &id("bobs"), &json!({})),
        ),
        (
            "DOCUMENT_VALIDATION_FAILURE",
            entry(
                "PATCH",
                "people",
                &id("anns"),
                &json!({"pin": mark("other")}),
            ),
        ),
    ]
}

/// Whether a text holds anything that is looked for; what stands around it.
fn leak(text: &str) -> Option<String> {
    let ids = [id("bobs"), id("anns"), id(MARK), id("5")];
    let marks = [MARK, NUMBER].into_iter().map(str::to_owned).chain(ids);
    marks.into_iter().find_map(|mark| {
        let at = text.find(&mark)?;
        let from = text.floor_char_boundary(at.saturating_sub(200));
        let to = text.ceil_char_boundary(at + 200);
        Some(text.get(from..to)?.to_owned())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_can_be_recognised_turn_up_nowhere() {
    let schema = include_str!("../cases/letters/schema.sql");
    let database = Fresh::with(&format!("{schema};{}", journal::ddl())).await;
    let program = Program::start(&database).await;
    let mut told = String::new();
    let good = |row: &str, some: Value| entry("PUT", "people", &id(row), &some);
    for (who, entry) in [
        ("bob", good("bobs", json!({"email": mark("taken")}))),
        ("ann", good("anns", json!({}))),
    ] {
        let body = json!({"transactions": [{"crud": [entry]}]}).to_string();
        let answer = program.send(who, "member", &body).await;
        assert!(answer.contains("success"), "{answer}");
        told.push_str(&answer);
    }
    let number: Value = NUMBER.parse::<u64>().unwrap().into();
    let mut refusals = refusals(&number);
    let many: Vec<Value> = (0..6)
        .map(|n| good(&format!("many{n}"), json!({})))
        .collect();
    for (code, entry) in refusals.clone() {
        let body = json!({"transactions": [{"transaction_id": 1, "crud": [entry]}]}).to_string();
        let answer = program.send("ann", "member", &body).await;
        assert!(
            answer.contains(&format!("\"error_code\":\"{code}\"")),
            "{code}: {answer}"
        );
        told.push_str(&answer);
    }
    let large = json!({"transactions": [{"crud": many}]}).to_string();
    let answer = program.send("ann", "member", &large).await;
    assert!(answer.contains("TRANSACTION_TOO_LARGE"), "{answer}");
    told.push_str(&answer);
    refusals.push(("TRANSACTION_TOO_LARGE", Value::Null));
    // A token that does not fit, and a body that is none.
    told.push_str(&program.send("ann", &mark("role"), "{}").await);
    for body in [
        format!(r#"{{"transactions": "{}"}}"#, mark("body")),
        format!(
            r#"{{"transactions": [{{"crud": [{{"op": "{0}", "table": "{0}", "id": "{0}"}}]}}]}}"#,
            mark("body")
        ),
        format!(
            r#"{{"transactions": [{{"crud": [], "transaction_id": "{}"}}]}}"#,
            mark("body")
        ),
        mark("body"),
    ] {
        let answer = program.send("ann", "member", &body).await;
        assert!(answer.starts_with("400"), "{answer}");
        told.push_str(&answer);
    }
    // Of a table without rules nobody has said what is sensitive.
    let letters = "SELECT l::text, convert_from(transaction_bytes, 'UTF8') FROM rulegate.dead_letters l WHERE tables = 'people'";
    let letters = database.texts(letters).await;
    assert_eq!(letters.len(), refusals.len() - 1);
    for row in letters.into_iter().flatten().flatten() {
        // What is nobody's column, the row's key, and what an app writes beside columns is kept as it was sent.
        for sensitive in [
            "name", "before", "ssn", "pin", "age", "boss", "taken", "nul", "other", "xxx",
        ] {
            assert!(!row.contains(&mark(sensitive)), "{sensitive}: {row}");
        }
        assert!(!row.contains(NUMBER), "{row}");
    }
    // Where a letter cannot be stored, that is told too.
    let breaks = format!(
        "ALTER TABLE rulegate.dead_letters ADD CHECK (message = '{}') NOT VALID",
        mark("constraint")
    );
    database.client.batch_execute(&breaks).await.unwrap();
    let body =
        json!({"transactions": [{"crud": [good("again", json!({"age": number}))]}]}).to_string();
    let answer = program.send("ann", "member", &body).await;
    assert!(answer.contains("retryable_error"), "{answer}");
    told.push_str(&answer);
    for (address, path) in [
        (program.public, "/readyz"),
        (program.public, "/livez"),
        (program.admin, "/metrics"),
        (program.admin, "/status"),
    ] {
        told.push_str(&program.get(address, path).await);
    }
    assert_eq!(leak(&told), None, "in an answer");
    let log = fs::read_to_string(&program.log).unwrap();
    assert!(
        log.contains("UNIQUE_VIOLATION") && log.contains("dead letter"),
        "{log}"
    );
    assert_eq!(leak(&log), None, "in the log");
    assert!(told.contains("rulegate_dead_letters_total"), "{told}");
    // What is looked for would be found.
    assert!(leak(&format!("… {} …", mark("value"))).is_some() && leak(&id("bobs")).is_some());
}
