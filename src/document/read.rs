//! A tree held against a table of keys: unknown keys, wrong kinds and missing variables, each told at its place with a cure.

use std::sync::Arc;

use crate::document::form::{Form, Shape};
use crate::document::keys::{Block, Key, Kind};
use crate::document::{Content, Entry, Node, Scalar, scalar};
use crate::vocabulary::limits::{Limit, Limits};
use crate::vocabulary::place::{Place, SourceJson, SourceText, Spanned};
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::suggest::closest;

/// The variables of the environment, by name.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

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
    let file = At {
        example: "version: 1".to_owned(),
        ..At::default()
    };
    reader.form(node, kind, &file)
}

/// Where the reader is: the keys on the way, and what an author could write there.
#[derive(Clone, Default)]
struct At {
    path: String,
    key: Option<Place>,
    example: String,
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
            example: known.map_or_else(|| self.example.clone(), |known| known.example.to_owned()),
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
        let shape = if is_env {
            match self.resolved(node, at) {
                Some(node) => self.shape(&node, kind, at),
                None => Some(Shape::Broken),
            }
        } else {
            self.shape(node, kind, at)
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
            Kind::Later(form) => return Some(self.later_form(node, form, at)),
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
            (Kind::Schema, Content::Map(_)) => Some(self.json(node, at)),
            (Kind::KeySet, Content::Map(_)) => key_set(self.json(node, at)),
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
            Kind::Version => Some(self.version(text, node)),
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
                .map(|flag| json_at(flag.into(), node)),
            Kind::KeySet => key_set(json_at(serde_json::from_str(text).ok()?, node)),
            _ => None,
        }
    }

    fn version(&mut self, text: &str, node: &Node) -> Shape {
        if text != "1" {
            let problem = Problem::error(node.place.clone(), "this version is not known");
            self.problems.push(problem.help("write `version: 1`"));
        }
        Shape::Count(1)
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
            match block.key(&entry.key.node) {
                Some(key) => read.push((entry.key.clone(), self.entry(entry, key, at))),
                None => read.extend(self.meant(entry, entries, block, at)),
            }
        }
        let is_there = |name| read.iter().any(|(key, _)| key.node == name);
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

    fn entry(&mut self, entry: &Entry, key: &Key, at: &At) -> Form {
        let under = at.under(&entry.key, Some(key));
        if let Kind::Later(_) = key.kind {
            return Form {
                place: entry.value.place.clone(),
                is_env: false,
                shape: self.later(&under, &entry.key.place),
            };
        }
        self.form(&entry.value, &key.kind, &under)
    }

    /// What stands under a key that is not known. Where its value is what a near key takes, it counts as written: one mistake is told once.
    fn meant(
        &mut self,
        entry: &Entry,
        entries: &[Entry],
        block: &'static Block,
        at: &At,
    ) -> Option<(Spanned<String>, Form)> {
        let problem = unknown(&entry.key, block.names(), "key");
        self.problems.push(problem);
        let key = block.key(closest(&entry.key.node, block.names())?)?;
        if entries.iter().any(|other| other.key.node == key.name) {
            return None;
        }
        let mut problems = Problems::default();
        let mut reader = Reader {
            environment: self.environment,
            overridden: self.overridden,
            problems: &mut problems,
        };
        let form = reader.entry(entry, key, at);
        if !matches!(form.shape, Shape::Broken) {
            self.problems.append(problems);
        }
        let written = Spanned::new(key.name.to_owned(), entry.key.place.clone());
        Some((written, form))
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
                Limit::Time(_) => (Kind::Time, "5s"),
                Limit::Count(_) if name.ends_with("_bytes_max") => (Kind::Size, "8MiB"),
                Limit::Count(_) => (Kind::Count, "100"),
            });
            let Some((kind, value)) = kind else {
                let names = Limits::NAMES.iter().copied();
                self.problems.push(unknown(&entry.key, names, "limit"));
                continue;
            };
            let under = At {
                example: format!("{name}: {value}"),
                ..at.under(&entry.key, None)
            };
            read.push((entry.key.clone(), self.form(&entry.value, &kind, &under)));
        }
        Shape::Map(read)
    }

    fn json(&mut self, node: &Node, at: &At) -> Shape {
        match self.resolved(node, at) {
            Some(node) => Shape::Json(node.to_source_json()),
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

    /// A key that is supported, in a form that is not.
    fn later_form(&mut self, node: &Node, form: &Kind, at: &At) -> Shape {
        let message = format!("{} as {form} is not supported yet", at.name());
        self.problems.push(at.problem(node.opening(), message));
        Shape::Broken
    }

    fn later(&mut self, at: &At, place: &Place) -> Shape {
        let message = format!("{} is not supported yet", at.name());
        self.problems
            .push(Problem::error(place.clone(), message).help("take it out"));
        Shape::Broken
    }
}

/// JSON of which only the whole has a place.
fn json_at(value: serde_json::Value, node: &Node) -> Shape {
    Shape::Json(SourceJson {
        value,
        place: node.place.clone(),
        parts: Arc::default(),
    })
}

/// A key set is told from any other JSON by its list of keys.
fn key_set(shape: Shape) -> Option<Shape> {
    match &shape {
        Shape::Json(json) if json.value.get("keys").is_none_or(|keys| !keys.is_array()) => None,
        _ => Some(shape),
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
    if let Some(suggestion) = closest(&word.node, known.clone()) {
        return problem.help(format!("did you mean `{suggestion}`?"));
    }
    let names: Vec<&str> = known.collect();
    problem.help(format!("the {noun}s here are `{}`", names.join("`, `")))
}
