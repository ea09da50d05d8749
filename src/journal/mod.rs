//! Our own schema `rulegate` in the app's database, versioned. Ledger and dead letters will live here.

mod identity;
pub mod ledger;
mod schema;
#[cfg(test)]
mod tests;

pub use identity::{Key, Origin};
pub use schema::{JournalError, LATEST, Version, ddl, migrate, require, version};
