//! Why the database does not serve us, while it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::vocabulary::operation::Verb;

/// How long a mistake is held against us after it was last met. A balancer that takes us out meanwhile brings nothing that could show it mended.
const MISTAKE_HELD: Duration = Duration::from_secs(30);
/// Mistakes that are remembered at once. Beyond it the oldest is forgotten, and told again when it is met.
const MISTAKES_MAX: usize = 256;

/// What a mistake stands in the way of: tables by the app's name, each with the verb, or with none for all that is done to it. Nothing is
/// everything.
pub type Way = BTreeSet<(String, Option<Verb>)>;

/// What stands in the way, shared by all who use the store.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Reasons>>);

#[derive(Debug, Default)]
struct Reasons {
    unreachable: Option<String>,
    mistakes: BTreeMap<Way, (String, Instant)>,
    /// What was told to the log, and when it was last met.
    told: BTreeMap<String, Instant>,
}

impl Health {
    /// The reason why writes fail, if they do. What an operator has to mend comes first, the latest of it.
    pub fn reason(&self) -> Option<String> {
        self.with(|reasons| {
            let held = reasons.mistakes.values().filter(|(_, met)| is_held(*met));
            let latest = held.max_by_key(|(_, met)| *met);
            latest
                .map(|(reason, _)| reason.clone())
                .or_else(|| reasons.unreachable.clone())
        })
    }

    /// Notes what the last probe of the database came to.
    pub fn probed(&self, unreachable: Option<String>) {
        self.with(|reasons| reasons.unreachable = unreachable);
    }

    /// Notes something that an operator has to mend before this can go on. Where more than that is known of it already, that stays.
    pub fn mistaken(&self, way: Way, reason: String) {
        self.with(|reasons| {
            let known = reasons.mistakes.remove(&way).map(|(known, _)| known);
            let longer = known.filter(|known| known.starts_with(&reason));
            let reason = longer.unwrap_or(reason);
            reasons.mistakes.insert(way, (reason, Instant::now()));
            forget(&mut reasons.mistakes, |(_, met)| *met);
        });
    }

    /// Notes that a reason was met; whether that is news for the log. One that is met again and again is told once.
    pub fn is_news(&self, reason: &str) -> bool {
        self.with(|reasons| {
            let now = Instant::now();
            let before = reasons.told.insert(reason.to_owned(), now);
            forget(&mut reasons.told, |met| *met);
            before.is_none_or(|met| !is_held(met))
        })
    }

    /// Notes that all of this went well: mistakes that stand in the way of nothing else are mended.
    pub fn mended(&self, way: impl FnOnce() -> Way) {
        self.with(|reasons| {
            if !reasons.mistakes.is_empty() {
                let gone = way();
                reasons.mistakes.retain(|way, _| !way.is_subset(&gone));
            }
        });
    }

    fn with<R>(&self, visit: impl FnOnce(&mut Reasons) -> R) -> R {
        visit(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_held(met: Instant) -> bool {
    met.elapsed() < MISTAKE_HELD
}

/// Forgets what is over, and the oldest of too many.
fn forget<K: Ord + Clone, V>(all: &mut BTreeMap<K, V>, met: impl Fn(&V) -> Instant) {
    all.retain(|_, known| is_held(met(known)));
    if all.len() > MISTAKES_MAX {
        let oldest = all.iter().min_by_key(|(_, known)| met(known));
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            all.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(tables: &[&str]) -> Way {
        let put = |table: &&str| ((*table).to_owned(), Some(Verb::Put));
        tables.iter().map(put).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_mistake_comes_before_an_outage_and_is_not_held_for_ever() {
        let health = Health::default();
        health.probed(Some("refused".to_owned()));
        health.mistaken(way(&["notes"]), "no grant".to_owned());
        assert_eq!(health.reason().as_deref(), Some("no grant"));
        tokio::time::advance(MISTAKE_HELD).await;
        assert_eq!(health.reason().as_deref(), Some("refused"));
        health.probed(None);
        assert_eq!(health.reason(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_it_stood_in_the_way_of_shows_a_mistake_mended() {
        let rows: [(&[&str], &[&str], bool); 6] = [
            (&["notes"], &["notes"], true),
            (&["notes"], &["plans"], false),
            (&["notes"], &["notes", "plans"], true),
            (&["notes", "plans"], &["notes"], false),
            (&[], &["plans"], true),
            (&["notes"], &[], false),
        ];
        for (stands, went_well, is_mended) in rows {
            let health = Health::default();
            health.mistaken(way(stands), "no grant".to_owned());
            health.mended(|| way(went_well));
            assert_eq!(
                health.reason().is_none(),
                is_mended,
                "{stands:?} {went_well:?}"
            );
        }
        let health = Health::default();
        health.mistaken(way(&["notes"]), "no grant".to_owned());
        health.mended(|| [("notes".to_owned(), Some(Verb::Delete))].into());
        assert!(health.reason().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_met_again_and_again_is_told_once() {
        let health = Health::default();
        for round in 0..10 {
            assert_eq!(health.is_news("no grant"), round == 0);
            assert_eq!(health.is_news("another"), round == 0);
            // It comes and goes: somebody else's success is no news of it.
            health.mended(|| way(&["notes"]));
            tokio::time::advance(MISTAKE_HELD / 2).await;
        }
        tokio::time::advance(MISTAKE_HELD).await;
        assert!(health.is_news("no grant"));
        for number in 0..MISTAKES_MAX * 2 {
            assert!(health.is_news(&number.to_string()));
        }
        assert!(health.with(|reasons| reasons.told.len()) <= MISTAKES_MAX);
    }
}
