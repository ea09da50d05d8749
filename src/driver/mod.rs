//! Where statements are said: connections, prepared statements, transactions, and the errors of each database.

pub mod postgres;
