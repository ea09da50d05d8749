//! CEL: text → typed IR → value, or a condition of SQL. Parse, check, evaluate, within a budget; [`Fragment`] is the SQL.
//!
//! [`World`] and [`Scope`] say which names an expression may use and what types they have, [`Frame`] what they mean during one
//! evaluation, [`Related`] which related rows it found missing.

mod account;
mod check;
mod claims;
mod compiled;
mod each;
mod evaluate;
mod fault;
mod fold;
mod frame;
mod functions;
mod ir;
mod library;
mod number;
mod parse;
mod parts;
mod reach;
mod scan;
mod show;
mod sql;
mod syntax;
#[cfg(test)]
mod tests;
mod time;
mod types;
mod values;
mod world;
mod zone;

pub use account::{Account, Said};
pub use claims::claims_shape;
pub use compiled::{Compiled, compile};
pub use fault::Fault;
pub use frame::{Budget, EvalError, Frame, Need, Related};
pub use show::show;
pub use sql::{Fragment, Hole, Image, Known, Outside, Rest, Stand, Unfit, Why, Written};
pub use world::{
    ClaimsShape, ColumnShape, Expected, Reads, RelationId, RelationShape, Scope, TableId,
    TableShape, Variable, World,
};
