//! What the room promises.

mod faults;
mod laws;
mod oracle;
mod reads;
mod values;
mod world;
