//! The examples as their readers meet them: every folder of `examples` that tells a story, its rules checked, its story played, the commands of its page typed as they stand.
//!
//! A story is `people.json` (who asks: the claims of their tokens) and `uploads.json`: `names` for ids, and `story`, a list of steps. `@name` stands for a
//! named id, or for the `sub` of a person. A step tells what happens, runs `sql`, or sends `upload` (the operations of one transaction) as somebody and holds the result
//! against `answer`; then each statement under `then` must give those rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rulegate::driver::postgres::Store;
use rulegate::vocabulary::problem::Problems;
use serde_json::{Value, json};

use crate::gateway::{Gateway, load};
use crate::postgres::{Fresh, connect};
use crate::uploads::{entry, holds};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An example that tells a story.
struct Example {
    folder: PathBuf,
    people: BTreeMap<String, Value>,
    story: Vec<Value>,
}

/// All of them: a new folder is found by itself.
fn examples() -> Vec<Example> {
    let entries = fs::read_dir("examples").unwrap();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("uploads.json").exists())
        .collect();
    folders.sort();
    assert!(folders.len() >= 4, "{folders:?}");
    folders.into_iter().map(Example::read).collect()
}

impl Example {
    fn read(folder: PathBuf) -> Self {
        let people: BTreeMap<String, Value> = json_of(&folder.join("people.json"));
        let uploads: Value = json_of(&folder.join("uploads.json"));
        let named = uploads["names"].as_object().unwrap().clone();
        let mut names: Vec<(String, String)> = named
            .iter()
            .map(|(name, id)| (name.clone(), id.as_str().unwrap().to_owned()))
            .collect();
        let ids: BTreeSet<&String> = names.iter().map(|(_, id)| id).collect();
        assert_eq!(
            ids.len(),
            names.len(),
            "{}: two names for one id",
            folder.display()
        );
        for (name, claims) in &people {
            let subject = claims["sub"].as_str().unwrap_or_default();
            names.push((name.clone(), subject.to_owned()));
        }
        // A long name is no short one with a tail.
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let mut story = uploads["story"].to_string();
        for (name, id) in names {
            story = story.replace(&format!("@{name}"), &id);
        }
        assert!(
            !story.contains('@'),
            "{}: a name that is not known",
            folder.display()
        );
        Self {
            people,
            story: serde_json::from_str(&story).unwrap(),
            folder,
        }
    }

    fn rules(&self) -> PathBuf {
        self.folder.join("rules")
    }

