//! A rules folder whose two tables write the number of their edition into each row.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::gateway::load;

pub const SCHEMA: &str = "
CREATE TABLE apples (id uuid PRIMARY KEY, n int, edition int NOT NULL);
CREATE TABLE pears (id uuid PRIMARY KEY, n int, edition int NOT NULL);";

const PROJECT: &str = "
version: 1
client_auth: { jwks_uri: !env JWKS_URI, audience: [powersync] }
";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of rules below a folder of its own, gone when the test is.
pub struct Folder {
    pub home: PathBuf,
    pub rules: PathBuf,
    /// The editions of apples and pears that a version stands for, of every state that the folder was ever meant to be in.
    states: RefCell<BTreeMap<String, (u32, u32)>>,
    now: Cell<(u32, u32)>,
}

/// The rules of one table in one edition. What comes last is required: a torn file does not load.
pub fn table(name: &str, edition: u32) -> String {
    let filler = "# a comment that makes the file longer than one write of it\n".repeat(20);
    format!(
        "version: 1\ntable: {name}\ncolumns: {{ n: }}\n{filler}presets:\n  create: {{ edition: \"{edition}\" }}\nallow:\n  create: \"true\"\npublic_reason: it is a test\n"
    )
}

impl Folder {
    pub fn new(name: &str) -> Self {
        let folder = Self::empty(name);
        fs::create_dir_all(&folder.rules).unwrap();
        folder.write("rulegate.yaml", PROJECT);
        folder.edit(1, 1);
        folder
    }

    /// One whose files all lead through a `..data` link.
    pub fn exchanged(name: &str) -> Self {
        let folder = Self::empty(name);
        fs::create_dir_all(&folder.rules).unwrap();
        folder.exchange(1);
        for file in ["rulegate.yaml", "apples.yaml", "pears.yaml"] {
            let to = Path::new("..data").join(file);
            std::os::unix::fs::symlink(to, folder.rules.join(file)).unwrap();
        }
        folder
    }

    fn empty(name: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!(
            "rulegate-reload-{name}-{}-{number}",
            std::process::id()
        ));
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        Self {
            rules: home.join("rules"),
            home,
            states: RefCell::default(),
            now: Cell::new((1, 1)),
        }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.rules.join(file)
    }

    pub fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(file), text).unwrap();
    }

    /// Brings both tables to these editions, one file after the other. The version of the last state.
    pub fn edit(&self, apples: u32, pears: u32) -> String {
        self.mean(apples, self.now.get().1);
        self.write("apples.yaml", table("apples", apples));
        let version = self.mean(apples, pears);
        self.write("pears.yaml", table("pears", pears));
        version
    }

    /// Notes that the folder is about to be in a state; its version.
    pub fn mean(&self, apples: u32, pears: u32) -> String {
        let scratch = self.home.join("scratch");
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch).unwrap();
        for (file, text) in texts(apples, pears) {
            fs::write(scratch.join(file), text).unwrap();
        }
        let version = load(&scratch, "postgres://nobody@localhost/none")
            .version
            .to_string();
        let mut states = self.states.borrow_mut();
        states.insert(version.clone(), (apples, pears));
        self.now.set((apples, pears));
        version
    }

    /// Exchanges all files at once, as Kubernetes does; the old ones go. The version.
    pub fn exchange(&self, edition: u32) -> String {
        let version = self.mean(edition, edition);
        let link = self.path("..data");
        let old = fs::read_link(&link).ok();
        let target = format!("..edition-{edition}");
        fs::create_dir(self.path(&target)).unwrap();
        for (file, text) in texts(edition, edition) {
            fs::write(self.path(&target).join(file), text).unwrap();
        }
        let next = self.path("..data_tmp");
        std::os::unix::fs::symlink(&target, &next).unwrap();
        fs::rename(&next, &link).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(self.rules.join(old)).unwrap();
        }
        version
    }

    /// The editions that a version stands for.
    pub fn state(&self, version: &str) -> (u32, u32) {
        let states = self.states.borrow();
        *states
            .get(version)
            .unwrap_or_else(|| panic!("{version} was never meant: {states:?}"))
    }

    /// The version of the state it is meant to be in.
    pub fn version(&self) -> String {
        let (apples, pears) = self.now.get();
        self.mean(apples, pears)
    }
}

fn texts(apples: u32, pears: u32) -> [(&'static str, String); 3] {
    [
        ("rulegate.yaml", PROJECT.to_owned()),
        ("apples.yaml", table("apples", apples)),
        ("pears.yaml", table("pears", pears)),
    ]
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}
