//! What a client asks for, and what then happens to a row.

use std::fmt;

/// The verb that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Create the row, or update the columns sent.
    Put,
    /// Update the columns sent; nothing where the row is absent.
    Patch,
    /// Delete the row; nothing where it is absent.
    Delete,
}

impl Verb {
    /// Reads the wire word. Exactly `PUT`, `PATCH` or `DELETE`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "PUT" => Some(Self::Put),
            "PATCH" => Some(Self::Patch),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }

    /// The wire word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happens to the row, not the verb that was sent: the `op` of the rule language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// A row comes to be.
    Create,
    /// A row that is there changes.
    Update,
    /// A row goes.
    Delete,
}

impl Op {
    /// All three, in the order of the pages.
    pub const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    /// The word rules use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// Whether the stored row (`old`) exists for this op.
    pub fn has_old(self) -> bool {
        self != Self::Create
    }

    /// Whether the row to be stored (`new`) exists for this op.
    pub fn has_new(self) -> bool {
        self != Self::Delete
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
