//! The command line: what a person can type, and the help that teaches it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde_json::Value;

use crate::settings::{Flags, Secret};

const EXAMPLES: &str = "\
A first try, with nothing but Postgres installed:
  rulegate dev

Before a deployment, and then there:
  rulegate check rules --database postgres://app@db.example.com/app
  rulegate migrate rules
  JWKS_URI=https://login.example.com/.well-known/jwks.json DATABASE_URL=postgres://… rulegate serve rules

Every command explains itself: rulegate check --help

Exit codes: 0 all went well; 1 the rules are wrong, or what was asked is refused; 2 the command could not run; 130 a second Ctrl-C stopped it at once.
Colours are for terminals only, and never where NO_COLOR is set.";

/// The version, and the build where whoever built it named one (`RULEGATE_BUILD`): nothing is asked of the machine, so that equal sources give equal programs.
fn version() -> &'static str {
    match option_env!("RULEGATE_BUILD") {
        Some(build) if !build.is_empty() => {
            static TEXT: OnceLock<String> = OnceLock::new();
            TEXT.get_or_init(|| format!("{} ({build})", env!("CARGO_PKG_VERSION")))
        }
        _ => concat!(env!("CARGO_PKG_VERSION"), " (a build without a name)"),
    }
}

/// The write backend that a local-first app gets from YAML alone: takes PowerSync uploads, decides each write by rules, applies it to Postgres.
#[derive(Debug, Parser)]
#[command(name = "rulegate", version = version(), about, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything for a first try: a database, keys, tokens, and the server
    #[command(after_help = DEV)]
    Dev(Serving),
    /// Serve uploads by the rules of a folder
    #[command(after_help = SERVE)]
    Serve(Serving),
    /// Say everything that is wrong with a folder of rules, and what to write instead
    #[command(after_help = CHECK)]
    Check(Checking),
    /// Write a first folder of rules from the tables of a database: it refuses everything
    #[command(after_help = INIT)]
    Init(Starting),
    /// Say what would become of an upload, and why: each condition, and the part of it that failed
    #[command(after_help = EXPLAIN)]
    Explain(Explaining),
    /// Make or renew Rulegate's own schema in the database
    #[command(after_help = MIGRATE)]
    Migrate(Migrating),
    /// Look at what was refused for good, and settle it
    #[command(name = "dead-letters", after_help = DEAD_LETTERS)]
    DeadLetters(Lettering),
    /// Print a token that `rulegate dev` accepts, for curl
    #[command(after_help = TOKEN)]
    Token(Signing),
    /// Print JSON Schemas of rule and settings files, for editors
    #[command(after_help = SCHEMA)]
    Schema(Schemas),
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS)]
    Completions(Completing),
    /// Ask a running server on this machine whether it lives: for a container's health check
    #[command(after_help = HEALTHCHECK)]
    Healthcheck(Asking),
}

const DEV: &str = "\
The database is the first of these that is there:
  1. --database, `database.uri` of rulegate.yaml, or the variable DATABASE_URL
  2. Postgres installed on this machine: started privately, its data kept in .rulegate/pg, stopped with Ctrl-C
A database without a table gets schema.sql and sample.sql of the rules folder. Keys are made on the first run, in .rulegate/keys.
It listens on this machine only, unless --listen or rulegate.yaml says otherwise.

  rulegate dev
  rulegate dev rules --listen 127.0.0.1:7070
  rulegate dev --database postgres://postgres@localhost/scratch";

const SERVE: &str = "\
It starts only with rules that `rulegate check` finds in order, and waits for a database that is not there yet (/readyz says so).
SIGTERM or Ctrl-C finishes what runs; a second one stops at once.
Edits of the rules are taken while it runs, and broken ones leave the last good rules in force: the log and /status say why.
SIGHUP, or `POST /reload` at the operators' address, looks at once, and takes a table away whose file is gone.

  rulegate serve
  rulegate serve /etc/rulegate --listen 0.0.0.0:6060 --admin 127.0.0.1:6061";

