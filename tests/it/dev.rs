//! `rulegate dev` as a newcomer meets it: the real program, a folder of its own, the printed lines typed as they stand.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::postgres::Fresh;

const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with the starter rules in it, gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rulegate-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        copy(Path::new("rules"), &folder.join("rules"));
        Self(folder)
    }

    /// The program in this folder, with nothing of ours in its environment.
    fn rulegate(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rulegate"));
        command
            .args(words)
            .current_dir(&self.0)
            .env_remove("DATABASE_URL")
            .env_remove("JWKS_URI")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.rulegate(words).output().unwrap()
    }

    /// Whether the private server runs: it keeps this file while it does.
    fn has_server(&self) -> bool {
        self.0.join(".rulegate/pg/postmaster.pid").exists()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &there);
        } else {
            fs::copy(entry.path(), there).unwrap();
        }
    }
}

/// A running `rulegate dev`, and what it has printed.
struct Dev {
    child: Child,
    text: String,
    log: PathBuf,
}

impl Dev {
    fn start(folder: &Folder, extra: &[&str]) -> Self {
        let words = ["dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let log = folder.0.join("log");
        let mut child = folder
            .rulegate(&[&words, extra].concat())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        // The reader leaves when it has seen enough, as `| head` does: that ends nothing.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut text = String::new();
        while !text.contains("Ctrl-C") {
            let Some(line) = lines.next() else {
                panic!("it ended: {text}{}", fs::read_to_string(log).unwrap());
            };
            text = format!("{text}{}\n", line.unwrap());
        }
        Self { child, text, log }
    }

    /// Where uploads are taken.
    fn listen(&self) -> &str {
        let after = self.text.split("http://").nth(1).unwrap();
        after.split('/').next().unwrap()
    }

    /// The answers to the printed lines, in their order.
    fn tries(&self) -> Vec<Value> {
        let lines = self.text.lines().filter(|line| line.starts_with("curl "));
        lines.map(typed).collect()
    }

    fn stop(&mut self) -> ExitStatus {
        signal(&self.child, "TERM");
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Dev {
    /// A test that fails leaves nothing running: the second signal is the last.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            signal(&self.child, "TERM");
            std::thread::sleep(Duration::from_millis(600));
            signal(&self.child, "TERM");
            let _ = self.child.wait();
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("its log:\n{log}");
        }
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.unwrap().success());
}

/// Does what curl would do with a printed line.
fn typed(line: &str) -> Value {
    let quoted: Vec<&str> = line.split('\'').skip(1).step_by(2).collect();
    let [kind, token, body] = quoted.as_slice() else {
        panic!("{line}");
    };
    let url = line.split(' ').find(|word| word.starts_with("http://"));
    let (host, path) = url.unwrap()["http://".len()..].split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\n{kind}\r\n{token}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(read.is_ok(), "{read:?} after {answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    serde_json::from_str(body).unwrap()
}

/// The first line is allowed, the others refused, however often they are typed.
fn the_lines_do_what_they_say(dev: &Dev) {
    for _ in 0..2 {
        let answers = dev.tries();
        assert_eq!(answers.len(), 3, "{}", dev.text);
        assert_eq!(answers[0]["results"][0]["status"], "success");
        for answer in &answers[1..] {
            let refused = &answer["results"][0];
            assert_eq!(refused["status"], "fatal_error");
            assert_eq!(refused["failed_operation"]["error_code"], "UNAUTHORIZED");
            assert_eq!(refused["failed_operation"]["operation_index"], 0);
        }
    }
}

/// The sentences of the log.
fn sentences(dev: &Dev) -> Vec<String> {
    let log = fs::read_to_string(&dev.log).unwrap();
    let lines = log.lines();
    lines
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| line["message"].as_str().map(ToOwned::to_owned))
        .collect()
}

/// Each decision is a line that names who, what, and by which grant; no value of a column is in it.
fn each_decision_is_told(dev: &Dev) {
    let told = sentences(dev);
    for wanted in [
        "ann  todos/…0004  create  applied, by `this.list.can_edit`",
        "ann  todos/…0004  update  applied, by `this.list.can_edit`: nothing differs, so nothing is written",
        "bob  todos/…0005  create  UNAUTHORIZED: no grant for create holds",
        "bob  todos/…0003  update  UNAUTHORIZED: no grant that holds covers `description`",
    ] {
        assert!(
            told.iter().any(|line| line == wanted),
            "{wanted}: {told:#?}"
        );
    }
    let told = told.join("\n");
    assert!(
        !told.contains("Buy milk") && !told.contains("Bob was here"),
        "{told}"
    );
}

#[test]
fn the_first_try_works_and_so_does_the_second_and_nothing_is_left_running() {
    let folder = Folder::new("dev");
    let mut first = Dev::start(&folder, &[]);
    assert!(first.text.contains("schema.sql was run"), "{}", first.text);
    the_lines_do_what_they_say(&first);
    each_decision_is_told(&first);

    let other = folder.run(&["dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("another `rulegate dev`"));
    let checked = folder.run(&["check"]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(
        checked.status.success() && said.contains("No problems."),
        "{checked:?}"
    );

    let listen = first.listen().to_owned();
    let ask = ["healthcheck", "--listen", &listen];
    assert!(folder.run(&ask).status.success());
    assert!(folder.has_server());
    assert!(first.stop().success());
    assert!(!folder.has_server());
    assert_eq!(folder.run(&ask).status.code(), Some(2));

    let mut second = Dev::start(&folder, &[]);
    assert!(!second.text.contains("schema.sql"), "{}", second.text);
    the_lines_do_what_they_say(&second);
    assert!(second.stop().success());
    assert!(!folder.has_server());
}

#[test]
fn what_a_killed_run_left_behind_is_taken_over_and_stopped() {
    let folder = Folder::new("killed");
    let mut killed = Dev::start(&folder, &[]);
    signal(&killed.child, "KILL");
    killed.child.wait().unwrap();
    assert!(folder.has_server());
    let mut next = Dev::start(&folder, &[]);
    the_lines_do_what_they_say(&next);
    assert!(next.stop().success());
    assert!(!folder.has_server());
}

#[test]
fn a_second_signal_leaves_nothing_running_either() {
    let folder = Folder::new("twice");
    let mut dev = Dev::start(&folder, &[]);
    // A request that is not finished keeps the first signal waiting.
    let mut open = TcpStream::connect(dev.listen()).unwrap();
    open.write_all(b"POST /api/data HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    signal(&dev.child, "INT");
    // Its echo, as from a shell and a wrapper, is no second one.
    signal(&dev.child, "TERM");
    std::thread::sleep(Duration::from_millis(600));
    assert!(dev.child.try_wait().unwrap().is_none());
    signal(&dev.child, "INT");
    assert_eq!(dev.child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(5));
    let until = Instant::now() + PATIENCE;
    while folder.has_server() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!folder.has_server());
}

#[tokio::test]
async fn a_database_that_is_named_is_furnished_when_it_is_empty_and_only_then() {
    let folder = Folder::new("named");
    let empty = Fresh::with("").await;
    let mut dev = Dev::start(&folder, &["--database", &empty.uri]);
    the_lines_do_what_they_say(&dev);
    assert!(dev.stop().success());
    assert!(!folder.0.join(".rulegate/pg").exists());

    let furnished = Fresh::with("CREATE TABLE theirs (id uuid PRIMARY KEY)").await;
    let words = ["dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let refused = folder.run(&[&words[..], &["--database", &furnished.uri]].concat());
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("the database has no table `public.lists`"),
        "{said}"
    );
}

#[test]
fn the_starter_does_not_start_under_serve_without_real_keys() {
    let folder = Folder::new("serve");
    let refused = folder.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("JWKS_URI") && said.contains("rules/rulegate.yaml:"),
        "{said}"
    );
}
