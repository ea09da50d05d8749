//! The steps that make the schema, as one text: what `rulegate migrate` runs, and what `--print` shows to whoever runs it by hand.

use std::fmt::Write as _;

use crate::driver::postgres::{Class, DriverError, Store};

/// Number of a step; a database that has it has all steps before it.
pub type Version = u32;

/// One step, taken once in the life of a database. A step that was published never changes: the next one mends it.
struct Step {
    version: Version,
    /// What it brings, for whoever reads the printed text.
    brings: &'static str,
    /// Statements, each with its semicolon.
    text: &'static str,
}

const STEPS: &[Step] = &[
    Step {
        version: 1,
        brings: "the table of versions itself",
        text: "COMMENT ON SCHEMA rulegate IS 'Owned by Rulegate. Made by `rulegate migrate`.';",
    },
    Step {
        version: 2,
        brings: "the ledger: transactions that were applied",
        text: "\
CREATE TABLE rulegate.applied (
            key uuid PRIMARY KEY,
            applied_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX applied_at ON rulegate.applied (applied_at);",
    },
    Step {
        version: 3,
        brings: "dead letters: transactions that were refused for good",
        text: "\
CREATE TABLE rulegate.dead_letters (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            key uuid NOT NULL UNIQUE,
            state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'resolved_by_client', 'discarded')),
            first_seen timestamptz NOT NULL DEFAULT now(),
            last_seen timestamptz NOT NULL DEFAULT now(),
            settled_at timestamptz,
            occurrences bigint NOT NULL DEFAULT 1,
            issuer text,
            subject text NOT NULL,
            claims json NOT NULL,
            client text,
            transaction_id text,
            error_code text NOT NULL,
            sqlstate text,
            message text NOT NULL,
            details jsonb,
            operation_index integer,
            rules_version text NOT NULL,
            tables text NOT NULL,
            operations integer NOT NULL,
            is_whole boolean NOT NULL,
            transaction jsonb,
            transaction_bytes bytea,
            CHECK ((state = 'open') = (settled_at IS NULL)),
            CHECK ((transaction IS NULL) <> (transaction_bytes IS NULL))
        );
        CREATE INDEX dead_letters_open ON rulegate.dead_letters (subject, issuer) WHERE state = 'open';
        CREATE INDEX dead_letters_settled ON rulegate.dead_letters (settled_at) WHERE state <> 'open';",
    },
];

/// The version that this program makes and understands.
pub const LATEST: Version = 3;

/// Two migrations at once wait for each other here. The number is ours alone: the first eight bytes of SHA-256("rulegate migrate"), halved to be positive.
const LOCK: i64 = 5_640_779_137_952_145_523;

/// Why the schema could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A statement failed.
    #[error("the schema `rulegate` could not be made: {0}")]
    Unmade(DriverError),
    /// The version could not be read.
    #[error("the version of the schema `rulegate` could not be read: {0}")]
    Unread(#[from] DriverError),
    /// It is not there.
    #[error("the database has no schema `rulegate` yet")]
    Missing,
    /// An earlier program made it, and this one needs more.
    #[error("the schema `rulegate` has version {found}, and version {LATEST} is needed")]
    Old {
        /// What the database has.
        found: Version,
    },
    /// A later program has been here.
    #[error(
        "the schema `rulegate` has version {found}, and this program knows versions up to {LATEST}: use a newer one"
    )]
    Newer {
        /// What the database has.
        found: Version,
    },
}

impl JournalError {
    /// Whether an operator has to do something about it; else the database is away, and comes back.
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::Unmade(error) | Self::Unread(error) => error.class() == Class::Mistake,
            Self::Missing | Self::Old { .. } | Self::Newer { .. } => true,
        }
    }

    /// It, and what to do about it.
    pub fn told(&self) -> String {
        match self {
            Self::Missing | Self::Old { .. } => format!("{self}: run `rulegate migrate`"),
            _ => self.to_string(),
        }
    }
}

/// The whole migration as one text: one transaction under one lock, which does nothing where all is done. It needs no `psql` variables, so it can be
/// pasted anywhere.
pub fn ddl() -> String {
    let mut text = format!(
        "\
-- The schema of Rulegate, version {LATEST}. Safe to run again, and while another one runs.
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT pg_advisory_xact_lock({LOCK});
DO $migration$
DECLARE
    present integer;
BEGIN
    -- IF NOT EXISTS would ask for the privilege to create even where nothing is to be made.
    IF to_regnamespace('rulegate') IS NULL THEN
        CREATE SCHEMA rulegate;
    END IF;
    IF to_regclass('rulegate.version') IS NULL THEN
        CREATE TABLE rulegate.version (
            version integer PRIMARY KEY,
            made_at timestamptz NOT NULL DEFAULT now()
        );
    END IF;
    SELECT coalesce(max(version), 0) INTO present FROM rulegate.version;
"
    );
    for Step {
        version,
        brings,
        text: statements,
    } in STEPS
    {
        let _ = write!(
            text,
            "
    -- {version}: {brings}.
    IF present < {version} THEN
        {statements}
        INSERT INTO rulegate.version (version) VALUES ({version});
    END IF;
"
        );
    }
    text.push_str("END\n$migration$;\nCOMMIT;\n");
    text.push_str(
        "\
-- Where the gateway logs in as another role than the one that runs this, it needs no more than:
-- GRANT USAGE ON SCHEMA rulegate TO that_role;
-- GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rulegate TO that_role;
",
    );
    text
}

/// Brings the schema to [`LATEST`]; the version it had before, `None` where there was no schema. A schema that a later program made is left as it is.
pub async fn migrate(store: &Store) -> Result<Option<Version>, JournalError> {
    let before = version(store).await?;
    match before {
        Some(found) if found > LATEST => Err(JournalError::Newer { found }),
        Some(LATEST) => Ok(before),
        _ => {
            store
                .administer(&ddl())
                .await
                .map_err(JournalError::Unmade)?;
            Ok(before)
        }
    }
}

/// Makes sure that the schema is there, with all that this program needs. Later versions only add to it.
pub async fn require(store: &Store) -> Result<(), JournalError> {
    match version(store).await? {
        None => Err(JournalError::Missing),
        Some(found) if found < LATEST => Err(JournalError::Old { found }),
        Some(_) => Ok(()),
    }
}

/// The version of the schema; `None` where there is none.
pub async fn version(store: &Store) -> Result<Option<Version>, JournalError> {
    // A query that names a table which is not there fails before it runs, so its absence is asked first.
    let present = store
        .ask("SELECT to_regclass('rulegate.version')::text")
        .await?;
    if present.is_none() {
        return Ok(None);
    }
    let text = store
        .ask("SELECT coalesce(max(version), 0)::text FROM rulegate.version")
        .await?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// The versions of all steps, for the law that they count up to [`LATEST`].
#[cfg(test)]
pub(super) fn versions() -> Vec<Version> {
    STEPS.iter().map(|step| step.version).collect()
}