const CHECK: &str = "\
The rules are held against the live database: --database, `database.uri`, DATABASE_URL, else the one that `rulegate dev` runs here.

  rulegate check
  rulegate check rules --settings        every setting, its value, where it came from
  rulegate check rules --plan            the compiled rules, as they will be judged
  rulegate check rules --catalog db.txt  without a database: against its catalogue as text
  rulegate check --print-catalog > db.txt";

const INIT: &str = "\
What it writes passes `rulegate check` and allows nothing: columns with their sizes, relations from foreign keys, and comments that say what to decide.
A file that is there already is never touched: then nothing is written at all. The database is only read: --database, DATABASE_URL, else the one that `rulegate dev` runs here.

  rulegate init --database postgres://user@host/name
  rulegate init backend/rules --schema app --schema public
  rulegate init --catalog db.txt         without a database: from its catalogue as text";

const SCHEMA: &str = "\
An editor with a YAML language server reads the first line of a file, `# yaml-language-server: $schema=.schema/table.json`, and completes and checks what you type.
It takes `!env` for a mistake until its setting `yaml.customTags` has \"!env scalar\".

  rulegate schema rules                  of a table's file
  rulegate schema settings               of rulegate.yaml
  rulegate schema --write rules/.schema  both, as table.json and rulegate.json";

const COMPLETIONS: &str = "\
  rulegate completions bash > ~/.local/share/bash-completion/completions/rulegate
  rulegate completions zsh > \"${fpath[1]}/_rulegate\"
  rulegate completions fish > ~/.config/fish/completions/rulegate.fish";

const EXPLAIN: &str = "\
The upload is run against the real database, its rows read under lock, in a transaction that is rolled back in any case: nothing is kept.
What it prints holds values of columns; it is meant for your own terminal. A token's signature is not verified here.
Exit codes: 0 it would be applied, 1 it would be refused, 2 the command could not run.

  rulegate explain --upload upload.json --sub 00000000-0000-0000-0000-00000000000b
  rulegate explain --upload upload.json --claims '{\"sub\":\"ann\",\"role\":\"admin\"}' --json
  rulegate explain --upload - --token \"$TOKEN\" < upload.json";

const MIGRATE: &str = "\
Safe to run again, and while another one runs.

  rulegate migrate
  rulegate migrate --print | psql \"$DATABASE_URL\"";

const DEAD_LETTERS: &str = "\
A transaction that was refused for good is a dead letter: all that the device sent, and why it was refused. Open ones stay until somebody settles them.
`list` shows no value of any column. `show` and `export` do; columns that the rules call sensitive stay sealed without --reveal.

  rulegate dead-letters list --state open
  rulegate dead-letters show 17
  rulegate dead-letters discard 17 18
  rulegate dead-letters discard --all --code UNIQUE_VIOLATION
  rulegate dead-letters export --state open > letters.jsonl";

const TOKEN: &str = "\
The key is that of `rulegate dev` (.rulegate/keys, made where there is none). Audience and issuer come from rulegate.yaml; --claim wins.

  rulegate token --sub 00000000-0000-0000-0000-00000000000a
  rulegate token --sub 00000000-0000-0000-0000-00000000000a --claim role=admin --claim 'teams=[\"red\"]' --lifetime 7d
  curl -H \"authorization: Bearer $(rulegate token --sub 00000000-0000-0000-0000-00000000000a)\" …";

const HEALTHCHECK: &str = "\
Asks GET /livez on the loopback address, at the port where the rules folder says that the server listens. Exit code 0 if it lives, else 2.

  rulegate healthcheck
  rulegate healthcheck --listen 0.0.0.0:7070";

/// Which folder, and what of its settings the command line changes.
#[derive(Debug, Args)]
pub struct Serving {
    /// The folder of rules
    #[arg(default_value = "rules")]
    pub rules: PathBuf,
    /// Where uploads are taken, for example 0.0.0.0:6060
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Where operators look (/status, /metrics); keep it private
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    pub admin: Option<SocketAddr>,
    #[command(flatten)]
    pub database: Database,
}

