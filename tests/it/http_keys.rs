//! Keys that are fetched: reliability, *Tokens*.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rulegate::auth::development::SigningKey;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use rulegate::vocabulary::limits::{JWKS_FETCH_TIMEOUT, JWKS_KEYS_MAX, KEY_WAITERS_MAX};

use crate::http_served::{Reply, Served, Start, spanned, token, upload};

/// A server of keys that says what it is told to, and counts.
struct Source {
    address: SocketAddr,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
    /// Milliseconds it takes: long enough for others to ask meanwhile.
    takes: Arc<AtomicU64>,
}

fn ok(jwks: &Value) -> String {
    let body = jwks.to_string();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn keys(keys: &[&SigningKey]) -> String {
    let all: Vec<Value> = keys
        .iter()
        .map(|key| key.jwks()["keys"][0].clone())
        .collect();
    ok(&json!({ "keys": all }))
}

const FAILURE: &str = "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n";

impl Source {
    async fn start(answer: impl Into<String>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source = Self {
            address: socket.local_addr().unwrap(),
            answer: Arc::new(Mutex::new(answer.into())),
            asked: Arc::default(),
            takes: Arc::new(AtomicU64::new(100)),
        };
        let (answer, asked) = (source.answer.clone(), source.asked.clone());
        let takes = source.takes.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = socket.accept().await {
                asked.fetch_add(1, Ordering::SeqCst);
                let answer = answer.lock().unwrap().clone();
                let takes = Duration::from_millis(takes.load(Ordering::SeqCst));
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 4096]).await;
                    sleep(takes).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        source
    }

    fn says(&self, answer: impl Into<String>) {
        *self.answer.lock().unwrap() = answer.into();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A gateway that has no keys but these.
    async fn gateway(&self) -> Served {
        let uri = format!("http://{}/keys", self.address);
        Start::new()
            .with(|settings| {
                settings.client_auth.jwks = None;
                settings.client_auth.jwks_uris = vec![spanned(uri)];
            })
            .serve()
            .await
    }
}

async fn send(served: &Served, token: &str) -> Reply {
    let body = r#"{"transactions":[{"crud":[]}]}"#;
    let request = upload(token, "content-type: application/json\r\n", body);
    served.ask(request).await
}

#[tokio::test]
async fn the_first_token_waits_for_the_first_keys() {
    let key = SigningKey::generate().unwrap();
    let source = Source::start(keys(&[&key])).await;
    let served = source.gateway().await;
    assert_eq!(send(&served, &token(&key, "ann")).await.status, 200);
    assert_eq!(source.asked(), 1);
}

#[tokio::test]
async fn cold_is_503_and_recovers_by_itself() {
    let key = SigningKey::generate().unwrap();
    let token = token(&key, "ann");
    let far = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let large = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 600000\r\n\r\n{}",
        " ".repeat(600_000)
    );
    let none = ok(&json!({"keys": []}));
    let secret =
        ok(&json!({"keys": [{"kty": "oct", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}));
    let many: Vec<&SigningKey> = vec![&key; JWKS_KEYS_MAX + 1];
    let many = keys(&many);
    for answer in [FAILURE, far, &large, &none, &secret, &many, "garbage"] {
        let source = Source::start(answer).await;
        let served = source.gateway().await;
        let reply = send(&served, &token).await;
        assert_eq!(reply.status, 503, "{answer:.30}");
        assert!(reply.header("retry-after").is_some());
        let ready = served.get("/readyz").await.json()["reasons"].to_string();
        assert!(ready.contains("no keys yet"), "{ready}");
        source.says(keys(&[&key]));
        sleep(Duration::from_millis(1100)).await;
        assert_eq!(send(&served, &token).await.status, 200, "{answer:.30}");
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_once_however_many_ask() {
    let (old, new) = (
        SigningKey::generate().unwrap(),
        SigningKey::generate().unwrap(),
    );
    let source = Source::start(keys(&[&old])).await;
    let served = source.gateway().await;
    assert_eq!(send(&served, &token(&old, "ann")).await.status, 200);
    source.says(keys(&[&new]));
    let fresh: Vec<String> = (0..3).map(|n| token(&new, &format!("ann{n}"))).collect();
    let replies = futures_util::future::join_all(fresh.iter().map(|t| send(&served, t))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(source.asked(), 2);
    // The old key is listed no more, so it is gone; and no stranger makes us ask again so soon.
    assert_eq!(send(&served, &token(&old, "ann")).await.status, 401);
    let stranger = SigningKey::generate().unwrap();
    assert_eq!(send(&served, &token(&stranger, "ann")).await.status, 401);
    assert_eq!(source.asked(), 2);
}

#[tokio::test]
async fn a_failure_keeps_the_keys_that_are_here() {
    let key = SigningKey::generate().unwrap();
    let source = Source::start(keys(&[&key])).await;
    let served = source.gateway().await;
    assert_eq!(send(&served, &token(&key, "ann")).await.status, 200);
    source.says(FAILURE);
    let stranger = SigningKey::generate().unwrap();
    assert_eq!(send(&served, &token(&stranger, "ann")).await.status, 401);
    assert_eq!(source.asked(), 2);
    assert_eq!(send(&served, &token(&key, "ann")).await.status, 200);
}

#[tokio::test]
async fn strangers_who_name_keys_of_their_own_fill_no_house() {
    let (key, stranger) = (
        SigningKey::generate().unwrap(),
        SigningKey::generate().unwrap(),
    );
    let source = Source::start(keys(&[&key])).await;
    let served = source.gateway().await;
    let friend = token(&key, "ann");
    assert_eq!(send(&served, &friend).await.status, 200);
    source.takes.store(1500, Ordering::SeqCst);
    let foreign = token(&stranger, "eve");
    let strangers = (0..300).map(|_| send(&served, &foreign));
    let friends = async {
        sleep(Duration::from_millis(500)).await;
        send(&served, &friend).await
    };
    let (refused, reply) = tokio::join!(futures_util::future::join_all(strangers), friends);
    assert_eq!(reply.status, 200);
    let with = |status: u16| {
        refused
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    // Those who waited were looked at with the keys as they are now; the others may ask again.
    assert!(with(401) >= KEY_WAITERS_MAX && with(401) + with(503) == 300);
    assert!(with(503) > 0);
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_given_up_in_time() {
    let key = SigningKey::generate().unwrap();
    let source = Source::start(keys(&[&key])).await;
    source.takes.store(60_000, Ordering::SeqCst);
    let served = source.gateway().await;
    let began = Instant::now();
    assert_eq!(send(&served, &token(&key, "ann")).await.status, 503);
    assert!(began.elapsed() < JWKS_FETCH_TIMEOUT * 2);
}
