//! [`Looks`]: what became of the looks at the folder, and how to ask for one.

use std::time::SystemTime;

use tokio::sync::watch;

/// The looks at the folder. One who looks notes here what came of it; everybody may ask for a look, and read.
#[derive(Debug)]
pub struct Looks {
    /// How many were asked for.
    wishes: watch::Sender<u64>,
    standing: watch::Sender<Standing>,
}

/// How the rules in force stand to the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether somebody looks at all.
    pub is_watched: bool,
    /// The last time that other rules came into force.
    pub swapped: Option<Swapped>,
    /// Why what lies in the folder now is not in force.
    pub failing: Option<Failing>,
    /// The wishes that were met.
    met: u64,
}

/// Rules that came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swapped {
    /// When.
    pub at: SystemTime,
    /// Their version.
    pub version: String,
    /// What they changed, in words.
    pub changes: Vec<String>,
}

/// Rules that cannot come into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// Since when.
    pub since: SystemTime,
    /// What is wrong, as `rulegate check` would print it.
    pub text: String,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            wishes: watch::Sender::new(0),
            standing: watch::Sender::default(),
        }
    }
}

impl Looks {
    /// How things stand.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Asks for a look. The number of the wish.
    pub fn wish(&self) -> u64 {
        let mut number = 0;
        self.wishes.send_modify(|wishes| {
            *wishes += 1;
            number = *wishes;
        });
        number
    }

    /// Asks for a look and waits for it; what stands afterwards.
    pub async fn ask(&self) -> Standing {
        let number = self.wish();
        let mut standing = self.standing.subscribe();
        match standing.wait_for(|standing| standing.met >= number).await {
            Ok(standing) => standing.clone(),
            // The sender is ours.
            Err(_) => self.standing(),
        }
    }

    /// The wishes so far.
    pub(super) fn wishes(&self) -> watch::Receiver<u64> {
        self.wishes.subscribe()
    }

    /// Notes that somebody looks from now on.
    pub(super) fn begin(&self) {
        self.standing
            .send_modify(|standing| standing.is_watched = true);
    }

    /// Notes that other rules came into force.
    pub(super) fn swapped(&self, version: &str, changes: &[String]) {
        self.standing.send_modify(|standing| {
            standing.failing = None;
            standing.swapped = Some(Swapped {
                at: SystemTime::now(),
                version: version.to_owned(),
                changes: changes.to_vec(),
            });
        });
    }

    /// Notes that the folder holds what is in force; whether it did not before.
    pub(super) fn settled(&self) -> bool {
        self.standing
            .send_if_modified(|standing| standing.failing.take().is_some())
    }

    /// Notes that the folder holds nothing that can come into force; whether that is news.
    pub(super) fn failed(&self, text: &str) -> bool {
        self.standing.send_if_modified(|standing| {
            let is_news = standing
                .failing
                .as_ref()
                .is_none_or(|failing| failing.text != text);
            let since = standing.failing.as_ref().map(|failing| failing.since);
            if is_news {
                standing.failing = Some(Failing {
                    since: since.unwrap_or_else(SystemTime::now),
                    text: text.to_owned(),
                });
            }
            is_news
        })
    }

    /// Notes that the wishes up to a number are met.
    pub(super) fn met(&self, number: u64) {
        self.standing.send_modify(|standing| standing.met = number);
    }
}
