//! [`Current`]: the rules in force, behind one pointer; the freshening of their catalogue, and their replacement.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::catalog::Catalog;
use crate::driver::postgres::{Class, DriverError, Store};
use crate::observe::{Event, tell};
use crate::reload::change;
use crate::reload::edition::Edition;
use crate::reload::looks::Looks;
use crate::reload::snapshot::Snapshot;
use crate::reload::thread::beside;
use crate::settings::is_live;
use crate::vocabulary::problem::{Problem, Problems};

/// Least time between the beginnings of two readings of the catalogue (contract, *No fatal answer from a stale picture*).
const READINGS_APART: Duration = Duration::from_secs(1);

/// The rules in force.
#[derive(Debug)]
pub struct Current {
    pointer: ArcSwap<Force>,
    readings: Mutex<Readings>,
    looks: Looks,
    started: Arc<Edition>,
}

/// What is in force: a snapshot, or an edition whose tables nobody could ask the database about yet.
#[derive(Clone, Debug)]
enum Force {
    Waiting(Arc<Edition>),
    Compiled(Arc<Snapshot>),
}

/// The readings of the catalogue. Whoever holds the lock is reading; the others wait for what it brings.
#[derive(Debug, Default)]
struct Readings {
    /// When the last one began, whatever became of it.
    began: Option<Instant>,
    /// The last one that came to something.
    good: Option<(Instant, Arc<Catalog>)>,
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

impl Force {
    fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        match self {
            Self::Waiting(_) => None,
            Self::Compiled(snapshot) => Some(snapshot),
        }
    }

    fn edition(&self) -> &Arc<Edition> {
        match self {
            Self::Waiting(edition) => edition,
            Self::Compiled(snapshot) => &snapshot.edition,
        }
    }
}

impl Current {
    /// Rules that are not compiled yet: the database has not been asked.
    pub fn new(edition: Edition) -> Self {
        Self::with(Force::Waiting(Arc::new(edition)))
    }

    /// Rules whose plan is there already.
    pub fn in_force(snapshot: Snapshot) -> Self {
        Self::with(Force::Compiled(Arc::new(snapshot)))
    }

    fn with(force: Force) -> Self {
        Self {
            started: force.edition().clone(),
            pointer: ArcSwap::from_pointee(force),
            readings: Mutex::default(),
            looks: Looks::default(),
        }
    }

