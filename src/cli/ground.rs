//! Where the private Postgres keeps its data, and who runs it: it refuses root.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::cli::home::Home;
use crate::cli::say::note;
use crate::cli::trouble::Trouble;

/// Where the data goes if the server's user cannot enter the folder we are in.
const ELSEWHERE: &str = "/var/lib/rulegate";

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// A folder for the data, and who runs its server; `None` is we ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The folder; it may not be there yet.
    pub data: PathBuf,
    /// Who owns and runs it, where that is somebody else.
    pub owner: Option<Owner>,
}

impl Ground {
    /// The one that `link` leads to, or else the one for new data.
    pub fn find(home: &Home, link: &Path) -> Result<Self, Trouble> {
        let us = user()?;
        match fs::symlink_metadata(link) {
            Ok(_) => existing(link, us),
            Err(_) => fresh(home, link, us),
        }
    }
}

/// Data of an earlier run, run by whom it belongs to.
fn existing(link: &Path, us: Owner) -> Result<Ground, Trouble> {
    let data = fs::canonicalize(link).map_err(|_| {
        Trouble::unable(format!(
            "the data that {0} leads to is gone: delete {0}, and the next start makes a new database",
            link.display()
        ))
    })?;
    let facts = fs::metadata(&data).map_err(|error| Trouble::at(&data, &error))?;
    let owner = Owner {
        uid: facts.uid(),
        gid: facts.gid(),
    };
    if owner.uid == us.uid && us.uid != 0 {
        return Ok(Ground { data, owner: None });
    }
    if us.uid == 0 && owner.uid != 0 {
        return Ok(Ground {
            data,
            owner: Some(owner),
        });
    }
    Err(Trouble::unable(format!(
        "the data in {} belongs to user {}, who alone can start it: run as that user, or delete it",
        link.display(),
        owner.uid
    )))
}

/// Where new data goes, and who will run it.
fn fresh(home: &Home, link: &Path, us: Owner) -> Result<Ground, Trouble> {
    let here = absolute(link)?;
    if us.uid != 0 {
        return Ok(Ground {
            data: here,
            owner: None,
        });
    }
    let owner = servant()?;
    if is_open_to(&here, owner) {
        return Ok(Ground {
            data: here,
            owner: Some(owner),
        });
    }
    let home = absolute(home.folder())?;
    let digest = Sha256::digest(home.as_os_str().as_encoded_bytes());
    let name = digest.iter().take(6).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let there = Path::new(ELSEWHERE).join(name).join("pg");
    note(&format!(
        "{} is closed to the user who has to run Postgres (it refuses root), so the data goes to {}",
        home.display(),
        there.display()
    ));
    Ok(Ground {
        data: there,
        owner: Some(owner),
    })
}

/// The path without links and dots; its last part need not be there.
fn absolute(path: &Path) -> Result<PathBuf, Trouble> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = fs::canonicalize(parent.unwrap_or(Path::new(".")))
        .map_err(|error| Trouble::at(path, &error))?;
    Ok(path
        .file_name()
        .map_or(parent.clone(), |name| parent.join(name)))
}

/// Whether a user can enter every folder above a path.
fn is_open_to(path: &Path, owner: Owner) -> bool {
    path.ancestors().skip(1).all(|folder| {
        fs::metadata(folder).is_ok_and(|facts| {
            let shift = match (facts.uid() == owner.uid, facts.gid() == owner.gid) {
                (true, _) => 6,
                (_, true) => 3,
                _ => 0,
            };
            facts.mode() >> shift & 1 == 1
        })
    })
}

/// Who we are.
fn user() -> Result<Owner, Trouble> {
    let ask = |flag: &str| {
        let output = Command::new("id").arg(flag).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    ask("-u")
        .zip(ask("-g"))
        .map(|(uid, gid)| Owner { uid, gid })
        .ok_or_else(|| Trouble::unable("`id -u` does not say who runs this"))
}

/// Who runs Postgres for root.
fn servant() -> Result<Owner, Trouble> {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "_postgres", "nobody"]
        .iter()
        .find_map(|name| account(&accounts, name))
        .ok_or_else(|| {
            Trouble::unable(
                "Postgres refuses root, and there is no user `postgres` or `nobody` to run it: run this as an ordinary user",
            )
        })
}

/// The line of a user in the form of /etc/passwd.
fn account(accounts: &str, name: &str) -> Option<Owner> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let mut number = |skip| fields.nth(skip)?.parse().ok();
        Some(Owner {
            uid: number(1)?,
            gid: number(0)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let accounts = "postgresql:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/var/lib:/bin/bash\n";
        let found = account(accounts, "postgres");
        assert_eq!(found, Some(Owner { uid: 101, gid: 104 }));
        assert_eq!(account(accounts, "nobody"), None);
    }
}