/// The database.
#[derive(Debug, Args)]
pub struct Database {
    /// The database, for example `postgres://user:password@host/name`; the variable `DATABASE_URL` keeps it out of the list of processes
    #[arg(long = "database", value_name = "URI")]
    pub uri: Option<String>,
}

/// `rulegate check`
#[derive(Debug, Args)]
pub struct Checking {
    /// The folder of rules
    #[arg(default_value = "rules")]
    pub rules: PathBuf,
    /// Print every setting with its value and where it came from; secrets print as stars
    #[arg(long)]
    pub settings: bool,
    /// Print the compiled rules
    #[arg(long)]
    pub plan: bool,
    /// Check against a catalogue in its text form instead of a database
    #[arg(long, value_name = "FILE", conflicts_with = "uri")]
    pub catalog: Option<PathBuf>,
    /// Print the catalogue of the database in its text form, and check nothing
    #[arg(long, conflicts_with_all = ["catalog", "settings", "plan"])]
    pub print_catalog: bool,
    #[command(flatten)]
    pub database: Database,
}

/// `rulegate init`
#[derive(Debug, Args)]
pub struct Starting {
    /// The folder to write
    #[arg(default_value = "rules", value_name = "FOLDER")]
    pub rules: PathBuf,
    /// The schema of the database whose tables get rules. May be repeated
    #[arg(long = "schema", value_name = "NAME", default_value = "public")]
    pub schemas: Vec<String>,
    /// Read a catalogue in its text form instead of a database
    #[arg(long, value_name = "FILE", conflicts_with = "uri")]
    pub catalog: Option<PathBuf>,
    #[command(flatten)]
    pub database: Database,
}

/// `rulegate schema`
#[derive(Debug, Args)]
pub struct Schemas {
    /// Which files it is for
    #[arg(value_enum, default_value_t = File::Rules)]
    pub file: File,
    /// Write both into this folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "file")]
    pub write: Option<PathBuf>,
}

/// The files of a rules folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum File {
    /// A table's file
    Rules,
    /// rulegate.yaml
    Settings,
}

/// `rulegate completions`
#[derive(Debug, Args)]
pub struct Completing {
    /// The shell
    pub shell: Shell,
}

/// `rulegate explain`
#[derive(Debug, Args)]
pub struct Explaining {
    /// The folder of rules
    #[arg(default_value = "rules")]
    pub rules: PathBuf,
    /// The body of an upload: a file, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub upload: PathBuf,
    #[command(flatten)]
    pub who: Who,
    /// What `request.time` is; now where it is not given
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub database: Database,
}

/// Who sends the upload: one of three.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Who {
    /// A token as the app sends it
    #[arg(long)]
    pub token: Option<String>,
    /// The claim `sub` of a token like those of `rulegate token`
    #[arg(long, value_name = "ID")]
    pub sub: Option<String>,
    /// All claims
    #[arg(long, value_name = "JSON")]
    pub claims: Option<String>,
}

/// `rulegate migrate`
#[derive(Debug, Args)]
pub struct Migrating {
    /// The folder of rules, for the settings of the database
    #[arg(default_value = "rules")]
    pub rules: PathBuf,
    /// Print the statements and touch nothing
    #[arg(long)]
    pub print: bool,
    #[command(flatten)]
    pub database: Database,
}

/// `rulegate dead-letters`
#[derive(Debug, Args)]
pub struct Lettering {
    /// The folder of rules, for the settings of the database
    #[arg(long, value_name = "FOLDER", default_value = "rules", global = true)]
    pub rules: PathBuf,
    #[command(flatten)]
    pub database: GlobalDatabase,
    /// What to do.
    #[command(subcommand)]
    pub task: Letters,
}