    /// The plan in force; `None` until the catalogue was read for the first time. A request takes one and keeps it for its whole batch.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.pointer.load().snapshot().cloned()
    }

    /// The rules in force, compiled or not.
    pub fn edition(&self) -> Arc<Edition> {
        self.pointer.load().edition().clone()
    }

    /// The settings of the rules in force that differ from those the process started with, and wait for a restart.
    pub fn waiting_for_restart(&self) -> Vec<String> {
        let mut names = change::differing(&self.started, &self.edition());
        names.retain(|name| !is_live(name));
        names
    }

    /// The looks at the folder: what became of them, and how to ask for one.
    pub fn looks(&self) -> &Looks {
        &self.looks
    }

    /// A plan of the rules in force whose reading of the catalogue began at `since` or later. Readings are shared, and start at most once a second.
    pub async fn freshen(&self, store: &Store, since: Instant) -> Result<Arc<Snapshot>, Stale> {
        let mut readings = self.readings.lock().await;
        let force = self.pointer.load_full();
        let Some(snapshot) = force.snapshot() else {
            let edition = force.edition().clone();
            let (read_at, catalog) = readings.since(store, since).await?;
            let compiling = compiled(move || Snapshot::compile(edition, &catalog, read_at)).await?;
            return Ok(self.put(compiling));
        };
        self.refresh(&mut readings, store, snapshot, since).await
    }

    /// The same for an upload that one snapshot decides: it goes on by the rules it began with, though others may be in force by now.
    pub async fn freshen_for(
        &self,
        snapshot: &Arc<Snapshot>,
        store: &Store,
        since: Instant,
    ) -> Result<Arc<Snapshot>, Stale> {
        let mut readings = self.readings.lock().await;
        // Only under the lock is it sure whose rules are in force until we are done.
        let newest = self.snapshot();
        let same = newest.filter(|newest| newest.version() == snapshot.version());
        let newest = same.as_ref().unwrap_or(snapshot);
        self.refresh(&mut readings, store, newest, since).await
    }

    /// A snapshot against a fresher catalogue; it comes into force only where its rules are.
    async fn refresh(
        &self,
        readings: &mut Readings,
        store: &Store,
        snapshot: &Arc<Snapshot>,
        since: Instant,
    ) -> Result<Arc<Snapshot>, Stale> {
        if snapshot.read_at >= since {
            return Ok(snapshot.clone());
        }
        let (read_at, catalog) = readings.since(store, since).await?;
        let old = snapshot.clone();
        let fresh = compiled(move || old.again(&catalog, read_at)).await?;
        tell_of_closed(snapshot, &fresh);
        if self.edition().version == *fresh.version() {
            Ok(self.put(fresh))
        } else {
            Ok(Arc::new(fresh))
        }
    }

    /// Compiles an edition against a catalogue that is read now, and puts it into force. What was in force before goes on until then, and for the uploads that began with it.
    pub(super) async fn replace(
        &self,
        edition: Edition,
        store: &Store,
    ) -> Result<Arc<Snapshot>, Stale> {
        let mut readings = self.readings.lock().await;
        let (read_at, catalog) = readings.since(store, Instant::now()).await?;
        let edition = Arc::new(edition);
        let before = self.snapshot();
        let known = before
            .as_deref()
            .map_or_else(BTreeSet::new, Snapshot::statements);
        let fresh = compiled(move || match before {
            Some(before) => before.followed_by(edition, &catalog, read_at),
            None => Snapshot::compile(edition, &catalog, read_at),
        })
        .await?;
        let new: Vec<String> = fresh.statements().difference(&known).cloned().collect();
        store.try_out(&new).await.map_err(unrehearsed)?;
        Ok(self.put(fresh))
    }

    /// The one place where what is in force changes. Its callers hold the lock of the readings.
    fn put(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let snapshot = Arc::new(snapshot);
        self.pointer
            .store(Arc::new(Force::Compiled(snapshot.clone())));
        snapshot
    }
}

impl Readings {
    /// A catalogue whose reading began at `since` or later.
    async fn since(
        &mut self,
        store: &Store,
        since: Instant,
    ) -> Result<(Instant, Arc<Catalog>), DriverError> {
        if let Some((began, catalog)) = self.good.as_ref().filter(|(began, _)| *began >= since) {
            return Ok((*began, catalog.clone()));
        }
        if let Some(began) = self.began {
            sleep_until(began + READINGS_APART).await;
        }
        let began = Instant::now();
        self.began = Some(began);
        let catalog = Arc::new(store.introspect().await?);
        if self
            .good
            .as_ref()
            .is_some_and(|(_, known)| *known != catalog)
        {
            store.renew();
        }
        self.good = Some((began, catalog.clone()));
        Ok((began, catalog))
    }
}

/// A statement that the database does not take is a problem of the rules; that it cannot be asked is none.
fn unrehearsed(error: DriverError) -> Stale {
    if matches!(error.class(), Class::Retry) {
        return Stale::Unread(error);
    }
    let message = format!("the database does not take a statement of these rules: {error}");
    let mut problems = Problems::default();
    problems.push(Problem::nowhere(message).help("look at its log: it names the statement"));
    Stale::Unfit(problems)
}

async fn compiled(
    compile: impl FnOnce() -> Result<Snapshot, Problems> + Send + 'static,
) -> Result<Snapshot, Stale> {
    let broken = || {
        let mut problems = Problems::default();
        problems.push(Problem::nowhere(
            "the rules could not be compiled; please report this",
        ));
        Err(problems)
    };
    beside(compile)
        .await
        .unwrap_or_else(broken)
        .map_err(Stale::Unfit)
}

/// Tells which tables a change of the database closed, once for each reason, and which it opened again.
fn tell_of_closed(before: &Snapshot, after: &Snapshot) {
    for (table, reason) in &after.closed {
        if before.closed.get(table) != Some(reason) {
            tell(&Event::Mistake(reason));
        }
    }
    for table in before.closed.keys() {
        if !after.closed.contains_key(table) {
            tell(&Event::Note(&format!("table `{table}` is open again")));
        }
    }
}
