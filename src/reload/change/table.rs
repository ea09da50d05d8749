//! What differs in the file of one table.

use std::collections::BTreeSet;
use std::fmt;

use crate::document::Node;
use crate::reload::change::tree::{Step, entries, is_same, items, line, member, steps};
use crate::vocabulary::operation::Op;

/// A table that was not there.
pub(super) fn new(name: &str, tree: &Node) -> String {
    let allow = member(tree, "allow");
    let ops: Vec<&str> = Op::ALL
        .into_iter()
        .filter(|op| !grants(allow, *op).is_empty())
        .map(Op::as_str)
        .collect();
    match ops.as_slice() {
        [] => format!("{name}: new table, nothing allowed"),
        ops => format!("{name}: new table, {} allowed to some", ops.join(", ")),
    }
}

/// What differs, one line each.
pub(super) fn changed(name: &str, old: &Node, new: &Node) -> Vec<String> {
    let pair = |key| (member(old, key), member(new, key));
    let mut words = Vec::new();
    allow(pair("allow"), &mut words);
    columns(pair("columns"), &mut words);
    ignored(pair("ignore"), &mut words);
    presets(pair("presets"), &mut words);
    named("computed", pair("computed"), &mut words);
    named("relation", pair("relations"), &mut words);
    checks(pair("check"), &mut words);
    guard(pair("guard"), &mut words);
    let told = [
        "allow",
        "columns",
        "ignore",
        "presets",
        "computed",
        "relations",
        "check",
        "guard",
    ];
    let rest = steps(Some(old), Some(new)).into_iter();
    for (key, step) in rest.filter(|(key, _)| !told.contains(key)) {
        words.push(match (key, step) {
            ("schema", Step::New(_)) => "schema of the row new".to_owned(),
            ("schema", Step::Gone) => "schema of the row gone".to_owned(),
            ("schema", Step::Changed(..)) => "schema of the row changed".to_owned(),
            (key, Step::New(value) | Step::Changed(_, value)) => {
                format!("`{key}` now `{}`", line(value))
            }
            (key, Step::Gone) => format!("`{key}` gone"),
        });
    }
    let lines = words.into_iter();
    lines.map(|words| format!("{name}: {words}")).collect()
}

type Pair<'n> = (Option<&'n Node>, Option<&'n Node>);

/// A grant as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    condition: String,
    columns: Option<String>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.condition)?;
        match &self.columns {
            Some(columns) => write!(f, " ({columns})"),
            None => Ok(()),
        }
    }
}

/// Grants op by op, `write` as all three.
fn allow((old, new): Pair<'_>, words: &mut Vec<String>) {
    for op in Op::ALL {
        let (before, after) = (grants(old, op), grants(new, op));
        let added: Vec<&Shown> = after.difference(&before).collect();
        let gone: Vec<&Shown> = before.difference(&after).collect();
        if let ([added], [gone]) = (added.as_slice(), gone.as_slice()) {
            words.push(exchanged(op, gone, added));
            continue;
        }
        let also = if before.is_empty() { "" } else { "also " };
        let added = added.iter();
        words.extend(added.map(|grant| format!("{op} now {also}for {grant}")));
        let gone = gone.iter();
        words.extend(gone.map(|grant| format!("{op} no longer for {grant}")));
        if after.is_empty() && !before.is_empty() {
            words.push(format!("{op} now for nobody"));
        }
    }
}

/// One grant in the place of another.
fn exchanged(op: Op, gone: &Shown, added: &Shown) -> String {
    if gone.condition != added.condition {
        return format!("{op} now for {added} instead of {gone}");
    }
    let columns = added.columns.as_deref().unwrap_or("all columns");
    format!("{op} for `{}` now covers {columns}", added.condition)
}

fn grants(allow: Option<&Node>, op: Op) -> BTreeSet<Shown> {
    let lists = allow.into_iter().flat_map(entries);
    lists
        .filter(|(word, _)| *word == "write" || *word == op.as_str())
        .flat_map(|(_, list)| items(list))
        .map(|node| Shown {
            condition: line(member(node, "if").unwrap_or(node)),
            columns: member(node, "columns").map(line),
        })
        .collect()
}

