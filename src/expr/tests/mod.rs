//! What the room promises.

mod conformance;
mod faults;
mod laws;
mod oracle;
mod reads;
mod values;
mod world;
