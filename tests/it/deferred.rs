//! Deferred checks where transactions meet: "one owner remains" under two that each remove one of the last two.

use std::path::Path;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::gateway::{Answer, Gateway};
use crate::uploads::id;

const ROUNDS: usize = 60;
/// Rounds under way at once.
const STREAMS: usize = 4;

/// The gateway of the story about the end of a transaction.
async fn start() -> Gateway {
    let folder = Path::new("tests/cases/uploads/deferred");
    let schema = std::fs::read_to_string(folder.join("schema.sql")).unwrap();
    Gateway::start(&schema, &folder.join("rules")).await
}

/// A list with two owners.
async fn found(gateway: &Gateway, list: &str) {
    let (id_of_list, a, b) = (id(list), member(list, "a"), member(list, "b"));
    gateway
        .run(&format!(
            "INSERT INTO lists VALUES ('{id_of_list}', 'a list'); \
             INSERT INTO members VALUES ('{a}', '{id_of_list}', 'ann', 'owner'), ('{b}', '{id_of_list}', 'bob', 'owner')"
        ))
        .await;
}

fn member(list: &str, who: &str) -> String {
    id(&format!("{list}{who}"))
}

/// The ways in which a list loses an owner.
fn removal(way: usize, list: &str, who: &str) -> Value {
    let id = member(list, who);
    match way % 3 {
        0 => json!({"op": "DELETE", "table": "members", "id": id}),
        1 => {
            json!({"op": "PATCH", "table": "members", "id": id, "op_data": {"role": "viewer"}})
        }
        _ => json!({"op": "PUT", "table": "members", "id": id, "op_data": {"role": null}}),
    }
}

async fn send(gateway: &Gateway, subject: &str, crud: &[Value]) -> Answer {
    let body = json!({"transactions": [{ "crud": crud }]}).to_string();
    gateway
        .send("POST", &json!({ "sub": subject }), &body)
        .await
}

/// `success`, or the code of the refusal.
fn word(answer: &Answer) -> String {
    let result = &answer.body["results"][0];
    let code = result["failed_operation"]["error_code"].as_str();
    let status = result["status"].as_str();
    code.or(status).unwrap_or("nothing").to_owned()
}

fn one_won(answers: &(Answer, Answer), code: &str) {
    let mut words = [word(&answers.0), word(&answers.1)];
    words.sort();
    assert_eq!(words, [code, "success"]);
}

async fn ownerless(gateway: &Gateway) -> Vec<Vec<Option<String>>> {
    let sql = "SELECT id FROM lists l WHERE NOT EXISTS (SELECT FROM members m WHERE m.list_id = l.id AND m.role = 'owner')";
    gateway.database.texts(sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_each_remove_one_of_the_last_two_owners_never_both_pass() {
    let gateway = start().await;
    let gateway = &gateway;
    let stream = |stream: usize| async move {
        for round in 0..ROUNDS {
            let list = format!("list{stream}x{round}");
            found(gateway, &list).await;
            let (ann, bob) = (format!("ann{stream}"), format!("bob{stream}"));
            let first = [removal(round, &list, "a")];
            let second = [removal(round / 3, &list, "b")];
            let sent = join(send(gateway, &ann, &first), send(gateway, &bob, &second));
            one_won(&sent.await, "LAST_OWNER");
        }
    };
    join_all((0..STREAMS).map(stream)).await;
    assert!(ownerless(gateway).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_take_the_same_lists_in_opposite_orders_wait_for_one_another() {
    let gateway = start().await;
    for round in 0..ROUNDS {
        let lists: Vec<String> = (0..4).map(|list| format!("list{round}x{list}")).collect();
        for list in &lists {
            found(&gateway, list).await;
        }
        let first: Vec<Value> = lists.iter().map(|list| removal(round, list, "a")).collect();
        let last = lists.iter().rev();
        let second: Vec<Value> = last.map(|list| removal(round / 3, list, "b")).collect();
        let sent = join(
            send(&gateway, "ann", &first),
            send(&gateway, "bob", &second),
        );
        one_won(&sent.await, "LAST_OWNER");
    }
    assert!(ownerless(&gateway).await.is_empty());
    let sql = "SELECT pg_stat_clear_snapshot()::text, deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(
        gateway.database.texts(sql).await[0][1].as_deref(),
        Some("0")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_only_a_relation_of_a_relation_joins_wait_for_one_another_too() {
    let gateway = start().await;
    for round in 0..ROUNDS {
        let names = ["room", "left", "right", "one", "two"];
        let [room, left, right, one, two] = names.map(|name| id(&format!("{name}{round}")));
        gateway
            .run(&format!(
                "INSERT INTO shelves VALUES ('{left}', '{room}'), ('{right}', '{room}'); \
                 INSERT INTO items VALUES ('{one}', '{room}', '{left}'), ('{two}', '{room}', '{right}')"
            ))
            .await;
        let removal = |id: &str| [json!({"op": "DELETE", "table": "items", "id": id})];
        let (first, second) = (removal(&one), removal(&two));
        let sent = join(
            send(&gateway, "ann", &first),
            send(&gateway, "bob", &second),
        );
        one_won(&sent.await, "LAST_ITEM");
    }
}
