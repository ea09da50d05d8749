//! Why the database does not serve us, while it does not.

use std::sync::{Arc, Mutex, PoisonError};

/// What stands in the way, shared by all who use the store.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Reasons>>);

#[derive(Debug, Default)]
struct Reasons {
    unreachable: Option<String>,
    mistake: Option<String>,
}

impl Health {
    /// The reason why writes fail, if they do. What an operator has to mend comes first.
    pub fn reason(&self) -> Option<String> {
        self.with(|reasons| {
            reasons
                .mistake
                .clone()
                .or_else(|| reasons.unreachable.clone())
        })
    }

    /// Whether an operator's mistake is what stands in the way.
    pub fn has_mistake(&self) -> bool {
        self.with(|reasons| reasons.mistake.is_some())
    }

    /// Notes what the last probe of the database came to.
    pub fn probed(&self, unreachable: Option<String>) {
        self.with(|reasons| reasons.unreachable = unreachable);
    }

    /// Notes something that an operator has to mend.
    pub fn mistaken(&self, reason: String) {
        self.with(|reasons| reasons.mistake = Some(reason));
    }

    /// Notes that the mistake is mended.
    pub fn mended(&self) {
        self.with(|reasons| reasons.mistake = None);
    }

    fn with<R>(&self, visit: impl FnOnce(&mut Reasons) -> R) -> R {
        visit(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
