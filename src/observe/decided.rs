//! What is told of a decision, by `rulegate dev` alone.

use std::fmt;

/// One decision. Ids are shortened, and no value of any column is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Who asked.
    pub who: String,
    /// Table and row.
    pub row: String,
    /// What happens to the row.
    pub op: Option<&'static str>,
    /// What was decided, and by what.
    pub what: String,
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = self.op.unwrap_or_default();
        write!(f, "{}  {}  {op}  {}", self.who, self.row, self.what)
    }
}
