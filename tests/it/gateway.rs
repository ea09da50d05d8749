//! The whole gateway in this process, on ports of its own: real sockets, real tokens, a real database.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rulegate::admin;
use rulegate::auth::development::SigningKey;
use rulegate::reload::{self, Current, Edition, Loading, Patience, Reloader, Stale};
use rulegate::serve;
use rulegate::settings::{Flags, Secret, Settings};
use rulegate::vocabulary::place::{Place, Spanned};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Duration, Instant, sleep};

use crate::postgres::Fresh;

/// The size of every gateway's pool, where a test says no other.
pub const POOL: &str = "RULEGATE_TEST_POOL";

/// Whether gateways read and judge everything.
pub const AT_ONCE: &str = "RULEGATE_AT_ONCE";

/// A gateway that runs until it is dropped.
pub struct Gateway {
    pub database: Arc<Fresh>,
    pub public: SocketAddr,
    pub admin: SocketAddr,
    pub current: Arc<Current>,
    /// How many transactions took which road.
    pub paths: rulegate::apply::Paths,
    key: SigningKey,
    stop: Arc<Notify>,
    reloading: Option<AbortHandle>,
}

/// One answer.
pub struct Answer {
    pub status: u16,
    pub rules_version: String,
    pub body: Value,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(reloading) = &self.reloading {
            reloading.abort();
        }
    }
}

/// A rules folder, loaded as for a server whose keys are asked nowhere.
pub fn load(rules: &Path, uri: &str) -> Loading {
    let loading = load_unchecked(rules, uri);
    assert!(
        !loading.problems.has_errors(),
        "{}",
        loading.problems.render(&loading.sources, false)
    );
    loading
}

/// The same with whatever is wrong.
pub fn load_unchecked(rules: &Path, uri: &str) -> Loading {
    reload::load(rules, &environment, &flags(uri))
}

/// The key of sensitive columns, in base64: 32 times the byte 7.
pub const LETTERS_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn environment(name: &str) -> Option<String> {
    match name {
        "JWKS_URI" => Some("http://127.0.0.1:9/keys".to_owned()),
        "RULEGATE_DEAD_LETTERS_KEY" => Some(LETTERS_KEY.to_owned()),
        _ => None,
    }
}

fn flags(uri: &str) -> Flags {
    Flags {
        database: Some(Secret::new(uri.to_owned())),
        ..Flags::default()
    }
}

impl Gateway {
    /// Starts one over a fresh database with this schema.
    pub async fn start(schema: &str, rules: &Path) -> Self {
        Self::with(schema, rules, |_| ()).await
    }

    /// The same, with other settings than the folder's.
    pub async fn with(schema: &str, rules: &Path, adjust: impl FnOnce(&mut Settings)) -> Self {
        let database = Arc::new(Fresh::migrated(schema).await);
        Self::over(database, rules, adjust).await
    }

    /// One over a database that is there.
    pub async fn on(database: Fresh, rules: &Path, adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::over(Arc::new(database), rules, adjust).await
    }

    /// Another gateway over the same database; this one stops.
    pub async fn restarted(self, rules: &Path, adjust: impl FnOnce(&mut Settings)) -> Self {
        let database = self.database.clone();
        drop(self);
        Self::over(database, rules, adjust).await
    }

    /// One over a database that was made already.
    pub async fn over(
        database: Arc<Fresh>,
        rules: &Path,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let loading = load(rules, &database.uri);
        let key = SigningKey::generate().unwrap();
        let mut settings = loading.settings.clone().unwrap();
        settings.client_auth.jwks_uris = Vec::new();
        settings.client_auth.jwks = Some(Spanned::new(key.jwks(), nowhere()));
        settings.limits.drain_notice = Duration::ZERO;
        if let Ok(pool) = std::env::var(POOL) {
            settings.database.pool = pool.parse().unwrap();
        }
        adjust(&mut settings);
        let store =
            rulegate::driver::postgres::Store::open(&settings.database, &settings.limits).unwrap();
        let edition = Edition {
            live: settings.live(),
            ..Edition::of(loading.clone())
        };
        let current = Arc::new(Current::new(edition));
        // A database that is away comes later; rules that do not fit it are a mistake of the test.
        if let Err(Stale::Unfit(problems)) = current.freshen(&store, Instant::now()).await {
            panic!("{}", problems.render(&loading.sources, false));
        }
        let (mut gateway, _) = serve::Gateway::new(settings, store, current).unwrap();
        gateway.road.reads_and_judges = std::env::var_os(AT_ONCE).is_none();
        Self::listen(database, gateway, key).await
    }

