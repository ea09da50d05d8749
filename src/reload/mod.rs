//! The rules in force: a folder watched, loaded, compiled against the catalogue, behind one pointer.

mod change;
mod current;
mod edition;
mod files;
mod folder;
mod guarded;
mod json;
mod looks;
mod reloader;
mod snapshot;
mod thread;
mod watch;

pub use current::{Current, Stale};
pub use edition::Edition;
pub use folder::{Loading, load};
pub use guarded::Closed;
pub use looks::{Failing, Looks, Standing, Swapped};
pub use reloader::{Patience, Reloader, Variables};
pub use snapshot::Snapshot;
