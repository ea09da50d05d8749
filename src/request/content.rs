//! What a transaction says, however it was spelt: the digest by which it is known again, and its entries as they were sent, for whoever keeps them
//! (reliability, *Exactly once: the ledger*).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::request::decode::{Shape, Transaction};
use crate::request::scan;
use crate::vocabulary::operation::Verb;

/// SHA-256 of a transaction's canonical JSON: `[op, table, id, op_data, previous_values, metadata]` for each entry, keys sorted. Numbers count as they are written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Where the entries of a transaction stand in the body.
#[derive(Clone, Debug)]
pub(super) enum Text {
    /// A list of them.
    List(Bytes, Shape),
    /// One, whose verb is the method.
    One(Bytes, Verb),
}

/// An entry as it was sent: slices of JSON text. What was not sent is `None`.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is to be done.
    pub verb: Verb,
    /// The table's name.
    pub table: Bytes,
    /// The row's id.
    pub id: Bytes,
    /// The columns, an object.
    pub data: Option<Bytes>,
    /// The columns before the change, an object.
    pub previous_values: Option<Bytes>,
    /// The entry's metadata.
    pub metadata: Option<Bytes>,
}

impl Text {
    fn entries(&self) -> impl Iterator<Item = Entry> {
        let (text, shape, verb) = match self {
            Self::List(text, shape) => (text, *shape, None),
            Self::One(text, verb) => (text, Shape::Single, Some(*verb)),
        };
        let ranges = match verb {
            None => scan::items(text),
            Some(_) => std::iter::once(0..text.len()).collect(),
        };
        ranges
            .into_iter()
            .filter_map(move |range| Entry::read(&text.slice(range), shape, verb))
    }
}

impl Transaction {
    /// The entries as they were sent, those of a transaction that is too large included.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.text.entries()
    }
}

impl Entry {
    /// Reads an entry that was checked. `verb` is given where the entry has none of its own; its id then stands among its columns.
    fn read(text: &Bytes, shape: Shape, verb: Option<Verb>) -> Option<Self> {
        let members = Members::of(text);
        let mut data_names = shape.data_names().iter();
        let data = data_names.find_map(|name| members.find(name));
        let id = match (verb, &data) {
            (Some(_), Some(data)) => Members::of(data).find("id"),
            _ => members.find("id"),
        };
        let op = members.find("op");
        Some(Self {
            verb: verb.or_else(|| Verb::parse(&scan::decoded(op.as_deref()?)?))?,
            table: members.find("table")?,
            id: id?,
            data: data.filter(|data| data.as_ref() != b"null"),
            previous_values: members.find("previous_values"),
            metadata: members.find("metadata"),
        })
    }

    /// Its canonical JSON.
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"[\"");
        out.extend_from_slice(self.verb.as_str().as_bytes());
        out.extend_from_slice(b"\",");
        canonical(&self.table, out);
        out.push(b',');
        canonical(&self.id, out);
        for (part, absent) in [
            (&self.data, "{}"),
            (&self.previous_values, "{}"),
            (&self.metadata, "null"),
        ] {
            out.push(b',');
            canonical(part.as_deref().unwrap_or(absent.as_bytes()), out);
        }
        out.push(b']');
    }
}

/// The digest of the entries of a text.
pub(super) fn digest(text: &Text) -> Digest {
    let mut sha = Sha256::new();
    let mut spelt = Vec::new();
    for entry in text.entries() {
        spelt.clear();
        entry.write(&mut spelt);
        sha.update(&spelt);
    }
    Digest(sha.finalize().into())
}

/// The members of an object that was checked.
struct Members<'a> {
    text: &'a Bytes,
    ranges: Vec<(Range<usize>, Range<usize>)>,
}

impl<'a> Members<'a> {
    fn of(text: &'a Bytes) -> Self {
        Self {
            text,
            ranges: scan::members(text),
        }
    }

    fn find(&self, name: &str) -> Option<Bytes> {
        let is_it = |key: &Range<usize>| {
            self.text
                .get(key.clone())
                .and_then(scan::decoded)
                .as_deref()
                == Some(name)
        };
        let (_, value) = self.ranges.iter().find(|(key, _)| is_it(key))?;
        Some(self.text.slice(value.clone()))
    }
}

/// Writes a checked JSON value in its canonical form: no blanks, keys sorted, each string spelt in one way.
fn canonical(text: &[u8], out: &mut Vec<u8>) {
    match text.first() {
        Some(b'{') => object(text, out),
        Some(b'[') => array(text, out),
        Some(b'"') => out.extend_from_slice(&string(text)),
        _ => out.extend_from_slice(text),
    }
}

fn object(text: &[u8], out: &mut Vec<u8>) {
    let part = |range: Range<usize>| text.get(range).unwrap_or_default();
    let mut members: Vec<(Cow<'_, [u8]>, &[u8])> = scan::members(text)
        .into_iter()
        .map(|(key, value)| (string(part(key)), part(value)))
        .collect();
    members.sort();
    out.push(b'{');
    for (position, (key, value)) in members.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        out.push(b':');
        canonical(value, out);
    }
    out.push(b'}');
}

fn array(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    for (position, range) in scan::items(text).into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        canonical(text.get(range).unwrap_or_default(), out);
    }
    out.push(b']');
}

/// A string as it is spelt where nothing is escaped that need not be. What no text can hold stays as it was sent.
fn string(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    let spelt = scan::decoded(raw).and_then(|text| serde_json::to_vec(&text).ok());
    spelt.map_or(Cow::Borrowed(raw), Cow::Owned)
}
