//! `.rulegate`: what `rulegate dev` keeps between two runs, in the folder it is started in.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::auth::development::SigningKey;
use crate::cli::trouble::Trouble;

const FOLDER: &str = ".rulegate";

/// The folder, which is there.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// The one of the current folder, if `rulegate dev` or `rulegate token` has been here.
    pub fn existing() -> Option<Self> {
        let folder = Path::new(FOLDER);
        folder.is_dir().then(|| Self(folder.to_owned()))
    }

    /// The one of the current folder, made where there is none.
    pub fn open() -> Result<Self, Trouble> {
        Self::at(Path::new(FOLDER))
    }

    pub(super) fn at(folder: &Path) -> Result<Self, Trouble> {
        let home = Self(folder.to_owned());
        home.make()
            .map(|()| home)
            .map_err(|error| Trouble::unable(format!("{}: {error}", folder.display())))
    }

    fn make(&self) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        // Keys and data never belong into somebody's repository.
        let ignore = self.0.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n")?;
        }
        Ok(())
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Held while `rulegate dev` runs: two of them would stop each other's database.
    pub fn lock(&self) -> Result<File, Trouble> {
        let path = self.0.join("lock");
        let unable = |error: io::Error| Trouble::unable(format!("{}: {error}", path.display()));
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(unable)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Trouble::unable(
                "another `rulegate dev` runs in this folder: stop it first, or start this one elsewhere",
            )),
            Err(TryLockError::Error(error)) => Err(unable(error)),
        }
    }

    /// The key that signs development tokens, and whether it was made now.
    pub fn key(&self) -> Result<(SigningKey, bool), Trouble> {
        let path = self.key_path();
        match fs::read_to_string(&path) {
            Ok(pem) => SigningKey::from_pem(&pem)
                .map(|key| (key, false))
                .map_err(|error| {
                    Trouble::unable(format!(
                        "{}: {error}; delete it, and the next start makes a new one",
                        path.display()
                    ))
                }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key =
                    SigningKey::generate().map_err(|error| Trouble::unable(error.to_string()))?;
                self.keep_key(&path, key.pem())?;
                Ok((key, true))
            }
            Err(error) => Err(Trouble::unable(format!("{}: {error}", path.display()))),
        }
    }

    /// Where it is kept.
    pub fn key_path(&self) -> PathBuf {
        self.0.join("keys").join("development.pem")
    }

    fn keep_key(&self, path: &Path, pem: &str) -> Result<(), Trouble> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.0.join("keys"))
            .and_then(|()| write_private(path, pem))
            .map_err(|error| Trouble::unable(format!("{}: {error}", path.display())))
    }

    /// The database that the last `rulegate dev` started.
    pub fn database_uri(&self) -> Option<String> {
        let text = fs::read_to_string(self.database_uri_path()).ok()?;
        Some(text.trim().to_owned())
    }

    /// Where its URI is kept, for `psql` and `rulegate check`.
    pub fn database_uri_path(&self) -> PathBuf {
        self.0.join("database-uri")
    }

    /// Keeps it; it holds a password.
    pub fn keep_database_uri(&self, uri: &str) -> Result<(), Trouble> {
        let path = self.database_uri_path();
        write_private(&path, &format!("{uri}\n"))
            .map_err(|error| Trouble::unable(format!("{}: {error}", path.display())))
    }
}

/// Writes a file that only its owner reads, whole or not at all.
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    // What a killed run left behind may have other permissions.
    if let Err(error) = fs::remove_file(&draft)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(draft, path)
}
