//! Postgres as it is installed on this machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::trouble::Trouble;

/// One installation: a folder with the server's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The folder.
    pub bin: PathBuf,
    /// Its major version; data made by one is not read by another.
    pub major: u32,
}

/// All that are found, the one to take first: PATH, Debian's newest first, Homebrew's, and the one that `scripts/postgres` fetches.
pub fn find(home: &Path) -> Vec<Installation> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders(&path, home)
        .into_iter()
        .filter_map(|bin| Installation::at(&bin))
        .collect()
}

/// Where to look, in order.
fn folders(path: &OsStr, home: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(path)
        // Where PATH has links to the programs, what they need besides lies where the links lead.
        .filter_map(|folder| fs::canonicalize(folder.join("initdb")).ok())
        .filter_map(|program| program.parent().map(Path::to_owned))
        .collect();
    for (root, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
    ] {
        folders.extend(versions(Path::new(root), prefix));
    }
    folders.push(home.join("postgres").join("bin"));
    let mut seen = Vec::new();
    for folder in folders {
        if !seen.contains(&folder) {
            seen.push(folder);
        }
    }
    seen
}

/// The `bin` folders of a root that has one folder a version, newest first.
fn versions(root: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.trim_start_matches('@');
            Some((leading_number(version).unwrap_or_default(), entry.path()))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found
        .into_iter()
        .map(|(_, folder)| folder.join("bin"))
        .collect()
}

impl Installation {
    fn at(bin: &Path) -> Option<Self> {
        let complete = ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|program| bin.join(program).is_file());
        if !complete {
            return None;
        }
        let output = Command::new(bin.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let major = major(&String::from_utf8_lossy(&output.stdout))?;
        // The folder has to mean the same for whoever runs it from another folder.
        let bin = fs::canonicalize(bin).ok()?;
        Some(Self { bin, major })
    }
}

/// `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` → 15
fn major(text: &str) -> Option<u32> {
    text.split_whitespace().find_map(leading_number)
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// The installation that reads the data, or the first one for data that is not there yet.
pub fn fitting<'a>(
    installations: &'a [Installation],
    data: &Path,
    link: &Path,
) -> Result<&'a Installation, Trouble> {
    let first = installations
        .first()
        .ok_or_else(|| Trouble::unable(NO_DATABASE))?;
    let Ok(version) = fs::read_to_string(data.join("PG_VERSION")) else {
        return Ok(first);
    };
    let version = version.trim();
    installations
        .iter()
        .find(|installation| installation.major.to_string() == version)
        .ok_or_else(|| {
            Trouble::unable(format!(
                "the data in {0} was made by Postgres {version}, and here is {1}: install {version}, or delete {0} to start afresh",
                link.display(),
                first.major
            ))
        })
}

const NO_DATABASE: &str = "\
there is no database, and no Postgres on this machine to start one. Any of these helps:
  rulegate dev --database postgres://user:password@host/name     a database of yours
  sudo apt-get install postgresql                                Debian, Ubuntu
  brew install postgresql                                        macOS
  ./scripts/postgres                                             in a clone of the project: a private copy, without root
then start `rulegate dev` again";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_first_number() {
        for (text, wanted) in [
            (
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n",
                Some(15),
            ),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("something else", None),
        ] {
            assert_eq!(major(text), wanted, "{text}");
        }
    }

    #[test]
    fn the_newest_of_several_versions_comes_first() {
        let root = std::env::temp_dir().join(format!("rulegate-versions-{}", std::process::id()));
        for name in ["postgresql@9", "postgresql@16", "postgresql", "other@99"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        let found = versions(&root, "postgresql");
        fs::remove_dir_all(&root).unwrap();
        let names = ["postgresql@16", "postgresql@9", "postgresql"];
        assert_eq!(found, names.map(|name| root.join(name).join("bin")));
    }

    #[test]
    fn data_of_another_version_is_not_started() {
        let data = std::env::temp_dir().join(format!("rulegate-data-{}", std::process::id()));
        fs::create_dir_all(&data).unwrap();
        let here = [18, 15].map(|major| Installation {
            bin: format!("/pg/{major}").into(),
            major,
        });
        let link = Path::new(".rulegate/pg");
        assert_eq!(fitting(&here, &data, link).unwrap().major, 18);
        fs::write(data.join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(fitting(&here, &data, link).unwrap().major, 15);
        fs::write(data.join("PG_VERSION"), "12\n").unwrap();
        let refused = format!("{:?}", fitting(&here, &data, link));
        fs::remove_dir_all(&data).unwrap();
        assert!(refused.contains("made by Postgres 12"), "{refused}");
        assert!(fitting(&[], &data, link).is_err());
    }
}
