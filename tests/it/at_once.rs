//! The fast road: what it does is what reading and judging does, and nobody gets in by it while others change what allows.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::gateway::{AT_ONCE, Gateway};

/// What is told again.
const TOLD_AGAIN: [&str; 7] = [
    "uploads::",
    "contract::",
    "deferred::",
    "values::",
    "ledger::",
    "oracle::",
    "at_once::what",
];

#[test]
fn every_story_ends_as_it_does_by_reading_and_judging() {
    let told = Command::new(std::env::current_exe().unwrap())
        .args(TOLD_AGAIN)
        .args(["--test-threads", "4"])
        .env(AT_ONCE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success(), "{said}");
    // A filter that finds nothing would pass as well.
    for part in TOLD_AGAIN {
        assert!(said.contains(&format!("test {part}")), "{said}");
    }
}

const SCHEMA: &str = "
CREATE TABLE members (id uuid PRIMARY KEY, org uuid NOT NULL, member text NOT NULL);
CREATE INDEX ON members (org);
CREATE TABLE notes (id uuid PRIMARY KEY, owner text NOT NULL, org uuid, title text, hits int NOT NULL DEFAULT 0);
";

const NOTES: &str = r"
version: 1
table: notes
guard: none
columns: { title: {}, org: { immutable: true }, hits: { default: '0' } }
presets: { create: { owner: auth.sub } }
relations: { member: { table: members, match: { org: org } } }
allow:
  create: new.org == null || new.member.exists(m, m.member == auth.sub)
  update: old.owner == auth.sub || old.member.exists(m, m.member == auth.sub)
  delete: old.owner == auth.sub
";

const MEMBERS: &str = "
version: 1
table: members
guard: none
columns: { org: {}, member: {} }
relations: { peers: { table: members, match: { org: org } } }
allow:
  delete: old.peers.exists(p, p.member == auth.sub)
";

fn rules() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rulegate-at-once-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let head = std::fs::read_to_string("tests/cases/uploads/database/rules/rulegate.yaml").unwrap();
    std::fs::write(folder.join("rulegate.yaml"), head).unwrap();
    std::fs::write(folder.join("notes.yaml"), NOTES).unwrap();
    std::fs::write(folder.join("members.yaml"), MEMBERS).unwrap();
    folder
}

fn id(n: usize) -> String {
    format!("00000000-0000-0000-0000-{n:012x}")
}

fn entry(op: &str, table: &str, n: usize, data: &Value) -> Value {
    match data {
        Value::Null => json!({"op": op, "table": table, "id": id(n)}),
        data => json!({"op": op, "table": table, "id": id(n), "op_data": data}),
    }
}

