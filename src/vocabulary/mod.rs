//! Words that every room uses: names, values, places in source text, problems, limits.
//!
//! Pure: no clock, no file, no async.

pub mod code;
pub mod limits;
pub mod names;
pub mod operation;
pub mod place;
pub mod problem;
pub mod row;
pub mod suggest;
pub mod value;
