//! `dead_letters`, and the keys that seal columns in letters.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::document::{Environment, Form};
use crate::settings::Origin;
use crate::settings::lines::Lines;
use crate::settings::read::{count, time, written};
use crate::vocabulary::problem::{Problem, Problems};

/// The variable that holds the keys.
pub const KEY_VARIABLE: &str = "RULEGATE_DEAD_LETTERS_KEY";
/// How a key is made.
pub const KEY_CURE: &str = "make a key with `openssl rand -base64 32`, and give it to the server in the variable `RULEGATE_DEAD_LETTERS_KEY`";

/// How refused transactions are kept: the `dead_letters` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// How long a letter is kept after it was settled.
    pub keep: Duration,
    /// Open letters of one subject at most.
    pub per_subject: usize,
    /// The keys of columns that letters keep encrypted: the first seals, all open.
    pub keys: Vec<SealingKey>,
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self {
            keep: Duration::from_hours(90 * 24),
            per_subject: 1000,
            keys: Vec::new(),
        }
    }
}

/// A key of AES-256. It prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// Reads base64 of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.trim()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The key itself. Never log it.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

pub(super) fn dead_letters(
    block: Option<&Form>,
    environment: &Environment<'_>,
    lines: &mut Lines,
    problems: &mut Problems,
) -> DeadLetters {
    let default = DeadLetters::default();
    let keys = keys(environment, problems);
    let keys = (!keys.is_empty()).then_some((keys, Origin::Environment));
    DeadLetters {
        keep: lines.choose(
            "dead_letters.keep",
            None,
            written(block, "keep", time),
            || default.keep,
        ),
        per_subject: lines.choose(
            "dead_letters.per_subject",
            None,
            written(block, "per_subject", count),
            || default.per_subject,
        ),
        keys: lines.choose("dead_letters.keys", None, keys, Vec::new),
    }
}

/// The keys of the environment, one or several with commas between them.
fn keys(environment: &Environment<'_>, problems: &mut Problems) -> Vec<SealingKey> {
    let text = environment(KEY_VARIABLE).filter(|text| !text.is_empty());
    let words = text.iter().flat_map(|text| text.split(','));
    let read: Option<Vec<SealingKey>> = words.map(SealingKey::parse).collect();
    read.unwrap_or_else(|| {
        let message = format!("the variable `{KEY_VARIABLE}` is no key: it holds 32 bytes in base64, or several such keys with commas between them");
        problems.push(Problem::nowhere(message).help(KEY_CURE));
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_of_base64_and_is_never_shown() {
        let good = STANDARD.encode([7; 32]);
        let pair = format!("{good}, {}", STANDARD.encode([8; 32]));
        let short = STANDARD.encode([7; 31]);
        let rows = [
            ("", 0, false),
            (&*good, 1, false),
            (&*pair, 2, false),
            (&*short, 0, true),
            ("s3cr3t", 0, true),
            (&*format!("{good},"), 0, true),
        ];
        for (text, count, is_told) in rows {
            let mut problems = Problems::default();
            let found = keys(&|_| Some(text.to_owned()), &mut problems);
            assert_eq!(
                (found.len(), problems.has_errors()),
                (count, is_told),
                "{text}"
            );
            let told = format!("{found:?}{problems:?}");
            assert!(text.is_empty() || !told.contains(text), "{told}");
        }
    }
}
