//! [`Reloader`]: one loop that keeps the rules in force those of a folder (reliability, *Reload*).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::driver::postgres::Store;
use crate::observe::{Event, Reloaded, tell};
use crate::reload::change::{self, Changes};
use crate::reload::current::{Current, Stale};
use crate::reload::edition::Edition;
use crate::reload::files::{Fingerprint, Reading};
use crate::reload::folder::{Loading, interpret};
use crate::reload::snapshot::Snapshot;
use crate::reload::thread::beside;
use crate::reload::watch::Watch;
use crate::settings::Flags;
use crate::vocabulary::problem::{Problem, Problems};

/// Readings of a folder that keeps changing before it is told.
const RESTLESS: u32 = 50;

/// A variable of the environment, asked again at each look.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How patient the loop is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Time without an event after which one edit is taken to be over.
    pub quiet: Duration,
    /// Time between two readings of the files, which must be equal.
    pub settle: Duration,
    /// Time between two looks that no event caused.
    pub poll: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(50),
            settle: Duration::from_millis(100),
            poll: Duration::from_secs(3),
        }
    }
}

/// Watches a folder, and puts into force what it holds.
pub struct Reloader {
    /// The folder.
    pub folder: PathBuf,
    /// What `!env` and the settings ask.
    pub variables: Variables,
    /// What the command line said.
    pub flags: Flags,
    /// The database that the rules have to fit.
    pub store: Store,
    /// The rules in force.
    pub current: Arc<Current>,
    /// How patient it is.
    pub patience: Patience,
    /// Whether the operating system is asked to tell of edits; a poll finds them as well.
    pub is_told: bool,
}

/// Why the folder is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Something happened there.
    Event,
    /// It is time again.
    Poll,
    /// Somebody wants it, whatever happened.
    Wish,
}

/// What the loop remembers of the last look.
#[derive(Default)]
struct Memory {
    /// What lay there.
    seen: Option<Fingerprint>,
    /// Whether the same files may come into force later: the database was away, or they do not fit it yet.
    may_fit_later: bool,
    /// The warnings that were told last.
    warnings: String,
}

impl Memory {
    /// Tells what an author should look at, where that is news.
    fn warn(&mut self, after: &Snapshot, mut warnings: Problems) {
        warnings.append(after.warnings.clone());
        let text = warnings.render(&after.edition.sources, false);
        if text != self.warnings && !warnings.is_empty() {
            tell(&Event::Warning(&text));
        }
        self.warnings = text;
    }
}

