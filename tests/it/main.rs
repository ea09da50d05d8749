//! The integration tests: one binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says so by panicking"
)]

mod cases;
mod catalogue;
mod contract;
mod deferred;
mod dev;
mod explain;
mod gateway;
mod hostile;
mod http;
mod http_admin;
mod http_keys;
mod http_limits;
mod http_ready;
mod http_served;
mod http_stop;
mod journal;
mod judges;
mod keys;
mod layering;
mod oracle;
mod outages;
mod postgres;
mod project;
mod reload;
mod uploads;
mod values;
