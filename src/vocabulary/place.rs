//! Places in the text an author wrote.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A stretch of one file: byte offsets into its text. Line and column are derived when it is shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file as the author would type it, for example `rules/todos.yaml`.
    pub file: Arc<str>,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Something read from a file, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What was read.
    pub node: T,
    /// Where it stood.
    pub place: Place,
}

impl<T> Spanned<T> {
    /// Puts a thing and its place together.
    pub fn new(node: T, place: Place) -> Self {
        Self { node, place }
    }
}

/// Text that an author wrote inside a YAML scalar (a CEL expression, say), which can say where each of its bytes stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The text after YAML's quoting and folding were undone.
    pub text: Arc<str>,
    /// The whole scalar in the file.
    pub place: Place,
    /// `(offset in text, offset in file)`, ascending: where a run of bytes that are the same in both begins.
    pub runs: Arc<[(usize, usize)]>,
}

impl SourceText {
    /// The place in the file of a range of this text.
    pub fn at(&self, range: Range<usize>) -> Place {
        let last = range.end.max(range.start + 1) - 1;
        let within = |at: usize| at.clamp(self.place.start, self.place.end);
        let start = within(self.offset(range.start));
        Place {
            file: self.place.file.clone(),
            start,
            end: within(self.offset(last) + 1).max(start),
        }
    }

    fn offset(&self, position: usize) -> usize {
        self.runs
            .iter()
            .rev()
            .find(|(from, _)| *from <= position)
            .map_or(self.place.start, |(from, file)| file + (position - from))
    }
}

/// JSON that an author wrote, which can say where each of its parts stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceJson {
    /// The JSON.
    pub value: serde_json::Value,
    /// Where it stands.
    pub place: Place,
    /// Its parts by JSON pointer: where each is named, and where its value begins. An item of a list is named by itself.
    pub parts: Arc<BTreeMap<String, (Place, Place)>>,
}

impl SourceJson {
    /// Where the part behind a pointer is named, or the nearest one around it.
    pub fn name(&self, pointer: &str) -> Place {
        self.part(pointer)
            .map_or(&self.place, |(name, _)| name)
            .clone()
    }

    /// Where the value behind a pointer begins, or the nearest one around it.
    pub fn at(&self, pointer: &str) -> Place {
        self.part(pointer)
            .map_or(&self.place, |(_, value)| value)
            .clone()
    }

    fn part(&self, pointer: &str) -> Option<&(Place, Place)> {
        let mut around = pointer;
        loop {
            if let Some(part) = self.parts.get(around) {
                return Some(part);
            }
            around = around.rsplit_once('/')?.0;
        }
    }
}

/// The texts of all files that were read, by the name that places use.
#[derive(Clone, Debug, Default)]
pub struct Sources(pub BTreeMap<Arc<str>, Arc<str>>);

impl Sources {
    /// Line and column of a place's first byte, both from 1; columns count characters.
    pub fn line_column(&self, place: &Place) -> Option<(usize, usize)> {
        let before = self.0.get(&place.file)?.get(..place.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next()?.chars().count() + 1;
        Some((line, column))
    }
}
