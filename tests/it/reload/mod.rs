//! Rules that are edited while uploads run: each test holds every answer of a load against the edition that the answer names.

mod drift;
mod files;
mod folder;
mod load;
mod process;
mod swaps;

use std::time::Duration;

use rulegate::reload::{Patience, Standing};
use tokio::time::{Instant, sleep};

use crate::gateway::Gateway;
pub use folder::Folder;
use folder::SCHEMA;
use load::Load;
pub use load::request;
pub use process::Served;

/// An edit is explained, or in force, within this time.
const PROMPT: Duration = Duration::from_secs(10);

/// A loop that waits less than the real one, and looks by itself only where a test says so.
const TOLD: Patience = Patience {
    quiet: Duration::from_millis(20),
    settle: Duration::from_millis(60),
    poll: Duration::from_hours(1),
};

/// A folder, a gateway that keeps to it, and uploads that run meanwhile.
struct House {
    folder: Folder,
    gateway: Gateway,
    load: Load,
}

impl House {
    async fn open(name: &str) -> Self {
        Self::with(Folder::new(name), TOLD, true).await
    }

    async fn with(folder: Folder, patience: Patience, is_told: bool) -> Self {
        let gateway = Gateway::watching(SCHEMA, &folder.rules, patience, is_told).await;
        let load = Load::start(&gateway);
        Self {
            folder,
            gateway,
            load,
        }
    }

    fn standing(&self) -> Standing {
        self.gateway.current.looks().standing()
    }

    /// Waits until these rules are in force and nothing is wrong.
    async fn is_in_force(&self, version: &str) {
        until(|| {
            let is_there = *self.gateway.current.edition().version == *version;
            (is_there && self.standing().failing.is_none()).then_some(())
        })
        .await
        .unwrap_or_else(|| panic!("{version} is not in force: {:?}", self.standing()));
    }

    /// Waits until the folder fails for a reason with these words; readiness stays green and the rules stay.
    async fn fails_for(&self, words: &str) {
        let before = self.gateway.current.edition().version.clone();
        until(|| {
            let failing = self.standing().failing?;
            failing.text.contains(words).then_some(())
        })
        .await
        .unwrap_or_else(|| panic!("`{words}` was never said: {:?}", self.standing()));
        assert_eq!(self.gateway.current.edition().version, before);
        assert_eq!(self.gateway.get("/readyz").await.status, 200);
    }

    /// Ends the load and holds what it saw against the editions that were ever written.
    async fn close(self) {
        self.load.end(&self.gateway, &self.folder).await;
    }
}

async fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let limit = Instant::now() + PROMPT;
    while Instant::now() < limit {
        if let Some(found) = look() {
            return Some(found);
        }
        sleep(Duration::from_millis(5)).await;
    }
    None
}
