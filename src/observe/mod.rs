//! One [`Event`] for each thing that can be told; turned into logs and metrics here and nowhere else.

mod answered;
mod decided;
mod log;
mod metrics;
mod reloaded;

use std::time::Duration;

pub use answered::Answered;
pub use decided::Decided;
pub use log::init;
pub use metrics::{Gauges, exposition, upkeep};
pub use reloaded::Reloaded;

/// Something that happened. No variant carries a column's value, nor a token.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A fact for the log, at information level: "listening on 0.0.0.0:6060".
    Note(&'a str),
    /// Something an operator should look at.
    Warning(&'a str),
    /// Something an operator has to mend: what is wrong, and the cure.
    Mistake(&'a str),
    /// A request was answered.
    RequestAnswered(&'a Answered),
    /// An operation was decided: told only where a person tries rules.
    Decided(&'a Decided),
    /// A key set was fetched, or was not.
    KeysFetched {
        /// Where.
        uri: &'a str,
        /// Why not.
        error: Option<&'a str>,
        /// How long it took.
        took: Duration,
    },
    /// Other rules came into force.
    Reloaded(&'a Reloaded),
    /// What lies in the rules folder cannot come into force.
    ReloadFailed {
        /// What is wrong, as `rulegate check` would print it.
        text: &'a str,
        /// The version that stays in force.
        version: &'a str,
    },
    /// The rules folder holds again what is in force, whose version this is.
    ReloadMended(&'a str),
    /// Writes became possible, or impossible for a reason.
    Readiness(Option<&'a str>),
    /// What became of a dead letter: `stored`, `renewed`, `too_many` or `failed`.
    Letter(&'static str),
    /// A transaction was written at once, or read and judged for this reason.
    Path(&'static str),
    /// How many dead letters are open.
    OpenLetters(usize),
    /// What the gauges stand at.
    Gauges(&'a Gauges),
}

/// Tells it.
pub fn tell(event: &Event<'_>) {
    log::write(event);
    metrics::count(event);
}
