//! Outcomes and failures → HTTP: the only table of statuses (contract, *POST /api/data*).

mod failure;
mod reply;
mod results;
#[cfg(test)]
mod tests;

pub use failure::{Crowd, Failure, failure};
pub use reply::Reply;
pub use results::results;
