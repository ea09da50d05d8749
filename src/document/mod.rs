//! YAML text → a tree with places: the only user of the YAML crate (rule-language, *Reading YAML*).
//!
//! Duplicate keys, anchors, merge keys and unknown tags are problems, and all of them are found in one go. A text that is not YAML at all
//! gives its first syntax error.

pub mod editor;
mod form;
pub mod keys;
mod node;
mod place;
mod read;
mod scalar;
mod syntax;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

pub use form::{Form, Shape};
pub use node::{Content, Entry, Node, Scalar};
pub use read::{Environment, read};

use crate::document::place::Offsets;
use crate::vocabulary::limits::{RULE_FILE_BYTES_MAX, YAML_DEPTH_MAX};
use crate::vocabulary::place::{Place, SourceText, Spanned};
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::suggest::closest;

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
        let (reason, help) = syntax::in_words(error.info());
        Problem::error(self.at(start, start), format!("this is not YAML: {reason}")).help(help)
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Problem> {
        if depth > YAML_DEPTH_MAX {
            let message = format!("nested deeper than {YAML_DEPTH_MAX} levels");
            return Err(Problem::error(self.place(span), message).help("nothing here needs that"));
        }
        let place = self.place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix));
                // What looks like an anchor behind such a tag is the `&&` of an expression.
                if tag.as_deref().is_none_or(|tag| tag == "!env") {
                    self.refuse_anchor(anchor, &place);
                }
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
        let is_meant = tag.is_some_and(|tag| closest(tag, ["!env"].into_iter()).is_some());
        if let Some(tag) = tag.filter(|_| is_meant) {
            let problem = Problem::error(
                place.clone(),
                format!("`{tag}` is a tag to YAML, and not known"),
            );
            self.problems.push(problem.help("did you mean `!env`?"));
        } else if let Some(tag) = tag.filter(|_| !is_env) {
            return self.tagged(text, tag, &place);
        }
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
                is_env: is_env || is_meant,
            }),
            place,
        }
    }

    /// A scalar behind a tag. An expression that begins with `!` looks like one to YAML, so it is read as the author meant it.
    fn tagged(&mut self, text: &str, tag: &str, scalar: &Place) -> Node {
        let before = self.text.get(..scalar.start).unwrap_or_default();
        let start = before.rfind(tag).unwrap_or(scalar.start);
        let place = self.at(start, scalar.end.max(start + tag.len()));
        let written = self.text.get(place.start..place.end).unwrap_or_default();
        let text = if written.contains('\n') {
            format!("{tag} {text}")
        } else {
            written.trim_end().to_owned()
        };
        self.problems.push(
            Problem::error(
                self.at(start, start + tag.len()),
                format!("`{tag}` is a tag to YAML, and not known"),
            )
            .help(format!(
                "put an expression that begins with `!` in quotes: `\"{text}\"`; the only tag is `!env NAME`"
            )),
        );
        let source = SourceText {
            runs: place::runs(&text, written, start, ScalarStyle::Plain).into(),
            text: text.into(),
            place: place.clone(),
        };
        Node {
            content: Content::Scalar(Scalar {
                text: source,
                is_plain: true,
                is_env: false,
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
