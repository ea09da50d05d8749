//! `rulegate explain` against a real database, its texts as cases: `tests/cases/explain/<name>/` holds `upload.json`, `claims.json` and
//! `explained.txt`; `rules/` and `schema.sql` too, where it is not the starter that is asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::cases::{cases, expect};
use crate::postgres::Fresh;

/// Every row of every table, as the database prints it.
const ROWS: &str = "SELECT string_agg(query_to_xml('SELECT * FROM ' || c.oid::regclass, true, false, '')::text, ';' ORDER BY c.relname)
FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace";

struct Case {
    folder: PathBuf,
    rules: PathBuf,
    database: Fresh,
}

impl Case {
    async fn at(folder: &Path) -> Self {
        let own = folder.join("rules");
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let (rules, schema) = if own.exists() {
            (own, read(&folder.join("schema.sql")))
        } else {
            let rows = read(&folder.join("../starter.sql"));
            let schema = read(Path::new("rules/schema.sql"));
            (PathBuf::from("rules"), schema + &rows)
        };
        Self {
            folder: folder.to_owned(),
            rules,
            database: Fresh::with(&schema).await,
        }
    }

    fn explain(&self, more: &[&str]) -> Output {
        let upload = self.folder.join("upload.json");
        let claims = fs::read_to_string(self.folder.join("claims.json")).unwrap();
        Command::new(env!("CARGO_BIN_EXE_rulegate"))
            .args(["explain", self.rules.to_str().unwrap()])
            .args(["--upload", upload.to_str().unwrap()])
            .args(["--claims", claims.trim(), "--time", "2026-02-03T04:05:06Z"])
            .args(["--database", &self.database.uri])
            .args(more)
            .output()
            .unwrap()
    }

    async fn rows(&self) -> Vec<Vec<Option<String>>> {
        self.database.texts(ROWS).await
    }
}

/// What was printed, without what changes with every edit of the starter.
fn told(output: &Output) -> String {
    let code = output.status.code().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("  rules    version "))
        .collect();
    format!("{}\n{errors}exit {code}\n", lines.join("\n"))
}

/// The verdicts of a text, and of a document.
fn verdicts(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("  verdict  "))
        .collect()
}

fn verdicts_of(document: &Value) -> Vec<&str> {
    let transactions = document["transactions"].as_array().unwrap();
    transactions
        .iter()
        .flat_map(|transaction| transaction["operations"].as_array().unwrap())
        .map(|operation| operation["verdict"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn each_upload_is_explained_as_its_case_says_and_nothing_is_kept() {
    let mut differing = Vec::new();
    let folders: Vec<PathBuf> = cases("explain")
        .into_iter()
        .filter(|folder| folder.is_dir())
        .collect();
    assert!(folders.len() >= 12);
    for folder in folders {
        let case = Case::at(&folder).await;
        let before = case.rows().await;
        let output = case.explain(&[]);
        let text = told(&output);
        expect(&folder, "explained.txt", &text, &mut differing);
        let as_json = case.explain(&["--json"]);
        let document: Value = serde_json::from_slice(&as_json.stdout).unwrap();
        assert_eq!(
            verdicts(&text),
            verdicts_of(&document),
            "{}",
            folder.display()
        );
        assert_eq!(output.status, as_json.status);
        assert_eq!(case.rows().await, before, "{}", folder.display());
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

/// The program with these arguments; what it says on standard error.
fn refused(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rulegate"))
        .arg("explain")
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

#[tokio::test]
async fn what_cannot_be_run_says_why_and_ends_with_2() {
    let folder = "tests/cases/explain/owner_creates";
    let upload = format!("{folder}/upload.json");
    let claims = format!("{folder}/claims.json");
    let empty = Fresh::with("").await;
    let sub = ["--sub", "00000000-0000-0000-0000-00000000000a"];
    let with = |more: &[&str]| {
        let mut arguments = vec!["--database", empty.uri.as_str()];
        arguments.extend(more);
        refused(&arguments)
    };
    let said = with(&["--upload", &upload, sub[0], sub[1]]);
    assert!(
        said.contains("the database has no table `public.lists`"),
        "{said}"
    );
    let said = with(&["--upload", &claims, sub[0], sub[1]]);
    assert!(said.contains("claims.json: "), "{said}");
    let said = with(&["--upload", &upload, "--claims", "[]"]);
    assert!(said.contains("no JSON object"), "{said}");
    let said = with(&["--upload", &upload, "--token", "abc"]);
    assert!(said.contains("no token"), "{said}");
    let said = with(&["--upload", &upload, "--time", "soon", sub[0], sub[1]]);
    assert!(said.contains("2026-01-31"), "{said}");
    assert!(with(&["--upload", &upload]).contains("--token <TOKEN>|--sub <ID>|--claims <JSON>"));
}

#[tokio::test]
async fn a_token_is_read_and_said_to_be_refused_where_it_would_be() {
    let case = Case::at(Path::new("tests/cases/explain/owner_creates")).await;
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let claims = r#"{"sub":"00000000-0000-0000-0000-00000000000a","aud":"powersync","exp":1}"#;
    let token = format!("{}.{}.x", part("{}"), part(claims));
    let upload = case.folder.join("upload.json");
    let output = Command::new(env!("CARGO_BIN_EXE_rulegate"))
        .args(["explain", "--upload", upload.to_str().unwrap()])
        .args(["--token", &token, "--database", &case.database.uri])
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("answers 401 to this token: the claim `exp`"),
        "{said}"
    );
    assert!(told(&output).contains("by `this.list.can_edit`"));
}

#[tokio::test]
async fn what_waits_for_the_end_is_explained_at_the_last_operation_on_its_row() {
    let case = Case::at(Path::new("tests/cases/explain/deferred_check_fails")).await;
    let document: Value = serde_json::from_slice(&case.explain(&["--json"]).stdout).unwrap();
    let operation = |transaction: usize, at: usize| {
        document["transactions"][transaction]["operations"][at]["at_end"].clone()
    };
    // The list was created and changed: it is asked once, as what became of it.
    assert!(operation(0, 0).is_null() && operation(0, 1)["conditions"][0].is_null());
    let created = operation(0, 2);
    assert_eq!(created["op"], "create");
    assert_eq!(created["new"]["name"], "Office");
    assert_eq!(created["conditions"][0]["kind"], "deferred");
    assert_eq!(created["conditions"][0]["holds"], true);
    let refused = operation(1, 0);
    assert_eq!(refused["old"]["role"], "owner");
    assert_eq!(refused["conditions"][0]["code"], "LAST_OWNER");
    assert_eq!(refused["conditions"][0]["holds"], false);
    let account = &refused["conditions"][0]["answers"][0]["account"];
    assert!(
        !account["because"].as_array().unwrap().is_empty(),
        "{account}"
    );
}