fn columns((old, new): Pair<'_>, words: &mut Vec<String>) {
    for (name, step) in steps(old, new) {
        match step {
            Step::New(_) => words.push(format!("column `{name}` new")),
            Step::Gone => words.push(format!("column `{name}` no longer open to apps")),
            Step::Changed(old, new) => {
                for (attribute, step) in steps(Some(old), Some(new)) {
                    words.push(format!(
                        "column `{name}` {}",
                        attribute_step(attribute, &step)
                    ));
                }
            }
        }
    }
}

fn attribute_step(attribute: &str, step: &Step<'_>) -> String {
    let is_true = |node: &Node| line(node) == "true";
    match (attribute, step) {
        ("immutable", Step::New(value) | Step::Changed(_, value)) if is_true(value) => {
            "now immutable".to_owned()
        }
        ("immutable", _) => "no longer immutable".to_owned(),
        ("schema", Step::New(_)) => "now has a schema".to_owned(),
        ("schema", Step::Changed(..)) => "has another schema".to_owned(),
        (_, Step::Gone) => format!("no longer has `{attribute}`"),
        (_, Step::New(value) | Step::Changed(_, value)) => {
            format!("now has `{attribute}: {}`", line(value))
        }
    }
}

fn ignored((old, new): Pair<'_>, words: &mut Vec<String>) {
    let names = |node: Option<&Node>| -> BTreeSet<String> {
        node.into_iter().flat_map(items).map(line).collect()
    };
    let (before, after) = (names(old), names(new));
    let added = after.difference(&before);
    words.extend(added.map(|name| format!("`{name}` now ignored")));
    let gone = before.difference(&after);
    words.extend(gone.map(|name| format!("`{name}` no longer ignored")));
}

fn presets((old, new): Pair<'_>, words: &mut Vec<String>) {
    for op in [Op::Create, Op::Update] {
        let before = old.and_then(|old| member(old, op.as_str()));
        let after = new.and_then(|new| member(new, op.as_str()));
        for (column, step) in steps(before, after) {
            words.push(match step {
                Step::New(value) | Step::Changed(_, value) => {
                    format!("`{column}` now preset on {op} to `{}`", line(value))
                }
                Step::Gone => format!("`{column}` no longer preset on {op}"),
            });
        }
    }
}

/// Relations and computed values.
fn named(noun: &str, (old, new): Pair<'_>, words: &mut Vec<String>) {
    for (name, step) in steps(old, new) {
        words.push(match step {
            Step::New(_) => format!("{noun} `{name}` new"),
            Step::Gone => format!("{noun} `{name}` gone"),
            Step::Changed(_, value) => format!("{noun} `{name}` now `{}`", line(value)),
        });
    }
}

/// Checks by their code; several of one code in their order.
fn checks((old, new): Pair<'_>, words: &mut Vec<String>) {
    let (mut before, after) = (coded(old), coded(new));
    for (code, check) in after {
        let at = before.iter().position(|(known, _)| *known == code);
        let Some((_, old)) = at.map(|at| before.remove(at)) else {
            words.push(format!("check `{code}` new"));
            continue;
        };
        if is_same(old, check) {
            continue;
        }
        words.push(match (member(old, "rule"), member(check, "rule")) {
            (Some(old), Some(new)) if !is_same(old, new) => {
                format!("check `{code}` now `{}`", line(new))
            }
            _ => format!("check `{code}` changed"),
        });
    }
    words.extend(
        before
            .iter()
            .map(|(code, _)| format!("check `{code}` gone")),
    );
}

fn coded(node: Option<&Node>) -> Vec<(String, &Node)> {
    let checks = node.into_iter().flat_map(items);
    checks
        .map(|check| (member(check, "code").map(line).unwrap_or_default(), check))
        .collect()
}

fn guard((old, new): Pair<'_>, words: &mut Vec<String>) {
    match (old, new) {
        (Some(_), None) => words.push("its own guard gone".to_owned()),
        (Some(old), Some(new)) if is_same(old, new) => {}
        (_, Some(new)) => words.push(format!("its own guard now `{}`", line(new))),
        (None, None) => {}
    }
}
