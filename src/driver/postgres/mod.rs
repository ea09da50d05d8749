//! Postgres, through tokio-postgres. Nothing outside this room knows that crate.

mod connect;
mod error;
mod health;
mod introspect;
mod store;
mod transaction;

pub use connect::{ConfigError, describe};
pub use error::{Class, DriverError, Phase};
pub use health::{Health, Way};
pub use store::Store;
pub use transaction::{
    Once, Parameter, Rushed, Session, Step, Transaction, TransactionId, Uncommitted,
};
