//! The contract's table of SQLSTATEs, each row provoked in a real Postgres, over HTTP: `tests/cases/sqlstates/rows.json`.
//!
//! What only raising can make is a story of its own (`tests/cases/uploads/sqlstates`); what takes the database away is in `outages`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

use rulegate::auth::development::SigningKey;
use rulegate::settings::{Secret, Settings};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};
use uuid::Uuid;

use crate::gateway::{Gateway, exchange};
use crate::outages::put_role;
use crate::postgres::Fresh;
use crate::reload::{Folder, Served, request};
use crate::uploads::{holds, id, wanted, with_ids};

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new("tests/cases/sqlstates").join(file)).unwrap()
}

fn rules() -> &'static Path {
    Path::new("tests/cases/sqlstates/rules")
}

/// A gateway that logs in as a role of its own, with one connection; the role.
async fn start(adjust: impl FnOnce(&mut Settings)) -> (Gateway, String) {
    let database = Fresh::migrated(&read("schema.sql")).await;
    let role = put_role(&database, "notes, kinds, parts, later").await;
    let login = role.clone();
    let gateway = Gateway::on(database, rules(), move |settings| {
        let uri = settings.database.uri.take().unwrap();
        let uri = uri.reveal().replace("postgres@", &format!("{login}@"));
        settings.database.uri = Some(Secret::new(uri));
        settings.database.pool = 1;
        settings.limits.statement_timeout = Duration::from_secs(2);
        adjust(settings);
    })
    .await;
    (gateway, role)
}

/// The entries of a row: notes that are made, or a change of one that is there.
fn crud(row: &Value) -> Value {
    let table = row["table"].as_str().unwrap_or("notes");
    if !row["patch"].is_null() {
        return json!([{"op": "PATCH", "table": table, "id": id("there"), "op_data": row["patch"]}]);
    }
    let notes = row["notes"].as_array().unwrap().iter();
    let put = |data: &Value| json!({"op": "PUT", "table": table, "id": Uuid::new_v4().to_string(), "op_data": data});
    notes.map(put).collect()
}

