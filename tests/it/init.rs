//! `rulegate init` as a process, on a live database.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::postgres::Fresh;

/// A folder that is gone when the test is.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("rulegate-it-init-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_rulegate"))
            .args(words)
            .current_dir(&self.0)
            .env_remove("DATABASE_URL")
            .env_remove("JWKS_URI")
            .output()
            .unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const TABLES: &str = "
CREATE TABLE orgs (id uuid PRIMARY KEY, name varchar(80) NOT NULL);
CREATE TABLE projects (id uuid PRIMARY KEY, org_id uuid NOT NULL REFERENCES orgs, title varchar(200), total int GENERATED ALWAYS AS (1) STORED);
CREATE TABLE members (org_id uuid, user_id uuid, PRIMARY KEY (org_id, user_id));
CREATE VIEW titles AS SELECT title FROM projects;";

#[tokio::test]
async fn a_live_database_becomes_rules_that_pass_check_and_are_never_overwritten() {
    let database = Fresh::with(TABLES).await;
    let scratch = Scratch::new();
    let init = ["init", "--database", &database.uri];
    let output = scratch.run(&init);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    for words in [
        "2 tables",
        "public.members: its primary key has several",
        "public.titles: it is a view",
        "`org_id` of 1 table",
        "rulegate check rules --database URI",
    ] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains("postgres://"), "{said}");

    let check = scratch.run(&["check", "--database", &database.uri]);
    let said = String::from_utf8(check.stdout).unwrap();
    assert!(
        check.status.success() && said.contains("No problems."),
        "{said}"
    );

    let file = scratch.0.join("rules/projects.yaml");
    fs::write(&file, "mine").unwrap();
    let again = scratch.run(&init);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        String::from_utf8(again.stderr)
            .unwrap()
            .contains("rules/projects.yaml")
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}
