//! The integration tests: one binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says so by panicking"
)]

mod at_once;
mod canary;
mod cases;
mod catalogue;
mod contract;
mod deferred;
mod dev;
mod drift;
mod editor;
mod editor_kinds;
mod examples;
mod explain;
mod flood;
mod gateway;
mod hostile;
mod http;
mod http_admin;
mod http_keys;
mod http_limits;
mod http_ready;
mod http_served;
mod http_stop;
mod init;
mod journal;
mod judges;
mod keys;
mod layering;
mod ledger;
mod letters;
mod limits;
mod lost_commit;
mod operations;
mod oracle;
mod outages;
mod pool_of_one;
mod postgres;
mod program;
mod project;
mod reload;
mod silence;
mod sqlstates;
mod stopping;
mod uploads;
mod values;
mod valve;
