//! How many transactions took which road.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::observe::{Event, tell};
use crate::plan::Detour;

/// How many transactions took the fast road, and how many were read and judged.
#[derive(Clone, Debug, Default)]
pub struct Paths(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    at_once: AtomicU64,
    judged: AtomicU64,
}

impl Paths {
    /// How many were written at once.
    pub fn at_once(&self) -> u64 {
        self.0.at_once.load(Ordering::Relaxed)
    }

    /// How many were read and judged.
    pub fn judged(&self) -> u64 {
        self.0.judged.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, detour: Option<Detour>) {
        let count = match detour {
            None => &self.0.at_once,
            Some(_) => &self.0.judged,
        };
        count.fetch_add(1, Ordering::Relaxed);
        tell(&Event::Path(detour.map_or("", Detour::as_str)));
    }
}
