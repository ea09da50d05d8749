//! `dead_letters`, and the keys that seal columns in letters.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::document::{Environment, Form};
use crate::settings::Origin;
use crate::settings::lines::Lines;
use crate::settings::read::{count, time, written};

/// The variable that holds the keys.
const KEY_VARIABLE: &str = "RULEGATE_DEAD_LETTERS_KEY";
/// How a key is made.
pub const KEY_CURE: &str = "make a key with `openssl rand -base64 32`, and give it to the server in the variable `RULEGATE_DEAD_LETTERS_KEY`";

/// How refused transactions are kept: the `dead_letters` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// How long a letter is kept after it was settled.
    pub keep: Duration,
    /// Open letters of one subject at most.
    pub per_subject: usize,
    /// The keys of columns that letters keep encrypted.
    pub keys: SealingKeys,
}

/// What the environment says of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SealingKeys {
    /// Nothing.
    #[default]
    Unset,
    /// Something that is no key.
    Unreadable,
    /// Keys: the first seals, all open.
    Read(Vec<SealingKey>),
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self {
            keep: Duration::from_hours(90 * 24),
            per_subject: 1000,
            keys: SealingKeys::Unset,
        }
    }
}

/// A key of AES-256. It prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey([u8; 32]);

impl SealingKeys {
    /// The keys that are there.
    pub fn all(&self) -> &[SealingKey] {
        match self {
            Self::Read(keys) => keys,
            Self::Unset | Self::Unreadable => &[],
        }
    }

    /// Why there is none: what stands in the way, without quoting it.
    pub fn trouble(&self) -> Option<&'static str> {
        match self {
            Self::Read(_) => None,
            Self::Unset => Some("the variable `RULEGATE_DEAD_LETTERS_KEY` is not set"),
            Self::Unreadable => Some(
                "the variable `RULEGATE_DEAD_LETTERS_KEY` holds something else than 32 bytes in base64, or several such keys with commas between them",
            ),
        }
    }

    /// One key, or several with commas between them.
    fn parse(text: Option<&str>) -> Self {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Self::Unset;
        };
        let keys: Option<Vec<SealingKey>> = text.split(',').map(SealingKey::parse).collect();
        keys.map_or(Self::Unreadable, Self::Read)
    }
}

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
) -> DeadLetters {
    let default = DeadLetters::default();
    let keys = SealingKeys::parse(environment(KEY_VARIABLE).as_deref());
    let keys = Some((keys, Origin::Environment)).filter(|(keys, _)| *keys != SealingKeys::Unset);
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
        keys: lines.choose("dead_letters.keys", None, keys, SealingKeys::default),
    }
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
            let found = SealingKeys::parse(Some(text));
            let is_unreadable = found == SealingKeys::Unreadable;
            assert_eq!(
                (found.all().len(), is_unreadable),
                (count, is_told),
                "{text}"
            );
            let told = format!("{found:?}{:?}", found.trouble());
            assert!(text.is_empty() || !told.contains(text), "{told}");
        }
    }
}
