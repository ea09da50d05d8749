//! The files of a rules folder, read within limits. Nothing outside the folder is opened, and nothing that is no ordinary file.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::vocabulary::limits::{RULE_FILE_BYTES_MAX, RULE_FILES_MAX, RULE_SET_BYTES_MAX};
use crate::vocabulary::place::Place;
use crate::vocabulary::problem::{Problem, Problems};

/// The link of a folder whose files are exchanged all at once, as Kubernetes does it with a `ConfigMap`: each file leads through it.
const EXCHANGED: &str = "..data";

/// What lay in a folder at one moment.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The names of all files that count, read or not.
    pub names: Vec<String>,
    /// The files that could be read.
    pub files: Vec<Found>,
    /// What could not be read, and why.
    pub problems: Problems,
}

/// One file as it lies in the folder.
#[derive(Debug)]
pub(super) struct Found {
    /// Its path below the folder, with `/`: `todos.yaml`, `schemas/todo.json`.
    pub name: String,
    /// The file as the author would type it.
    pub shown: Arc<str>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Found {
    /// Its text; a problem where it is not UTF-8.
    pub(super) fn text(&self) -> Result<&str, Problem> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let before = self.bytes.iter().take(error.valid_up_to());
            let line = before.filter(|byte| **byte == b'\n').count() + 1;
            let message = format!("the file is not UTF-8: line {line} has other bytes");
            nowhere_in(&self.shown, message).help("save it as UTF-8")
        })
    }
}

/// A problem of a file as a whole.
pub(super) fn nowhere_in(shown: &str, message: impl Into<String>) -> Problem {
    let place = Place {
        file: shown.into(),
        start: 0,
        end: 0,
    };
    Problem::error(place, message)
}

impl Reading {
    /// Reads the rule files and schemas of a folder, sorted by name.
    pub(super) fn of(folder: &Path) -> Self {
        let mut problems = Problems::default();
        let (names, files) = collect(folder, &mut problems);
        Self {
            names,
            files,
            problems,
        }
    }

    /// 12 hex digits that name the files. Each name and each content is preceded by its length, so that no two folders give one digest.
    pub(super) fn version(&self) -> Arc<str> {
        let start = self.digest().first_chunk().copied().unwrap_or_default();
        format!("{:012x}", u64::from_be_bytes(start) >> 16).into()
    }

    /// What two readings have in common where nothing changed between them: the files, and what was wrong with the others.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            digest: self.digest(),
            names: self.names.clone(),
            problems: self.problems.clone(),
        }
    }

    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for file in &self.files {
            for part in [file.name.as_bytes(), &file.bytes] {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part);
            }
        }
        digest.finalize().into()
    }
}

/// See [`Reading::fingerprint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    digest: [u8; 32],
    names: Vec<String>,
    problems: Problems,
}

fn collect(folder: &Path, problems: &mut Problems) -> (Vec<String>, Vec<Found>) {
    let Ok(root) = folder.canonicalize() else {
        let message = format!("there is no folder `{}`", folder.display());
        problems.push(Problem::nowhere(message).help(
            "name the folder with the rules, or have one made from a database: `rulegate init FOLDER --database URI`",
        ));
        return Default::default();
    };
    let source = match source(folder, &root) {
        Ok(source) => source,
        Err(problem) => {
            problems.push(problem);
            return Default::default();
        }
    };
    let mut names = listed(&source, "", &["yaml", "yml"], problems);
    let schemas = source.join("schemas");
    if schemas.is_dir() {
        if is_inside(&schemas, &root) {
            names.extend(listed(&schemas, "schemas/", &["json"], problems));
        } else {
            problems.push(outside(&folder.join("schemas").display().to_string()));
        }
    }
    names.sort();
    if names.len() > RULE_FILES_MAX {
        let message = format!("the folder has more than {RULE_FILES_MAX} files");
        problems.push(Problem::nowhere(message).help("name a folder that holds rules only"));
    }
    let place = Ground {
        shown: folder,
        source: &source,
        root: &root,
    };
    let files = within_limits(&place, &names, problems);
    (names, files)
}

