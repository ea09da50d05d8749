//! A tree held against a table of keys → a [`Form`]: every value of the kind its key says, unknown keys and wrong kinds told at their place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::document::keys::{Block, Key, Kind};
use crate::document::{Content, Entry, Node, Scalar, scalar};
use crate::vocabulary::limits::{Limit, Limits};
use crate::vocabulary::place::{Place, SourceText, Spanned};
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::suggest::closest;

/// The variables of the environment, by name.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

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
    Json(serde_json::Value),
    /// A list; one value where one or a list may stand.
    List(Vec<Form>),
    /// A map, in the order it is written.
    Map(Vec<(Spanned<String>, Form)>),
    /// Nothing, where nothing may stand.
    Nothing,
    /// It is written, and of no use: a problem says why.
    Broken,
}

/// Reads a tree as a kind. Variables of the environment are not asked for at the paths in `overridden`: somebody else has said those values.
pub fn read(
    node: &Node,
    kind: &Kind,
    environment: &Environment<'_>,
    overridden: &[&str],
    problems: &mut Problems,
) -> Form {
    let mut reader = Reader {
        environment,
        overridden,
        problems,
    };
    reader.form(node, kind, &At::default())
}

impl Form {
    /// The value under a key, where it is of use.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.entry(name)
            .map(|(_, form)| form)
            .filter(|form| !matches!(form.shape, Shape::Broken))
    }

    /// A key and its value, of use or not.
    pub fn entry(&self, name: &str) -> Option<&(Spanned<String>, Self)> {
        self.map().iter().find(|(key, _)| key.node == name)
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

    /// A JSON value with its place.
    pub fn json(&self) -> Option<Spanned<serde_json::Value>> {
        match &self.shape {
            Shape::Json(value) => Some(Spanned::new(value.clone(), self.place.clone())),
            _ => None,
        }
    }
}

/// Where the reader is: the keys on the way, and what an author could write there.
#[derive(Clone, Default)]
struct At {
    path: String,
    key: Option<Place>,
    example: &'static str,
}

impl At {
    /// Under a key of a block, or under one of the author's own, which has the example of its map.
    fn under(&self, key: &Spanned<String>, known: Option<&Key>) -> Self {
        let path = if self.path.is_empty() {
            key.node.clone()
        } else {
            format!("{}.{}", self.path, key.node)
        };
        Self {
            path,
            key: Some(key.place.clone()),
            example: known.map_or(self.example, |known| known.example),
        }
    }

    fn item(&self, position: usize) -> Self {
        Self {
            path: format!("{}[{position}]", self.path),
            ..self.clone()
        }
    }

    fn name(&self) -> String {
        if self.path.is_empty() {
            "the file".to_owned()
        } else {
            format!("`{}`", self.path)
        }
    }

    fn is_under(&self, path: &str) -> bool {
        let rest = self.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }

    /// A problem with the example as its cure.
    fn problem(&self, place: Place, message: String) -> Problem {
        let problem = Problem::error(place, message);
        if self.example.is_empty() {
            problem
        } else {
            problem.help(format!("write it like `{}`", self.example))
        }
    }
}

