//! A schema before it is compiled: every mistake at its place, in words of ours.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::draft202012;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use crate::schema::keywords::{FORMATS, KEYWORDS, SCHEMA_MAPS, SCHEMAS, TYPES};
use crate::schema::message::message;
use crate::schema::{Part, SchemaFault, options};
use crate::vocabulary::limits::SCHEMA_DEPTH_MAX;
use crate::vocabulary::suggest::closest;

/// Everything that is wrong with a schema that stands in the file `path`, or in none where that is empty.
pub fn inspect(path: &str, schema: &Value, files: &BTreeMap<String, Value>) -> Vec<SchemaFault> {
    let mut inspector = Inspector {
        path,
        root: schema,
        files,
        pointer: String::new(),
        faults: Vec::new(),
    };
    inspector.schema(schema, 0);
    let mut faults = inspector.faults;
    if !faults.iter().any(is_too_deep) {
        faults.extend(invalid(schema, &faults));
    }
    faults
}

/// The files of the rules folder that a schema leads to, directly or through others.
pub fn references(path: &str, schema: &Value, files: &BTreeMap<String, Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![(path.to_owned(), schema)];
    while let Some((path, schema)) = open.pop() {
        for reference in written(schema) {
            let (file, _) = split(&path, reference);
            if file != path && found.insert(file.clone()) {
                open.extend(files.get(&file).map(|schema| (file, schema)));
            }
        }
    }
    found
}

/// The text of every `$ref`.
fn written(schema: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// The file that a reference leads to, seen from the file it stands in, and the fragment.
pub(super) fn split(path: &str, reference: &str) -> (String, String) {
    let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let folder = path.rfind('/').and_then(|end| path.get(..=end));
    let file = match file {
        "" => path.to_owned(),
        file if file.contains(':') => file.to_owned(),
        file => match file.strip_prefix('/') {
            Some(file) => file.to_owned(),
            None => normal(&format!("{}{file}", folder.unwrap_or_default())),
        },
    };
    (file, fragment.to_owned())
}

/// A path without `.` and `..`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_too_deep(fault: &SchemaFault) -> bool {
    fault.message.starts_with(TOO_DEEP)
}

const TOO_DEEP: &str = "the schema is nested deeper";

struct Inspector<'a> {
    path: &'a str,
    root: &'a Value,
    files: &'a BTreeMap<String, Value>,
    pointer: String,
    faults: Vec<SchemaFault>,
}