/// The database, wherever the flag stands.
#[derive(Debug, Args)]
pub struct GlobalDatabase {
    /// The database, for example `postgres://user:password@host/name`; the variable `DATABASE_URL` keeps it out of the list of processes
    #[arg(long = "database", value_name = "URI", global = true)]
    pub uri: Option<String>,
}

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum Letters {
    /// The letters, those that were last seen first
    List {
        #[command(flatten)]
        which: Which,
        /// How many at most
        #[arg(long, value_name = "COUNT", default_value_t = 50)]
        limit: usize,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Everything of one letter
    Show {
        /// Its number
        #[arg(value_name = "ID")]
        id: i64,
        /// Open sealed values with the key in `RULEGATE_DEAD_LETTERS_KEY`
        #[arg(long)]
        reveal: bool,
    },
    /// Settle letters: nothing more is to be done about them
    Discard {
        /// Their numbers
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<i64>,
        /// All open letters of a code
        #[arg(long, requires = "code", conflicts_with = "ids")]
        all: bool,
        /// The code, with --all
        #[arg(long, requires = "all")]
        code: Option<String>,
    },
    /// All letters as JSON lines, the oldest first
    Export {
        #[command(flatten)]
        which: Which,
        /// Open sealed values with the key in `RULEGATE_DEAD_LETTERS_KEY`
        #[arg(long)]
        reveal: bool,
    },
    /// Send a letter's transaction again; not supported yet
    #[command(hide = true)]
    Replay {
        /// Its numbers, and whatever else is typed
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

/// Which letters are meant.
#[derive(Debug, Args)]
pub struct Which {
    /// Only those in this state
    #[arg(long, value_parser = ["open", "resolved_by_client", "discarded", "replayed"])]
    pub state: Option<String>,
    /// Only those of this subject (`sub`)
    #[arg(long, value_name = "SUB")]
    pub subject: Option<String>,
    /// Only those refused with this code
    #[arg(long)]
    pub code: Option<String>,
}

/// `rulegate token`
#[derive(Debug, Args)]
pub struct Signing {
    /// The folder of rules, for audience and issuer
    #[arg(default_value = "rules")]
    pub rules: PathBuf,
    /// Who the token is for: the claim `sub`
    #[arg(long, value_name = "ID")]
    pub sub: String,
    /// A further claim; the value is JSON, or else text. May be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    pub claims: Vec<(String, Value)>,
    /// How long it holds: 30s, 5m, 12h, 7d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = lifetime)]
    pub lifetime: Duration,
}

/// `rulegate healthcheck`
#[derive(Debug, Args)]
pub struct Asking {
    /// The folder of rules, for the port
    #[arg(default_value = "rules")]
    pub rules: PathBuf,
    /// Where the server listens, if it was started with this flag
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,
}

impl Database {
    /// What the command line changes of the settings.
    pub fn flags(&self) -> Flags {
        at_database(self.uri.as_ref())
    }
}

impl GlobalDatabase {
    /// What the command line changes of the settings.
    pub fn flags(&self) -> Flags {
        at_database(self.uri.as_ref())
    }
}

fn at_database(uri: Option<&String>) -> Flags {
    Flags {
        database: uri.cloned().map(Secret::new),
        ..Flags::default()
    }
}

impl Serving {
    /// What the command line changes of the settings.
    pub fn flags(&self) -> Flags {
        Flags {
            listen: self.listen,
            admin: self.admin,
            ..self.database.flags()
        }
    }
}

/// `127.0.0.1:6060`, `[::1]:6060`
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.rsplit(':').next().unwrap_or_default();
        let port = port.parse::<u16>().unwrap_or(6060);
        format!("it is an IP address with a port: write 127.0.0.1:{port} for this machine alone, or 0.0.0.0:{port} for all")
    })
}

/// `name=value`
fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("a claim is written NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((name.to_owned(), value))
}

/// `30s`, `5m`, `12h`, `7d`
fn lifetime(text: &str) -> Result<Duration, String> {
    let unreadable = || "a time is a number and s, m, h or d, for example 12h".to_owned();
    let unit = text.chars().last().ok_or_else(unreadable)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(unreadable()),
    };
    text.strip_suffix(unit)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse::<u64>().ok())
        .and_then(|count| count.checked_mul(seconds))
        // A hundred years: beyond it the sum with today's date is nobody's wish.
        .filter(|seconds| *seconds > 0 && *seconds <= 100 * 366 * 24 * 60 * 60)
        .map(Duration::from_secs)
        .ok_or_else(unreadable)
}