struct Reader<'a> {
    environment: &'a Environment<'a>,
    overridden: &'a [&'a str],
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn form(&mut self, node: &Node, kind: &Kind, at: &At) -> Form {
        let is_env = node.scalar().is_some_and(|scalar| scalar.is_env);
        let shape = match kind {
            Kind::Later(_) => Some(self.later(at, &node.opening())),
            _ if is_env => match self.resolved(node, at) {
                Some(node) => self.shape(&node, kind, at),
                None => Some(Shape::Broken),
            },
            _ => self.shape(node, kind, at),
        };
        let shape = shape.unwrap_or_else(|| {
            let message = format!("{} must be {kind}", at.name());
            self.problems.push(at.problem(node.opening(), message));
            Shape::Broken
        });
        Form {
            place: node.place.clone(),
            is_env,
            shape,
        }
    }

    /// The shape of a node; `None` where it is of another kind.
    fn shape(&mut self, node: &Node, kind: &Kind, at: &At) -> Option<Shape> {
        match kind {
            Kind::Nullable(_) if node.is_null() => return Some(Shape::Nothing),
            Kind::Nullable(kind) => return self.shape(node, kind, at),
            _ if node.is_null() => return Some(self.no_value(node, at)),
            Kind::Later(_) => return Some(self.later(at, &node.opening())),
            _ => {}
        }
        match (kind, &node.content) {
            (Kind::Either(kind, _), Content::Scalar(_)) | (Kind::Either(_, kind), _) => {
                self.shape(node, kind, at)
            }
            (Kind::List(kind) | Kind::OneOrList(kind), Content::List(items)) => {
                let items = items.iter().enumerate();
                let forms = items.map(|(position, item)| self.form(item, kind, &at.item(position)));
                Some(Shape::List(forms.collect()))
            }
            (Kind::OneOrList(one), _) => {
                let shape = self.shape(node, one, at)?;
                let form = Form {
                    place: node.place.clone(),
                    is_env: node.scalar().is_some_and(|scalar| scalar.is_env),
                    shape,
                };
                Some(Shape::List(vec![form]))
            }
            (Kind::Block(block), Content::Map(entries)) => {
                Some(self.block(entries, node, block, at))
            }
            (Kind::Map(kind), Content::Map(entries)) => Some(self.map(entries, kind, at)),
            (Kind::Limits, Content::Map(entries)) => Some(self.limits(entries, at)),
            (Kind::Schema | Kind::KeySet, Content::Map(_)) => Some(self.json(node, at)),
            (_, Content::Scalar(scalar)) => self.scalar(scalar, node, kind, at),
            _ => None,
        }
    }

    fn scalar(&mut self, scalar: &Scalar, node: &Node, kind: &Kind, at: &At) -> Option<Shape> {
        let text = &*scalar.text.text;
        let bare = Some(text).filter(|_| scalar.is_plain || scalar.is_env);
        match kind {
            Kind::Text | Kind::Expression if text.trim().is_empty() => {
                let problem = at.problem(node.place.clone(), format!("{} is empty", at.name()));
                self.problems.push(problem);
                Some(Shape::Broken)
            }
            Kind::Text | Kind::Expression => Some(Shape::Text(scalar.text.clone())),
            Kind::Word(words, later) => self.word(scalar, words, later, at),
            Kind::Version => self.version(text, node),
            Kind::Flag => bare?.parse().ok().map(Shape::Flag),
            Kind::Count => bare?
                .parse()
                .ok()
                .filter(|count| *count > 0)
                .map(Shape::Count),
            Kind::Time => scalar::time(text).map(Shape::Time),
            Kind::Size => scalar::size(text)
                .filter(|size| *size > 0)
                .map(Shape::Count),
            Kind::Address => text.parse().ok().map(Shape::Address),
            Kind::Schema => bare?
                .parse::<bool>()
                .ok()
                .map(|flag| Shape::Json(flag.into())),
            Kind::KeySet => serde_json::from_str(text).ok().map(Shape::Json),
            _ => None,
        }
    }

    fn version(&mut self, text: &str, node: &Node) -> Option<Shape> {
        if text != "1" {
            let problem = Problem::error(node.place.clone(), "this version is not known");
            self.problems.push(problem.help("write `version: 1`"));
        }
        Some(Shape::Count(1))
    }

    fn word(&mut self, scalar: &Scalar, words: &[&str], later: &[&str], at: &At) -> Option<Shape> {
        let text = &*scalar.text.text;
        if words.contains(&text) {
            return Some(Shape::Text(scalar.text.clone()));
        }
        let place = scalar.text.place.clone();
        if later.contains(&text) {
            let problem = Problem::error(place, format!("`{text}` is not supported yet"));
            self.problems
                .push(problem.help(format!("write {}", Kind::one_of(words))));
            return Some(Shape::Broken);
        }
        let suggestion = closest(text, words.iter().copied()).filter(|_| !scalar.is_env)?;
        let message = format!("{} must be {}", at.name(), Kind::one_of(words));
        let problem = Problem::error(place, message);
        self.problems
            .push(problem.help(format!("did you mean `{suggestion}`?")));
        Some(Shape::Broken)
    }

    fn block(&mut self, entries: &[Entry], node: &Node, block: &'static Block, at: &At) -> Shape {
        let mut read = Vec::new();
        for entry in entries {
            let Some(key) = block.key(&entry.key.node) else {
                let problem = unknown(&entry.key, block.names(), "key");
                self.problems.push(problem);
                continue;
            };
            let under = at.under(&entry.key, Some(key));
            let form = if let Kind::Later(_) = key.kind {
                Form {
                    place: entry.value.place.clone(),
                    is_env: false,
                    shape: self.later(&under, &entry.key.place),
                }
            } else {
                self.form(&entry.value, &key.kind, &under)
            };
            read.push((entry.key.clone(), form));
        }
        let is_there = |name| entries.iter().any(|entry| entry.key.node == name);
        for key in block.keys {
            if key.is_required && !is_there(key.name) {
                let message = format!("`{}` is missing", key.name);
                self.problems.push(
                    Problem::error(node.opening(), message).help(format!("add `{}`", key.example)),
                );
            }
        }
        Shape::Map(read)
    }

    fn map(&mut self, entries: &[Entry], kind: &Kind, at: &At) -> Shape {
        let read = entries.iter().map(|entry| {
            let under = at.under(&entry.key, None);
            (entry.key.clone(), self.form(&entry.value, kind, &under))
        });
        Shape::Map(read.collect())
    }

    fn limits(&mut self, entries: &[Entry], at: &At) -> Shape {
        let mut known = Limits::default();
        let mut read = Vec::new();
        for entry in entries {
            let name = &entry.key.node;
            let kind = known.with(name, |limit| match limit {
                Limit::Time(_) => Kind::Time,
                Limit::Count(_) if name.ends_with("_bytes_max") => Kind::Size,
                Limit::Count(_) => Kind::Count,
            });
            match kind {
                Some(kind) => {
                    let under = at.under(&entry.key, None);
                    read.push((entry.key.clone(), self.form(&entry.value, &kind, &under)));
                }
                None => {
                    let names = Limits::NAMES.iter().copied();
                    self.problems.push(unknown(&entry.key, names, "limit"));
                }
            }
        }
        Shape::Map(read)
    }

    fn json(&mut self, node: &Node, at: &At) -> Shape {
        match self.resolved(node, at) {
            Some(node) => Shape::Json(node.to_json()),
            None => Shape::Broken,
        }
    }

    /// The same tree with the values of its variables; `None` where one is not set.
    fn resolved(&mut self, node: &Node, at: &At) -> Option<Node> {
        let content = match &node.content {
            Content::Scalar(scalar) if scalar.is_env => Content::Scalar(self.variable(scalar, at)?),
            Content::Scalar(scalar) => Content::Scalar(scalar.clone()),
            Content::List(items) => {
                let items: Vec<Option<Node>> = items
                    .iter()
                    .enumerate()
                    .map(|(position, item)| self.resolved(item, &at.item(position)))
                    .collect();
                Content::List(items.into_iter().collect::<Option<_>>()?)
            }
            Content::Map(entries) => {
                let entries: Vec<Option<Entry>> = entries
                    .iter()
                    .map(|entry| {
                        let value = self.resolved(&entry.value, &at.under(&entry.key, None))?;
                        let key = entry.key.clone();
                        Some(Entry { key, value })
                    })
                    .collect();
                Content::Map(entries.into_iter().collect::<Option<_>>()?)
            }
        };
        let place = node.place.clone();
        Some(Node { content, place })
    }

    fn variable(&mut self, scalar: &Scalar, at: &At) -> Option<Scalar> {
        if self.overridden.iter().any(|path| at.is_under(path)) {
            return None;
        }
        let name = &*scalar.text.text;
        let place = &scalar.text.place;
        let Some(value) = (self.environment)(name) else {
            let message = format!(
                "{} needs the variable `{name}`, which is not set",
                at.name()
            );
            self.problems
                .push(Problem::error(place.clone(), message).help(format!(
                    "set it with `export {name}=…`, or write the value here"
                )));
            return None;
        };
        Some(Scalar {
            text: SourceText {
                text: value.into(),
                place: place.clone(),
                runs: Arc::from([(0, place.start)]),
            },
            is_plain: false,
            is_env: true,
        })
    }

    fn no_value(&mut self, node: &Node, at: &At) -> Shape {
        let place = at.key.clone().unwrap_or_else(|| node.place.clone());
        let message = format!("{} has no value", at.name());
        self.problems.push(at.problem(place, message));
        Shape::Broken
    }

    fn later(&mut self, at: &At, place: &Place) -> Shape {
        let message = format!("{} is not supported yet", at.name());
        self.problems
            .push(Problem::error(place.clone(), message).help("take it out"));
        Shape::Broken
    }
}

/// A word that stands where none of that name is known.
fn unknown<'a>(
    word: &Spanned<String>,
    known: impl Iterator<Item = &'a str> + Clone,
    noun: &str,
) -> Problem {
    let problem = Problem::error(
        word.place.clone(),
        format!("unknown {noun} `{}`", word.node),
    );
    match closest(&word.node, known.clone()) {
        Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
        None => {
            let names: Vec<&str> = known.collect();
            problem.help(format!("the {noun}s here are `{}`", names.join("`, `")))
        }
    }
}