impl Reloader {
    /// Looks for ever. Nothing that lies in the folder ends it.
    pub async fn run(self) {
        let looks = self.current.looks();
        let mut wishes = looks.wishes();
        let mut watch = self.is_told.then(Watch::new);
        let mut ticks = interval(self.patience.poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut memory = Memory::default();
        looks.begin();
        loop {
            let cause = tokio::select! {
                Ok(()) = wishes.changed() => Cause::Wish,
                () = woken(watch.as_ref()) => Cause::Event,
                _ = ticks.tick() => Cause::Poll,
            };
            if cause == Cause::Event {
                self.wait_for_quiet(watch.as_ref()).await;
            }
            // Before the files are read: what happens from here on wakes us again.
            if let Some(watch) = &mut watch {
                watch.cover(&self.folder);
            }
            // One who asked a moment after the event is served by this look as well.
            let is_wished = cause == Cause::Wish || wishes.has_changed().unwrap_or_default();
            let wish = *wishes.borrow_and_update();
            let cause = if is_wished { Cause::Wish } else { cause };
            self.look(cause, &mut memory).await;
            looks.met(wish);
        }
    }

    /// Waits until an edit seems to be over; one that goes on and on is read all the same.
    async fn wait_for_quiet(&self, watch: Option<&Watch>) {
        let until = Instant::now() + self.patience.quiet * 10;
        while Instant::now() < until && timeout(self.patience.quiet, woken(watch)).await.is_ok() {}
    }

    /// One look: nothing new, new rules in force, or the reason why not.
    async fn look(&self, cause: Cause, memory: &mut Memory) {
        if cause == Cause::Poll && !memory.may_fit_later {
            let reading = self.read().await;
            if reading.map(|reading| reading.fingerprint()) == memory.seen {
                return;
            }
        }
        let Some(reading) = self.settled().await else {
            return;
        };
        let seen = Some(reading.fingerprint());
        if cause != Cause::Wish && seen == memory.seen && !memory.may_fit_later {
            return;
        }
        memory.seen = seen;
        // What cannot be read has no part in the version.
        let is_whole = !reading.problems.has_errors();
        let is_in_force = is_whole && *reading.version() == *self.current.edition().version;
        if is_in_force && cause != Cause::Wish {
            memory.may_fit_later = false;
            self.nothing_new();
            return;
        }
        let Some(loading) = self.interpret(reading).await else {
            return;
        };
        memory.may_fit_later = match self.put_into_force(loading, cause, memory).await {
            Ok(()) => false,
            Err(Refusal {
                text,
                may_fit_later,
            }) => {
                self.refused(&text);
                may_fit_later
            }
        };
    }

    /// Two readings in a row that are equal: nobody is in the middle of writing.
    async fn settled(&self) -> Option<Reading> {
        let mut last = self.read().await?;
        for round in 1_u32.. {
            sleep(self.patience.settle).await;
            let next = self.read().await?;
            if next.fingerprint() == last.fingerprint() {
                return Some(next);
            }
            last = next;
            if round % RESTLESS == 0 {
                tell(&Event::Warning(
                    "the rules folder keeps changing, so the rules stay as they are",
                ));
            }
        }
        None
    }

    async fn read(&self) -> Option<Reading> {
        let folder = self.folder.clone();
        beside(move || Reading::of(&folder)).await
    }

    async fn interpret(&self, reading: Reading) -> Option<Loading> {
        let (folder, variables) = (self.folder.clone(), self.variables.clone());
        let flags = self.flags.clone();
        beside(move || interpret(&folder, reading, &*variables, &flags)).await
    }

    /// Compiles, compares, and swaps.
    async fn put_into_force(
        &self,
        mut loading: Loading,
        cause: Cause,
        memory: &mut Memory,
    ) -> Result<(), Refusal> {
        if !loading.problems.has_errors() && cause != Cause::Wish {
            refuse_vanished(&self.current.edition(), &mut loading);
        }
        if loading.problems.has_errors() {
            return Err(Refusal {
                text: loading.problems.render(&loading.sources, false),
                may_fit_later: false,
            });
        }
        let began = Instant::now();
        let (sources, warnings) = (loading.sources.clone(), loading.problems.clone());
        let before = self.current.snapshot();
        let replaced = self
            .current
            .replace(Edition::of(loading), &self.store)
            .await;
        let after = replaced.map_err(|stale| Refusal {
            text: match stale {
                Stale::Unfit(problems) => problems.render(&sources, false),
                unread @ Stale::Unread(_) => unread.to_string(),
            },
            may_fit_later: true,
        })?;
        let changes = change::between(before.as_deref(), &after);
        let is_same = before.is_some_and(|before| before.version() == after.version());
        if is_same && changes.words().is_empty() {
            tell(&Event::Note("the rules were read again, and are the same"));
            self.nothing_new();
        } else {
            self.swapped(&after, &changes, began);
        }
        memory.warn(&after, warnings);
        Ok(())
    }

    fn swapped(&self, after: &Snapshot, changes: &Changes, began: Instant) {
        let version = after.version();
        self.current.looks().swapped(version, &changes.words());
        tell(&Event::Reloaded(&Reloaded {
            version: version.to_string(),
            changes: changes.plain.clone(),
            took: began.elapsed(),
        }));
        for warning in &changes.warnings {
            tell(&Event::Warning(warning));
        }
    }

    fn nothing_new(&self) {
        if self.current.looks().settled() {
            tell(&Event::ReloadMended(&self.current.edition().version));
        }
    }

    fn refused(&self, text: &str) {
        if self.current.looks().failed(text) {
            let version = self.current.edition().version.to_string();
            tell(&Event::ReloadFailed {
                text,
                version: &version,
            });
        }
    }
}

/// A table whose file is gone would be closed to every device, whose writes would be refused for good. An accident looks the same as an intention, so that somebody has to say so.
fn refuse_vanished(old: &Edition, loading: &mut Loading) {
    for rules in &old.rules.tables {
        let (file, table) = (&rules.place.file, &rules.table.node);
        let is_there = loading.sources.0.contains_key(file);
        let mut tables = loading.rules.tables.iter();
        if !is_there && tables.all(|other| other.table.node != *table) {
            let message = format!("`{file}` is gone, and with it the rules of `{table}`");
            loading.problems.push(Problem::nowhere(message).help(
                "put it back; if it shall go, say so with `POST /reload` on the operators' address, with SIGHUP, or by a restart",
            ));
        }
    }
}

/// Why the files of a folder do not come into force.
struct Refusal {
    text: String,
    may_fit_later: bool,
}

async fn woken(watch: Option<&Watch>) {
    match watch {
        Some(watch) => watch.woken().await,
        None => std::future::pending().await,
    }
}
