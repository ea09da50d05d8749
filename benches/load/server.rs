//! A Postgres of our own, as durable as one in production, and gone at the end.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

/// What differs from the settings of a new server: nothing runs beside what is measured.
const SETTINGS: [&str; 8] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=on",
    "synchronous_commit=on",
    "autovacuum=off",
    "max_connections=200",
    "max_wal_size=8GB",
    "checkpoint_timeout=1h",
];

/// A running server; its folder holds all that the bench writes.
pub struct Server {
    child: Child,
    folder: PathBuf,
    pub uri: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT is Postgres's immediate shutdown: its children end too, and nobody reads the data again. It is lost on a server that has just begun to start.
        for _ in 0..20 {
            if !self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
                break;
            }
            let id = self.child.id().to_string();
            let _ = Command::new("kill").args(["-s", "QUIT", &id]).status();
            sleep(Duration::from_millis(500));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Server {
    /// Makes a cluster in a new folder, and starts it on a free port.
    pub async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("rulegate-load-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let servant = Servant::find();
        if let Some(servant) = &servant {
            chown(&folder, Some(servant.user), Some(servant.group)).unwrap();
        }
        let programs = programs();
        let data = folder.join("pg");
        let made = command(&programs.join("initdb"), servant.as_ref())
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"])
            .arg("-D")
            .arg(&data)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = free_port();
        let log = fs::File::create(folder.join("postgres.log")).unwrap();
        let mut start = command(&programs.join("postgres"), servant.as_ref());
        start.arg("-D").arg(&data).stderr(log);
        start.arg("-c").arg(format!("port={port}"));
        for setting in SETTINGS {
            start.args(["-c", setting]);
        }
        let server = Self {
            child: start.spawn().unwrap(),
            folder,
            uri: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        };
        server.wait().await;
        server
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A place for files of the bench.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    async fn wait(&self) {
        for _ in 0..300 {
            if tokio_postgres::connect(&self.uri, NoTls).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{}", tail(&self.folder.join("postgres.log")));
    }
}

/// A connection, driven in a task of its own.
pub async fn connect(uri: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A port that nobody has at the moment.
pub fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// The end of a log.
pub fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// A program that the kernel ends when we end, however we do, with the SIGQUIT or SIGTERM that suits it.
pub fn bound(signal: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn command(program: &Path, servant: Option<&Servant>) -> Command {
    let mut command = bound("QUIT");
    if let Some(servant) = servant {
        command.arg(format!("--reuid={}", servant.user));
        command.arg(format!("--regid={}", servant.group));
        command.arg("--clear-groups");
    }
    // The folder we are in may be closed to that user.
    command.arg(program).current_dir("/");
    command
}

/// The folder of Postgres's programs.
fn programs() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres");
    let output = Command::new(script)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "no Postgres");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// Who runs Postgres where we are root, whom it refuses.
struct Servant {
    user: u32,
    group: u32,
}

impl Servant {
    fn find() -> Option<Self> {
        if number("-u", None) != Some(0) {
            return None;
        }
        let name = ["postgres", "nobody"];
        let mut known = name.iter().filter_map(|name| {
            Some(Self {
                user: number("-u", Some(name))?,
                group: number("-g", Some(name))?,
            })
        });
        Some(known.next().unwrap())
    }
}

fn number(flag: &str, name: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(flag).args(name).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
