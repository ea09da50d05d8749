//! A Postgres of this run's own: its backends are killed, its roles are broken.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::keeper::Keeper;

const HBA: &str = "\
host all postgres 127.0.0.1/32 trust
host all all      127.0.0.1/32 scram-sha-256
";
/// fsync may be off: what is killed here is processes, not the machine. What was committed without waiting for the log is not written for seconds, so
/// that a crash surely loses it.
const SETTINGS: &str = "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c full_page_writes=off -c max_connections=60 \
                        -c shared_buffers=32MB -c wal_level=minimal -c max_wal_senders=0 -c deadlock_timeout=200ms -c wal_writer_delay=10s";
/// How long the server may need to be back after a crash.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Server {
    /// Where it listens.
    pub port: u16,
    /// Its folder, and who stops it.
    pub keeper: Arc<Keeper>,
}

impl Server {
    /// Starts one with the schema of the suite.
    pub async fn start() -> Self {
        let found = run(&mut Command::new("./scripts/postgres"));
        let programs = Path::new(found.trim());
        let mut keeper = Keeper::new();
        let data = keeper.path("pg/data").display().to_string();
        let owner = owner(&keeper.path("pg"));
        let program = |name: &str, words: &[&str]| -> Vec<String> {
            let path = programs.join(name).display().to_string();
            let words = words.iter().map(|word| (*word).to_owned());
            owner.iter().cloned().chain([path]).chain(words).collect()
        };
        keeper.watch(&program(
            "pg_ctl",
            &["-D", &data, "-m", "immediate", "stop"],
        ));
        let initdb = [
            "-D",
            &data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ];
        run(&mut command(&program("initdb", &initdb), &keeper));
        fs::write(format!("{data}/pg_hba.conf"), HBA).unwrap();
        let port = free_port();
        let settings = format!("-c port={port} {SETTINGS}");
        let log = format!("{data}/log");
        let start = ["-D", &data, "-w", "-l", &log, "-o", &settings, "start"];
        run(&mut command(&program("pg_ctl", &start), &keeper));
        let keeper = Arc::new(keeper);
        let server = Self { port, keeper };
        server.run("postgres", "CREATE DATABASE app").await;
        server.run("app", include_str!("schema.sql")).await;
        server
    }

    /// The URI of the database through a port.
    pub fn uri(port: u16, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{port}/app?sslmode=disable")
    }

    /// Runs statements as the owner of everything.
    pub async fn run(&self, database: &str, script: &str) {
        let client = self.connect(database).await;
        client.batch_execute(script).await.unwrap();
    }

    /// The same in the app's database, again and again until it went well: the server may crash meanwhile. It has to be safe to repeat.
    pub async fn insist(&self, script: &str) {
        let limit = Instant::now() + PATIENCE;
        loop {
            let client = self.connect("app").await;
            match client.batch_execute(script).await {
                Ok(()) => return,
                Err(error) => assert!(Instant::now() < limit, "{script}: {error:?}"),
            }
        }
    }

    /// The rows of a query, each column as Postgres prints it.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let client = self.connect("app").await;
        let messages = client.simple_query(sql).await.unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| {
            (0..row.len())
                .map(|at| row.get(at).map(ToOwned::to_owned))
                .collect()
        })
        .collect()
    }

    /// A connection past the proxy, as soon as the server takes one.
    pub async fn connect(&self, database: &str) -> Client {
        let uri = format!("postgres://postgres@127.0.0.1:{}/{database}", self.port);
        let limit = Instant::now() + PATIENCE;
        loop {
            match tokio_postgres::connect(&uri, NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return client;
                }
                Err(error) => assert!(Instant::now() < limit, "the server is away: {error:?}"),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Postgres refuses to run as root: the words that run it as somebody else, who is given the folder.
fn owner(folder: &Path) -> Vec<String> {
    if run(Command::new("id").arg("-u")).trim() != "0" {
        return Vec::new();
    }
    let is_known = Command::new("id")
        .arg("postgres")
        .output()
        .unwrap()
        .status
        .success();
    let user = if is_known { "postgres" } else { "nobody" };
    let group = run(Command::new("id").args(["-g", user]));
    run(Command::new("chown").arg(user).arg(folder));
    let words = format!(
        "setpriv --reuid={user} --regid={} --clear-groups",
        group.trim()
    );
    words.split(' ').map(ToOwned::to_owned).collect()
}

fn command(words: &[String], keeper: &Keeper) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(keeper.path("pg"));
    command
}

/// What a program printed; it has to succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {trouble}");
    String::from_utf8(output.stdout).unwrap()
}

/// A port that nobody else of this process is given, below those that the system gives to outgoing connections: a device that tries a stopped gateway
/// again and again would meet itself there.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // The process's own number keeps two suites on one machine apart.
        let port = std::process::id().wrapping_mul(31).wrapping_add(number) % 20_000 + 12_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
