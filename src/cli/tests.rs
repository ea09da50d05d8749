use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{CommandFactory as _, Parser as _};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::arguments::{Arguments, Command};
use super::hello::{Edit, Hello};
use super::home::Home;
use super::listeners::{Listeners, reachable};
use super::token;
use super::trouble::Trouble;
use super::variables::{DATABASE, KEYS, KEYS_STAND_IN, StandIns};
use crate::auth::{KeySet, Origin, Verifier};
use crate::settings::{ClientAuth, Server};
use crate::vocabulary::limits::Limits;

/// A folder that is gone when the test is.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "rulegate-cli-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_command_line_is_defined_without_contradictions() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_says_how_it_is_used() {
    let mut command = Arguments::command();
    command.build();
    for sub in command.get_subcommands_mut() {
        let name = sub.get_name().to_owned();
        if name == "help" {
            continue;
        }
        let help = sub.render_long_help().to_string();
        assert!(help.contains(&format!("\n  rulegate {name}")), "{help}");
    }
}

#[test]
fn every_example_of_the_help_can_be_typed() {
    let mut command = Arguments::command();
    command.build();
    let mut texts = vec![command.render_long_help().to_string()];
    texts.extend(
        command
            .get_subcommands_mut()
            .map(|sub| sub.render_long_help().to_string()),
    );
    let mut seen = 0;
    for line in texts.iter().flat_map(|text| text.lines()) {
        let Some(example) = line.strip_prefix("  rulegate ") else {
            continue;
        };
        // What follows two spaces explains; what follows `|`, `<` or `>` is the shell's.
        let example = example.split("  ").next().unwrap();
        let example = example
            .split([' '])
            .take_while(|word| !["|", "<", ">"].contains(word));
        let words: Vec<String> = example.map(|word| word.replace('\'', "")).collect();
        let parsed = Arguments::try_parse_from([vec!["rulegate".to_owned()], words].concat());
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        seen += 1;
    }
    assert!(seen >= 15, "{seen}");
}

fn signing(extra: &[&str]) -> Result<super::arguments::Signing, String> {
    let words = [&["rulegate", "token", "--sub", "x"], extra].concat();
    match Arguments::try_parse_from(words) {
        Ok(Arguments {
            command: Command::Token(signing),
        }) => Ok(signing),
        Ok(_) => unreachable!(),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn times_are_a_number_and_a_unit() {
    for (text, wanted) in [
        ("1s", Some(1)),
        ("5m", Some(300)),
        ("12h", Some(43_200)),
        ("7d", Some(604_800)),
        ("0s", None),
        ("5", None),
        ("m", None),
        ("+5m", None),
        ("-5m", None),
        ("1.5h", None),
        ("5 m", None),
        ("5é", None),
        ("99999999999999999999d", None),
        ("", None),
    ] {
        let read = signing(&[&format!("--lifetime={text}")]).ok();
        let seconds = read.map(|signing| signing.lifetime.as_secs());
        assert_eq!(seconds, wanted, "{text}");
    }
}

#[test]
fn a_claim_is_json_or_else_text() {
    for (text, name, value) in [
        ("role=admin", "role", json!("admin")),
        ("teams=[\"red\"]", "teams", json!(["red"])),
        ("level=3", "level", json!(3)),
        ("is_admin=true", "is_admin", json!(true)),
        ("quoted=\"3\"", "quoted", json!("3")),
        ("equation=a=b", "equation", json!("a=b")),
        ("empty=", "empty", json!("")),
    ] {
        let read = signing(&["--claim", text]).unwrap();
        assert_eq!(read.claims, [(name.to_owned(), value)]);
    }
    assert!(signing(&["--claim", "role"]).is_err());
    assert!(signing(&["--claim", "=admin"]).is_err());
}

proptest! {
    #[test]
    fn what_is_signed_here_is_what_the_settings_accept(
        audience in proptest::collection::vec("[a-z]{1,8}", 0..3),
        parties in proptest::collection::vec("[a-z]{1,8}", 0..3),
        issuer in proptest::option::of("https://[a-z]{1,8}"),
    ) {
        let scratch = Scratch::new();
        let (key, _) = Home::at(&scratch.0).unwrap().key().unwrap();
        let (keys, notes) = KeySet::parse(&key.jwks(), Origin::Static).unwrap();
        prop_assert!(notes.is_empty());
        let client_auth = ClientAuth {
            audience: audience.clone(),
            authorized_parties: parties.clone(),
            issuer: issuer.clone(),
            ..ClientAuth::default()
        };
        let token = token::sign(&key, token::claims("ann", Duration::from_mins(1), &client_auth)).unwrap();
        let verifier = Verifier { audience, authorized_parties: parties, issuer, ..Verifier::new(&Limits::default()) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        prop_assert!(verifier.verify(&keys, &token, now).is_ok());
        prop_assert!(verifier.verify(&keys, &token, now + 3600).is_err());
    }
}

#[test]
fn a_key_is_made_once_and_read_by_its_owner_only() {
    let scratch = Scratch::new();
    let home = Home::at(&scratch.0).unwrap();
    let (first, was_new) = home.key().unwrap();
    let (second, is_new) = home.key().unwrap();
    assert!(was_new && !is_new);
    assert_eq!(first.jwks(), second.jwks());
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.key_path()), 0o600);
    assert_eq!(mode(scratch.0.join("keys")), 0o700);
    home.keep_database_uri("postgres://a:b@c/d").unwrap();
    assert_eq!(mode(home.database_uri_path()), 0o600);
    assert_eq!(home.database_uri().as_deref(), Some("postgres://a:b@c/d"));
    assert_eq!(
        fs::read_to_string(scratch.0.join(".gitignore")).unwrap(),
        "*\n"
    );
}

#[test]
fn a_broken_key_is_named_and_not_replaced() {
    let scratch = Scratch::new();
    let home = Home::at(&scratch.0).unwrap();
    home.key().unwrap();
    fs::write(home.key_path(), "nothing").unwrap();
    let Err(Trouble::Unable(text)) = home.key() else {
        panic!("a broken key was taken");
    };
    assert!(
        text.contains("development.pem") && text.contains("delete it"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(home.key_path()).unwrap(), "nothing");
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let scratch = Scratch::new();
    let home = Home::at(&scratch.0).unwrap();
    let held = home.lock().unwrap();
    assert!(home.lock().is_err());
    drop(held);
    assert!(home.lock().is_ok());
}

#[test]
fn only_what_is_not_set_has_a_stand_in() {
    let stand_ins = StandIns::keys().and("PATH", "nowhere");
    assert_ne!(stand_ins.read("PATH").as_deref(), Some("nowhere"));
    let keys = stand_ins.read(KEYS);
    assert!(std::env::var_os(KEYS).is_some() || keys.as_deref() == Some(KEYS_STAND_IN));
    assert_eq!(StandIns::none().read("RULEGATE_NOBODY_SETS_THIS"), None);
    assert!(std::env::var_os(DATABASE).is_some() || stand_ins.read(DATABASE).is_none());
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_flag_that_chooses_another() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let held = holder.local_addr().unwrap();
    let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
    for (listen, admin, flag) in [(held, free, "--listen"), (free, held, "--admin")] {
        let server = Server {
            listen,
            admin,
            cors_origins: Vec::new(),
            http2: false,
        };
        let Err(Trouble::Unable(text)) = Listeners::bind(&server).await else {
            panic!("a taken port was bound");
        };
        assert!(
            text.contains(&held.to_string()) && text.contains(flag),
            "{text}"
        );
    }
}

fn hello(has_sample: bool) -> Hello {
    Hello {
        steps: vec![("database", "here".to_owned())],
        listen: "0.0.0.0:6060".parse().unwrap(),
        ann: "a.n.n".to_owned(),
        bob: "b.o.b".to_owned(),
        has_sample,
        edit: Some(Edit {
            file: "rules/todos.yaml".to_owned(),
            line: 26,
        }),
    }
}

#[test]
fn the_three_lines_are_whole_and_ask_what_can_be_asked() {
    let text = hello(true).text();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("curl "))
        .collect();
    assert_eq!(lines.len(), 3);
    for (line, token) in lines.iter().zip(["a.n.n", "b.o.b", "b.o.b"]) {
        assert!(line.contains("http://127.0.0.1:6060/api/data"), "{line}");
        assert!(line.contains(&format!("Bearer {token}'")), "{line}");
        let body = line
            .rsplit_once(" -d '")
            .unwrap()
            .1
            .strip_suffix('\'')
            .unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["transactions"][0]["crud"][0]["table"], "todos");
    }
}