/// Where the files are read: where `..data` leads, resolved once, so that all of them come from one state of the folder.
fn source(folder: &Path, root: &Path) -> Result<PathBuf, Problem> {
    let link = root.join(EXCHANGED);
    if fs::symlink_metadata(&link).is_err() {
        return Ok(folder.to_owned());
    }
    let shown = folder.join(EXCHANGED).display().to_string();
    match link.canonicalize() {
        Ok(source) if !source.starts_with(root) => Err(outside(&shown)),
        Ok(source) => Ok(source),
        Err(error) => Err(
            nowhere_in(&shown, format!("this link cannot be followed: {error}"))
                .help("point it to a folder beside it"),
        ),
    }
}

/// The folder as the author typed it, where its files are read, and what they may not lead out of.
struct Ground<'a> {
    shown: &'a Path,
    source: &'a Path,
    root: &'a Path,
}

fn within_limits(place: &Ground<'_>, names: &[String], problems: &mut Problems) -> Vec<Found> {
    let mut left_bytes = RULE_SET_BYTES_MAX;
    let mut files = Vec::new();
    for name in names.iter().take(RULE_FILES_MAX) {
        let shown: Arc<str> = place.shown.join(name).display().to_string().into();
        match read(&place.source.join(name), place.root, &shown) {
            Ok(bytes) if bytes.len() > left_bytes => {
                let message =
                    format!("the folder has more than {RULE_SET_BYTES_MAX} bytes of rules");
                problems.push(nowhere_in(&shown, message).help("take away what is not needed"));
                break;
            }
            Ok(bytes) => {
                left_bytes -= bytes.len();
                files.push(Found {
                    name: name.clone(),
                    shown,
                    bytes,
                });
            }
            Err(problem) => problems.push(problem),
        }
    }
    files
}

/// The names of a folder's files with one of these endings; hidden ones are left alone.
fn listed(folder: &Path, prefix: &str, endings: &[&str], problems: &mut Problems) -> Vec<String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("`{}` cannot be read: {error}", folder.display());
            problems.push(Problem::nowhere(message).help("name a folder that we may read"));
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let ending = path.extension().and_then(|ending| ending.to_str());
        if !ending.is_some_and(|ending| endings.contains(&ending)) {
            continue;
        }
        match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if name.starts_with('.') => {}
            Some(name) => names.push(format!("{prefix}{name}")),
            None => {
                let message = format!("the name of `{}` is not UTF-8", path.display());
                problems.push(Problem::nowhere(message).help("rename the file"));
            }
        }
    }
    names
}

fn is_inside(path: &Path, root: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path.starts_with(root))
}

fn outside(shown: &str) -> Problem {
    nowhere_in(shown, "this link leads out of the rules folder")
        .help("put what it leads to into the folder")
}

/// Reads one file. It is looked at before it is opened, and once more after that: a pipe would keep us waiting, and files are exchanged meanwhile.
fn read(path: &Path, root: &Path, shown: &str) -> Result<Vec<u8>, Problem> {
    let unreadable = |error: std::io::Error| {
        nowhere_in(shown, format!("the file cannot be read: {error}"))
            .help("look at its permissions")
    };
    let real = path.canonicalize().map_err(unreadable)?;
    if !real.starts_with(root) {
        return Err(outside(shown));
    }
    refuse_special(&fs::metadata(&real).map_err(unreadable)?, shown)?;
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
        .open(&real)
        .map_err(unreadable)?;
    refuse_special(&file.metadata().map_err(unreadable)?, shown)?;
    let mut bytes = Vec::new();
    let most = RULE_FILE_BYTES_MAX as u64 + 1;
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > RULE_FILE_BYTES_MAX {
        let problem = nowhere_in(
            shown,
            format!("the file is longer than {RULE_FILE_BYTES_MAX} bytes"),
        );
        return Err(problem.help("split it: one file per table"));
    }
    Ok(bytes)
}

fn refuse_special(facts: &fs::Metadata, shown: &str) -> Result<(), Problem> {
    if facts.is_file() {
        return Ok(());
    }
    let what = if facts.is_dir() {
        "a folder"
    } else {
        "no ordinary file"
    };
    let problem = nowhere_in(shown, format!("this is {what}, and a file is expected"));
    Err(problem.help("rename it or take it away"))
}
