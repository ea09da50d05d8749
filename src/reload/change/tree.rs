//! Two trees of YAML side by side.

use crate::document::{Content, Node};

/// Characters of a value that are shown.
const SHOWN_MAX: usize = 100;

/// What became of one member.
pub(super) enum Step<'n> {
    New(&'n Node),
    Gone,
    Changed(&'n Node, &'n Node),
}

/// A member of a map.
pub(super) fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let entry = entries(node).find(|(key, _)| *key == name);
    entry.map(|(_, value)| value)
}

/// The members of a map; none where it is no map.
pub(super) fn entries(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let entries = match &node.content {
        Content::Map(entries) => entries.as_slice(),
        Content::Scalar(_) | Content::List(_) => &[],
    };
    entries
        .iter()
        .map(|entry| (entry.key.node.as_str(), &entry.value))
}

/// The items of a list; one value stands for a list of itself.
pub(super) fn items(node: &Node) -> &[Node] {
    match &node.content {
        Content::List(items) => items,
        Content::Scalar(_) | Content::Map(_) => std::slice::from_ref(node),
    }
}

/// Whether two nodes say the same, wherever they stand.
pub(super) fn is_same(old: &Node, new: &Node) -> bool {
    let is_env = |node: &Node| node.scalar().is_some_and(|scalar| scalar.is_env);
    old.to_json() == new.to_json() && is_env(old) == is_env(new)
}

/// The members of two maps that differ: in the order of the new one, then those that are gone.
pub(super) fn steps<'n>(old: Option<&'n Node>, new: Option<&'n Node>) -> Vec<(&'n str, Step<'n>)> {
    let mut steps = Vec::new();
    for (name, value) in new.into_iter().flat_map(entries) {
        match old.and_then(|old| member(old, name)) {
            None => steps.push((name, Step::New(value))),
            Some(old) if !is_same(old, value) => steps.push((name, Step::Changed(old, value))),
            Some(_) => {}
        }
    }
    for (name, _) in old.into_iter().flat_map(entries) {
        if new.and_then(|new| member(new, name)).is_none() {
            steps.push((name, Step::Gone));
        }
    }
    steps
}

/// A value on one line, shortened.
pub(super) fn line(node: &Node) -> String {
    let text = whole(node);
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    let start: String = text.chars().take(SHOWN_MAX - 1).collect();
    format!("{start}…")
}

fn whole(node: &Node) -> String {
    match &node.content {
        Content::Scalar(scalar) => {
            let words: Vec<&str> = scalar.text.text.split_whitespace().collect();
            words.join(" ")
        }
        Content::List(items) => {
            let items: Vec<String> = items.iter().map(whole).collect();
            items.join(", ")
        }
        Content::Map(_) => {
            let members: Vec<String> = entries(node)
                .map(|(name, value)| format!("{name}: {}", whole(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}
