//! [`Gateway`]: everything a request meets, and whether writes can be taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::apply::{Crowded, Paths, Road};
use crate::driver::postgres::Store;
use crate::observe::Gauges;
use crate::reload::Current;
use crate::serve::keys::Keys;
use crate::serve::seats::Seats;
use crate::settings::Settings;

/// How far a gateway has come towards its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It serves.
    Serving,
    /// It serves, and says that it is about to stop.
    Leaving,
    /// It accepts nobody, and finishes what runs.
    Draining,
    /// Nothing is served any more.
    Stopped,
}

/// Everything a request meets. One per process.
#[derive(Debug)]
pub struct Gateway {
    /// What the operator decided.
    pub settings: Settings,
    /// Where uploads are applied.
    pub road: Road,
    /// The keys of tokens.
    pub keys: Keys,
    /// The room for requests.
    pub seats: Arc<Seats>,
    /// When it started.
    pub since: SystemTime,
    phase: watch::Sender<Phase>,
    /// Every request under way holds a receiver.
    running: watch::Sender<()>,
    unfit: Mutex<Option<String>>,
}

impl Gateway {
    /// A gateway that serves nobody yet. The notes are for the log. An error says what is wrong with `client_auth`.
    pub fn new(
        settings: Settings,
        store: Store,
        current: Arc<Current>,
    ) -> Result<(Self, Vec<String>), String> {
        let (keys, notes) = Keys::new(&settings.client_auth, &settings.limits)?;
        let gateway = Self {
            road: Road {
                store,
                current,
                workbench: None,
                crowded: Crowded::default(),
                reads_and_judges: true,
                paths: Paths::default(),
            },
            keys,
            seats: Arc::new(Seats::new(&settings.limits, settings.database.pool)),
            since: SystemTime::now(),
            phase: watch::Sender::new(Phase::Serving),
            running: watch::Sender::new(()),
            unfit: Mutex::default(),
            settings,
        };
        Ok((gateway, notes))
    }

    /// Why writes cannot be taken, as far as we know; empty where they can.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.phase() > Phase::Serving {
            reasons.push("stopping".to_owned());
        }
        let snapshot = self.road.current.snapshot();
        if let Some(reason) = self.unfit() {
            reasons.push(reason);
        } else if snapshot.is_none() {
            reasons
                .push("the rules are not in force yet: the database has not been read".to_owned());
        } else if snapshot.is_some_and(|snapshot| snapshot.is_closed()) {
            reasons.push("the rules do not fit the database: every table is closed".to_owned());
        }
        if self.keys.is_empty() {
            reasons.push("there are no keys yet to verify tokens with".to_owned());
        }
        reasons.extend(self.road.store.health().reason());
        reasons
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until it has come so far.
    pub async fn reached(&self, phase: Phase) {
        // It fails only when the sender is gone, and that is ours.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// A request under way, until it is dropped.
    pub(super) fn underway(&self) -> watch::Receiver<()> {
        self.running.subscribe()
    }

    /// Whether nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.running.receiver_count() == 0
    }

    /// Waits until nothing is under way.
    pub(super) async fn quiet(&self) {
        self.running.closed().await;
    }

    /// Why the rules do not fit the database, while they were never in force.
    pub fn unfit(&self) -> Option<String> {
        self.unfit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes whether the rules fit; whether that is new.
    pub(super) fn note_unfit(&self, reason: Option<String>) -> bool {
        let mut unfit = self.unfit.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *unfit != reason;
        *unfit = reason;
        is_new
    }

    /// What the gauges stand at.
    pub fn gauges(&self) -> Gauges {
        let (pool_connections, pool_waiting) = self.road.store.pool_status();
        let snapshot = self.road.current.snapshot();
        Gauges {
            is_ready: self.reasons().is_empty(),
            requests: self.seats.taken(),
            in_flight_bytes: self.seats.in_flight_bytes(),
            pool_connections,
            pool_waiting,
            is_reload_failing: self.road.current.looks().standing().failing.is_some(),
            closed_tables: snapshot.map_or(0, |snapshot| snapshot.closed.len()),
        }
    }
}

/// The time since 1970.
pub(super) fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
