//! What became of a commit whose answer was lost (reliability, *Commit unknown*).

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::apply::Upload;
use crate::driver::postgres::{DriverError, Store, TransactionId};
use crate::journal::ledger::Entry;

/// How long it is asked.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after the request's time, at most: the answer still has to go out.
const GRACE: Duration = Duration::from_millis(1500);
/// How long a commit that cannot be seen yet may take to show.
const LATENCY: Duration = Duration::from_millis(500);
/// Time between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// By what can be asked what became of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trail<'a> {
    /// The entry that it made in the ledger.
    pub entry: Option<&'a Entry>,
    /// The database's own number of it, where it has no entry.
    pub id: Option<&'a TransactionId>,
}

/// Whether it is known to be committed, asked on other connections until that is known or time is over.
pub(super) async fn is_committed(store: &Store, upload: &Upload, trail: Trail<'_>) -> bool {
    let since = Instant::now();
    let limit = (since + PATIENCE).min(upload.deadline + GRACE);
    loop {
        match ask(store, trail, limit).await {
            Ok(Some(is_committed)) => return is_committed,
            Ok(None) if since.elapsed() >= LATENCY => return false,
            Ok(None) | Err(_) => {}
        }
        if Instant::now() + PAUSE >= limit {
            return false;
        }
        sleep(PAUSE).await;
    }
}

/// `None` where it cannot be seen yet.
async fn ask(store: &Store, trail: Trail<'_>, limit: Instant) -> Result<Option<bool>, DriverError> {
    match (trail.entry, trail.id) {
        (Some(entry), _) => Ok(entry.is_recorded(store, limit).await?.then_some(true)),
        (None, Some(id)) => store.committed(id, limit).await,
        // It wrote nothing that a commit could have kept.
        (None, None) => Ok(Some(true)),
    }
}