impl Inspector<'_> {
    fn schema(&mut self, schema: &Value, depth: usize) {
        if depth > SCHEMA_DEPTH_MAX {
            let message = format!("{TOO_DEEP} than {SCHEMA_DEPTH_MAX} levels");
            return self.fault(
                Part::Value,
                message,
                "write it flatter, with `$defs` and `$ref`",
            );
        }
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            self.under(keyword, |inspector| {
                inspector.keyword(keyword, value, depth + 1);
            });
        }
    }

    fn keyword(&mut self, keyword: &str, value: &Value, depth: usize) {
        match value {
            _ if keyword.starts_with("x-") => {}
            _ if !KEYWORDS.contains(&keyword) => self.unknown(keyword),
            Value::Object(members) if SCHEMA_MAPS.contains(&keyword) => {
                for (name, schema) in members {
                    self.under(name, |inspector| {
                        if keyword == "patternProperties" {
                            inspector.pattern(name, Part::Name);
                        }
                        inspector.schema(schema, depth + 1);
                    });
                }
            }
            Value::Array(items) if SCHEMAS.contains(&keyword) => {
                for (position, schema) in items.iter().enumerate() {
                    self.under(&position.to_string(), |inspector| {
                        inspector.schema(schema, depth + 1);
                    });
                }
            }
            schema if SCHEMAS.contains(&keyword) => self.schema(schema, depth),
            Value::String(text) => self.text(keyword, text),
            Value::Array(items) if keyword == "type" => {
                for (position, item) in items.iter().enumerate() {
                    self.under(&position.to_string(), |inspector| {
                        inspector.ty(item.as_str().unwrap_or_default());
                    });
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, keyword: &str, text: &str) {
        match keyword {
            "type" => self.ty(text),
            "format" => self.format(text),
            "pattern" => self.pattern(text, Part::Value),
            "$ref" => self.reference(text),
            _ => {}
        }
    }

    fn ty(&mut self, name: &str) {
        if TYPES.contains(&name) {
            return;
        }
        let meant = match name.to_ascii_lowercase().as_str() {
            "bool" => Some("boolean"),
            "int" | "int4" | "int8" | "bigint" | "long" => Some("integer"),
            "float" | "double" | "decimal" | "numeric" => Some("number"),
            "text" | "varchar" | "uuid" | "date" | "timestamp" => Some("string"),
            "map" | "dict" => Some("object"),
            "list" => Some("array"),
            _ => closest(name, TYPES.into_iter()),
        };
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the types are `{}`", TYPES.join("`, `")),
        };
        self.fault(
            Part::Value,
            format!("JSON Schema has no type `{name}`"),
            help,
        );
    }

    fn format(&mut self, name: &str) {
        let schema = serde_json::json!({ "format": name });
        if options()
            .should_ignore_unknown_formats(false)
            .build(&schema)
            .is_ok()
        {
            return;
        }
        let help = match closest(name, FORMATS.into_iter()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "the formats are those of the draft, such as `uuid`, `date-time` or `email`; others are written as a `pattern`".to_owned(),
        };
        self.fault(Part::Value, format!("there is no format `{name}`"), help);
    }

    fn pattern(&mut self, pattern: &str, part: Part) {
        if options()
            .build(&serde_json::json!({ "pattern": pattern }))
            .is_err()
        {
            let message = "the pattern is no regular expression of the linear engine".to_owned();
            self.fault(part, message, "close each bracket, and write it without look-around (`(?=…)`, `(?!…)`) and back-references (`\\1`)");
        }
    }

    fn reference(&mut self, reference: &str) {
        let (file, fragment) = split(self.path, reference);
        if file.contains(':') {
            let message =
                format!("`{reference}` lies outside of the rules folder, and nothing is fetched");
            return self.fault(
                Part::Value,
                message,
                "put a copy under `schemas/`, and write its path like `schemas/todo.json`",
            );
        }
        let root = if file == self.path {
            Some(self.root)
        } else {
            self.files.get(&file)
        };
        let Some(root) = root else {
            return self.no_file(&file);
        };
        let pointer = fragment
            .replace("%25", "%")
            .replace("%22", "\"")
            .replace("%20", " ");
        // Other fragments are anchors, and below an `$id` places have other names: the library finds those.
        if (pointer.is_empty() || pointer.starts_with('/'))
            && root.get("$id").is_none()
            && root.pointer(&pointer).is_none()
        {
            self.nowhere(reference, &pointer, root);
        }
    }

    fn no_file(&mut self, file: &str) {
        let help = match closest(file, self.files.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "put the file under `schemas/`, and write its path like `schemas/todo.json`"
                .to_owned(),
        };
        self.fault(
            Part::Value,
            format!("the rules folder has no schema `{file}`"),
            help,
        );
    }

    fn nowhere(&mut self, reference: &str, pointer: &str, root: &Value) {
        let (above, name) = pointer.rsplit_once('/').unwrap_or_default();
        let beside = root.pointer(above).and_then(Value::as_object);
        let names = beside.into_iter().flat_map(|members| members.keys());
        let help = match closest(name, names.map(String::as_str)) {
            Some(meant) => format!("did you mean `#{above}/{meant}`?"),
            None => "write the way to a schema from the top of its file, like `#/$defs/title`"
                .to_owned(),
        };
        self.fault(Part::Value, format!("`{reference}` leads nowhere"), help);
    }

    fn unknown(&mut self, keyword: &str) {
        let help = match closest(keyword, KEYWORDS.into_iter()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "a keyword of your own begins with `x-`".to_owned(),
        };
        self.fault(
            Part::Name,
            format!("JSON Schema has no keyword `{keyword}`"),
            help,
        );
    }

    /// Goes one step down.
    fn under(&mut self, name: &str, look: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer
            .push_str(&name.replace('~', "~0").replace('/', "~1"));
        look(self);
        self.pointer.truncate(length);
    }

    fn fault(&mut self, part: Part, message: String, help: impl Into<String>) {
        self.faults.push(SchemaFault {
            pointer: self.pointer.clone(),
            part,
            message,
            help: Some(help.into()),
        });
    }
}

/// Values that a keyword does not take, where nothing better was said of them.
fn invalid(schema: &Value, told: &[SchemaFault]) -> Vec<SchemaFault> {
    let is_told = |pointer: &str| {
        told.iter().any(|fault| {
            let rest = fault.pointer.strip_prefix(pointer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let validator = draft202012::meta::validator();
    let mut faults: Vec<SchemaFault> = Vec::new();
    for error in validator.iter_errors(schema) {
        let pointer = error.instance_path().to_string();
        if is_told(&pointer) || faults.iter().any(|fault| fault.pointer == pointer) {
            continue;
        }
        let keyword = pointer.rsplit('/').next().unwrap_or_default();
        let message = if keyword.is_empty() {
            format!("a JSON Schema {}", message(error.kind()))
        } else {
            format!("`{keyword}` {}", message(error.kind()))
        };
        let help = cure(error.kind(), schema.pointer(&pointer));
        faults.push(SchemaFault {
            pointer,
            part: Part::Value,
            message,
            help: Some(help),
        });
    }
    faults
}

/// What a keyword takes instead.
fn cure(kind: &ValidationErrorKind, found: Option<&Value>) -> String {
    let is_number = |text: &str| text.parse::<serde_json::Number>().is_ok();
    match kind {
        ValidationErrorKind::Type { .. }
            if found.and_then(Value::as_str).is_some_and(is_number) =>
        {
            "take the quotes off".to_owned()
        }
        ValidationErrorKind::Type {
            kind: TypeKind::Single(one),
        } => match one.to_string().as_str() {
            "array" => "write a list, like `[a, b]`".to_owned(),
            "object" => "write a map, like `{ type: string }`".to_owned(),
            "string" => "write a text".to_owned(),
            "boolean" => "write `true` or `false`".to_owned(),
            other => format!("write a number of the kind {other}"),
        },
        ValidationErrorKind::Type { .. } => "write a schema, like `{ type: string }`".to_owned(),
        _ => "look the keyword up in the draft 2020-12 of JSON Schema".to_owned(),
    }
}
