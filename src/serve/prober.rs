//! What keeps readiness true by itself: the database is asked again and again, and the rules come into force as soon as it can be read.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::journal::{self, JournalError};
use crate::observe::{Event, tell, upkeep};
use crate::reload::Stale;
use crate::serve::gateway::{Gateway, Phase};
use crate::vocabulary::place::Sources;
use crate::vocabulary::problem::Problems;

/// Time between two probes while all is well.
const PROBE: Duration = Duration::from_secs(5);
/// Time between two probes while something is wrong.
const PROBE_RED: Duration = Duration::from_secs(1);

/// Watches for ever.
pub(super) async fn watch(gateway: Arc<Gateway>) {
    let mut told: Option<String> = None;
    let mut is_first = true;
    let mut has_journal = false;
    loop {
        gateway.road.store.probe().await;
        has_journal = has_journal || journal_is_there(&gateway).await;
        if has_journal {
            bring_into_force(&gateway).await;
        }
        let reasons = gateway.reasons();
        let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        let is_news = is_first || reason != told;
        if is_news && gateway.phase() == Phase::Serving {
            tell(&Event::Readiness(reason.as_deref()));
        }
        is_first = false;
        let pause = if reason.is_none() { PROBE } else { PROBE_RED };
        told = reason;
        upkeep();
        sleep(pause).await;
    }
}

/// Whether our own schema is there. Without it nothing is taken: the rules do not come into force.
async fn journal_is_there(gateway: &Gateway) -> bool {
    match journal::require(&gateway.road.store).await {
        Ok(()) => true,
        Err(error @ (JournalError::Missing | JournalError::Old { .. })) => {
            let reason = format!("{error}: run `rulegate migrate`");
            if gateway.note_unfit(Some(reason.clone())) {
                tell(&Event::Mistake(&reason));
            }
            false
        }
        // The probe tells why the database cannot be asked.
        Err(_) => false,
    }
}

/// Compiles the rules while they were never in force.
async fn bring_into_force(gateway: &Gateway) {
    let current = &gateway.road.current;
    if current.snapshot().is_some() {
        gateway.note_unfit(None);
        return;
    }
    match current.freshen(&gateway.road.store, Instant::now()).await {
        Ok(_) => {
            gateway.note_unfit(None);
        }
        Err(Stale::Unread(error)) => gateway.road.store.health().probed(Some(error.to_string())),
        Err(Stale::Unfit(problems)) => unfit(gateway, &problems),
    }
}

fn unfit(gateway: &Gateway, problems: &Problems) {
    let reason = format!("the rules do not fit the database: {}", problems.count());
    if gateway.note_unfit(Some(reason)) {
        tell(&Event::Mistake(
            &problems.render(&Sources::default(), false),
        ));
    }
}