#[test]
fn the_rule_to_edit_is_named_by_its_line_while_it_is_the_starters() {
    let starter = include_str!("../../rules/todos.yaml");
    let edit = Edit::find("rules/todos.yaml", starter);
    let line = edit.as_ref().unwrap().line;
    assert!(
        starter
            .lines()
            .nth(line - 2)
            .unwrap()
            .contains("if: this.list.is_member")
    );
    let text = Hello {
        edit,
        ..hello(true)
    }
    .text();
    assert!(
        text.contains(&format!("line {line} of rules/todos.yaml")),
        "{text}"
    );
    let edited = starter.replace("completed_at]", "completed_at, description]");
    assert_eq!(Edit::find("rules/todos.yaml", &edited), None);
    let text = Hello {
        edit: None,
        ..hello(true)
    }
    .text();
    assert!(
        !text.contains("edit line") && text.contains("As your rules say"),
        "{text}"
    );
}

#[test]
fn without_the_sample_no_line_claims_what_it_cannot_do() {
    let text = hello(false).text();
    assert!(!text.contains("curl "));
    assert!(text.contains("a.n.n") && text.contains("b.o.b"));
}

#[test]
fn all_addresses_are_asked_at_the_loopback_one() {
    for (listen, wanted) in [
        ("0.0.0.0:1", "127.0.0.1:1"),
        ("[::]:1", "[::1]:1"),
        ("10.0.0.1:1", "10.0.0.1:1"),
    ] {
        assert_eq!(reachable(listen.parse().unwrap()), wanted.parse().unwrap());
    }
}

#[test]
fn an_address_that_is_none_is_answered_with_one_that_is() {
    for (typed, wanted) in [
        ("80", "127.0.0.1:80"),
        ("localhost:7070", "127.0.0.1:7070"),
        ("here", "127.0.0.1:6060"),
    ] {
        let error = Arguments::try_parse_from(["rulegate", "dev", "--listen", typed]);
        let text = error.unwrap_err().to_string();
        assert!(text.contains(wanted), "{text}");
        assert!(Arguments::try_parse_from(["rulegate", "dev", "--listen", wanted]).is_ok());
    }
}

#[test]
fn the_version_names_its_build() {
    let version = Arguments::command().render_version();
    let rest = version.strip_prefix(concat!("rulegate ", env!("CARGO_PKG_VERSION"), " ("));
    assert!(rest.is_some_and(|rest| rest.len() > 2), "{version}");
}

#[test]
fn claims_of_the_command_line_win() {
    let mut claims: Map<String, Value> =
        token::claims("ann", Duration::from_mins(1), &ClientAuth::default());
    assert_eq!(claims["aud"], "powersync");
    claims.extend(signing(&["--claim", "aud=other"]).unwrap().claims);
    assert_eq!(claims["aud"], "other");
}
