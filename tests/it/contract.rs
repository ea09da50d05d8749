//! What the contract says of whole uploads, over a real socket: sizes, shapes, what rules and policies see of a request.

use std::path::PathBuf;

use rulegate::settings::Settings;
use serde_json::{Value, json};

use crate::gateway::{Answer, Gateway};
use crate::uploads::id;

const SCHEMA: &str = "
CREATE TABLE notes (id uuid PRIMARY KEY, n int NOT NULL, owner text NOT NULL);
CREATE TABLE seen (note uuid, claims jsonb, subject text, settings text);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.n = 13 THEN RAISE EXCEPTION 'thirteen is out'; END IF;
  INSERT INTO seen VALUES (NEW.id, current_setting('request.jwt.claims')::jsonb, current_setting('app.user_id'),
    concat_ws(',', current_setting('TimeZone'), current_setting('DateStyle'), current_setting('transaction_isolation')));
  RETURN NEW; END $$;
CREATE TRIGGER look BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION look();
";

async fn start(adjust: impl FnOnce(&mut Settings)) -> Gateway {
    let rules = PathBuf::from("tests/cases/outages/rules");
    Gateway::with(SCHEMA, &rules, adjust).await
}

fn put(name: &str, n: usize) -> Value {
    json!({"op": "PUT", "table": "notes", "id": id(name), "op_data": {"n": n}})
}

async fn send(gateway: &Gateway, body: &Value) -> Answer {
    let ann = json!({"sub": "ann", "role": "admin"});
    gateway.send("POST", &ann, &body.to_string()).await
}

async fn count(gateway: &Gateway) -> String {
    let rows = gateway.database.texts("SELECT count(*) FROM notes").await;
    rows[0][0].clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_beyond_its_limits_is_refused_whole_and_its_neighbours_go_on() {
    let gateway = start(|settings| {
        settings.limits.transaction_operations_max = 2;
        settings.batch.on_fatal_error = rulegate::settings::OnFatalError::Skip;
    })
    .await;
    let body = json!({"transactions": [
        {"crud": [put("a", 1)]},
        {"crud": [put("b", 1), put("c", 1), put("d", 1)]},
        {"crud": [put("e", 1), put("f", 1)]}]});
    let answer = send(&gateway, &body).await;
    let failed = &answer.body["results"][1]["failed_operation"];
    assert_eq!(
        failed["error_code"], "TRANSACTION_TOO_LARGE",
        "{}",
        answer.body
    );
    assert!(failed.get("operation_index").is_none());
    assert_eq!(answer.body["results"][2], json!({"status": "success"}));
    assert_eq!(count(&gateway).await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_transactions_and_a_thousand_operations_are_one_upload_and_fifty_one_are_none() {
    let gateway = start(|_| ()).await;
    let transaction = |t: usize| {
        let crud: Vec<Value> = (0..20).map(|n| put(&format!("{t} {n}"), n)).collect();
        json!({ "crud": crud })
    };
    let of =
        |count: usize| json!({"transactions": (0..count).map(transaction).collect::<Vec<_>>()});
    // 13 is refused by the trigger, so that each transaction is all or nothing too.
    let answer = send(&gateway, &of(50)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["results"].as_array().unwrap().len(), 50);
    assert_eq!(
        answer.body["results"][0]["failed_operation"]["operation_index"],
        13
    );
    assert_eq!(count(&gateway).await, "0");
    gateway.run("DROP TRIGGER look ON notes").await;
    let answer = send(&gateway, &of(50)).await;
    assert_eq!(
        answer.body["results"],
        json!(vec![json!({"status": "success"}); 50])
    );
    assert_eq!(count(&gateway).await, "1000");
    assert_eq!(send(&gateway, &of(51)).await.status, 400);
    assert_eq!(send(&gateway, &of(0)).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_see_the_claims_and_the_session_is_what_we_say() {
    let gateway = start(|_| ()).await;
    let answer = send(
        &gateway,
        &json!({"transactions": [{"crud": [put("a", 1)]}]}),
    )
    .await;
    assert_eq!(answer.body["results"], json!([{"status": "success"}]));
    let rows = gateway
        .database
        .texts("SELECT claims->>'role', claims->>'sub', subject, settings FROM seen")
        .await;
    assert_eq!(
        json!(rows),
        json!([["admin", "ann", "ann", "UTC,ISO, YMD,read committed"]])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_raised_is_shown_only_where_the_settings_say_so() {
    for (shows, wanted) in [
        (false, "the database refused this write"),
        (true, "thirteen is out"),
    ] {
        let gateway = start(|settings| settings.database.raised_messages = shows).await;
        let answer = send(
            &gateway,
            &json!({"transactions": [{"crud": [put("a", 13)]}]}),
        )
        .await;
        let failed = &answer.body["results"][0]["failed_operation"];
        assert_eq!(
            (&failed["error_code"], &failed["message"]),
            (&json!("UNCLASSIFIED_ERROR"), &json!(wanted))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_is_decided_by_the_settings_in_every_shape() {
    use rulegate::settings::Unknown;
    let ann = json!({"sub": "ann"});
    let unknown = [
        (
            json!({"table": "lists", "data": {"id": id("a")}}),
            "UNAUTHORIZED",
        ),
        (
            json!({"table": "notes", "data": {"id": id("a"), "colour": 1}}),
            "SCHEMA_MISMATCH",
        ),
    ];
    for (setting, status) in [(Unknown::Fatal, 400), (Unknown::Retry, 503)] {
        let gateway = start(|settings| settings.batch.unknown = setting).await;
        for (one, code) in &unknown {
            let answer = gateway.send("PUT", &ann, &one.to_string()).await;
            let code = (setting == Unknown::Fatal).then_some(*code);
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (status, code)
            );
            let entry =
                json!({"op": "PUT", "table": one["table"], "id": id("a"), "data": one["data"]});
            let batch = json!({ "batch": [entry] }).to_string();
            let answer = gateway.send("POST", &ann, &batch).await;
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (status, code)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_shapes_follow_the_same_rules() {
    let gateway = start(|_| ()).await;
    let (ann, eve) = (json!({"sub": "ann"}), json!({"sub": "eve"}));
    let one = |n: Value| json!({"table": "notes", "data": {"id": id("a"), "n": n}}).to_string();
    let batch = json!({"batch": [
        {"op": "PUT", "table": "notes", "id": id("b"), "data": {"n": 1}},
        {"op": "DELETE", "table": "notes", "id": id("b"), "data": null}]})
    .to_string();
    let rows = [
        ("PUT", &ann, one(json!(1)), 200, None),
        ("PATCH", &ann, one(json!(2)), 200, None),
        ("PATCH", &eve, one(json!(3)), 400, Some("UNAUTHORIZED")),
        ("PATCH", &ann, one(json!("x")), 400, Some("INVALID_DATA")),
        ("POST", &ann, batch, 200, None),
        ("DELETE", &eve, one(json!(2)), 400, Some("UNAUTHORIZED")),
    ];
    for (method, who, body, status, code) in rows {
        let answer = gateway.send(method, who, &body).await;
        assert_eq!(answer.status, status, "{method} {body}: {}", answer.body);
        assert!(answer.body["message"].is_string() && answer.body.get("results").is_none());
        assert_eq!(answer.body["code"].as_str(), code, "{}", answer.body);
    }
    let rows = gateway.database.texts("SELECT n FROM notes").await;
    assert_eq!(json!(rows), json!([["2"]]));
    gateway.run("ALTER TABLE notes RENAME TO memos").await;
    let answer = gateway.send("PATCH", &ann, &one(json!(3))).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
}
