//! The program itself, as it is served: a process of its own, real sockets, real keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, SystemTime};

use rulegate::auth::development::SigningKey;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::row::Id;
use crate::server::{self, Server};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rulegate");
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/load/rules");

/// A gateway that runs until it is dropped.
pub struct Gateway {
    child: Child,
    pub address: String,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What gateways over one server share.
pub struct Founder<'a> {
    pub server: &'a Server,
    pub key: &'a SigningKey,
    pub pool: usize,
}

impl Founder<'_> {
    /// Makes the schema `rulegate`.
    pub fn migrate(&self) {
        let rules = self.rules("rules", "");
        let output = self.rulegate("migrate", &rules).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Starts a gateway with the bench's settings, and these lines more; a name tells its files from another one's.
    pub async fn start(&self, name: &str, settings: &str) -> Gateway {
        let rules = self.rules(name, settings);
        let log = self.server.folder().join(format!("{name}.log"));
        let address = format!("127.0.0.1:{}", server::free_port());
        let child = self
            .rulegate("serve", &rules)
            .args(["--listen", &address, "--admin", "127.0.0.1:0"])
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let gateway = Gateway { child, address };
        for _ in 0..300 {
            if gateway.is_ready().await == Some(true) {
                return gateway;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{}", server::tail(&log));
    }

    /// A token of a user, good for a day.
    pub fn token(&self, user: Id) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let claims =
            json!({"sub": user.to_string(), "aud": "powersync", "iat": now, "exp": now + 86_400});
        self.key.sign(&claims).unwrap()
    }

    /// A copy of the rules folder with these settings.
    fn rules(&self, name: &str, settings: &str) -> PathBuf {
        let folder = self.server.folder().join(name);
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(RULES).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        let project = folder.join("rulegate.yaml");
        let text = fs::read_to_string(&project).unwrap();
        fs::write(project, format!("{text}\n{settings}\n")).unwrap();
        folder
    }

    fn rulegate(&self, word: &str, rules: &Path) -> std::process::Command {
        let mut command = server::bound("TERM");
        command
            .args([PROGRAM, word])
            .arg(rules)
            .env("DATABASE_URL", &self.server.uri)
            .env("RULEGATE_LOAD_JWKS", self.key.jwks().to_string())
            .env("RULEGATE_LOAD_POOL", self.pool.to_string());
        command
    }
}

impl Gateway {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    async fn is_ready(&self) -> Option<bool> {
        let mut stream = TcpStream::connect(&self.address).await.ok()?;
        let head = "GET /readyz HTTP/1.1\r\nhost: load\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        Some(text.starts_with("HTTP/1.1 200"))
    }
}
