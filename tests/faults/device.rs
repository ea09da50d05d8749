//! A phone: a queue, first in, first out, that resends until it is told that a transaction is done or refused.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::counts::Counts;
use crate::http::{self, Heard};
use crate::random::Random;
use crate::told::{self, Told, Word};
use crate::transaction::{Row, Transaction};

/// The key whose other half is in rules/rulegate.yaml.
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
/// What all devices share.
#[derive(Clone)]
pub struct World {
    /// Where the gateways are.
    pub addresses: Vec<SocketAddr>,
    /// What was told.
    pub told: Told,
    /// The devices write on.
    pub is_open: Arc<AtomicBool>,
    /// Requests that reached somebody.
    pub uploads: Arc<AtomicU64>,
    /// What they came to, by kind.
    pub answers: Counts,
    /// Answers that the contract does not know.
    pub broken: Arc<std::sync::Mutex<Vec<String>>>,
    /// Something between device and gateway makes of every "later" a "never": a planted bug.
    pub is_tampered: bool,
}

impl World {
    /// An answer as it reaches the device.
    fn carried(&self, mut body: Value) -> Value {
        let results = body["results"].as_array_mut().into_iter().flatten();
        for result in results.filter(|result| result["status"] == "retryable_error") {
            if self.is_tampered {
                *result = json!({"status": "fatal_error", "requires_client_handling": false, "message": "read-only",
                    "failed_operation": {"error_code": "UNCLASSIFIED_ERROR"}});
            }
        }
        body
    }
}

/// One phone.
pub struct Device {
    world: World,
    name: String,
    token: String,
    client: Option<String>,
    number_is_on_entries: bool,
    queue: VecDeque<Transaction>,
    drawn: i64,
    rows: Vec<Row>,
    random: Random,
    echoes: JoinSet<()>,
}

impl Device {
    /// Device `number` of `user`. Every other one sends no id of its own.
    pub fn new(world: World, user: u64, number: u64, seed: u64) -> Self {
        let mut random = Random::new(seed, 1000 + user * 100 + number);
        Self {
            world,
            name: format!("u{user}d{number}"),
            token: token(&format!("user-{user}")),
            client: number.is_multiple_of(2).then(|| random.uuid()),
            number_is_on_entries: random.happens(500),
            queue: VecDeque::new(),
            drawn: 0,
            rows: Vec::new(),
            random,
            echoes: JoinSet::new(),
        }
    }

    /// Writes and sends until the world closes and its queue is empty.
    pub async fn live(mut self) {
        loop {
            if self.world.is_open.load(Ordering::Relaxed) {
                self.write();
            }
            if self.queue.is_empty() {
                break;
            }
            let count = self.random.within(1, 4).min(self.queue.len() as u64);
            let batch: Vec<Transaction> = self
                .queue
                .iter()
                .take(usize::try_from(count).unwrap())
                .cloned()
                .collect();
            // A device that was not answered sends the same again, perhaps to another gateway.
            while !self.send(&batch).await {}
        }
        while self.echoes.join_next().await.is_some() {}
    }

    /// The app writes while uploads are under way.
    fn write(&mut self) {
        while self.queue.len() < 5 {
            self.drawn += 1;
            let transaction =
                Transaction::draw(&self.name, self.drawn, &mut self.rows, &mut self.random);
            self.queue.push_back(transaction);
        }
    }

    /// One attempt; true where something of the batch came to an end.
    async fn send(&mut self, batch: &[Transaction]) -> bool {
        let upload = self.upload(batch);
        self.world.told.sent(batch);
        self.echo(&upload);
        let words = upload.run(&self.world).await;
        let ended = words
            .iter()
            .take_while(|word| **word != Word::Later)
            .count();
        for word in &words[..ended] {
            let transaction = self.queue.pop_front().unwrap();
            let is_success = *word == Word::Success;
            self.rows.extend(if is_success {
                transaction.after
            } else {
                transaction.before
            });
        }
        if ended == 0 {
            sleep(Duration::from_millis(self.random.within(30, 150))).await;
        }
        ended > 0
    }

    /// Sometimes the same upload travels twice: at once, or much later, when everybody has forgotten it.
    fn echo(&mut self, upload: &Upload) {
        let delay = match self.random.within(0, 100) {
            0..6 => self.random.within(0, 40),
            6..10 => self.random.within(500, 3000),
            _ => return,
        };
        let (world, mut upload) = (self.world.clone(), upload.clone());
        upload.address = *self.random.one(&self.world.addresses);
        self.echoes.spawn(async move {
            sleep(Duration::from_millis(delay)).await;
            upload.run(&world).await;
        });
    }

    fn upload(&mut self, batch: &[Transaction]) -> Upload {
        let transactions: Vec<Value> = batch
            .iter()
            .map(|one| one.json(self.number_is_on_entries))
            .collect();
        let body = json!({"transactions": transactions}).to_string();
        let client = self
            .client
            .as_ref()
            .map(|id| format!("x-powersync-client-id: {id}\r\n"));
        Upload {
            address: *self.random.one(&self.world.addresses),
            batch: batch.to_vec(),
            request: format!(
                "POST /api/data HTTP/1.1\r\nhost: faults\r\nconnection: close\r\nauthorization: Bearer {}\r\n{}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                self.token,
                client.unwrap_or_default(),
                body.len()
            ),
            patience: Duration::from_millis(self.random.within(2000, 5000)),
        }
    }
}

/// One body on its way.
#[derive(Clone)]
struct Upload {
    address: SocketAddr,
    batch: Vec<Transaction>,
    request: String,
    patience: Duration,
}

impl Upload {
    /// Sends it and notes what was told; nothing where that is no reason to go on.
    async fn run(&self, world: &World) -> Vec<Word> {
        let heard = http::exchange(self.address, &self.request, self.patience).await;
        if matches!(heard, Heard::Nobody) {
            return Vec::new();
        }
        world.uploads.fetch_add(1, Ordering::Relaxed);
        let Heard::Answer(status, body) = heard else {
            world.answers.add("none");
            return Vec::new();
        };
        let words = match status {
            200 => told::read(&world.carried(body), self.batch.len()),
            503 => {
                world.answers.add("503");
                return Vec::new();
            }
            _ => Err(format!("status {status}")),
        };
        match words {
            Ok(words) => {
                world.told.heard(&self.batch, &words);
                for word in &words {
                    world.answers.add(word.kind());
                }
                words
            }
            Err(trouble) => {
                world
                    .broken
                    .lock()
                    .unwrap()
                    .push(format!("{trouble}: {}", self.batch[0].name));
                Vec::new()
            }
        }
    }
}

fn token(subject: &str) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    let claims = json!({"sub": subject, "aud": "powersync", "iat": now, "exp": now + 4 * 3600});
    let header = Header {
        kid: Some("faults".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(KEY)).unwrap()
}
