//! `rulegate schema`: JSON Schemas of the files of a rules folder, for editors.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cli::arguments::{File, Schemas};
use crate::cli::say::say;
use crate::cli::trouble::Trouble;
use crate::document::editor;
use crate::rules;
use crate::settings;

/// Where the schemas of a rules folder lie in it. Whoever loads the rules leaves hidden folders alone.
pub const FOLDER: &str = ".schema";

/// The file of each schema.
const FILES: [(File, &str); 2] = [
    (File::Rules, "table.json"),
    (File::Settings, "rulegate.json"),
];

/// Prints one, or writes both.
pub fn run(arguments: &Schemas) -> Result<(), Trouble> {
    let Some(folder) = &arguments.write else {
        say(&text(arguments.file));
        return Ok(());
    };
    fs::create_dir_all(folder).map_err(|error| Trouble::at(folder, &error))?;
    for (name, text) in files() {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| Trouble::at(&path, &error))?;
        say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// Both files with their texts.
pub fn files() -> [(&'static str, String); 2] {
    FILES.map(|(file, name)| (name, text(file)))
}

/// The line at the top of a file that makes editors find its schema.
pub fn line(file: File) -> String {
    let name = match file {
        File::Rules => "table.json",
        File::Settings => "rulegate.json",
    };
    let path = Path::new(FOLDER).join(name);
    format!("# yaml-language-server: $schema={}\n", path.display())
}

/// The schema as text.
pub fn text(file: File) -> String {
    format!("{:#}\n", schema(file))
}

/// The schema.
pub fn schema(file: File) -> Value {
    match file {
        File::Rules => editor::schema("Rulegate: rules of a table", &rules::keys::TABLE),
        File::Settings => editor::schema("Rulegate: rulegate.yaml", &settings::keys::FILE),
    }
}
