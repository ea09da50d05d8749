//! What the room promises.

mod account;
mod faults;
mod laws;
mod oracle;
mod reads;
mod values;
mod world;
