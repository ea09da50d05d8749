//! What is told of rules that came into force.

use std::fmt;
use std::time::Duration;

/// Rules that came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// Their version.
    pub version: String,
    /// What they changed, in words, one line each.
    pub changes: Vec<String>,
    /// How long it took to compile them and to read the catalogue for that.
    pub took: Duration,
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.took.as_millis();
        write!(f, "rules reloaded in {millis} ms, version {}", self.version)?;
        for change in &self.changes {
            write!(f, "\n  {change}")?;
        }
        Ok(())
    }
}