    fn text(&self, name: &str) -> String {
        let path = self.folder.join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// What `rulegate dev` runs in an empty database.
    fn scripts(&self) -> String {
        format!(
            "{}\n{}",
            self.text("rules/schema.sql"),
            self.text("rules/sample.sql")
        )
    }

    /// What a step is about, for whoever reads a failure.
    fn place(&self, step: &Value) -> String {
        format!("{}: {}", self.folder.display(), step["tell"])
    }

    /// What `rulegate check` finds in the rules, and how it shows that.
    async fn check(&self, uri: &str) -> (Problems, String) {
        let loading = load(&self.rules(), uri);
        let settings = loading.settings.clone().unwrap();
        let store = Store::open(&settings.database, &settings.limits).unwrap();
        let catalog = store.introspect().await.unwrap();
        let mut problems = loading.problems.clone();
        problems.append(rulegate::plan::compile(&loading.rules, &catalog).problems);
        let shown = problems.render(&loading.sources, false);
        (problems, shown)
    }

    async fn tell(&self, gateway: &Gateway) {
        for step in &self.story {
            self.play(gateway, step).await;
        }
    }

    async fn play(&self, gateway: &Gateway, step: &Value) {
        let place = self.place(step);
        assert!(step["tell"].is_string(), "{place}: nothing is told");
        if let Some(sql) = step["sql"].as_str() {
            gateway.run(sql).await;
        }
        if let Some(operations) = step["upload"].as_array() {
            let who = step["as"].as_str().unwrap();
            let claims = self
                .people
                .get(who)
                .unwrap_or_else(|| panic!("{place}: {who}"));
            let crud: Vec<Value> = operations.iter().map(entry).collect();
            let body = json!({"transactions": [{"crud": crud}]}).to_string();
            let answer = gateway.send("POST", claims, &body).await;
            let wanted = wanted(&step["answer"]);
            assert!(
                holds(Some(&answer.body), &wanted),
                "{place}:\n  got  {} {}\n  want {wanted}",
                answer.status,
                answer.body
            );
        }
        for (sql, rows) in step["then"].as_object().into_iter().flatten() {
            let found = gateway.database.texts(sql).await;
            assert_eq!(&json!(found), rows, "{place}: {sql}");
        }
    }
}

fn json_of<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the body must hold: `"success"`, a code, or a code with what else the story says of it; `"401"` for a token that is not taken.
fn wanted(answer: &Value) -> Value {
    let code = match answer {
        Value::String(word) if word == "success" => return json!({"results": [{"status": word}]}),
        Value::String(word) if word == "401" => {
            return json!({"message": "the token is not accepted"});
        }
        Value::String(word) => word.as_str(),
        object => object["code"].as_str().unwrap(),
    };
    let mut result = json!({
        "status": "fatal_error",
        "requires_client_handling": answer["client_handles"] == true,
        "failed_operation": {"error_code": code, "operation_index": answer["operation"].as_u64().unwrap_or(0)},
    });
    if answer["message"].is_string() {
        result["message"] = answer["message"].clone();
    }
    json!({ "results": [result] })
}

impl Example {
    /// What `rulegate check` finds is what the page quotes and explains: no problems, where it quotes none.
    async fn hold_check(&self, uri: &str) {
        let (problems, shown) = self.check(uri).await;
        let sorted = problems.sorted();
        let found: BTreeSet<String> = sorted
            .iter()
            .map(|problem| format!("warning: {}", problem.message))
            .collect();
        let page = self.text("README.md");
        let blocks = blocks(&page);
        let lines = blocks.iter().flat_map(|block| block.text.lines());
        let quoted: BTreeSet<String> = lines
            .filter(|line| line.starts_with("warning: "))
            .map(ToOwned::to_owned)
            .collect();
        assert_eq!(found, quoted, "{}: {shown}", self.folder.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_quotes_each_warning_about_the_rules() {
    for example in examples() {
        let database = Fresh::with(&example.scripts()).await;
        example.hold_check(&database.uri).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_example_tells_its_story() {
    for example in examples() {
        let gateway = Gateway::start(&example.scripts(), &example.rules()).await;
        example.tell(&gateway).await;
    }
}

/// Where an example has a login for the gateway, that login can do all that the story needs, and nothing is missing.
#[tokio::test(flavor = "multi_thread")]
async fn the_login_of_an_example_has_what_its_story_needs() {
    let mut told = 0;
    for example in examples() {
        if !example.folder.join("login.sql").exists() {
            continue;
        }
        let script = format!("{}\n{}", example.scripts(), example.text("login.sql"));
        let mut database = Fresh::with(&script).await;
        let (_, place) = database.uri.split_once('@').unwrap();
        database.uri = format!("postgres://rulegate:another-password@{place}");
        let login = connect(&database.uri).await;
        login
            .batch_execute(&rulegate::journal::ddl())
            .await
            .unwrap();
        let gateway = Gateway::on(database, &example.rules(), |_| ()).await;
        example.hold_check(&gateway.database.uri).await;
        example.tell(&gateway).await;
        told += 1;
    }
    assert!(told > 0);
}

/// The tables of a step's operations.
fn tables(step: &Value) -> BTreeSet<String> {
    let operations = step["upload"].as_array().into_iter().flatten();
    let places = operations.flat_map(|operation| {
        let verbs = ["PUT", "PATCH", "DELETE"].into_iter();
        verbs.filter_map(|verb| operation[verb].as_str())
    });
    places
        .map(|place| place.split_once('/').unwrap().0.to_owned())
        .collect()
}

/// A rule that no step runs into is a rule that nobody has tried.
#[tokio::test(flavor = "multi_thread")]
async fn a_story_tries_each_table_each_check_and_each_person() {
    for example in examples() {
        let loading = load(&example.rules(), "postgres://nobody.invalid/nothing");
        let (mut applied, mut refused) = (BTreeSet::new(), BTreeSet::new());
        let (mut codes, mut people) = (BTreeSet::new(), BTreeSet::new());
        for step in example.story.iter().filter(|step| step["as"].is_string()) {
            people.insert(step["as"].as_str().unwrap().to_owned());
            let answer = &step["answer"];
            let code = answer.as_str().or(answer["code"].as_str()).unwrap();
            let is_applied = code == "success";
            codes.insert(code.to_owned());
            let tables = tables(step);
            if is_applied {
                &mut applied
            } else {
                &mut refused
            }
            .extend(tables);
        }
        let place = example.folder.display();
        for table in &loading.rules.tables {
            let name = table.table.node.to_string();
            assert!(
                refused.contains(&name),
                "{place}: nobody is refused at {name}"
            );
            let is_open = !table.allow.is_empty();
            assert!(
                !is_open || applied.contains(&name),
                "{place}: nobody writes {name}"
            );
            for check in &table.checks {
                let code = check.code.node.clone();
                assert!(codes.contains(&code), "{place}: nobody meets {code}");
            }
        }
        let all: BTreeSet<String> = example.people.keys().cloned().collect();
        assert_eq!(people, all, "{place}");
    }
}

/// A fenced block of a page: the section it stands in, its word, its text.
struct Block {
    section: usize,
    word: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut found, mut section) = (Vec::new(), 0);
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(word), None) => {
                let (word, text) = (word.to_owned(), String::new());
                open = Some(Block {
                    section,
                    word,
                    text,
                });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some(block)) => block.text = format!("{}{line}\n", block.text),
            (None, None) => section += usize::from(line.starts_with("## ")),
        }
    }
    found
}

/// A copy of an example, where its commands are typed; gone when the test is, and the server with it.
struct Desk {
    folder: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Desk {
    fn new(example: &Example) -> Self {
        let name = example.folder.file_name().unwrap().to_str().unwrap();
        let folder = std::env::temp_dir().join(format!("rulegate-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let copied = Command::new("cp")
            .arg("-r")
            .args([&example.folder, &folder])
            .status();
        assert!(copied.unwrap().success());
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        // The page says 6060, which somebody else may have.
        let program = env!("CARGO_BIN_EXE_rulegate");
        let shim = format!(
            "#!/bin/sh\ncase \"$1\" in\ndev | serve) exec {program} \"$@\" --listen 127.0.0.1:{port} --admin 127.0.0.1:0 ;;\n*) exec {program} \"$@\" ;;\nesac\n"
        );
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/rulegate"), shim).unwrap();
        let made = Command::new("chmod")
            .arg("+x")
            .arg(folder.join("bin/rulegate"))
            .status();
        assert!(made.unwrap().success());
        Self {
            folder,
            port,
            server: None,
        }
    }

    /// The block in a shell, in a group of its own.
    fn shell(&self, text: &str, database: &str) -> Command {
        let text = text.replace("127.0.0.1:6060", &format!("127.0.0.1:{}", self.port));
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", &text])
            .current_dir(&self.folder)
            .env(
                "PATH",
                format!("{}:{path}", self.folder.join("bin").display()),
            )
            .env("DATABASE_URL", database)
            .env_remove("JWKS_URI")
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    /// Starts the server that a block ends with, and waits until it lives.
    async fn serve(&mut self, text: &str, database: &str) {
        self.stop();
        let log = self.folder.join("log");
        let file = fs::File::create(&log).unwrap();
        let child = self
            .shell(text, database)
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn();
        let server = self.server.insert(child.unwrap());
        let until = Instant::now() + PATIENCE;
        while !lives(self.port) {
            let said = fs::read_to_string(&log).unwrap();
            assert!(server.try_wait().unwrap().is_none(), "{text} ended: {said}");
            assert!(Instant::now() < until, "{text} does not listen: {said}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Types a block, and gives what it printed.
    fn run(&self, text: &str, database: &str) -> String {
        let done = self.shell(text, database).output().unwrap();
        assert!(done.status.success(), "{text}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let group = format!("-{}", server.id());
            let _ = Command::new("kill")
                .args(["-s", "KILL", "--", &group])
                .status();
            let _ = server.wait();
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Whether a server answers there.
fn lives(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let head = "GET /livez HTTP/1.1\r\nhost: page\r\nconnection: close\r\n\r\n";
    let asked = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let asked = asked.and_then(|()| stream.write_all(head.as_bytes()));
    let mut answer = String::new();
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
}

/// The programs of the page that are not ours.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    found.is_ok_and(|found| found.status.success())
}

/// Each section of the page begins with an empty database, and a JSON block is what the commands before it print.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_do_what_it_says() {
    for example in examples() {
        let page = example.text("README.md");
        let mut desk = Desk::new(&example);
        let mut database: Option<(usize, Fresh)> = None;
        let (mut printed, mut answers) = (String::new(), 0);
        for block in blocks(&page) {
            let place = format!("{}: {}", example.folder.display(), block.text);
            if block.word == "json" {
                let answer: Value = serde_json::from_str(&printed)
                    .unwrap_or_else(|error| panic!("{place}: {error}: {printed}"));
                let wanted = serde_json::from_str(&block.text).unwrap();
                assert!(holds(Some(&answer), &wanted), "{place}: {answer}");
                answers += 1;
            }
            if block.word != "sh" {
                continue;
            }
            if let Some(away) = ["psql", "curl"]
                .into_iter()
                .find(|program| block.text.contains(&format!("{program} ")) && !has(program))
            {
                eprintln!("{place}: not tried, because this machine has no {away}");
                return;
            }
            if database
                .as_ref()
                .is_none_or(|(section, _)| *section != block.section)
            {
                desk.stop();
                database = Some((block.section, Fresh::with("").await));
            }
            let uri = database.as_ref().unwrap().1.uri.clone();
            if block.text.contains("rulegate dev") || block.text.contains("rulegate serve") {
                desk.serve(&block.text, &uri).await;
            } else {
                printed = desk.run(&block.text, &uri);
            }
        }
        assert!(
            answers >= 2,
            "{}: its page shows no answers",
            example.folder.display()
        );
    }
}

#[test]
fn the_pages_name_files_that_are_there() {
    let mut pages = vec![PathBuf::from("examples/README.md")];
    pages.extend(
        examples()
            .iter()
            .map(|example| example.folder.join("README.md")),
    );
    let index = fs::read_to_string(&pages[0]).unwrap();
    for page in &pages {
        let folder = page.parent().unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(
            index.contains(&format!("]({name}/)")) || name == "examples",
            "{name} is not in the index"
        );
        let text = fs::read_to_string(page).unwrap();
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("https://")) {
            assert!(folder.join(link).exists(), "{}: {link}", page.display());
        }
    }
}
