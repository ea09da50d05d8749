//! Rulegate: the write backend that a local-first app gets from YAML alone.
//!
//! The rooms stand in the order of `docs/ARCHITECTURE.md`: a room imports only rooms that stand before it.

pub mod auth;
pub mod catalog;
pub mod dialect;
pub mod document;
pub mod driver;
pub mod expr;
pub mod request;
pub mod rules;
pub mod schema;
pub mod settings;
pub mod vocabulary;
