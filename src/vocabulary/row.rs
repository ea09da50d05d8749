//! Rows as they are stored.

use std::sync::Arc;

use crate::vocabulary::value::Value;

/// One stored value: the database's text for it, and what rules see.
///
/// Two data of one column *differ* when their texts do (rule-language, `changed`); jsonb alone compares by meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// The text Postgres prints for it (`value::text`); `None` is SQL NULL.
    pub text: Option<Arc<str>>,
    /// What rules see.
    pub value: Value,
}

impl Datum {
    /// SQL NULL.
    pub const NULL: Self = Self {
        text: None,
        value: Value::Null,
    };
}

/// The position of a column in its table's catalogue entry, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnId(pub u16);

/// An image of a row: a datum for each column that was read. Reading another is an error, so the rule that does so is not true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(Vec<Option<Datum>>);

impl Row {
    /// An image with room for `columns` columns, none of them read.
    pub fn unread(columns: usize) -> Self {
        Self(vec![None; columns])
    }

    /// The datum of a column, if it was read.
    pub fn column(&self, id: ColumnId) -> Option<&Datum> {
        self.0.get(usize::from(id.0))?.as_ref()
    }

    /// Puts a datum into its column. A column the row has no room for is ignored.
    pub fn set(&mut self, id: ColumnId, datum: Datum) {
        if let Some(slot) = self.0.get_mut(usize::from(id.0)) {
            *slot = Some(datum);
        }
    }

    /// Marks a column as unknown: it will hold what the database's own default or expression makes of it.
    pub fn forget(&mut self, id: ColumnId) {
        if let Some(slot) = self.0.get_mut(usize::from(id.0)) {
            *slot = None;
        }
    }
}
