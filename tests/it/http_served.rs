//! A gateway on real sockets, with a plan made by hand and no database behind it; and a client that writes bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rulegate::admin;
use rulegate::auth::development::SigningKey;
use rulegate::catalog::Catalog;
use rulegate::driver::postgres::Store;
use rulegate::reload::{Current, Edition, Snapshot};
use rulegate::serve::{self, Ending, Gateway};
use rulegate::settings::{
    Batch, ClientAuth, Database, Idempotency, OnSchemaDrift, Secret, Server, Settings,
};
use rulegate::vocabulary::limits::Limits;
use rulegate::vocabulary::place::{Place, Spanned};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// The rules' version of every gateway here.
pub const VERSION: &str = "0123456789ab";
/// How long a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running gateway.
pub struct Served {
    pub public: SocketAddr,
    pub admin: SocketAddr,
    pub key: SigningKey,
    stop: Option<oneshot::Sender<()>>,
    now: Option<oneshot::Sender<()>>,
    run: JoinHandle<Ending>,
    beside: JoinHandle<()>,
}

/// What a gateway is started with.
pub struct Start {
    pub settings: Settings,
    pub key: SigningKey,
    pub has_plan: bool,
}

pub fn spanned<T>(node: T) -> Spanned<T> {
    let place = Place {
        file: "rulegate.yaml".into(),
        start: 0,
        end: 0,
    };
    Spanned { node, place }
}

impl Start {
    /// A gateway with a static key and a plan without tables.
    pub fn new() -> Self {
        let key = SigningKey::generate().unwrap();
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let settings = Settings {
            server: Server {
                listen: address,
                admin: address,
                cors_origins: vec!["*".to_owned()],
                http2: false,
            },
            database: Database {
                // Nobody listens there.
                uri: Some(Secret::new(
                    "postgres://rulegate@127.0.0.1:1/none".to_owned(),
                )),
                pool: 1,
                role: None,
                sslmode: None,
                cacert: None,
                on_schema_drift: OnSchemaDrift::default(),
                raised_messages: false,
            },
            client_auth: ClientAuth {
                jwks: Some(spanned(key.jwks())),
                audience: vec!["powersync".to_owned()],
                ..ClientAuth::default()
            },
            batch: Batch::default(),
            idempotency: Idempotency::default(),
            dead_letters: rulegate::settings::DeadLetters::default(),
            rejections: None,
            limits: Limits::default(),
        };
        Self {
            settings,
            key,
            has_plan: true,
        }
    }

    /// The same with other settings.
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The same with other limits.
    pub fn limits(self, change: impl FnOnce(&mut Limits)) -> Self {
        self.with(|settings| change(&mut settings.limits))
    }

    /// Starts it.
    pub async fn serve(self) -> Served {
        let store = Store::open(&self.settings.database, &self.settings.limits).unwrap();
        let current = Arc::new(current(&self.settings, self.has_plan));
        let (gateway, _) = Gateway::new(self.settings, store, current).unwrap();
        let gateway = Arc::new(gateway);
        let (public, admin) = (bind().await, bind().await);
        let (stop, stopped) = oneshot::channel();
        let (now, cut) = oneshot::channel();
        let addresses = (public.local_addr().unwrap(), admin.local_addr().unwrap());
        let beside = tokio::spawn(admin::run(gateway.clone(), admin));
        let run = tokio::spawn(serve::run(gateway, public, heard(stopped), heard(cut)));
        Served {
            public: addresses.0,
            admin: addresses.1,
            key: self.key,
            stop: Some(stop),
            now: Some(now),
            run,
            beside,
        }
    }
}

fn current(settings: &Settings, has_plan: bool) -> Current {
    let edition = Edition {
        version: VERSION.into(),
        live: settings.live(),
        ..Edition::default()
    };
    if !has_plan {
        return Current::new(edition);
    }
    let snapshot = Snapshot::compile(Arc::new(edition), &Catalog::default(), Instant::now());
    Current::in_force(snapshot.expect("no rules compile"))
}

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn heard(signal: oneshot::Receiver<()>) {
    if signal.await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Served {
    /// A token of a subject.
    pub fn token(&self, subject: &str) -> String {
        token(&self.key, subject)
    }

    /// An upload with a good token.
    pub fn upload(&self, headers: &str, body: &str) -> String {
        upload(&self.token("ann"), headers, body)
    }

    /// The head of an upload whose body of `length` bytes is still to come.
    pub fn head(&self, subject: &str, length: usize) -> String {
        let headers = "content-type: application/json\r\n";
        upload(&self.token(subject), headers, "")
            .replace("content-length: 0", &format!("content-length: {length}"))
    }

    pub async fn ask(&self, text: impl AsRef<[u8]>) -> Reply {
        ask(self.public, text).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask(format!("GET {path} HTTP/1.1\r\nhost: g\r\n\r\n"))
            .await
    }

    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub fn cut(&mut self) {
        self.now.take().unwrap().send(()).unwrap();
    }

    /// How it ended; both listeners must have.
    pub async fn ended(self) -> Ending {
        let ending = timeout(PATIENCE, self.run).await.unwrap().unwrap();
        timeout(PATIENCE, self.beside).await.unwrap().unwrap();
        ending
    }
}

/// An upload.
pub fn upload(token: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /api/data HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

pub fn token(key: &SigningKey, subject: &str) -> String {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = json!({"sub": subject, "aud": "powersync", "iat": now, "exp": now + 300});
    key.sign(&claims).unwrap()
}

/// One answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} stands twice: {self:?}");
        value
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// A connection that writes bytes and reads answers.
pub struct Connection {
    pub stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub async fn to(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            read: Vec::new(),
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer; `None` where the connection ends before it.
    pub async fn reply(&mut self) -> Option<Reply> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.more().await == 0 {
                return None;
            }
        };
        let head: Vec<u8> = self.read.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Reply {
            status: status.parse().unwrap(),
            headers,
            body: String::new(),
        };
        let length = reply
            .header("content-length")
            .map_or(0, |n| n.parse().unwrap());
        while self.read.len() < length {
            assert_ne!(self.more().await, 0, "the body broke off: {reply:?}");
        }
        reply.body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        Some(reply)
    }

    async fn more(&mut self) -> usize {
        let reading = self.stream.read_buf(&mut self.read);
        let read = timeout(PATIENCE, reading).await;
        // A reset is an end as well.
        read.expect("no answer in time").unwrap_or_default()
    }

    /// How long it takes until the other side closes, without a word.
    pub async fn closed_after(&mut self) -> Duration {
        let began = Instant::now();
        assert_eq!(
            self.more().await,
            0,
            "{:?}",
            String::from_utf8_lossy(&self.read)
        );
        began.elapsed()
    }
}

/// One request on a connection of its own.
pub async fn ask(address: SocketAddr, text: impl AsRef<[u8]>) -> Reply {
    let mut connection = Connection::to(address).await;
    connection.send(text).await;
    connection.reply().await.expect("an answer")
}
