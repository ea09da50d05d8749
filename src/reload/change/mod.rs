//! What an edit of the rules changed, in words: what an author reads in the terminal a moment after saving.

mod table;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;

use crate::document::{self, Node};
use crate::reload::edition::Edition;
use crate::reload::snapshot::Snapshot;
use crate::settings::is_live;

/// Changes that are listed one by one.
const LISTED_MAX: usize = 40;

/// What is different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// One line each: `lists: column `name` now immutable`.
    pub plain: Vec<String>,
    /// What an operator has to look at: a guard that went, a setting that waits for a restart.
    pub warnings: Vec<String>,
}

impl Changes {
    /// All lines, the weightier first.
    pub(super) fn words(&self) -> Vec<String> {
        self.warnings.iter().chain(&self.plain).cloned().collect()
    }
}

/// What differs between what was in force and what is.
pub(super) fn between(before: Option<&Snapshot>, after: &Snapshot) -> Changes {
    let Some(before) = before else {
        return Changes::default();
    };
    let (old, new) = (&before.edition, &after.edition);
    let mut changes = editions(old, new);
    guards(before, after, &mut changes);
    let closed = after.closed.iter();
    let closed = closed.filter(|(table, _)| !before.closed.contains_key(*table));
    changes
        .warnings
        .extend(closed.map(|(_, reason)| reason.clone()));
    let opened = before.closed.keys();
    let opened = opened.filter(|table| !after.closed.contains_key(*table));
    changes
        .plain
        .extend(opened.map(|table| format!("{table}: no longer closed")));
    let length = changes.plain.len();
    if length > LISTED_MAX {
        changes.plain.truncate(LISTED_MAX);
        changes
            .plain
            .push(format!("and {} more changes", length - LISTED_MAX));
    }
    if old.version != new.version && changes == Changes::default() {
        let nothing = "nothing but layout and comments changed".to_owned();
        changes.plain.push(nothing);
    }
    changes
}

/// What differs in the files.
fn editions(old: &Edition, new: &Edition) -> Changes {
    let mut changes = Changes::default();
    let (before, after) = (trees(old), trees(new));
    for (name, tree) in &after {
        match before.get(name) {
            None => changes.plain.push(table::new(name, tree)),
            Some(old) => changes.plain.extend(table::changed(name, old, tree)),
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        changes.plain.push(format!(
            "{name}: no longer open to uploads, its rules are gone"
        ));
    }
    project(old, new, &mut changes);
    schemas(old, new, &mut changes);
    settings(old, new, &mut changes);
    changes
}

/// The file of each table, by the app's name.
fn trees(edition: &Edition) -> BTreeMap<&str, Node> {
    let tables = edition.rules.tables.iter();
    tables
        .filter_map(|rules| {
            let text = edition.text_around(&rules.place)?;
            let tree = document::parse(&rules.place.file, text).0?;
            Some((rules.table.node.as_str(), tree))
        })
        .collect()
}

/// What of rulegate.yaml is neither a setting nor told table by table.
fn project(old: &Edition, new: &Edition, changes: &mut Changes) {
    let (before, after) = (project_tree(old), project_tree(new));
    let at = |tree: &Option<Node>, path: &[&str]| {
        let mut node = tree.as_ref();
        for name in path {
            node = node.and_then(|node| tree::member(node, name));
        }
        node.map(Node::to_json)
    };
    let rows: [(&[&str], &str); 3] = [
        (&["guards"], "`guards` changed"),
        (&["client_auth", "claims"], "the claims' schema changed"),
        (&["require_guard"], "`require_guard` changed"),
    ];
    for (path, words) in rows {
        if at(&before, path) != at(&after, path) {
            changes.plain.push(format!("rulegate.yaml: {words}"));
        }
    }
}

fn project_tree(edition: &Edition) -> Option<Node> {
    let (file, text) = edition
        .sources
        .0
        .iter()
        .find(|(file, _)| file.ends_with("rulegate.yaml"))?;
    document::parse(file, text).0
}

fn schemas(old: &Edition, new: &Edition, changes: &mut Changes) {
    let of = |edition: &Edition| -> BTreeMap<String, serde_json::Value> {
        let schemas = edition.rules.schemas.iter();
        schemas
            .map(|(path, schema)| (path.clone(), schema.value.clone()))
            .collect()
    };
    let (before, after) = (of(old), of(new));
    for (path, schema) in &after {
        match before.get(path) {
            None => changes.plain.push(format!("{path}: new schema")),
            Some(old) if old != schema => changes.plain.push(format!("{path}: changed")),
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    changes
        .plain
        .extend(gone.map(|path| format!("{path}: gone")));
}

fn settings(old: &Edition, new: &Edition, changes: &mut Changes) {
    for name in differing(old, new) {
        let line = new.lines.iter().find(|line| line.name == name);
        let value = line.map_or("", |line| &line.value);
        if is_live(&name) {
            changes.plain.push(format!("`{name}` now `{value}`"));
        } else {
            changes.warnings.push(format!(
                "`{name}` changed to `{value}` in the files: that needs a restart"
            ));
        }
    }
}

/// The settings that differ, secrets included, which print alike.
pub(super) fn differing(old: &Edition, new: &Edition) -> Vec<String> {
    let value = |edition: &Edition, name: &str| {
        let settings = edition.settings.as_ref();
        match name {
            "database.uri" => {
                let uri = settings.and_then(|settings| settings.database.uri.clone());
                uri.map(|uri| uri.reveal().to_owned())
            }
            "client_auth.jwks" => {
                let keys = settings.and_then(|settings| settings.client_auth.jwks.clone());
                keys.map(|keys| keys.node.to_string())
            }
            _ => {
                let line = edition.lines.iter().find(|line| line.name == name);
                line.map(|line| line.value.clone())
            }
        }
    };
    let names = new.lines.iter().map(|line| &line.name);
    names
        .filter(|name| value(old, name) != value(new, name))
        .cloned()
        .collect()
}

/// The guards that a table lost or got, table by table. A table whose guards come from the database's change alone is told as closed.
fn guards(before: &Snapshot, after: &Snapshot, changes: &mut Changes) {
    let old = before.guarded.shown(&before.edition);
    let new = after.guarded.shown(&after.edition);
    for (table, guards) in &new {
        let Some(known) = old.get(table) else {
            continue;
        };
        for guard in known.difference(guards) {
            changes.warnings.push(format!(
                "{table}: guard `{guard}` of rulegate.yaml no longer covers it"
            ));
        }
        for guard in guards.difference(known) {
            changes
                .plain
                .push(format!("{table}: now guarded by `{guard}`"));
        }
    }
}
