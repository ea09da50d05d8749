//! Where a condition stands: which table is written, and what of each image is known before the database is asked.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Column, Table};
use crate::expr::{TableId, Variable, World};
use crate::vocabulary::names::FieldName;
use crate::vocabulary::row::ColumnId;

/// Where a condition stands.
#[derive(Clone, Debug)]
pub struct Stand<'a> {
    /// What names mean.
    pub world: &'a World,
    /// The facts of each table, by its `TableId`.
    pub tables: &'a [Option<&'a Table>],
    /// The table that is written.
    pub table: TableId,
    /// What `old` is.
    pub old: Image<'a>,
    /// What `new` is.
    pub new: Image<'a>,
    /// What `this` is: each of the two in turn.
    pub this: Image<'a>,
    /// The fields that were sent and may differ from what is stored, with their columns. `None` where `changed` does not depend on what is
    /// stored, as on create.
    pub sent: Option<&'a BTreeMap<FieldName, ColumnId>>,
}

/// What an image of a row is.
#[derive(Clone, Copy, Debug)]
pub enum Image<'a> {
    /// There is none: to read it is an error.
    Absent,
    /// The stored row.
    Stored,
    /// The row as it will be stored.
    Written(&'a Written),
}

/// What is known of a row that will be stored.
#[derive(Clone, Debug)]
pub struct Written {
    /// The columns whose values are known: they are in the frame that holes are evaluated with.
    pub known: BTreeSet<ColumnId>,
    /// The columns that a preset computes of the stored row.
    pub derived: BTreeSet<ColumnId>,
    /// What all others hold.
    pub rest: Rest,
}

/// What the columns hold that nobody sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// What is stored.
    Stored,
    /// What the database will make: to read it is an error.
    Unknown,
}

/// Where the value of a column of an image comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// From the row that is stored.
    Stored,
    /// From the frame. Where it cannot be read there, that is the error it should be.
    Frame,
    /// From a computation over the stored row.
    Derived,
}

impl Image<'_> {
    /// Where the value of a column comes from.
    pub(super) fn origin(self, column: ColumnId) -> Origin {
        match self {
            Self::Absent => Origin::Frame,
            Self::Stored => Origin::Stored,
            Self::Written(written) if written.known.contains(&column) => Origin::Frame,
            Self::Written(written) if written.derived.contains(&column) => Origin::Derived,
            Self::Written(written) => match written.rest {
                Rest::Stored => Origin::Stored,
                Rest::Unknown => Origin::Frame,
            },
        }
    }

    /// Whether a column can be read in the frame.
    pub(super) fn is_known(self, column: ColumnId) -> bool {
        matches!(self, Self::Written(written) if written.known.contains(&column))
    }

    /// Whether there is a stored row that it is, in part at least.
    pub(super) fn is_over_stored(self) -> bool {
        match self {
            Self::Absent => false,
            Self::Stored => true,
            Self::Written(written) => written.rest == Rest::Stored,
        }
    }
}

impl<'a> Stand<'a> {
    /// What a variable is.
    pub(super) fn image(&self, variable: Variable) -> Image<'a> {
        match variable {
            Variable::Old => self.old,
            Variable::New => self.new,
            Variable::This => self.this,
            _ => Image::Absent,
        }
    }

    /// The facts of a table.
    pub(super) fn facts(&self, table: TableId) -> Option<&'a Table> {
        self.tables.get(table.0 as usize).copied().flatten()
    }

    /// The facts of a column.
    pub(super) fn column(&self, table: TableId, column: ColumnId) -> Option<&'a Column> {
        self.facts(table)?.at(column)
    }
}
