//! Why the database does not serve us, while it does not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a mistake is held against us after it was last met. A balancer that takes us out meanwhile brings nothing that could show it mended.
const MISTAKE_HELD: Duration = Duration::from_secs(30);

/// What stands in the way, shared by all who use the store.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Reasons>>);

#[derive(Debug, Default)]
struct Reasons {
    unreachable: Option<String>,
    mistake: Option<(String, Instant)>,
}

impl Health {
    /// The reason why writes fail, if they do. What an operator has to mend comes first.
    pub fn reason(&self) -> Option<String> {
        self.with(|reasons| {
            let mistake = reasons.mistake.as_ref().filter(|it| is_held(it));
            mistake
                .map(|(reason, _)| reason.clone())
                .or_else(|| reasons.unreachable.clone())
        })
    }

    /// Whether an operator's mistake is what stands in the way.
    pub fn has_mistake(&self) -> bool {
        self.with(|reasons| reasons.mistake.as_ref().is_some_and(is_held))
    }

    /// Notes what the last probe of the database came to.
    pub fn probed(&self, unreachable: Option<String>) {
        self.with(|reasons| reasons.unreachable = unreachable);
    }

    /// Notes something that an operator has to mend; whether that is news.
    pub fn mistaken(&self, reason: String) -> bool {
        self.with(|reasons| {
            let known = reasons.mistake.take().filter(is_held);
            let is_news = known.is_none_or(|(known, _)| known != reason);
            reasons.mistake = Some((reason, Instant::now()));
            is_news
        })
    }

    /// Notes that the mistake is mended.
    pub fn mended(&self) {
        self.with(|reasons| reasons.mistake = None);
    }

    fn with<R>(&self, visit: impl FnOnce(&mut Reasons) -> R) -> R {
        visit(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_held((_, since): &(String, Instant)) -> bool {
    since.elapsed() < MISTAKE_HELD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_mistake_comes_before_an_outage_and_is_not_held_for_ever() {
        let health = Health::default();
        health.probed(Some("refused".to_owned()));
        assert!(health.mistaken("no grant".to_owned()));
        assert!(!health.mistaken("no grant".to_owned()));
        assert_eq!(health.reason().as_deref(), Some("no grant"));
        tokio::time::advance(MISTAKE_HELD).await;
        assert_eq!(health.reason().as_deref(), Some("refused"));
        health.probed(None);
        assert_eq!((health.reason(), health.has_mistake()), (None, false));
    }
}
