//! What each database can say: writes and reads → statement text. Values have no way into a text but a slot.

pub mod postgres;
