//! JSON Schema (draft 2020-12, formats asserted): compiled once, without network, with a linear regex engine.
//!
//! Messages are ours, one for each keyword: the library's own text quotes values.

mod fields;
mod inspect;
mod keywords;
mod message;
#[cfg(test)]
mod tests;
mod unique;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{
    Draft, PatternOptions, Retrieve, Uri, ValidationError, ValidationOptions, Validator,
};
use serde_json::Value;

pub use inspect::{inspect, references};

use crate::schema::message::message;

/// Where the files of the rules folder seem to lie, so that `schemas/todo.json` is found by `$ref`.
const BASE: &str = "rules:///";

/// Parts of a value whose errors are all told.
const ERRORS_OF_PARTS_MAX: usize = 10_000;

/// A compiled schema.
#[derive(Clone)]
pub struct Schema {
    validator: Arc<Validator>,
    source: Arc<Value>,
    is_by_field: bool,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.source)
    }
}

/// Something wrong with a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFault {
    /// JSON pointer to it.
    pub pointer: String,
    /// Which part of what the pointer leads to.
    pub part: Part,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// What is wrong about a member of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its name.
    Name,
    /// Its value.
    Value,
}

/// A value that does not fit a schema, where, and why: never the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The member of the instance it is about; `None` for the instance itself.
    pub field: Option<String>,
    /// JSON pointer into the instance.
    pub instance: String,
    /// JSON pointer into the schema.
    pub keyword: String,
    /// What is wrong: "is too long (at most 500 characters)".
    pub message: String,
}

/// Compiles a schema that may refer to itself and to `files`, by their path in the rules folder.
pub fn compile(
    schema: &Value,
    files: &BTreeMap<String, Value>,
) -> Result<Schema, Vec<SchemaFault>> {
    compile_at("", schema, files)
}

/// Compiles a schema that stands in a file of the rules folder: its references begin where that file lies.
pub fn compile_at(
    path: &str,
    schema: &Value,
    files: &BTreeMap<String, Value>,
) -> Result<Schema, Vec<SchemaFault>> {
    let faults = inspect::inspect(path, schema, files);
    if !faults.is_empty() {
        return Err(faults);
    }
    let own = files;
    let files = files
        .iter()
        .map(|(path, file)| (format!("{BASE}{path}"), file.clone()))
        .collect();
    options()
        .with_base_uri(format!("{BASE}{path}"))
        .with_retriever(Folder(files))
        .build(schema)
        .map(|validator| Schema {
            validator: Arc::new(validator),
            source: Arc::new(schema.clone()),
            is_by_field: fields::is_by_field(path, schema, own),
        })
        .map_err(|error| vec![fault(&error)])
}

fn options<'i>() -> ValidationOptions<'i> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .with_keyword("uniqueItems", unique::keyword)
}

impl Schema {
    /// The schema as written.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Whether each member of an object is looked at by itself: what is wrong with one does not depend on the others.
    pub fn is_by_field(&self) -> bool {
        self.is_by_field
    }

    /// Everything in which a value does not fit; the first thing alone where it has too many parts ([`Schema::tells_all`]).
    pub fn errors(&self, value: &Value) -> Vec<Violation> {
        if Self::tells_all(value) {
            let errors = self.validator.iter_errors(value);
            return errors.map(|error| violation(&error)).collect();
        }
        let first = self.validator.validate(value).err();
        first.iter().map(violation).collect()
    }

    /// Whether a value is small enough to be told all its errors: each part may have some, and each takes a hundred times its room.
    pub fn tells_all(value: &Value) -> bool {
        let mut left = ERRORS_OF_PARTS_MAX;
        counts_down(value, &mut left)
    }
}

/// Parts of a value: itself, its items and members, theirs, …; `false` where they are more than are left.
fn counts_down(value: &Value, left: &mut usize) -> bool {
    let Some(fewer) = left.checked_sub(1) else {
        return false;
    };
    *left = fewer;
    match value {
        Value::Array(items) => items.iter().all(|item| counts_down(item, left)),
        Value::Object(members) => members.values().all(|member| counts_down(member, left)),
        _ => true,
    }
}

/// The files of the rules folder; nothing else is ever fetched.
struct Folder(BTreeMap<String, Value>);

impl Retrieve for Folder {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        self.0.get(uri.as_str()).cloned().ok_or_else(|| {
            format!(
                "no file of the rules folder is called `{}`",
                uri.as_str().trim_start_matches(BASE)
            )
            .into()
        })
    }
}

/// What the inspection let pass and the library does not take.
fn fault(error: &ValidationError<'_>) -> SchemaFault {
    let (message, help) = match error.kind() {
        ValidationErrorKind::Referencing(_) => (
            format!("a `$ref` leads nowhere: {error}"),
            "write `#/…`, or a file of the rules folder such as `schemas/todo.json`",
        ),
        _ => (
            format!("this is no valid JSON Schema: {error}"),
            "look it up in the draft 2020-12",
        ),
    };
    SchemaFault {
        pointer: error.instance_path().to_string(),
        part: Part::Value,
        message: message.replace('\n', " "),
        help: Some(help.to_owned()),
    }
}

fn violation(error: &ValidationError<'_>) -> Violation {
    let instance = error.instance_path().to_string();
    let first = instance
        .split('/')
        .nth(1)
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"));
    let missing = match error.kind() {
        ValidationErrorKind::Required { property } => property.as_str().map(ToOwned::to_owned),
        _ => None,
    };
    Violation {
        field: first.or(missing),
        keyword: error.schema_path().to_string(),
        message: message(error.kind()),
        instance,
    }
}
