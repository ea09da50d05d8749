//! What clients send: the body's bytes → [`Batch`], and each value → what its column stores.

mod array;
mod calendar;
mod content;
mod convert;
mod decode;
mod json;
mod number;
mod scan;
mod stored;
#[cfg(test)]
mod tests;

pub use content::{Digest, Entry};
pub use convert::{Unfit, convert, convert_text, from_value};
pub use decode::{
    Batch, DecodeError, Defect, Operation, Sent, Shape, Text, Transaction, decode, decode_one,
};
pub use stored::{differs, is_canonical, stored, to_json};
