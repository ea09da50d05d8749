//! Values that letters keep encrypted: AES-256-GCM, each bound to its letter, table and column.

use std::fmt::{self, Write as _};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::journal::Key;

/// Bytes of the digest that names a key.
const NAME_BYTES: usize = 4;

/// Where a sealed value stands. Moved elsewhere, it does not open.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    /// The letter's key.
    pub letter: Key,
    /// The table, by the app's name.
    pub table: &'a str,
    /// The column, by the app's name.
    pub column: &'a str,
}

/// Why a value is neither sealed nor opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealError {
    /// It is not in the form of a sealed value.
    Unreadable,
    /// The key that sealed it is not among those that are there.
    NoKey(String),
    /// It was altered, or moved here from elsewhere.
    Altered,
    /// The library refused.
    Refused,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("this is no sealed value"),
            Self::NoKey(name) => write!(f, "the key `{name}` that sealed it is not there"),
            Self::Altered => f.write_str("it was altered, or belongs to another letter or column"),
            Self::Refused => f.write_str("it could not be encrypted"),
        }
    }
}

/// 8 hex digits that name a key and tell nothing of it.
pub fn key_name(key: &[u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update("rulegate key")
        .chain_update(key)
        .finalize();
    let bytes = digest.iter().take(NAME_BYTES);
    bytes.fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Seals a text: the name of the key, a colon, and base64 of nonce, ciphertext and tag. Nonces are random, which is safe for 2^32 values of one key.
pub fn seal(key: &[u8; 32], spot: Spot<'_>, text: &str) -> Result<String, SealError> {
    let sealing = sealing(key)?;
    let mut bytes = text.as_bytes().to_vec();
    let nonce = sealing
        .seal_in_place_append_tag(spot.aad(), &mut bytes)
        .map_err(|_| SealError::Refused)?;
    let sealed = [nonce.as_ref().as_slice(), &bytes].concat();
    Ok(format!("{}:{}", key_name(key), STANDARD.encode(sealed)))
}

/// Opens what one of the keys sealed in this spot.
pub fn open<'k>(
    keys: impl Iterator<Item = &'k [u8; 32]>,
    spot: Spot<'_>,
    sealed: &str,
) -> Result<String, SealError> {
    let (name, text) = sealed.split_once(':').ok_or(SealError::Unreadable)?;
    let bytes = STANDARD.decode(text).map_err(|_| SealError::Unreadable)?;
    let (nonce, rest) = bytes
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(SealError::Unreadable)?;
    let mut named = keys.filter(|key| key_name(key) == name);
    let key = named
        .next()
        .ok_or_else(|| SealError::NoKey(name.to_owned()))?;
    let mut bytes = rest.to_vec();
    let opened = sealing(key)?
        .open_in_place(Nonce::from(nonce), spot.aad(), &mut bytes)
        .map_err(|_| SealError::Altered)?;
    String::from_utf8(opened.to_vec()).map_err(|_| SealError::Unreadable)
}

fn sealing(key: &[u8; 32]) -> Result<RandomizedNonceKey, SealError> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::Refused)
}

impl Spot<'_> {
    /// What is authenticated with the value: each part behind its length, so that no two spots say the same bytes.
    fn aad(&self) -> Aad<Vec<u8>> {
        let letter = self.letter.to_string();
        let mut bytes = Vec::new();
        for part in ["rulegate1", &letter, self.table, self.column] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Aad::from(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal::Origin;

    fn letter(subject: &str) -> Key {
        Key::of(&Origin {
            issuer: None,
            subject,
            client: None,
            number: None,
            content: &[0; 32],
        })
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_where_it_was_sealed_and_nowhere_else(text in ".{0,40}", flipped in any::<prop::sample::Index>()) {
            let (key, other) = ([1; 32], [2; 32]);
            let spot = Spot { letter: letter("a"), table: "t", column: "c" };
            let sealed = seal(&key, spot, &text).unwrap();
            prop_assert_eq!(open([&other, &key].into_iter(), spot, &sealed), Ok(text.clone()));
            prop_assert_ne!(seal(&key, spot, &text).unwrap(), sealed.clone());
            let elsewhere = [
                Spot { letter: letter("b"), ..spot },
                Spot { table: "tc", column: "", ..spot },
                Spot { column: "d", ..spot },
            ];
            for spot in elsewhere {
                prop_assert_eq!(open([&key].into_iter(), spot, &sealed), Err(SealError::Altered));
            }
            prop_assert_eq!(open([&other].into_iter(), spot, &sealed), Err(SealError::NoKey(key_name(&key))));
            let (name, rest) = sealed.split_once(':').unwrap();
            let mut bytes = STANDARD.decode(rest).unwrap();
            let at = flipped.index(bytes.len());
            bytes[at] ^= 1;
            let altered = format!("{name}:{}", STANDARD.encode(bytes));
            prop_assert_eq!(open([&key].into_iter(), spot, &altered), Err(SealError::Altered));
        }

        #[test]
        fn no_text_makes_it_panic(sealed in "[0-9a-f]{0,9}:?[A-Za-z0-9+/=]{0,30}") {
            let spot = Spot { letter: letter("a"), table: "t", column: "c" };
            prop_assert!(open([&[1; 32]].into_iter(), spot, &sealed).is_err());
        }
    }
}
