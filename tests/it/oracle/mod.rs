//! An independent oracle of authorization, written straight from the pages of the rule language and of the contract.
//!
//! It shares no code with the rooms that decide in the product (`policy`, `expr`, `plan`, `request`): a world is a small tree of its own with two
//! readings. Printed, it is SQL and a folder of rules that the product loads; interpreted, it is what the pages say. Random worlds, rows and uploads go
//! both ways, and every answer and every row is compared.

mod condition;
mod conditions;
mod convert;
mod gateway;
mod judge;
mod laws;
mod meaning;
mod model;
mod print;
mod reach;
mod reduce;
mod run;
mod sentences;
mod tape;
mod uploads;
mod worlds;
