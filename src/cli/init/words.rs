//! Names of a database as words of YAML, of a comment, of an expression, and as names of files.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::rules::CEL_WORDS;

/// What YAML, or some reader of it, takes for something else than text.
const OTHER_MEANINGS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// A name as a key or value of YAML, in a list or map on one line too.
pub fn yaml(name: &str) -> String {
    let is_other = OTHER_MEANINGS.contains(&name.to_ascii_lowercase().as_str());
    if is_plain(name) && !is_other {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A name as it stands in a comment: no character of it ends the line.
pub fn remark(name: &str) -> String {
    let is_quiet = |c: char| {
        c.is_alphanumeric()
            || ["_", "-", ".", " "]
                .iter()
                .any(|quiet| quiet.starts_with(c))
    };
    if name.chars().all(is_quiet) && !name.is_empty() {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// Letters, digits and underscores, no digit first.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// YAML reads JSON's strings; what it would not print it wants escaped.
fn quoted(name: &str) -> String {
    let text = Value::from(name).to_string();
    text.chars().map(shown).collect()
}

fn shown(c: char) -> String {
    if c.is_control() || ['\u{2028}', '\u{2029}', '\u{feff}'].contains(&c) {
        format!("\\u{:04x}", u32::from(c))
    } else {
        c.to_string()
    }
}

/// A name for a member that no column and no other member has, and that an expression can spell.
pub fn free(wish: &str, taken: &BTreeSet<String>) -> String {
    let mut name = spelled(wish);
    if CEL_WORDS.contains(&name.as_str()) || taken.contains(&name) {
        name.push_str("_row");
    }
    numbered(&name, "_", |name| !taken.contains(name))
}

/// A name for a file that no other one has, also where capitals do not count.
pub fn file(wish: &str, taken: &BTreeSet<String>) -> String {
    let stem: String = spelled(wish).chars().take(100).collect();
    let is_free = |stem: &str| {
        let name = format!("{}.yaml", stem.to_ascii_lowercase());
        name != "rulegate.yaml" && !taken.contains(&name)
    };
    format!("{}.yaml", numbered(&stem, "-", is_free))
}

/// The name, or the name with the first number with which it is free.
pub fn numbered(name: &str, between: &str, is_free: impl Fn(&str) -> bool) -> String {
    std::iter::once(name.to_owned())
        .chain((2_u32..=u32::MAX).map(|number| format!("{name}{between}{number}")))
        .find(|name| is_free(name))
        .unwrap_or_default()
}

/// Letters, digits and underscores of a name.
fn spelled(name: &str) -> String {
    let mut text: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text
}
