//! What the room promises.

mod account;
mod conformance;
mod economy;
mod faults;
mod laws;
mod left_out;
mod library;
mod oracle;
mod reads;
mod values;
mod world;