async fn send(gateway: &Gateway, sub: &str, crud: Vec<Value>) -> String {
    let body = json!({"transactions": [{"crud": crud}]}).to_string();
    let answer = gateway.send("POST", &json!({"sub": sub}), &body).await;
    answer.body["results"][0]["status"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

async fn start() -> Gateway {
    let rules = rules();
    let gateway = Gateway::start(SCHEMA, &rules).await;
    std::fs::remove_dir_all(rules).unwrap();
    gateway
}

async fn count(gateway: &Gateway, query: &str) -> i64 {
    let row = gateway.database.client.query_one(query, &[]).await.unwrap();
    row.get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_allowed_is_written_at_once() {
    let gateway = start().await;
    let puts = (0..50).map(|n| entry("PUT", "notes", n, &json!({"title": "a"})));
    let patches =
        (0..50).map(|n| entry("PATCH", "notes", n, &json!({"title": "b", "hits": n + 1})));
    // The same row twice, one statement after the other.
    let again = (0..2).map(|n| entry("PATCH", "notes", 7, &json!({"title": format!("c{n}")})));
    let deletes = (40..50).map(|n| entry("DELETE", "notes", n, &Value::Null));
    let crud = puts.chain(patches).chain(again).chain(deletes).collect();
    assert_eq!(send(&gateway, "ann", crud).await, "success");
    assert_eq!(
        count(&gateway, "SELECT count(*) FROM notes WHERE owner = 'ann'").await,
        40
    );
    assert_eq!(
        count(&gateway, "SELECT sum(hits) FROM notes WHERE title = 'b'").await,
        820 - 8
    );
    assert_eq!(
        count(&gateway, "SELECT count(*) FROM notes WHERE title = 'c1'").await,
        1
    );
    if std::env::var_os(AT_ONCE).is_some() {
        assert_eq!((gateway.paths.at_once(), gateway.paths.judged()), (1, 0));
    }
    // One row of many is another's: nothing of it is written.
    let stolen = (0..3).map(|n| entry("PATCH", "notes", n, &json!({"title": "d"})));
    gateway
        .run(&format!(
            "UPDATE notes SET owner = 'bob' WHERE id = '{}'",
            id(1)
        ))
        .await;
    assert_eq!(send(&gateway, "ann", stolen.collect()).await, "fatal_error");
    assert_eq!(
        count(&gateway, "SELECT count(*) FROM notes WHERE title = 'd'").await,
        0
    );
}

/// An operation waits for another's lock, and then finds the row changed, gone, or there.
#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_an_operation_waited_counts() {
    let (ann, org) = ("ann", id(900));
    let title = |title: &str| json!({"title": title});
    let cases = [
        // The owner changes.
        (
            "UPDATE notes SET owner = 'bob' WHERE id = $",
            entry("PATCH", "notes", 1, &title("x")),
            "fatal_error",
        ),
        (
            "UPDATE notes SET owner = 'bob' WHERE id = $",
            entry("PUT", "notes", 1, &title("x")),
            "fatal_error",
        ),
        (
            "UPDATE notes SET owner = 'bob' WHERE id = $",
            entry("DELETE", "notes", 1, &Value::Null),
            "fatal_error",
        ),
        // It is another column that changes.
        (
            "UPDATE notes SET hits = 5 WHERE id = $",
            entry("PATCH", "notes", 1, &title("x")),
            "success",
        ),
        // The row goes.
        (
            "DELETE FROM notes WHERE id = $",
            entry("PATCH", "notes", 1, &title("x")),
            "success",
        ),
        (
            "DELETE FROM notes WHERE id = $",
            entry("PUT", "notes", 1, &title("x")),
            "success",
        ),
        // Another takes the key.
        (
            "INSERT INTO notes VALUES ('%', 'bob')",
            entry("PUT", "notes", 2, &title("x")),
            "fatal_error",
        ),
        (
            "INSERT INTO notes VALUES ('%', 'ann')",
            entry("PUT", "notes", 2, &title("x")),
            "success",
        ),
    ];
    for (other, operation, wanted) in cases {
        let gateway = Arc::new(start().await);
        gateway
            .run(&format!(
                "INSERT INTO notes VALUES ('{}', 'ann', '{org}')",
                id(1)
            ))
            .await;
        let other = other
            .replace('$', &format!("'{}'", id(1)))
            .replace('%', &id(2));
        gateway.run(&format!("BEGIN; {other}")).await;
        let waiting = tokio::spawn({
            let (gateway, operation) = (gateway.clone(), operation.clone());
            async move { send(&gateway, ann, vec![operation]).await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        gateway.run("COMMIT").await;
        let found = waiting.await.unwrap();
        assert_eq!(found, wanted, "{other} and {operation}");
        let written = count(
            &gateway,
            "SELECT count(*) FROM notes WHERE title = 'x' AND owner <> 'ann'",
        )
        .await;
        assert_eq!(written, 0, "{other} and {operation}");
    }
}

/// A membership that an operation of the same transaction, or another before it, takes away allows nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_membership_that_is_gone_allows_nothing() {
    let gateway = start().await;
    let org = id(900);
    gateway
        .run(&format!(
            "INSERT INTO members VALUES ('{}', '{org}', 'ann'); INSERT INTO notes VALUES ('{}', 'bob', '{org}')",
            id(1),
            id(5)
        ))
        .await;
    let write = || entry("PATCH", "notes", 5, &json!({"title": "x"}));
    let leave = || entry("DELETE", "members", 1, &Value::Null);
    assert_eq!(
        send(&gateway, "ann", vec![leave(), write()]).await,
        "fatal_error"
    );
    assert_eq!(count(&gateway, "SELECT count(*) FROM members").await, 1);
    assert_eq!(
        send(&gateway, "ann", vec![write(), leave()]).await,
        "success"
    );
    let again = entry("PATCH", "notes", 5, &json!({"title": "y"}));
    assert_eq!(send(&gateway, "ann", vec![again]).await, "fatal_error");
    assert_eq!(
        count(&gateway, "SELECT count(*) FROM notes WHERE title = 'x'").await,
        1
    );
}

/// What is immutable does not change beside what may, and who has left an organisation removes nobody from it any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_statement_must_not_let_pass() {
    let gateway = start().await;
    let org = id(900);
    gateway
        .run(&format!(
            "INSERT INTO members VALUES ('{}', '{org}', 'ann'), ('{}', '{org}', 'bob'); INSERT INTO notes VALUES ('{}', 'ann', '{org}')",
            id(1),
            id(2),
            id(5)
        ))
        .await;
    let moved = entry("PATCH", "notes", 5, &json!({"title": "x", "org": id(901)}));
    assert_eq!(send(&gateway, "ann", vec![moved]).await, "fatal_error");
    let kept = entry("PATCH", "notes", 5, &json!({"title": "x", "org": org}));
    assert_eq!(send(&gateway, "ann", vec![kept]).await, "success");
    let remove = |n| entry("DELETE", "members", n, &Value::Null);
    let both = vec![remove(1), remove(2)];
    assert_eq!(send(&gateway, "ann", both).await, "fatal_error");
    let both = vec![remove(2), remove(1)];
    assert_eq!(send(&gateway, "ann", both).await, "success");
}

/// Two gateways, many devices, the same keys: each row ends with the owner who made it, and none is written by another.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_take_the_same_keys_one_has_each() {
    let rules = rules();
    let first = Gateway::start(SCHEMA, &rules).await;
    let second = Gateway::over(first.database.clone(), &rules, |_| ()).await;
    std::fs::remove_dir_all(rules).unwrap();
    let gateways = Arc::new([first, second]);
    let sending = (0..16).map(|device| {
        let gateways = gateways.clone();
        tokio::spawn(async move {
            let gateway = &gateways[device % 2];
            let sub = ["ann", "bob"][device / 2 % 2];
            let mut applied = 0;
            for round in 0..6_usize {
                let put = |n| entry("PUT", "notes", 10 * round + n, &json!({"title": sub}));
                applied +=
                    usize::from(send(gateway, sub, (0..4).map(put).collect()).await == "success");
            }
            applied
        })
    });
    let mut applied = 0;
    for device in sending.collect::<Vec<_>>() {
        applied += device.await.unwrap();
    }
    assert!(applied >= 6, "{applied}");
    let query = "SELECT count(*) FROM notes WHERE owner <> title";
    assert_eq!(count(&gateways[0], query).await, 0);
}
