//! What the room promises.

mod conformance;
mod faults;
mod laws;
mod left_out;
mod oracle;
mod reads;
mod values;
mod world;
