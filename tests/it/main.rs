//! The integration tests: one binary.

mod catalogue;
mod layering;
mod postgres;
mod project;
mod values;
