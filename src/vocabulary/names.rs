//! Names, one type for each kind, so that an app's name never stands where a database's belongs.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name an app uses for a table. Compared byte for byte.
    TableName
);
name!(
    /// The name an app uses for a column. Compared byte for byte.
    FieldName
);
name!(
    /// The database's name of a column. Compared byte for byte.
    ColumnName
);
name!(
    /// The name of a relation or of a computed value.
    MemberName
);

/// The database's name of a table: schema and table, exact case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The schema, `public` where none is written.
    pub schema: Arc<str>,
    /// The table.
    pub table: Arc<str>,
}

impl Target {
    /// Reads `table` or `schema.table`, split at the first dot (rule-language, *A table*).
    pub fn parse(text: &str) -> Self {
        let (schema, table) = text.split_once('.').unwrap_or(("public", text));
        Self {
            schema: schema.into(),
            table: table.into(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}
