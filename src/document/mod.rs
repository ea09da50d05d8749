//! YAML text → a tree with places: the only user of the YAML crate (rule-language, *Reading YAML*).
//!
//! Duplicate keys, anchors, merge keys and unknown tags are problems, and all of them are found in one go. A text that is not YAML at all
//! gives its first syntax error.

mod form;
pub mod keys;
mod place;
mod read;
mod scalar;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

pub use form::{Form, Shape};
pub use read::{Environment, read};

use crate::document::place::Offsets;
use crate::vocabulary::limits::{RULE_FILE_BYTES_MAX, YAML_DEPTH_MAX};
use crate::vocabulary::place::{Place, SourceText, Spanned};
use crate::vocabulary::problem::{Problem, Problems};

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

/// Reads a text. The tree is `None` where the text is no YAML at all, is empty, or breaks a limit; other problems leave what could be read.
pub fn parse(file: &str, text: &str) -> (Option<Node>, Problems) {
    let mut reader = Reader {
        file: file.into(),
        text,
        offsets: Offsets::of(text),
        events: Parser::new_from_str(text),
        problems: Problems::default(),
    };
    if text.len() > RULE_FILE_BYTES_MAX {
        let place = reader.at(0, 0);
        let message = format!("the file is longer than {RULE_FILE_BYTES_MAX} bytes");
        reader
            .problems
            .push(Problem::error(place, message).help("split it: one file per table"));
        return (None, reader.problems);
    }
    match reader.document() {
        Ok(node) => (node, reader.problems),
        Err(problem) => {
            reader.problems.push(problem);
            (None, reader.problems)
        }
    }
}

struct Reader<'t> {
    file: Arc<str>,
    text: &'t str,
    offsets: Offsets,
    events: Parser<'t, StrInput<'t>>,
    problems: Problems,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<Option<Node>, Problem> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::Nothing
                | Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd => {}
                _ if root.is_some() => {
                    let problem = Problem::error(self.place(span), "a second document begins here");
                    return Err(problem.help("one file holds one document: take the `---` out"));
                }
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        let is_blank = root
            .as_ref()
            .is_none_or(|node: &Node| node.place.start == node.place.end && node.is_null());
        if is_blank {
            let problem = Problem::error(self.at(0, 0), "the file is empty");
            return Err(problem.help("write its keys, or take the file away"));
        }
        Ok(root)
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Problem> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let start = self.offsets.byte(error.marker().index());
        let problem = Problem::error(
            self.at(start, start),
            format!("this is not YAML: {}", error.info()),
        );
        let line_start = self
            .text
            .get(..start)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1);
        let line = self
            .text
            .get(line_start..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_default();
        if line.contains('\t') {
            problem.help("indent with blanks: YAML takes no tabs")
        } else {
            problem.help("look at the quotes, brackets and indentation up to here")
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Problem> {
        if depth > YAML_DEPTH_MAX {
            let message = format!("nested deeper than {YAML_DEPTH_MAX} levels");
            return Err(Problem::error(self.place(span), message).help("nothing here needs that"));
        }
        let place = self.place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_anchor(anchor, &place);
                let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix));
                Ok(self.scalar(&text, style, tag.as_deref(), place))
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_anchor(anchor, &place);
                self.refuse_tag(tag.is_some(), &place);
                self.list(place, depth)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_anchor(anchor, &place);
                self.refuse_tag(tag.is_some(), &place);
                self.map(place, depth)
            }
            _ => {
                let problem = Problem::error(place.clone(), "aliases are not taken");
                self.problems.push(problem.help("write the value out"));
                Ok(Node {
                    content: Content::List(Vec::new()),
                    place,
                })
            }
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&str>, place: Place) -> Node {
        let is_env = tag == Some("!env");
        self.refuse_tag(tag.is_some() && !is_env, &place);
        let raw = self.text.get(place.start..place.end).unwrap_or_default();
        let source = SourceText {
            text: text.into(),
            runs: place::runs(text, raw, place.start, style).into(),
            place: place.clone(),
        };
        Node {
            content: Content::Scalar(Scalar {
                text: source,
                is_plain: style == ScalarStyle::Plain,
                is_env,
            }),
            place,
        }
    }

    fn list(&mut self, mut place: Place, depth: usize) -> Result<Node, Problem> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                place.end = self.place(span).end.max(place.end);
                return Ok(Node {
                    content: Content::List(items),
                    place,
                });
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, mut place: Place, depth: usize) -> Result<Node, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                place.end = self.place(span).end.max(place.end);
                return Ok(Node {
                    content: Content::Map(entries),
                    place,
                });
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let Some(key) = self.key(key) else { continue };
            if !seen.insert(key.node.clone()) {
                let problem =
                    Problem::error(key.place.clone(), format!("`{}` stands twice", key.node));
                self.problems.push(problem.help("keep one of them"));
                continue;
            }
            entries.push(Entry { key, value });
        }
    }

    fn key(&mut self, node: Node) -> Option<Spanned<String>> {
        let problem = match node.content {
            Content::Scalar(scalar) if scalar.is_plain && &*scalar.text.text == "<<" => {
                Problem::error(node.place, "merge keys are not taken").help("write the keys out")
            }
            Content::Scalar(scalar) if !scalar.is_env => {
                return Some(Spanned::new(scalar.text.text.to_string(), node.place));
            }
            _ => Problem::error(node.place, "a key is text")
                .help("write a plain word before the colon"),
        };
        self.problems.push(problem);
        None
    }

    fn refuse_anchor(&mut self, anchor: usize, place: &Place) {
        if anchor > 0 {
            let problem = Problem::error(place.clone(), "anchors are not taken");
            self.problems
                .push(problem.help("write the value out where it is used"));
        }
    }

    fn refuse_tag(&mut self, is_refused: bool, place: &Place) {
        if is_refused {
            let problem = Problem::error(place.clone(), "this tag is not known");
            self.problems
                .push(problem.help("`!env NAME` before a name is the only tag"));
        }
    }

    fn place(&self, span: Span) -> Place {
        let start = self.offsets.byte(span.start.index());
        self.at(start, self.offsets.byte(span.end.index()).max(start))
    }

    fn at(&self, start: usize, end: usize) -> Place {
        Place {
            file: self.file.clone(),
            start,
            end,
        }
    }
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
