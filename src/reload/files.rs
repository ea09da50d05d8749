//! The files of a rules folder, read within limits. Nothing outside the folder is opened, and nothing that is no ordinary file.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use crate::vocabulary::limits::{RULE_FILE_BYTES_MAX, RULE_FILES_MAX, RULE_SET_BYTES_MAX};
use crate::vocabulary::place::Place;
use crate::vocabulary::problem::{Problem, Problems};

/// What lies in a folder.
#[derive(Default)]
pub(super) struct Listing {
    /// The names of all files that count, read or not.
    pub names: Vec<String>,
    /// The files that could be read.
    pub files: Vec<Found>,
}

/// One file as it lies in the folder.
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

/// The rule files and schemas of a folder, sorted by name.
pub(super) fn collect(folder: &Path, problems: &mut Problems) -> Listing {
    let Ok(root) = folder.canonicalize() else {
        let message = format!("there is no folder `{}`", folder.display());
        problems.push(Problem::nowhere(message).help(
            "name the folder with the rules, or make it: `rulegate.yaml` and one file per table",
        ));
        return Listing::default();
    };
    let mut names = listed(folder, "", &["yaml", "yml"], problems);
    let schemas = folder.join("schemas");
    if schemas.is_dir() {
        if is_inside(&schemas, &root) {
            names.extend(listed(&schemas, "schemas/", &["json"], problems));
        } else {
            problems.push(outside(&schemas.display().to_string()));
        }
    }
    names.sort();
    if names.len() > RULE_FILES_MAX {
        let message = format!("the folder has more than {RULE_FILES_MAX} files");
        problems.push(Problem::nowhere(message).help("name a folder that holds rules only"));
    }
    let files = within_limits(folder, &root, &names, problems);
    Listing { names, files }
}

fn within_limits(
    folder: &Path,
    root: &Path,
    names: &[String],
    problems: &mut Problems,
) -> Vec<Found> {
    let mut left_bytes = RULE_SET_BYTES_MAX;
    let mut files = Vec::new();
    for name in names.iter().take(RULE_FILES_MAX) {
        let path = folder.join(name);
        let shown: Arc<str> = path.display().to_string().into();
        match read(&path, root, &shown) {
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

/// Reads one file. Looked at before it is opened: a pipe would keep us waiting.
fn read(path: &Path, root: &Path, shown: &str) -> Result<Vec<u8>, Problem> {
    let unreadable = |error: std::io::Error| {
        nowhere_in(shown, format!("the file cannot be read: {error}"))
            .help("look at its permissions")
    };
    let facts = fs::metadata(path).map_err(unreadable)?;
    if !is_inside(path, root) {
        return Err(outside(shown));
    }
    if !facts.is_file() {
        let what = if facts.is_dir() {
            "a folder"
        } else {
            "no ordinary file"
        };
        let problem = nowhere_in(shown, format!("this is {what}, and a file is expected"));
        return Err(problem.help("rename it or take it away"));
    }
    let mut bytes = Vec::new();
    let most = RULE_FILE_BYTES_MAX as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
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
