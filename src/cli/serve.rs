//! `rulegate serve`: rules in order, a database that may come later, and the server.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::admin;
use crate::apply::Workbench;
use crate::cli::arguments::Serving;
use crate::cli::examine;
use crate::cli::listeners::Listeners;
use crate::cli::signals;
use crate::cli::trouble::Trouble;
use crate::cli::variables::StandIns;
use crate::driver::postgres::{Store, describe};
use crate::journal::{self, JournalError};
use crate::observe::{self, Event};
use crate::reload::{Current, Edition, Loading, Patience, Reloader, Stale};
use crate::serve::{self as server, Ending, Gateway};
use crate::settings::Settings;

/// Everything that serving needs.
pub struct Ready {
    /// What the operator decided.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// The rules in force.
    pub current: Arc<Current>,
    /// The sockets.
    pub listeners: Listeners,
    /// Where each decision is told; nowhere but in `rulegate dev`.
    pub workbench: Option<Workbench>,
    /// What keeps the rules those of their folder.
    pub reloader: Reloader,
}

/// Serves until it is told to stop.
pub async fn run(arguments: &Serving) -> Result<(), Trouble> {
    let told = signals::listen(|| ())?;
    let loading = examine::load(&arguments.rules, &StandIns::none(), &arguments.flags())?;
    examine::pass(&loading.problems, &loading)?;
    let settings = settings(&loading)?;
    let listeners = Listeners::bind(&settings.server).await?;
    let store = open(&settings)?;
    let current = current(&loading);
    match current.freshen(&store, Instant::now()).await {
        Ok(snapshot) => {
            examine::pass(&snapshot.warnings, &loading)?;
            journal_is_there(&store, &arguments.rules).await?;
        }
        Err(stale) => unfit(stale, &loading)?,
    }
    let (public, admin) = listeners.addresses()?;
    observe::tell(&Event::Note(&format!(
        "{} by the rules of {} (version {}), on http://{public}, for operators on http://{admin}, database {}",
        examine::size(&loading.rules),
        arguments.rules.display(),
        loading.version,
        place(&settings),
    )));
    let ready = Ready {
        reloader: reloader(arguments, StandIns::none(), &store, &current),
        settings,
        store,
        current,
        listeners,
        workbench: None,
    };
    until_stopped(ready, told).await
}

/// The settings of a folder that has no errors.
pub fn settings(loading: &Loading) -> Result<Settings, Trouble> {
    loading
        .settings
        .clone()
        .ok_or_else(|| Trouble::Rules(examine::text(&loading.problems, loading)))
}

/// The database, not connected yet.
pub fn open(settings: &Settings) -> Result<Store, Trouble> {
    let store = Store::open(&settings.database, &settings.limits)
        .map_err(|error| Trouble::unable(error.to_string()))?;
    for note in store.notes() {
        observe::tell(&Event::Warning(note));
    }
    Ok(store)
}

/// The rules of a folder, not compiled yet.
pub fn current(loading: &Loading) -> Arc<Current> {
    Arc::new(Current::new(Edition::of(loading.clone())))
}

/// What keeps the rules in force those of the folder.
pub fn reloader(
    arguments: &Serving,
    stand_ins: StandIns,
    store: &Store,
    current: &Arc<Current>,
) -> Reloader {
    Reloader {
        folder: arguments.rules.clone(),
        variables: Arc::new(move |name| stand_ins.read(name)),
        flags: arguments.flags(),
        store: store.clone(),
        current: current.clone(),
        patience: Patience::default(),
        is_told: true,
    }
}

/// Rules that do not fit end the start, with the text of `rulegate check`; a database that is away does not: it will come.
fn unfit(stale: Stale, loading: &Loading) -> Result<(), Trouble> {
    match stale {
        Stale::Unfit(problems) => Err(Trouble::Rules(examine::text(&problems, loading))),
        Stale::Unread(error) => {
            observe::tell(&Event::Warning(&format!(
                "the database does not answer yet, so nothing is taken until it does: {error}"
            )));
            Ok(())
        }
    }
}

/// Without our own schema nothing is taken: it remembers what was applied, and keeps what was refused.
async fn journal_is_there(store: &Store, rules: &Path) -> Result<(), Trouble> {
    let Err(error) = journal::require(store).await else {
        return Ok(());
    };
    match error {
        JournalError::Missing | JournalError::Old { .. } => Err(Trouble::unable(format!(
            "{error}: run `rulegate migrate {}`, or have a role that may create a schema run this:\n\n{}",
            rules.display(),
            journal::ddl()
        ))),
        error if error.is_mistake() => Err(Trouble::unable(error.told())),
        error => {
            observe::tell(&Event::Warning(&error.to_string()));
            Ok(())
        }
    }
}

/// Where the database is, without its password.
pub fn place(settings: &Settings) -> String {
    let uri = settings.database.uri.as_ref();
    uri.map_or_else(String::new, |uri| describe(uri.reveal()))
}

/// Whether the fast road is open for this process. It stays closed where nobody opens it.
fn goes_at_once() -> bool {
    std::env::var("RULEGATE_AT_ONCE").is_ok_and(|value| value == "1")
}

/// Hands everything to the server, and waits for its end.
pub async fn until_stopped(ready: Ready, told: watch::Receiver<bool>) -> Result<(), Trouble> {
    let (mut gateway, notes) = Gateway::new(ready.settings, ready.store, ready.current)
        .map_err(|error| Trouble::unable(format!("`client_auth`: {error}")))?;
    for note in &notes {
        observe::tell(&Event::Warning(note));
    }
    gateway.road.workbench = ready.workbench;
    gateway.road.reads_and_judges = !goes_at_once();
    let gateway = Arc::new(gateway);
    let desk = tokio::spawn(admin::run(gateway.clone(), ready.listeners.admin));
    let reloading = tokio::spawn(ready.reloader.run());
    let hearing = tokio::spawn(signals::reread(gateway.road.current.clone()));
    // The second signal ends the process where it is heard.
    let now = std::future::pending();
    let ending = server::run(gateway, ready.listeners.public, signals::stopped(told), now).await;
    reloading.abort();
    hearing.abort();
    // What it served ends with the gateway; a panic of it changes nothing.
    let _ = desk.await;
    match ending {
        Ending::Drained => Ok(()),
        Ending::Cut => Err(Trouble::unable(
            "something was still running when the time to finish was over",
        )),
    }
}
