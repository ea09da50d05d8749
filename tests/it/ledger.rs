//! Nothing twice: however often a transaction is sent, it happens once; and what is another one happens too.

use std::path::PathBuf;
use std::time::Duration;

use rulegate::journal::{Key, Origin, ledger};
use rulegate::settings::Settings;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::gateway::{Answer, Gateway, exchange};
use crate::postgres::Fresh;
use crate::uploads::id;

/// Each write leaves a line behind, and takes its time where it says so.
const SCHEMA: &str = "
CREATE TABLE notes (id uuid PRIMARY KEY, text text);
CREATE TABLE happened (n bigint GENERATED ALWAYS AS IDENTITY, text text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.text = 'slow' THEN PERFORM pg_sleep(0.5); END IF;
    INSERT INTO happened (text) VALUES (coalesce(NEW.text, OLD.text));
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON notes FOR EACH ROW EXECUTE FUNCTION note();
";

async fn start() -> Gateway {
    with(|_| ()).await
}

async fn with(adjust: impl FnOnce(&mut Settings)) -> Gateway {
    let rules = PathBuf::from("tests/cases/ledger/rules");
    Gateway::with(SCHEMA, &rules, adjust).await
}

/// How a transaction is sent: by whom, with which further headers, and under which number.
#[derive(Clone, Copy)]
struct As<'a> {
    who: &'a str,
    headers: &'a [(&'a str, &'a str)],
    number: Option<u32>,
}

const ANN: As<'static> = As {
    who: "ann",
    headers: &[],
    number: Some(1),
};
const PHONE: &[(&str, &str)] = &[("X-PowerSync-Client-Id", "phone")];
const TABLET: &[(&str, &str)] = &[("X-PowerSync-Client-Id", "tablet")];

fn put(row: &str, text: &str) -> Value {
    json!({"op": "PUT", "table": "notes", "id": id(row), "op_data": {"text": text}})
}

fn delete(row: &str) -> Value {
    json!({"op": "DELETE", "table": "notes", "id": id(row)})
}

fn body(number: Option<u32>, crud: &[Value]) -> String {
    let mut transaction = json!({"crud": crud});
    if let Some(number) = number {
        transaction["transaction_id"] = number.into();
    }
    json!({"transactions": [transaction]}).to_string()
}

async fn post(gateway: &Gateway, way: As<'_>, method: &str, body: &str) -> Answer {
    let request = gateway.request(method, &json!({"sub": way.who}), body);
    let mut headers = String::new();
    for (name, value) in way.headers {
        headers.extend([name, ": ", value, "\r\n"]);
    }
    let request = request.replacen("\r\n", &format!("\r\n{headers}"), 1);
    exchange(gateway.public, &request).await
}

async fn send(gateway: &Gateway, way: As<'_>, crud: &[Value]) -> Value {
    let answer = post(gateway, way, "POST", &body(way.number, crud)).await;
    answer.body["results"][0]["status"].clone()
}

async fn succeeds(gateway: &Gateway, way: As<'_>, crud: &[Value]) {
    assert_eq!(send(gateway, way, crud).await, "success");
}

/// What happened, in order.
async fn happened(gateway: &Gateway) -> Vec<String> {
    let rows = gateway
        .database
        .texts("SELECT text FROM happened ORDER BY n")
        .await;
    rows.into_iter().filter_map(|row| row[0].clone()).collect()
}

