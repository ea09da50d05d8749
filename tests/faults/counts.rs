//! How often what has happened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Numbers by kind, which everybody adds to.
#[derive(Clone, Default)]
pub struct Counts(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Counts {
    /// One more.
    pub fn add(&self, kind: &'static str) {
        *self.0.lock().unwrap().entry(kind).or_default() += 1;
    }

    /// How many of one kind.
    pub fn of(&self, kind: &str) -> u64 {
        self.0
            .lock()
            .unwrap()
            .get(kind)
            .copied()
            .unwrap_or_default()
    }

    /// All, for the report.
    pub fn all(&self) -> String {
        let counts = self.0.lock().unwrap();
        let all = counts.iter().map(|(kind, count)| format!("{kind} {count}"));
        all.collect::<Vec<_>>().join(", ")
    }
}
