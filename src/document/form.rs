//! What a tree held against a table of keys comes to: every value of the kind its key says.

use std::net::SocketAddr;
use std::time::Duration;

use crate::vocabulary::place::{Place, SourceJson, SourceText, Spanned};

/// A value of the kind its key says.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where it stands.
    pub place: Place,
    /// Whether it came from the environment.
    pub is_env: bool,
    /// What it is.
    pub shape: Shape,
}

/// What a form is.
#[derive(Clone, Debug)]
pub enum Shape {
    /// Text, a word, or an expression.
    Text(SourceText),
    /// A flag.
    Flag(bool),
    /// A count, or a number of bytes.
    Count(usize),
    /// A time.
    Time(Duration),
    /// An address.
    Address(SocketAddr),
    /// A JSON Schema or a key set.
    Json(SourceJson),
    /// A list; one value where one or a list may stand.
    List(Vec<Form>),
    /// A map, in the order it is written.
    Map(Vec<(Spanned<String>, Form)>),
    /// Nothing, where nothing may stand.
    Nothing,
    /// It is written, and of no use: a problem says why.
    Broken,
}

impl Form {
    /// The value under a key, where it is of use.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.entry(name)
            .map(|(_, form)| form)
            .filter(|form| !form.is_broken())
    }

    /// A key and its value, of use or not.
    pub fn entry(&self, name: &str) -> Option<&(Spanned<String>, Self)> {
        self.map().iter().find(|(key, _)| key.node == name)
    }

    /// Whether it is written, and of no use.
    pub fn is_broken(&self) -> bool {
        matches!(self.shape, Shape::Broken)
    }

    /// The entries of a map.
    pub fn map(&self) -> &[(Spanned<String>, Self)] {
        match &self.shape {
            Shape::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Where its first word stands.
    pub fn opening(&self) -> Place {
        let first = self.map().first().map(|(key, _)| key.place.clone());
        first.unwrap_or_else(|| self.place.clone())
    }

    /// The items of a list.
    pub fn list(&self) -> &[Self] {
        match &self.shape {
            Shape::List(items) => items,
            _ => &[],
        }
    }

    /// Text that knows where each of its bytes stands.
    pub fn source(&self) -> Option<&SourceText> {
        match &self.shape {
            Shape::Text(source) => Some(source),
            _ => None,
        }
    }

    /// Text.
    pub fn text(&self) -> Option<&str> {
        self.source().map(|source| &*source.text)
    }

    /// Text as a name, with its place.
    pub fn name<T: for<'t> From<&'t str>>(&self) -> Option<Spanned<T>> {
        self.text()
            .map(|text| Spanned::new(T::from(text), self.place.clone()))
    }

    /// The items of a list of names.
    pub fn names<T: for<'t> From<&'t str>>(&self) -> Vec<Spanned<T>> {
        self.list().iter().filter_map(Self::name).collect()
    }

    /// A flag.
    pub fn flag(&self) -> Option<bool> {
        match self.shape {
            Shape::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// A JSON value, which knows where its parts stand.
    pub fn json(&self) -> Option<&SourceJson> {
        match &self.shape {
            Shape::Json(json) => Some(json),
            _ => None,
        }
    }
}
