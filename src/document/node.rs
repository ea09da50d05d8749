//! The tree of a document.

use std::collections::BTreeMap;

use crate::vocabulary::place::{Place, SourceJson, SourceText, Spanned};

/// One value of a document, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub content: Content,
    /// Where it stands.
    pub place: Place,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Text, quoted or not.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order it is written.
    Map(Vec<Entry>),
}

/// A scalar as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// Its text, which knows where each of its bytes stands.
    pub text: SourceText,
    /// Whether it stands without quotes, so that `true`, `12` and `null` may mean more than text.
    pub is_plain: bool,
    /// Whether it is tagged `!env`: the name of a variable of the environment.
    pub is_env: bool,
}

/// One entry of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its key.
    pub key: Spanned<String>,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// Whether it is YAML's null: nothing, `~` or `null` without quotes.
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar)
            if scalar.is_plain && !scalar.is_env && ["", "~", "null", "Null", "NULL"].contains(&&*scalar.text.text))
    }

    /// The scalar, where it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Where its first word stands: a scalar as a whole, else the first key or item.
    pub fn opening(&self) -> Place {
        match &self.content {
            Content::Map(entries) => entries.first().map(|entry| entry.key.place.clone()),
            Content::List(items) => items.first().map(Self::opening),
            Content::Scalar(_) => None,
        }
        .unwrap_or_else(|| self.place.clone())
    }

    /// The same as JSON that knows where its parts stand.
    pub fn to_source_json(&self) -> SourceJson {
        let mut parts = BTreeMap::new();
        self.note_parts(&mut String::new(), &mut parts);
        SourceJson {
            value: self.to_json(),
            place: self.opening(),
            parts: parts.into(),
        }
    }

    fn note_parts(&self, pointer: &mut String, parts: &mut BTreeMap<String, (Place, Place)>) {
        let below: Vec<(String, Place, &Self)> = match &self.content {
            Content::Scalar(_) => return,
            Content::Map(entries) => entries
                .iter()
                .map(|entry| {
                    let name = entry.key.node.replace('~', "~0").replace('/', "~1");
                    (name, entry.key.place.clone(), &entry.value)
                })
                .collect(),
            Content::List(items) => items
                .iter()
                .enumerate()
                .map(|(position, item)| (position.to_string(), item.opening(), item))
                .collect(),
        };
        for (name, place, node) in below {
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(&name);
            parts.insert(pointer.clone(), (place, node.opening()));
            node.note_parts(pointer, parts);
            pointer.truncate(length);
        }
    }

    /// The same as JSON, plain scalars read by YAML's core schema, numbers with every digit. An `!env` scalar is its name.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.content {
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => {
                let members = entries
                    .iter()
                    .map(|entry| (entry.key.node.clone(), entry.value.to_json()));
                serde_json::Value::Object(members.collect())
            }
            Content::Scalar(_) if self.is_null() => serde_json::Value::Null,
            Content::Scalar(scalar) => scalar.to_json(),
        }
    }
}

impl Scalar {
    fn to_json(&self) -> serde_json::Value {
        let text = &*self.text.text;
        match text {
            _ if !self.is_plain => text.into(),
            "true" | "True" | "TRUE" => true.into(),
            "false" | "False" | "FALSE" => false.into(),
            _ => text
                .parse::<serde_json::Number>()
                .map_or_else(|_| text.into(), serde_json::Value::Number),
        }
    }
}
