//! What keeps our own schema small: entries that count no more are deleted, a few at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::journal::ledger;
use crate::observe::{Event, tell};
use crate::serve::gateway::Gateway;

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(60);
/// Time between two batches of a round: uploads come first.
const BREATH: Duration = Duration::from_millis(100);

/// Keeps it so for ever.
pub(super) async fn keep(gateway: Arc<Gateway>) {
    let mut told: Option<String> = None;
    loop {
        sleep(ROUND).await;
        let failed = round(&gateway).await.err();
        // While the database is away the prober says so; what only we meet is told once.
        let is_news = failed.is_some() && failed != told;
        if let Some(reason) = failed.as_ref().filter(|_| is_news) {
            let text = format!("old entries of the ledger could not be deleted: {reason}");
            tell(&Event::Warning(&text));
        }
        told = failed;
    }
}

async fn round(gateway: &Gateway) -> Result<(), String> {
    let store = &gateway.road.store;
    let keep = gateway.road.current.edition().live.idempotency.keep;
    while ledger::prune(store, keep)
        .await
        .map_err(|error| error.to_string())?
    {
        sleep(BREATH).await;
    }
    Ok(())
}
