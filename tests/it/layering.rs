//! The rooms import only what the table of `docs/ARCHITECTURE.md` lets them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms it may import, in the order of the table.
fn table() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string("docs/ARCHITECTURE.md").unwrap();
    text.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let may = cells[3]
                .split(", ")
                .filter(|room| *room != "–")
                .map(ToOwned::to_owned)
                .collect();
            (cells[1].trim_matches('`').to_owned(), may)
        })
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The room a file belongs to; `None` for the library's root and the binary.
fn room(path: &Path) -> Option<String> {
    let inside = path.strip_prefix("src").unwrap();
    let first = inside
        .components()
        .next()?
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    (inside.components().count() > 1).then_some(first)
}

/// The rooms that a line names with `crate::`.
fn named(line: &str) -> Vec<String> {
    line.match_indices("crate::")
        .map(|(at, found)| {
            line[at + found.len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .collect()
}

#[test]
fn a_room_imports_only_what_its_row_names() {
    let table = table();
    let rows: BTreeMap<&str, &Vec<String>> = table
        .iter()
        .map(|(room, may)| (room.as_str(), may))
        .collect();
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    assert!(files.len() > 20);
    for path in files {
        let Some(room) = room(&path) else { continue };
        let may = rows
            .get(room.as_str())
            .unwrap_or_else(|| panic!("{} stands in no room of the table", path.display()));
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            for other in named(line) {
                assert!(
                    other == room || may.contains(&other),
                    "{}:{}: `{room}` may not import `{other}`",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn a_row_names_only_rooms_above_it() {
    let table = table();
    for (position, (room, may)) in table.iter().enumerate() {
        for other in may {
            assert!(
                table[..position].iter().any(|(above, _)| above == other),
                "`{room}` names `{other}`"
            );
        }
    }
}

#[test]
fn each_crate_lives_in_its_room() {
    let homes: [(&str, &[&str]); 15] = [
        ("tokio_postgres", &["driver"]),
        ("deadpool_postgres", &["driver"]),
        ("jsonschema", &["schema"]),
        ("jsonwebtoken", &["auth"]),
        ("cel", &["expr"]),
        ("jiff", &["expr"]),
        ("saphyr_parser", &["document"]),
        ("hyper", &["serve", "admin"]),
        ("hyper_util", &["serve"]),
        ("clap", &["cli"]),
        ("tracing", &["observe"]),
        ("metrics", &["observe"]),
        ("notify", &["reload"]),
        ("libc", &["reload"]),
        ("arc_swap", &["reload", "serve"]),
    ];
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        for (name, rooms) in homes {
            let uses =
                text.contains(&format!("use {name}::")) || text.contains(&format!(" {name}::"));
            assert!(
                !uses || room(&path).is_some_and(|room| rooms.contains(&room.as_str())),
                "{} uses {name}",
                path.display()
            );
        }
    }
}
