//! The integration tests: one binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that fails says so by panicking"
)]

mod cases;
mod catalogue;
mod keys;
mod layering;
mod postgres;
mod project;
mod values;
