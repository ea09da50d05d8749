//! Rulegate: the write backend that a local-first app gets from YAML alone.
//!
//! The rooms stand in the order of `docs/ARCHITECTURE.md`: a room imports only rooms that stand before it.

pub mod admin;
pub mod apply;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod dialect;
pub mod document;
pub mod driver;
pub mod expr;
pub mod journal;
pub mod observe;
pub mod plan;
pub mod policy;
pub mod reload;
pub mod request;
pub mod response;
pub mod rules;
pub mod schema;
pub mod serve;
pub mod settings;
pub mod vocabulary;
