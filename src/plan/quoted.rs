//! Names as they stand in a statement that an author is told to write.

use crate::vocabulary::names::Target;

/// A name, in quotes where it needs them.
pub(super) fn quoted(name: &str) -> String {
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if starts && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A table with its schema.
pub(super) fn quoted_target(target: &Target) -> String {
    format!("{}.{}", quoted(&target.schema), quoted(&target.table))
}
