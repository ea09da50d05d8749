//! The rules in force: a folder loaded, compiled against the catalogue, behind one pointer.

mod current;
mod folder;

pub use current::{Current, Snapshot, Stale};
pub use folder::{Loading, load};
