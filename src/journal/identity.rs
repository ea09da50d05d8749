//! By what a transaction is known again (reliability, *Exactly once: the ledger*).

use std::fmt;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Who sent a transaction, and what it says.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// `iss` of the token, where it has one.
    pub issuer: Option<&'a str>,
    /// `sub` of the token.
    pub subject: &'a str,
    /// The client's own id: each device of a user counts its transactions from 1.
    pub client: Option<&'a str>,
    /// What the client calls the transaction.
    pub number: Option<&'a str>,
    /// SHA-256 of what it says.
    pub content: &'a [u8; 32],
}

/// What a transaction is known by: the same for every attempt of it, and different for every other one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(Uuid);

impl Key {
    /// The key of a transaction: the first 128 bits of a SHA-256 of its origin.
    pub fn of(origin: &Origin<'_>) -> Self {
        let mut sha = Sha256::new();
        let parts = [
            Some("rulegate1"),
            Some(origin.issuer.unwrap_or_default()),
            Some(origin.subject),
            Some(origin.client.unwrap_or_default()),
            origin.number,
        ];
        let texts = parts.iter().flatten().map(|part| part.as_bytes());
        // Each part behind its length, so that no two origins spell the same bytes.
        for part in texts.chain([origin.content.as_slice()]) {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part);
        }
        let mut bytes = [0; 16];
        let digest = sha.finalize();
        bytes
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