/// A text that no compression makes short.
fn long() -> String {
    (0..500).map(|_| Uuid::new_v4().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_that_postgres_can_make_has_its_answer() {
    let (gateway, role) = start(|_| ()).await;
    let there = format!("INSERT INTO notes (id) VALUES ('{}')", id("there"));
    gateway.run(&there).await;
    let rows = with_ids(&read("rows.json"));
    let rows: Value = serde_json::from_str(&rows.replace("LOGIN", &role)).unwrap();
    for row in rows.as_array().unwrap() {
        let name = row["row"].as_str().unwrap();
        if let Some(sql) = row["sql"].as_str() {
            gateway.run(sql).await;
        }
        let body = json!({"transactions": [{"crud": crud(row)}]}).to_string();
        let body = body.replace("LONG", &long());
        let before = count(&gateway).await;
        let answer = gateway.send("POST", &json!({"sub": "ann"}), &body).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        let result = &answer.body["results"][0];
        assert!(
            holds(Some(result), &wanted(&row["wanted"])),
            "{name}: {result}"
        );
        assert!(!result.to_string().contains("no client may see"), "{name}");
        let is_applied = result["status"] == "success" && row["patch"].is_null();
        assert_eq!(count(&gateway).await != before, is_applied, "{name}");
    }
}

async fn count(gateway: &Gateway) -> Vec<Vec<Option<String>>> {
    let sql = "SELECT (SELECT count(*) FROM notes), (SELECT count(*) FROM parts), (SELECT count(*) FROM later)";
    gateway.database.texts(sql).await
}

/// Two transactions that wait for one another: the database ends ours, and it is tried again here.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_costs_its_upload_nothing_but_time() {
    let (gateway, _) = start(|_| ()).await;
    let (a, b) = (id("a"), id("b"));
    let there = format!("INSERT INTO notes (id, n) VALUES ('{a}', 1), ('{b}', 1)");
    gateway.run(&there).await;
    let patch =
        |row: &str| json!({"op": "PATCH", "table": "notes", "id": row, "op_data": {"n": 2}});
    let body = json!({"transactions": [{"crud": [patch(&a), patch(&b)]}]}).to_string();
    let hold =
        format!("SET deadlock_timeout = '20s'; BEGIN; UPDATE notes SET n = 3 WHERE id = '{b}'");
    gateway.run(&hold).await;
    let ann = json!({"sub": "ann"});
    let other = async {
        sleep(Duration::from_millis(300)).await;
        let meet = format!("UPDATE notes SET n = 3 WHERE id = '{a}'; COMMIT");
        gateway.run(&meet).await;
    };
    let (answer, ()) = tokio::join!(gateway.send("POST", &ann, &body), other);
    assert_eq!(
        answer.body["results"][0]["status"], "success",
        "{}",
        answer.body
    );
    let rows = gateway.database.texts("SELECT DISTINCT n FROM notes").await;
    assert_eq!(json!(rows), json!([["2"]]));
}

/// The real program over these rules, which says what it has to say in lines of JSON.
struct Program {
    served: Served,
    folder: Folder,
    key: SigningKey,
    database: Fresh,
    public: SocketAddr,
    role: String,
}

impl Program {
    async fn start() -> Self {
        let database = Fresh::migrated(&read("schema.sql")).await;
        let role = put_role(&database, "notes, kinds, parts, later").await;
        let key = SigningKey::generate().unwrap();
        let folder = Folder::new("mistakes");
        for file in ["apples.yaml", "pears.yaml"] {
            std::fs::remove_file(folder.path(file)).unwrap();
        }
        for file in ["notes.yaml", "parts.yaml"] {
            folder.write(file, read(&format!("rules/{file}")));
        }
        let keys = key.jwks();
        folder.write(
            "rulegate.yaml",
            format!("version: 1\nclient_auth: {{ jwks: {keys}, audience: [powersync] }}\n"),
        );
        let uri = database.uri.replace("postgres@", &format!("{role}@"));
        let served = Served::start(&folder.home, &uri);
        let line = served.line(&["on http://"]);
        let place = line.split("on http://").nth(1).unwrap();
        let public = place.split(',').next().unwrap().parse().unwrap();
        Self {
            served,
            folder,
            key,
            database,
            public,
            role,
        }
    }

    async fn run(&self, sql: &str) {
        let sql = sql.replace("LOGIN", &self.role);
        self.database.client.batch_execute(&sql).await.unwrap();
    }

    async fn upload(&self, row: &Value) -> Value {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let claims = json!({"sub": "ann", "aud": "powersync", "iat": now, "exp": now + 600});
        let token = self.key.sign(&claims).unwrap();
        let body = json!({"transactions": [{"crud": crud(row)}]}).to_string();
        let answer = exchange(self.public, &request(&token, &body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["results"][0].clone()
    }

    async fn readiness(&self) -> (u16, String) {
        let head = "GET /readyz HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        let answer = exchange(self.public, head).await;
        (answer.status, answer.body.to_string())
    }

    /// The mistakes among the lines since the last look, without those that tell of readiness.
    fn mistakes(&self) -> Vec<String> {
        let lines = self.served.said();
        let lines = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        let errors = lines.filter(|line: &Value| line["level"] == "ERROR");
        errors
            .map(|line| line["message"].as_str().unwrap().to_owned())
            .filter(|message| !message.starts_with("not ready"))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_held_back_told_once_with_its_cure_and_seen_mended() {
    let program = Program::start().await;
    let there = format!("INSERT INTO notes (id) VALUES ('{}')", id("there"));
    program.run(&there).await;
    program.served.line(&["ready"]);
    let rows: Value = serde_json::from_str(&read("mistakes.json")).unwrap();
    for row in rows.as_array().unwrap() {
        let name = row["mistake"].as_str().unwrap();
        program.run(row["breaks"].as_str().unwrap()).await;
        for _ in 0..4 {
            let result = program.upload(row).await;
            assert_eq!(result["status"], "retryable_error", "{name}: {result}");
        }
        let (status, ready) = program.readiness().await;
        match row["ready"].as_str() {
            Some(words) => assert!(status == 503 && ready.contains(words), "{name}: {ready}"),
            None => assert_eq!(status, 200, "{name}: {ready}"),
        }
        let told = program.mistakes();
        assert_eq!(told.len(), 1, "{name}: {told:#?}");
        for words in row["log"].as_array().unwrap() {
            let words = words.as_str().unwrap().replace("LOGIN", &program.role);
            assert!(told[0].contains(&words), "{name}: {words}: {}", told[0]);
        }
        program.run(row["mends"].as_str().unwrap()).await;
        let limit = Instant::now() + Duration::from_secs(10);
        while program.upload(row).await["status"] != "success" {
            assert!(Instant::now() < limit, "{name} is not mended");
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(program.readiness().await.0, 200, "{name}");
        assert_eq!(program.mistakes(), Vec::<String>::new(), "{name}");
    }
    drop(program.folder);
}

/// What works for one table says nothing of another, and what works for one verb nothing of another.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_a_mistake_stood_in_the_way_of_shows_it_mended() {
    let (gateway, role) = start(|_| ()).await;
    gateway
        .run("CREATE TABLE parts_all PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
        .await;
    gateway
        .run(&format!("REVOKE INSERT ON notes FROM {role}"))
        .await;
    let send = async |row: Value, wanted: &str| {
        let body = json!({"transactions": [{"crud": crud(&row)}]}).to_string();
        let answer = gateway.send("POST", &json!({"sub": "ann"}), &body).await;
        assert_eq!(
            answer.body["results"][0]["status"], wanted,
            "{}",
            answer.body
        );
    };
    send(json!({"notes": [{}]}), "retryable_error").await;
    send(json!({"table": "parts", "notes": [{}]}), "success").await;
    send(json!({"patch": {"n": 1}}), "success").await;
    gateway.says("permission denied").await;
    gateway
        .run(&format!("GRANT INSERT ON notes TO {role}"))
        .await;
    send(json!({"notes": [{}]}), "success").await;
    assert_eq!(gateway.get("/readyz").await.status, 200);
}

/// The role of the writing statements is gone, or not ours to take: nothing is an app's fault.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_cannot_be_taken_is_an_operators_mistake() {
    let database = Fresh::migrated(&read("schema.sql")).await;
    let writer = put_role(&database, "notes, kinds, parts, later").await;
    let login = put_role(&database, "notes, kinds, parts, later").await;
    let grant = format!("GRANT USAGE ON SCHEMA types TO {writer}; GRANT {writer} TO {login}");
    database.client.batch_execute(&grant).await.unwrap();
    let gateway = Gateway::on(database, rules(), |settings| {
        let uri = settings.database.uri.take().unwrap();
        let uri = uri.reveal().replace("postgres@", &format!("{login}@"));
        settings.database.uri = Some(Secret::new(uri));
        settings.database.role = Some(writer.clone());
    })
    .await;
    let send = async |wanted: &str| {
        let body = json!({"transactions": [{"crud": crud(&json!({"notes": [{}]}))}]}).to_string();
        let answer = gateway.send("POST", &json!({"sub": "ann"}), &body).await;
        assert_eq!(
            answer.body["results"][0]["status"], wanted,
            "{}",
            answer.body
        );
    };
    let rows = [
        (
            format!("REVOKE {writer} FROM {login}"),
            "GRANT <role> TO <login>",
            format!("GRANT {writer} TO {login}"),
        ),
        (
            format!("ALTER ROLE {writer} RENAME TO {writer}_gone"),
            "correct `database.role`",
            format!("ALTER ROLE {writer}_gone RENAME TO {writer}"),
        ),
    ];
    for (breaks, cure, mends) in rows {
        send("success").await;
        gateway.run(&breaks).await;
        send("retryable_error").await;
        gateway.says(cure).await;
        gateway.run(&mends).await;
        send("success").await;
        assert_eq!(gateway.get("/readyz").await.status, 200, "{mends}");
    }
}
