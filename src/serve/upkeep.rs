//! What keeps our own schema small: entries and letters that count no more are deleted, a few at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::driver::postgres::DriverError;
use crate::journal::{ledger, letters};
use crate::observe::{Event, tell};
use crate::serve::gateway::Gateway;

/// Time between two rounds.
const ROUND: Duration = Duration::from_mins(1);
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
            let text = format!("old entries of our own schema could not be deleted: {reason}");
            tell(&Event::Warning(&text));
        }
        told = failed;
    }
}

async fn round(gateway: &Gateway) -> Result<(), String> {
    entries(gateway).await.map_err(|error| error.to_string())
}

async fn entries(gateway: &Gateway) -> Result<(), DriverError> {
    let store = &gateway.road.store;
    let live = &gateway.road.current.edition().live;
    // The ledger says which letters were resolved, so they are asked first.
    while letters::settle(store).await? {
        sleep(BREATH).await;
    }
    while letters::prune(store, live.dead_letters.keep).await? {
        sleep(BREATH).await;
    }
    tell(&Event::OpenLetters(letters::open_count(store).await?));
    while ledger::prune(store, live.idempotency.keep).await? {
        sleep(BREATH).await;
    }
    Ok(())
}
