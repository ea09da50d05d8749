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
    /// How long compiling took.
    pub took: Duration,
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rules reloaded, version {}", self.version)?;
        for change in &self.changes {
            write!(f, "\n  {change}")?;
        }
        Ok(())
    }
}
