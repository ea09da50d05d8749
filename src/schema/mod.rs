//! JSON Schema (draft 2020-12, formats asserted): compiled once, without network, with a linear regex engine.
//!
//! Messages are ours, one for each keyword: the library's own text quotes values.

#[cfg(test)]
mod tests;
mod unique;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;

use crate::vocabulary::limits::SCHEMA_DEPTH_MAX;
use crate::vocabulary::suggest::closest;

/// Where the files of the rules folder seem to lie, so that `schemas/todo.json` is found by `$ref`.
const BASE: &str = "rules:///";

/// Parts of a value whose errors are all told.
const ERRORS_OF_PARTS_MAX: usize = 10_000;

/// A compiled schema.
#[derive(Clone)]
pub struct Schema {
    validator: Arc<Validator>,
    source: Arc<Value>,
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
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
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
    let mut faults = Vec::new();
    inspect(schema, &mut String::new(), 0, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let files = files
        .iter()
        .map(|(path, file)| (format!("{BASE}{path}"), file.clone()))
        .collect();
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .with_keyword("uniqueItems", unique::keyword)
        .with_base_uri(BASE)
        .with_retriever(Folder(files))
        .build(schema)
        .map(|validator| Schema {
            validator: Arc::new(validator),
            source: Arc::new(schema.clone()),
        })
        .map_err(|error| vec![fault(&error)])
}

impl Schema {
    /// The schema as written.
    pub fn source(&self) -> &Value {
        &self.source
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

/// Keywords of the draft.
const KEYWORDS: [&str; 59] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$ref",
    "$schema",
    "$vocabulary",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "else",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "then",
    "title",
    "type",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "writeOnly",
];

/// Keywords whose value is a map of schemas.
const SCHEMA_MAPS: [&str; 5] = [
    "$defs",
    "definitions",
    "dependentSchemas",
    "patternProperties",
    "properties",
];
/// Keywords whose value is a schema, or a list of schemas.
const SCHEMAS: [&str; 16] = [
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
    "dependencies",
];

/// Finds keywords that no draft knows, and schemas that are too deep for the parsers behind.
fn inspect(schema: &Value, pointer: &mut String, depth: usize, faults: &mut Vec<SchemaFault>) {
    if depth > SCHEMA_DEPTH_MAX {
        faults.push(SchemaFault {
            pointer: pointer.clone(),
            message: format!("the schema is nested deeper than {SCHEMA_DEPTH_MAX} levels"),
            help: None,
        });
        return;
    }
    let Value::Object(members) = schema else {
        return;
    };
    for (keyword, value) in members {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(keyword);
        if !KEYWORDS.contains(&keyword.as_str()) && !keyword.starts_with("x-") {
            faults.push(unknown(keyword, pointer));
        }
        inspect_keyword(keyword, value, pointer, depth + 1, faults);
        pointer.truncate(length);
    }
}

fn inspect_keyword(
    keyword: &str,
    value: &Value,
    pointer: &mut String,
    depth: usize,
    faults: &mut Vec<SchemaFault>,
) {
    match value {
        Value::Object(members) if SCHEMA_MAPS.contains(&keyword) => {
            for (name, schema) in members {
                let length = pointer.len();
                pointer.push('/');
                pointer.push_str(name);
                inspect(schema, pointer, depth + 1, faults);
                pointer.truncate(length);
            }
        }
        Value::Array(items) if SCHEMAS.contains(&keyword) => {
            for schema in items {
                inspect(schema, pointer, depth + 1, faults);
            }
        }
        schema if SCHEMAS.contains(&keyword) => inspect(schema, pointer, depth, faults),
        _ => {}
    }
}

fn unknown(keyword: &str, pointer: &str) -> SchemaFault {
    SchemaFault {
        pointer: pointer.to_owned(),
        message: format!("JSON Schema has no keyword `{keyword}`"),
        help: closest(keyword, KEYWORDS.into_iter())
            .map(|suggestion| format!("did you mean `{suggestion}`?"))
            .or_else(|| Some("a keyword of your own begins with `x-`".to_owned())),
    }
}

fn fault(error: &ValidationError<'_>) -> SchemaFault {
    let message = match error.kind() {
        ValidationErrorKind::Referencing(_) => format!("a `$ref` leads nowhere: {error}"),
        ValidationErrorKind::Format { format } if format == "regex" => {
            "the pattern is no regular expression of the linear engine (no look-around, no back-references)".to_owned()
        }
        _ => format!("the schema is not valid JSON Schema: {error}"),
    };
    SchemaFault {
        pointer: error.instance_path().to_string(),
        message: message.replace('\n', " "),
        help: Some(
            "`$ref` takes `#/…` and files of the rules folder such as `schemas/todo.json`"
                .to_owned(),
        )
        .filter(|_| matches!(error.kind(), ValidationErrorKind::Referencing(_))),
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

/// What a person reads. Only what the author of the schema wrote is quoted.
fn message(kind: &ValidationErrorKind) -> String {
    use ValidationErrorKind as Kind;
    match kind {
        Kind::AdditionalItems { limit } => format!("has more than {limit} items"),
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "has a member that is not allowed".to_owned()
        }
        Kind::UnevaluatedItems { .. } => "has an item that is not allowed".to_owned(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            "fits none of the allowed forms".to_owned()
        }
        Kind::OneOfMultipleValid { .. } => "fits more than one of the allowed forms".to_owned(),
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::Enum { options } => format!("must be one of {options}"),
        Kind::Contains => "lacks an item that is required".to_owned(),
        Kind::ContentEncoding { content_encoding } => {
            format!("is not encoded as {content_encoding}")
        }
        Kind::ContentMediaType { content_media_type } => format!("is not {content_media_type}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be greater than {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::FalseSchema => "is not allowed".to_owned(),
        Kind::Format { format } => format!("is not a valid {format}"),
        Kind::MaxItems { limit } => format!("has too many items (at most {limit})"),
        Kind::MinItems { limit } => format!("has too few items (at least {limit})"),
        Kind::MaxLength { limit } => format!("is too long (at most {limit} characters)"),
        Kind::MinLength { limit } => format!("is too short (at least {limit} characters)"),
        Kind::MaxProperties { limit } => format!("has too many members (at most {limit})"),
        Kind::MinProperties { limit } => format!("has too few members (at least {limit})"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::Not { .. } => "has a form that is not allowed".to_owned(),
        Kind::Pattern { pattern } => format!("does not match the pattern {pattern}"),
        Kind::PropertyNames { .. } => "has a member whose name is not allowed".to_owned(),
        Kind::Required { .. } => "is missing".to_owned(),
        Kind::Type { kind } => format!("must be {}", types(kind)),
        // Keywords of our own say it in our words.
        Kind::Custom { message, .. } => message.clone(),
        _ => "does not fit its schema".to_owned(),
    }
}

fn types(kind: &jsonschema::error::TypeKind) -> String {
    use jsonschema::error::TypeKind;
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(many) => many
            .iter()
            .map(|one| one.to_string())
            .collect::<Vec<_>>()
            .join(" or "),
    }
}
