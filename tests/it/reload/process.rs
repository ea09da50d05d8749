//! The real program: what its log says a moment after an edit, and what SIGHUP does.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rulegate::auth::development::SigningKey;

use crate::postgres::Fresh;
use crate::reload::PROMPT;
use crate::reload::folder::{Folder, SCHEMA, table};

/// `rulegate serve` on ports of its own.
pub struct Served {
    child: Child,
    lines: Receiver<String>,
}

impl Served {
    /// Starts it over the rules that lie below a folder.
    pub fn start(home: &Path, uri: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rulegate"))
            .args(["serve", "rules", "--listen", "127.0.0.1:0"])
            .args(["--admin", "127.0.0.1:0", "--database", uri])
            .current_dir(home)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        let told = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in told.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Self { child, lines }
    }

    /// The next line of the log with all of these words.
    pub fn line(&self, words: &[&str]) -> String {
        let began = Instant::now();
        while let Some(left) = PROMPT.checked_sub(began.elapsed()) {
            match self.lines.recv_timeout(left) {
                Ok(line) if words.iter().all(|word| line.contains(word)) => return line,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        panic!("{words:?} was not said");
    }

    /// What it has said since it was asked last.
    pub fn said(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Waits for a line of the log with all of these words; how long it took.
    fn says(&self, words: &[&str]) -> Duration {
        let began = Instant::now();
        let mut heard = Vec::new();
        while let Some(left) = PROMPT.checked_sub(began.elapsed()) {
            let Ok(line) = self.lines.recv_timeout(left) else {
                break;
            };
            if words.iter().all(|word| line.contains(word)) {
                return began.elapsed();
            }
            heard.push(line);
        }
        panic!("{words:?} was not said, but {heard:#?}");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_of_each_edit_at_once_and_a_hangup_asks_for_a_look() {
    let database = Fresh::migrated(SCHEMA).await;
    let folder = Folder::new("process");
    let keys = SigningKey::generate().unwrap().jwks();
    folder.write(
        "rulegate.yaml",
        format!("version: 1\nclient_auth: {{ jwks: {keys}, audience: [powersync] }}\n"),
    );
    let mut served = Served::start(&folder.home, &database.uri);
    served.says(&["ready"]);

    folder.write("apples.yaml", table("apples", 2));
    served.says(&["rules reloaded in", "`edition` now preset on create to `2`"]);
    let broken = table("apples", 2).replace("allow", "alow");
    folder.write("apples.yaml", broken);
    let took = served.says(&[
        "were not reloaded",
        "rules/apples.yaml:26:1",
        "unknown key `alow`",
        "did you mean `allow`?",
    ]);
    assert!(took < Duration::from_secs(2), "{took:?}");
    folder.write("apples.yaml", table("apples", 2));
    served.says(&["holds again what is in force"]);

    std::fs::remove_file(folder.path("pears.yaml")).unwrap();
    served.says(&["rules/pears.yaml` is gone", "SIGHUP"]);
    served.signal("HUP");
    served.says(&["rules reloaded in", "pears: no longer open to uploads"]);
    assert!(served.child.try_wait().unwrap().is_none());
}