async fn entries(database: &Fresh) -> String {
    let rows = database
        .texts("SELECT count(*) FROM rulegate.applied")
        .await;
    rows[0][0].clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_resend_overwrites_nothing_and_brings_nothing_back() {
    let gateway = start().await;
    succeeds(&gateway, ANN, &[put("a", "first")]).await;
    let bob = As {
        who: "bob",
        number: Some(1),
        ..ANN
    };
    succeeds(&gateway, bob, &[put("a", "newer")]).await;
    succeeds(&gateway, ANN, &[put("a", "first")]).await;
    let other = As {
        number: Some(2),
        ..ANN
    };
    succeeds(&gateway, other, &[delete("a")]).await;
    succeeds(&gateway, bob, &[put("a", "newer")]).await;
    assert_eq!(happened(&gateway).await, ["first", "newer", "newer"]);
    let left = gateway.database.texts("SELECT id FROM notes").await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_that_are_sent_at_once_wait_for_each_other() {
    let gateway = std::sync::Arc::new(start().await);
    let mut twins = JoinSet::new();
    for _ in 0..4 {
        let gateway = gateway.clone();
        twins.spawn(async move { send(&gateway, ANN, &[put("a", "slow")]).await });
    }
    while let Some(answer) = twins.join_next().await {
        assert_eq!(answer.unwrap(), "success");
    }
    assert_eq!(happened(&gateway).await, ["slow"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_judged_again() {
    let gateway = start().await;
    let bob = As { who: "bob", ..ANN };
    assert_eq!(
        send(&gateway, bob, &[put("a", "refused")]).await,
        "fatal_error"
    );
    assert_eq!(entries(&gateway.database).await, "0");
    assert_eq!(
        send(&gateway, bob, &[put("a", "refused")]).await,
        "fatal_error"
    );
    succeeds(&gateway, ANN, &[put("a", "refused")]).await;
    assert_eq!(happened(&gateway).await, ["refused"]);
}

/// Two ways to send the same entry, and whether the second is another transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_known_by_who_sends_it_what_it_is_called_and_what_it_says() {
    let rows: &[(&str, As<'_>, As<'_>, bool)] = &[
        ("the same", ANN, ANN, false),
        ("another user", ANN, As { who: "bob", ..ANN }, true),
        (
            "another number",
            ANN,
            As {
                number: Some(2),
                ..ANN
            },
            true,
        ),
        (
            "another device",
            As {
                headers: PHONE,
                ..ANN
            },
            As {
                headers: TABLET,
                ..ANN
            },
            true,
        ),
        (
            "the same device",
            As {
                headers: PHONE,
                ..ANN
            },
            As {
                headers: PHONE,
                ..ANN
            },
            false,
        ),
        (
            "no number, so nothing to know it by",
            As {
                number: None,
                ..ANN
            },
            As {
                number: None,
                ..ANN
            },
            true,
        ),
        (
            "no number but the same request",
            As {
                number: None,
                headers: &[("Idempotency-Key", "k")],
                ..ANN
            },
            As {
                number: None,
                headers: &[("Idempotency-Key", "k")],
                ..ANN
            },
            false,
        ),
        (
            "no number and another request",
            As {
                number: None,
                headers: &[("Idempotency-Key", "k")],
                ..ANN
            },
            As {
                number: None,
                headers: &[("Idempotency-Key", "l")],
                ..ANN
            },
            true,
        ),
        (
            "its number counts more than the request's",
            As {
                headers: &[("Idempotency-Key", "k")],
                ..ANN
            },
            As {
                headers: &[("Idempotency-Key", "l")],
                ..ANN
            },
            false,
        ),
    ];
    let gateway = start().await;
    for (what, first, second, is_another) in rows {
        gateway
            .run("TRUNCATE notes, happened, rulegate.applied")
            .await;
        for way in [first, second] {
            succeeds(&gateway, *way, &[put("a", "x"), delete("a")]).await;
        }
        let times = happened(&gateway).await.len() / 2;
        assert_eq!(times, if *is_another { 2 } else { 1 }, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_spellings_of_one_content_are_one_and_two_contents_are_two() {
    let gateway = start().await;
    let entry = |rest: &str| {
        format!(
            r#"{{"transactions":[{{"crud":[{{"op":"PUT","table":"notes","id":"{}",{rest}}}],"transaction_id":7}}]}}"#,
            id("a")
        )
    };
    let same = [
        r#""op_data":{"text":"é/","id":"x"}"#,
        r#""op_data" : { "id":"x", "text":"\u00e9\/" }"#,
        r#""metadata":"m","op_data":{"text":"é/","id":"x"}"#,
        r#""metadata":"m","previous_values":{},"op_data":{"id":"x","text":"é/"},"on_fatal_error":"stop""#,
    ];
    for text in same {
        let answer = post(&gateway, ANN, "POST", &entry(text)).await;
        assert_eq!(answer.body["results"][0]["status"], "success", "{text}");
    }
    assert_eq!(happened(&gateway).await, ["é/"; 1]);
    assert_eq!(entries(&gateway.database).await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_shapes_are_known_by_their_request_only() {
    let gateway = start().await;
    let batch = json!({"batch": [{"op": "PUT", "table": "notes", "id": id("a"), "data": {"text": "batch"}}]});
    let one = json!({"table": "notes", "data": {"id": id("b"), "text": "one"}});
    let keyed = As {
        headers: &[("Idempotency-Key", "k")],
        ..ANN
    };
    for _ in 0..2 {
        for (method, body) in [("POST", &batch), ("PUT", &one)] {
            let answer = post(&gateway, keyed, method, &body.to_string()).await;
            assert_eq!(answer.status, 200);
        }
    }
    assert_eq!(happened(&gateway).await, ["batch", "one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_an_id_is_remembered_for_a_shorter_time() {
    let gateway = start().await;
    let phone = As {
        headers: PHONE,
        ..ANN
    };
    let ages = [("14 minutes", 0, 0), ("16 minutes", 1, 0), ("6 days", 1, 0)];
    for (age, anonymous, named) in ages {
        gateway
            .run("TRUNCATE notes, happened, rulegate.applied")
            .await;
        for _ in 0..2 {
            succeeds(&gateway, ANN, &[put("a", "anonymous")]).await;
            succeeds(&gateway, phone, &[put("b", "named"), delete("b")]).await;
            gateway
                .run(&format!(
                    "UPDATE rulegate.applied SET applied_at = now() - interval '{age}'"
                ))
                .await;
            gateway.run("DELETE FROM notes").await;
        }
        let again = |text: &str, all: &[String]| all.iter().filter(|it| *it == text).count();
        let all = happened(&gateway).await;
        // Each round deletes the row by hand, which is told too.
        assert_eq!(
            again("anonymous", &all) / 2,
            1 + anonymous,
            "{age}: {all:?}"
        );
        assert_eq!(again("named", &all) / 2, 1 + named, "{age}: {all:?}");
    }
    let fresh =
        "SELECT count(*) FROM rulegate.applied WHERE applied_at > now() - interval '1 minute'";
    succeeds(&gateway, ANN, &[put("a", "anonymous")]).await;
    let renewed = gateway.database.texts(fresh).await;
    assert_eq!(renewed[0][0].as_deref(), Some("1"), "it counts anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_switched_off_in_so_many_words() {
    let gateway = with(|settings| settings.idempotency.is_on = false).await;
    for _ in 0..2 {
        succeeds(&gateway, ANN, &[put("a", "x"), delete("a")]).await;
    }
    assert_eq!(happened(&gateway).await.len(), 4);
    assert_eq!(entries(&gateway.database).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_table_nothing_is_taken_and_the_cure_is_named() {
    let gateway = start().await;
    gateway.readiness(200).await;
    gateway
        .run("ALTER TABLE rulegate.applied RENAME TO gone")
        .await;
    let answer = post(&gateway, ANN, "POST", &body(Some(1), &[put("a", "x")])).await;
    let result = &answer.body["results"][0];
    assert_eq!(result["status"], "retryable_error", "{result}");
    assert!(result["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0));
    gateway.says("run `rulegate migrate`").await;
    gateway
        .run("ALTER TABLE rulegate.gone RENAME TO applied")
        .await;
    succeeds(&gateway, ANN, &[put("a", "x")]).await;
    gateway.readiness(200).await;
    assert_eq!(happened(&gateway).await, ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_did_not_begin_records_nothing() {
    let database = Fresh::migrated("").await;
    let entry = ledger::Entry::new(Key::of(&Origin {
        issuer: None,
        subject: "ann",
        client: None,
        number: Some("1"),
        content: &[7; 32],
    }));
    for once in [entry.once(), anonymous().once()] {
        let mut parameters: Vec<&str> = once.parameters.iter().map(String::as_str).collect();
        parameters.push("ann");
        let store = database.store(1);
        let said = store
            .journal(store.patience(), once.text, &parameters)
            .await
            .unwrap();
        // Not `known`, which would be a success of a write that never was.
        assert_eq!(said, [[Some("outside".to_owned())]]);
    }
    assert_eq!(entries(&database).await, "0");
}

fn anonymous() -> ledger::Entry {
    let key = Key::of(&Origin {
        issuer: None,
        subject: "ann",
        client: None,
        number: Some("2"),
        content: &[7; 32],
    });
    ledger::Entry::anonymous(key, Duration::from_mins(15))
}

#[tokio::test(flavor = "multi_thread")]
async fn old_entries_are_deleted_in_batches_by_one_at_a_time() {
    let database = Fresh::migrated("").await;
    let fill = "INSERT INTO rulegate.applied
        SELECT gen_random_uuid(), now() - n * interval '1 day' FROM generate_series(0, 9) n, generate_series(1, 250)";
    database.client.batch_execute(fill).await.unwrap();
    let store = database.store(2);
    let week = Duration::from_hours(7 * 24 + 1);
    // Entries of 8 and 9 days ago are beyond it.
    assert!(!ledger::prune(&store, week).await.unwrap());
    assert_eq!(entries(&database).await, "2000");
    let lock = "BEGIN; SELECT pg_advisory_xact_lock(4552293158776988080)";
    database.client.batch_execute(lock).await.unwrap();
    assert!(!ledger::prune(&store, Duration::ZERO).await.unwrap());
    assert_eq!(entries(&database).await, "2000");
    database.client.batch_execute("COMMIT").await.unwrap();
    let day = Duration::from_hours(23);
    assert!(ledger::prune(&store, day).await.unwrap());
    assert_eq!(entries(&database).await, "1000");
    assert!(!ledger::prune(&store, day).await.unwrap());
    assert_eq!(entries(&database).await, "250");
}
