//! [`Watch`]: told by the operating system that something happened in a folder. What it was does not matter: it means "look again".

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use crate::observe::{Event, tell};

/// Watches directories, never files: a watch on a file ends at the first save of an editor that renames.
pub(super) struct Watch {
    woken: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    covered: Vec<Directory>,
    has_complained: bool,
}

/// A directory, and which one it is: another may come to stand at its path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Directory {
    path: PathBuf,
    device: u64,
    inode: u64,
    born: Option<SystemTime>,
}

impl Watch {
    /// Watches nothing yet. Where the system has no watches to give, it never wakes, and the poll has to do.
    pub(super) fn new() -> Self {
        let woken = Arc::new(Notify::new());
        let waking = woken.clone();
        let heard = move |event: notify::Result<notify::Event>| {
            // An error can mean that events were lost.
            if event.map_or(true, |event| is_change(event.kind)) {
                waking.notify_one();
            }
        };
        let mut watch = Self {
            woken,
            watcher: None,
            covered: Vec::new(),
            has_complained: false,
        };
        match notify::recommended_watcher(heard) {
            Ok(watcher) => watch.watcher = Some(watcher),
            Err(error) => watch.complain(&error),
        }
        watch
    }

    /// Watches the directories of a rules folder as they are now.
    pub(super) fn cover(&mut self, folder: &Path) {
        let wanted = directories(folder);
        if wanted == self.covered {
            return;
        }
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for directory in self.covered.drain(..) {
            // It may be gone, and its watch with it.
            let _ = watcher.unwatch(&directory.path);
        }
        let mut failure = None;
        for directory in wanted {
            match watcher.watch(&directory.path, RecursiveMode::NonRecursive) {
                Ok(()) => self.covered.push(directory),
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            self.complain(&error);
        }
    }

    /// Waits until something happened since the last time this ended.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    fn complain(&mut self, error: &notify::Error) {
        if !std::mem::replace(&mut self.has_complained, true) {
            tell(&Event::Warning(&format!(
                "the rules folder cannot be watched, so edits are seen a few seconds later: {error}"
            )));
        }
    }
}

/// Reading a file is no change: a look must not cause the next one.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// The folder, its schemas, and where a `..data` link leads.
fn directories(folder: &Path) -> Vec<Directory> {
    let mut paths = vec![folder.to_owned(), folder.join("schemas")];
    if let Ok(exchanged) = folder.join("..data").canonicalize() {
        paths.push(exchanged.join("schemas"));
        paths.push(exchanged);
    }
    paths.into_iter().filter_map(directory).collect()
}

fn directory(path: PathBuf) -> Option<Directory> {
    let facts = fs::metadata(&path).ok().filter(fs::Metadata::is_dir)?;
    Some(Directory {
        path,
        device: facts.dev(),
        inode: facts.ino(),
        born: facts.created().ok(),
    })
}
