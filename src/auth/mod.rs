//! Token + keys + clock → [`Principal`]. Configuration decides issuer, audience, algorithms and keys; the token never does
//! (reliability, *Tokens*).

mod claims;
pub mod development;
mod keys;
mod strict;
#[cfg(test)]
mod tests;
mod verify;

pub use claims::{ClaimsSchema, Principal};
pub use keys::{Key, KeySet, Origin};
pub use verify::{TokenError, Verified, Verifier, unverified};
