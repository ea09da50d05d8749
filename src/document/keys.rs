//! What may stand in a document, as data. The tables of keys are written in the rooms that read them; they walk a tree here, and the
//! editors' JSON Schema and the reference page can be printed from the same tables.

use std::fmt;

/// The keys of one block.
#[derive(Debug)]
pub struct Block {
    /// In the order of the reference page.
    pub keys: &'static [Key],
}

/// One key of a block.
#[derive(Debug)]
pub struct Key {
    /// The key as written.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether its block is incomplete without it.
    pub is_required: bool,
    /// The key with a value, as an author would write it.
    pub example: &'static str,
    /// What it means, in one line.
    pub doc: &'static str,
}

/// What a value is.
#[derive(Debug)]
pub enum Kind {
    /// The version of the language: `1`.
    Version,
    /// Text.
    Text,
    /// One of the first words; the second ones are known and not supported yet.
    Word(&'static [&'static str], &'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number above zero.
    Count,
    /// `500ms`, `2s`, `5m`, `7d`.
    Time,
    /// A number of bytes: `64KiB`, `8MiB`, or digits.
    Size,
    /// An IP address with a port.
    Address,
    /// A CEL expression. YAML's own `true`, `false` and numbers are taken as their text.
    Expression,
    /// A JSON Schema.
    Schema,
    /// A JWKS document, as a map or as JSON text.
    KeySet,
    /// The limits by their names.
    Limits,
    /// A list.
    List(&'static Kind),
    /// One value, or a list of them.
    OneOrList(&'static Kind),
    /// A map from names of the author's own.
    Map(&'static Kind),
    /// A map with known keys.
    Block(&'static Block),
    /// The first where a scalar stands, else the second.
    Either(&'static Kind, &'static Kind),
    /// Nothing at all, or this.
    Nullable(&'static Kind),
    /// Known, and not supported yet.
    Later(&'static Kind),
    /// Anything: the form of a key that is only reserved.
    Any,
}

impl Block {
    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of all keys that are supported.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys
            .iter()
            .filter(|key| !matches!(key.kind, Kind::Later(_)))
            .map(|key| key.name)
    }
}

impl Kind {
    /// `a`, `b` or `c`, in backticks.
    pub(super) fn one_of(words: &[&str]) -> String {
        match words {
            [] => String::new(),
            [one] => format!("`{one}`"),
            [first @ .., last] => format!("`{}` or `{last}`", first.join("`, `")),
        }
    }
}

impl Key {
    /// A key that may be left out.
    pub const fn new(
        name: &'static str,
        kind: Kind,
        example: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            is_required: false,
            example,
            doc,
        }
    }

    /// A key that is known and not supported yet.
    pub const fn later(name: &'static str, kind: &'static Kind, doc: &'static str) -> Self {
        Self::new(name, Kind::Later(kind), "", doc)
    }

    /// The same key, without which its block is incomplete.
    #[must_use]
    pub const fn required(self) -> Self {
        Self {
            is_required: true,
            ..self
        }
    }
}

/// What to write, after "must be".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => f.write_str("`1`"),
            Self::Text => f.write_str("text"),
            Self::Word(words, _) => f.write_str(&Self::one_of(words)),
            Self::Flag => f.write_str("`true` or `false`"),
            Self::Count => f.write_str("a whole number above zero"),
            Self::Time => f.write_str("a time such as `500ms`, `2s`, `5m` or `7d`"),
            Self::Size => f.write_str("a number of bytes such as `64KiB` or `8MiB`"),
            Self::Address => f.write_str("an IP address with a port"),
            Self::Expression => f.write_str("an expression"),
            Self::Schema => f.write_str("a JSON Schema"),
            Self::KeySet => f.write_str("a key set, `{ keys: [ … ] }`"),
            Self::List(_) => f.write_str("a list"),
            Self::OneOrList(kind) => write!(f, "{kind} or a list"),
            Self::Map(_) | Self::Block(_) | Self::Limits => f.write_str("a map"),
            Self::Either(scalar, other) => write!(f, "{scalar} or {other}"),
            Self::Nullable(kind) | Self::Later(kind) => kind.fmt(f),
            Self::Any => f.write_str("a value"),
        }
    }
}
