//! The project's own files.

use std::fs;
use std::process::Command;

#[test]
fn no_file_names_a_path_of_some_machine() {
    let listed = Command::new("git").args(["ls-files"]).output().unwrap();
    let files = String::from_utf8(listed.stdout).unwrap();
    assert!(files.lines().count() > 30);
    let place = format!("{}work{}", '/', '/');
    for file in files.lines() {
        let text = fs::read_to_string(file).unwrap_or_default();
        assert!(!text.contains(&place), "{file}");
    }
}
