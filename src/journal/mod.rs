//! Our own schema `rulegate` in the app's database, versioned: the ledger, and dead letters.

pub mod filed;
mod identity;
pub mod ledger;
pub mod letters;
mod schema;
pub mod seal;
#[cfg(test)]
mod tests;

pub use identity::{Key, Origin};
pub use schema::{JournalError, LATEST, Version, ddl, migrate, require, version};
