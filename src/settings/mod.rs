//! rulegate.yaml, environment and flags → [`Settings`]. Secrets print as stars.

mod client_auth;
mod dead_letters;
pub mod keys;
mod lines;
mod live;
mod read;
mod sources;
#[cfg(test)]
mod tests;

pub use crate::document::Environment;
pub use dead_letters::{DeadLetters, KEY_CURE, SealingKey, SealingKeys};
pub use live::{Live, is_live};
pub use read::read;
pub use sources::{Source, is_private};

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::vocabulary::limits::Limits;
use crate::vocabulary::place::Spanned;

/// Everything an operator decides. What decides writes stands in the rules.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The listeners.
    pub server: Server,
    /// The database.
    pub database: Database,
    /// Who may ask.
    pub client_auth: ClientAuth,
    /// What becomes of refusals.
    pub batch: Batch,
    /// How applied transactions are remembered.
    pub idempotency: Idempotency,
    /// How refused transactions are kept.
    pub dead_letters: DeadLetters,
    /// The app's table that refusals are written to; the rules say more of it.
    pub rejections: Option<String>,
    /// The limits.
    pub limits: Limits,
}

/// What the command line says; it wins over the file.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--admin`
    pub admin: Option<SocketAddr>,
    /// `--database`
    pub database: Option<Secret>,
}

/// The listeners.
#[derive(Clone, Debug)]
pub struct Server {
    /// The public one.
    pub listen: SocketAddr,
    /// The operator's.
    pub admin: SocketAddr,
    /// Origins a browser may call from; `*` for any.
    pub cors_origins: Vec<String>,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
}

/// The database.
#[derive(Clone, Debug)]
pub struct Database {
    /// A Postgres URI, with the parameters that libpq knows.
    pub uri: Option<Secret>,
    /// Connections of the pool; `min(16, 4 × cores)` where none is set.
    pub pool: usize,
    /// The role of the writing statements.
    pub role: Option<String>,
    /// How TLS is asked for; the URI's own parameter where none is set.
    pub sslmode: Option<SslMode>,
    /// A file of certificate authorities.
    pub cacert: Option<PathBuf>,
    /// What becomes of a write that the changed database no longer fits.
    pub on_schema_drift: OnSchemaDrift,
    /// Whether messages that the database's own code raised reach the client.
    pub raised_messages: bool,
}

/// `database.on_schema_drift`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSchemaDrift {
    /// Sent again later: the change may be undone, or rules that fit it may come.
    #[default]
    Retry,
    /// Refused for good.
    Fatal,
}

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS where the server offers it.
    Prefer,
    /// TLS; the certificate is verified only where a `cacert` is given.
    Require,
    /// TLS with a certificate of a known authority.
    VerifyCa,
    /// The same, for this host name.
    VerifyFull,
}

/// Who may ask: the `client_auth` block.
#[derive(Clone, Debug, Default)]
pub struct ClientAuth {
    /// Where keys are fetched.
    pub jwks_uris: Vec<Spanned<String>>,
    /// Static keys, as a JWKS document. `oct` keys are allowed here only.
    pub jwks: Option<Spanned<serde_json::Value>>,
    /// Hosts that may be asked over plain http or at private addresses.
    pub jwks_allow_hosts: Vec<String>,
    /// Accepted audiences; any match.
    pub audience: Vec<String>,
    /// Accepted `azp`, for providers that send no `aud`.
    pub authorized_parties: Vec<String>,
    /// The issuer, compared byte for byte where given.
    pub issuer: Option<String>,
}

/// What becomes of refusals: the `batch` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What becomes of an upload after one.
    pub on_fatal_error: OnFatalError,
    /// What a table or column is that the rules do not know.
    pub unknown: Unknown,
    /// Codes that the app decides about: the device keeps such a write.
    pub client_handles: Vec<String>,
}

/// How applied transactions are remembered: the `idempotency` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Whether they are: `idempotency: off` gives it up.
    pub is_on: bool,
    /// How long.
    pub keep: Duration,
    /// How long where the client sends no id of its own.
    pub keep_anonymous: Duration,
    /// The claim that names the client where no header does.
    pub client_claim: Option<String>,
}

impl Default for Idempotency {
    fn default() -> Self {
        Self {
            is_on: true,
            keep: Duration::from_hours(7 * 24),
            keep_anonymous: Duration::from_mins(15),
            client_claim: None,
        }
    }
}

/// `batch.on_fatal_error`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFatalError {
    /// The rest is not attempted.
    #[default]
    Stop,
    /// The batch goes on.
    Skip,
}

/// `batch.unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// Refused for good: the rules are the newest word.
    #[default]
    Fatal,
    /// Sent again later: the app may be newer than the rules.
    Retry,
}

/// Text that never shows: it prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text in.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself. Never log it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a setting came from, for `rulegate check --settings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// rulegate.yaml.
    File,
    /// `!env` or a variable of the environment.
    Environment,
    /// A flag.
    Flag,
    /// Nobody set it.
    Default,
}

/// One line of `rulegate check --settings`: name, printed value, where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `database.pool`
    pub name: String,
    /// Secrets as stars.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

impl Flags {
    /// The settings of the file that these flags make unimportant: what they need from the environment may be missing.
    pub fn overridden(&self) -> Vec<&'static str> {
        let flags = [
            (self.listen.is_some(), "server.listen"),
            (self.admin.is_some(), "server.admin"),
            (self.database.is_some(), "database.uri"),
        ];
        let given = flags.into_iter().filter(|(is_given, _)| *is_given);
        given.map(|(_, path)| path).collect()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
            Self::Default => "default",
        })
    }
}

impl SslMode {
    /// Reads libpq's word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "disable" => Some(Self::Disable),
            "prefer" | "allow" => Some(Self::Prefer),
            "require" => Some(Self::Require),
            "verify-ca" => Some(Self::VerifyCa),
            "verify-full" => Some(Self::VerifyFull),
            _ => None,
        }
    }
}
