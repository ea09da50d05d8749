//! The plan in force: one pointer, and the freshening of its catalogue.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::driver::postgres::{DriverError, Store};
use crate::plan::{self, Plan};
use crate::rules::RuleSet;
use crate::vocabulary::problem::Problems;

/// Least time between the beginnings of two readings of the catalogue (contract, *No fatal answer from a stale picture*).
const READINGS_APART: Duration = Duration::from_secs(1);

/// One plan, and when the reading of its catalogue began.
#[derive(Debug)]
pub struct Snapshot {
    /// The compiled rules.
    pub plan: Plan,
    /// What compiles, and its author should look at.
    pub warnings: Problems,
    /// 12 hex digits that name the rules it was compiled from.
    pub version: Arc<str>,
    /// When the reading of the catalogue began.
    pub read_at: Instant,
}

/// The rules in force.
#[derive(Debug)]
pub struct Current {
    rules: Arc<RuleSet>,
    version: Arc<str>,
    pointer: ArcSwapOption<Snapshot>,
    /// When the last reading began. Whoever holds the lock is reading; the others wait for what it brings.
    reading: Mutex<Option<Instant>>,
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
            reading: Mutex::new(None),
        }
    }

    /// Rules whose plan is there already.
    pub fn in_force(rules: Arc<RuleSet>, snapshot: Snapshot) -> Self {
        Self {
            rules,
            version: snapshot.version.clone(),
            pointer: ArcSwapOption::from_pointee(snapshot),
            reading: Mutex::new(None),
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
        let mut last = self.reading.lock().await;
        if let Some(snapshot) = self.snapshot().filter(|s| s.read_at >= since) {
            return Ok(snapshot);
        }
        if let Some(began) = *last {
            sleep_until(began + READINGS_APART).await;
        }
        let read_at = Instant::now();
        *last = Some(read_at);
        let catalog = store.introspect().await?;
        let compilation = plan::compile(&self.rules, &catalog);
        let Some(plan) = compilation.plan else {
            return Err(Stale::Unfit(compilation.problems));
        };
        let snapshot = Arc::new(Snapshot {
            plan,
            warnings: compilation.problems,
            version: self.version.clone(),
            read_at,
        });
        self.pointer.store(Some(snapshot.clone()));
        Ok(snapshot)
    }
}
