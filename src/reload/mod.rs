//! The rules in force: a folder loaded, compiled against the catalogue, behind one pointer.

mod current;
mod files;
mod folder;
mod json;

pub use current::{Current, Snapshot, Stale};
pub use folder::{Loading, load};
