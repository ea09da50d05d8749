//! [`Live`]: what a running gateway takes over from an edited rulegate.yaml.

use crate::settings::{Batch, DeadLetters, Idempotency, OnSchemaDrift, Settings};

/// The settings that an edit changes while the gateway runs. All others need a restart, as they were spent on sockets, connections and keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// What becomes of refusals.
    pub batch: Batch,
    /// How applied transactions are remembered.
    pub idempotency: Idempotency,
    /// What becomes of a write that the changed database no longer fits.
    pub on_schema_drift: OnSchemaDrift,
    /// How refused transactions are kept.
    pub dead_letters: DeadLetters,
    /// Whether messages that the database's own code raised reach the client.
    pub raised_messages: bool,
    /// Origins a browser may call from; `*` for any.
    pub cors_origins: Vec<String>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            batch: Batch::default(),
            idempotency: Idempotency::default(),
            on_schema_drift: OnSchemaDrift::default(),
            dead_letters: DeadLetters::default(),
            raised_messages: false,
            cors_origins: vec!["*".to_owned()],
        }
    }
}

impl Settings {
    /// Those of them that an edit changes while the gateway runs.
    pub fn live(&self) -> Live {
        Live {
            batch: self.batch.clone(),
            idempotency: self.idempotency.clone(),
            on_schema_drift: self.database.on_schema_drift,
            dead_letters: self.dead_letters.clone(),
            raised_messages: self.database.raised_messages,
            cors_origins: self.server.cors_origins.clone(),
        }
    }
}

/// Whether a setting, by its name in `rulegate check --settings`, takes effect without a restart.
pub fn is_live(name: &str) -> bool {
    name.starts_with("batch.")
        || name.starts_with("idempotency")
        || name.starts_with("dead_letters.")
        || [
            "server.cors_origins",
            "database.on_schema_drift",
            "database.raised_messages",
            "client_auth.claims",
            "rejections.table",
        ]
        .contains(&name)
}