    /// One that keeps to the folder while it is edited.
    pub async fn watching(schema: &str, rules: &Path, patience: Patience, is_told: bool) -> Self {
        let mut gateway = Self::start(schema, rules).await;
        let uri = gateway.database.uri.clone();
        let reloader = Reloader {
            folder: rules.to_owned(),
            variables: Arc::new(environment),
            flags: flags(&uri),
            store: gateway.database.store(1),
            current: gateway.current.clone(),
            patience,
            is_told,
        };
        gateway.reloading = Some(tokio::spawn(reloader.run()).abort_handle());
        gateway
    }

    async fn listen(database: Arc<Fresh>, gateway: serve::Gateway, key: SigningKey) -> Self {
        let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let desk = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stop = Arc::new(Notify::new());
        let running = Self {
            database,
            public: public.local_addr().unwrap(),
            admin: desk.local_addr().unwrap(),
            current: gateway.road.current.clone(),
            paths: gateway.road.paths.clone(),
            key,
            stop: stop.clone(),
            reloading: None,
        };
        let gateway = Arc::new(gateway);
        tokio::spawn(admin::run(gateway.clone(), desk));
        tokio::spawn(async move {
            let stopped = async move { stop.notified().await };
            serve::run(gateway, public, stopped, std::future::pending()).await
        });
        running
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs();
        let mut all = json!({"aud": "powersync", "iat": now, "exp": now + 600});
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        self.key.sign(&all).unwrap()
    }

    /// Runs statements in the database, as its owner.
    pub async fn run(&self, script: &str) {
        self.database.client.batch_execute(script).await.unwrap();
    }

    /// Sends a body to `/api/data`.
    pub async fn send(&self, method: &str, claims: &Value, body: &str) -> Answer {
        exchange(self.public, &self.request(method, claims, body)).await
    }

    /// The bytes of a request to `/api/data`.
    pub fn request(&self, method: &str, claims: &Value, body: &str) -> String {
        let token = self.token(claims);
        format!(
            "{method} /api/data HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Asks for a path.
    pub async fn get(&self, path: &str) -> Answer {
        get(self.public, path).await
    }

    /// Asks the operator's listener for a path.
    pub async fn ask_admin(&self, path: &str) -> Answer {
        get(self.admin, path).await
    }

    /// Waits until `/readyz` answers with this status.
    pub async fn readiness(&self, status: u16) {
        self.ready(|answer| answer.status == status).await;
    }

    /// Waits until `/readyz` is red for this reason.
    pub async fn says(&self, reason: &str) {
        self.ready(|answer| answer.status == 503 && answer.body.to_string().contains(reason))
            .await;
    }

    async fn ready(&self, is_wanted: impl Fn(&Answer) -> bool) {
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.get("/readyz").await;
            if is_wanted(&answer) {
                return;
            }
            assert!(
                Instant::now() < limit,
                "still {}: {}",
                answer.status,
                answer.body
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    exchange(address, &head).await
}

/// Sends bytes, and reads the answer to its end.
pub async fn exchange(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let answer = Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        rules_version: header(head, "x-rules-version"),
        body: serde_json::from_str(body).unwrap_or(Value::String(body.to_owned())),
    };
    if answer.status == 503 && request.contains(" /api/data ") {
        let seconds = header(head, "retry-after").parse::<u64>();
        assert!(seconds.is_ok_and(|seconds| seconds > 0), "{head}");
    }
    hold_results(&answer.body);
    answer
}

/// What each answer to an upload must have, whatever became of it: a device that misses a member blocks its queue for ever.
fn hold_results(body: &Value) {
    let Some(results) = body["results"].as_array() else {
        return;
    };
    assert_ne!(results[0]["status"], "not_attempted", "{body}");
    for result in results {
        let (status, message) = (result["status"].as_str(), &result["message"]);
        let is_whole = match status {
            Some("success" | "not_attempted") => true,
            Some("retryable_error") => {
                let after = result["retry_after_ms"].as_u64();
                message.is_string() && after.is_some_and(|after| after > 0)
            }
            Some("fatal_error") => {
                let code = &result["failed_operation"]["error_code"];
                message.is_string()
                    && result["requires_client_handling"].is_boolean()
                    && code.as_str().is_some_and(|code| !code.is_empty())
            }
            _ => false,
        };
        assert!(is_whole, "{result} in {body}");
    }
}

fn header(head: &str, name: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut values = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    values
        .next()
        .map(|(_, value)| value.to_owned())
        .unwrap_or_default()
}

fn nowhere() -> Place {
    Place {
        file: "test".into(),
        start: 0,
        end: 0,
    }
}
