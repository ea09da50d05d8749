//! The ledger: transactions that were applied, so that none is applied twice (reliability, *Exactly once: the ledger*).

use std::time::Duration;

use tokio::time::Instant;

use crate::driver::postgres::{DriverError, Once, Store};
use crate::journal::Key;

/// Records a transaction that is new. A concurrent twin waits here until the first one has ended.
const RECORD: &str = "\
WITH made AS (
    INSERT INTO rulegate.applied (key, applied_at)
    SELECT $1::text::uuid, now() WHERE current_setting('app.user_id', true) = $2::text
    ON CONFLICT (key) DO NOTHING RETURNING 1
)
SELECT CASE WHEN current_setting('app.user_id', true) IS DISTINCT FROM $2::text THEN 'outside'
WHEN EXISTS (SELECT FROM made) THEN 'made' ELSE 'known' END";

/// The same, where an older entry may belong to another transaction: it is renewed.
const RENEW: &str = "\
WITH made AS (
    INSERT INTO rulegate.applied AS entry (key, applied_at)
    SELECT $1::text::uuid, now() WHERE current_setting('app.user_id', true) = $3::text
    ON CONFLICT (key) DO UPDATE SET applied_at = now()
    WHERE entry.applied_at < now() - make_interval(secs => $2::text::float8) RETURNING 1
)
SELECT CASE WHEN current_setting('app.user_id', true) IS DISTINCT FROM $3::text THEN 'outside'
WHEN EXISTS (SELECT FROM made) THEN 'made' ELSE 'known' END";

/// Whether a transaction was recorded, by the rule of [`RECORD`] where the time is empty, else by that of [`RENEW`].
const FIND: &str = "\
SELECT 'found' FROM rulegate.applied
WHERE key = $1::text::uuid
AND ($2::text = '' OR applied_at >= now() - make_interval(secs => nullif($2::text, '')::float8))";

/// Deletes entries that count no more, a batch at a time, unless somebody else does.
const PRUNE: &str = "\
WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($3::text::bigint) AS is_ours),
old AS (
    SELECT key FROM rulegate.applied
    WHERE applied_at < now() - make_interval(secs => $1::text::float8)
    ORDER BY applied_at LIMIT (SELECT CASE WHEN is_ours THEN $2::text::int ELSE 0 END FROM turn)
),
gone AS (DELETE FROM rulegate.applied entry USING old WHERE entry.key = old.key RETURNING 1)
SELECT count(*)::text FROM gone";

/// Entries deleted by one statement.
const BATCH: usize = 1000;
/// Whoever prunes holds this lock. The number is ours alone: the first eight bytes of SHA-256("rulegate prune"), halved to be positive.
const LOCK: i64 = 4_552_293_158_776_988_080;

/// A transaction that the ledger knows, or will.
#[derive(Clone, Debug)]
pub struct Entry {
    key: Key,
    /// How long it counts, where it does not count for as long as it is there.
    counts_for: Option<Duration>,
}

impl Entry {
    /// The entry of a transaction that its client can name.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            counts_for: None,
        }
    }

    /// The entry of a transaction whose client has no id of its own: its numbers may start again, so it counts for a time only.
    pub fn anonymous(key: Key, counts_for: Duration) -> Self {
        Self {
            key,
            counts_for: Some(counts_for),
        }
    }

    /// The statement that records it.
    pub fn once(&self) -> Once {
        let key = self.key.to_string();
        match self.counts_for {
            None => Once {
                text: RECORD,
                parameters: vec![key],
            },
            Some(time) => Once {
                text: RENEW,
                parameters: vec![key, seconds(time)],
            },
        }
    }

    /// Whether its transaction was applied: asked on a connection of its own where the answer to COMMIT was lost.
    pub async fn is_recorded(&self, store: &Store, limit: Instant) -> Result<bool, DriverError> {
        let time = self.counts_for.map(seconds).unwrap_or_default();
        let parameters = [&*self.key.to_string(), &*time];
        Ok(!store.journal(limit, FIND, &parameters).await?.is_empty())
    }
}

/// Deletes a batch of entries older than `keep`; whether there may be more.
pub async fn prune(store: &Store, keep: Duration) -> Result<bool, DriverError> {
    let parameters = [&*seconds(keep), &*BATCH.to_string(), &*LOCK.to_string()];
    let rows = store.journal(store.patience(), PRUNE, &parameters).await?;
    let count = rows.first().and_then(|row| row.first()?.as_deref());
    Ok(count.and_then(|count| count.parse().ok()) == Some(BATCH))
}

fn seconds(time: Duration) -> String {
    time.as_secs_f64().to_string()
}
