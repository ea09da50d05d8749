//! Rulegate: the write backend that a local-first app gets from YAML alone.
//!
//! The rooms stand in the order of `docs/ARCHITECTURE.md`: a room imports only rooms that stand before it.

pub mod apply;
pub mod catalog;
pub mod expr;
pub mod policy;
pub mod rules;
pub mod settings;
pub mod vocabulary;
