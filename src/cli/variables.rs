//! The environment as the settings see it, with stand-ins for what a first try does not have yet.

use std::collections::BTreeMap;

/// Where the starter's keys come from.
pub const KEYS: &str = "JWKS_URI";
/// Where the database is.
pub const DATABASE: &str = "DATABASE_URL";

/// Stands for "the development key": recognised after loading, and never asked.
pub const KEYS_STAND_IN: &str = "http://127.0.0.1/the-key-of-rulegate-dev";
/// Stands for "the database that we start".
pub const DATABASE_STAND_IN: &str = "postgres://the-database-of-rulegate-dev.invalid/";

/// What is answered for variables that are not set.
#[derive(Clone, Debug, Default)]
pub struct StandIns(BTreeMap<&'static str, String>);

impl StandIns {
    /// Nothing: a missing variable is missing.
    pub fn none() -> Self {
        Self::default()
    }

    /// The development key, for commands that ask no keys or bring that one.
    pub fn keys() -> Self {
        Self::none().and(KEYS, KEYS_STAND_IN)
    }

    /// The development key and its database, for commands that ask neither.
    pub fn all() -> Self {
        Self::keys().and(DATABASE, DATABASE_STAND_IN)
    }

    /// The same with one more.
    #[must_use]
    pub fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    /// A variable of the process, else its stand-in. One that is set to nothing counts as not set.
    pub fn read(&self, name: &str) -> Option<String> {
        std::env::var(name)
            .ok()
            .filter(|value| !value.is_empty())
            .or_else(|| self.0.get(name).cloned())
    }
}
