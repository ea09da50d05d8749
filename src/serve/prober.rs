//! What keeps readiness true by itself: the database is asked again and again, and the rules come into force as soon as it can be read.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::journal;
use crate::observe::{Event, tell, upkeep};
use crate::reload::{Snapshot, Stale};
use crate::serve::gateway::{Gateway, Phase};
use crate::vocabulary::place::Sources;
use crate::vocabulary::problem::Problems;

/// Time between two probes while all is well.
const PROBE: Duration = Duration::from_secs(5);
/// Time between two probes while something is wrong.
const PROBE_RED: Duration = Duration::from_secs(1);

/// The oldest reading of the catalogue that is gone by: a change that no statement stumbles over is seen after this time.
const CATALOGUE_KEPT: Duration = Duration::from_secs(30);

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
        // The probe tells why the database cannot be asked.
        Err(error) if !error.is_mistake() => false,
        Err(error) => {
            let reason = error.told();
            if gateway.note_unfit(Some(reason.clone())) {
                tell(&Event::Mistake(&reason));
            }
            false
        }
    }
}

/// Compiles the rules while they were never in force, while a change of the database keeps a table closed, which may be undone, and
/// after a while in any case.
async fn bring_into_force(gateway: &Gateway) {
    let current = &gateway.road.current;
    let is_new = |snapshot: &Arc<Snapshot>| {
        snapshot.closed.is_empty() && snapshot.read_at.elapsed() < CATALOGUE_KEPT
    };
    if current.snapshot().as_ref().is_some_and(is_new) {
        gateway.note_unfit(None);
        return;
    }
    match current.freshen(&gateway.road.store, Instant::now()).await {
        Ok(_) => {
            gateway.note_unfit(None);
        }
        // The other tables go on, and the probe tells whether the database is there.
        Err(Stale::Unread(_)) if current.snapshot().is_some() => {}
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
