//! The gateway: the program as it is shipped, in a process of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::http;
use crate::keeper::{self, Keeper};
use crate::server::{Server, free_port, run};

const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway that can be killed and started again at the same address.
pub struct Gateway {
    /// Where uploads go.
    pub address: SocketAddr,
    /// Connections it may have, by which it is also told from the others.
    pool: usize,
    keeper: Arc<Keeper>,
    uri: String,
    child: Option<Child>,
}

/// Makes the folder of rules and the schema `rulegate`; `more` is added to rulegate.yaml.
pub async fn prepare(server: &Server, more: &str) {
    let rules = server.keeper.path("rules");
    keeper::copy(Path::new("tests/faults/rules"), &rules);
    let file = rules.join("rulegate.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}{more}")).unwrap();
    let uri = Server::uri(server.port, "postgres");
    run(program("migrate", &server.keeper).args(["--database", &uri]));
    server.insist(OPEN).await;
}

impl Gateway {
    /// Starts one that reaches the database through `line`.
    pub async fn start(server: &Server, line: u16, pool: usize) -> Self {
        let mut gateway = Self {
            address: SocketAddr::from(([127, 0, 0, 1], free_port())),
            pool,
            keeper: server.keeper.clone(),
            uri: Server::uri(line, "gateway:right"),
            child: None,
        };
        gateway.rise().await;
        gateway
    }

    /// Starts the process, and waits until it answers.
    pub async fn rise(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file());
        let log = log.unwrap();
        let listen = self.address.to_string();
        let child = program("serve", &self.keeper)
            .args([
                "--listen",
                &listen,
                "--admin",
                "127.0.0.1:0",
                "--database",
                &self.uri,
            ])
            .env("FAULTS_POOL", self.pool.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.keeper.note(&self.name(), Some(child.id()));
        self.child = Some(child);
        let limit = Instant::now() + PATIENCE;
        while !http::lives(self.address).await {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < limit,
                "{ended:?}: {}",
                self.log()
            );
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
            self.keeper.note(&self.name(), None);
        }
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        run(Command::new("kill").args(["-s", name, &pid]));
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(&mut self) {
        self.signal("TERM");
        let limit = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < limit, "it does not stop: {}", self.log());
            sleep(Duration::from_millis(20)).await;
        };
        assert!(status.success(), "{status}: {}", self.log());
        self.child = None;
        self.keeper.note(&self.name(), None);
    }

    fn log_file(&self) -> PathBuf {
        self.keeper.path(&format!("{}.log", self.name()))
    }

    fn name(&self) -> String {
        format!("gateway-of-{}", self.pool)
    }

    /// The end of its log.
    fn log(&self) -> String {
        let text = fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program that Cargo has built, or the one that `RULEGATE_FAULTS_PROGRAM` names.
fn program(word: &str, keeper: &Keeper) -> Command {
    let other = std::env::var_os("RULEGATE_FAULTS_PROGRAM");
    let mut command = Command::new(other.unwrap_or(env!("CARGO_BIN_EXE_rulegate").into()));
    command
        .arg(word)
        .arg(keeper.path("rules"))
        .env("FAULTS_POOL", "1")
        .env_remove("DATABASE_URL");
    command
}

/// Lets the gateway's role use what the migration made.
const OPEN: &str = "
GRANT USAGE ON SCHEMA rulegate TO gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rulegate TO gateway;
";
