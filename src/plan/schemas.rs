//! The JSON Schemas of the rules: compiled, or told of where they are wrong, once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::auth::ClaimsSchema;
use crate::rules::RuleSet;
use crate::schema::{self, Part, Schema, SchemaFault};
use crate::vocabulary::place::SourceJson;
use crate::vocabulary::problem::{Problem, Problems};

/// The files under `schemas/`.
pub(super) struct Schemas {
    files: BTreeMap<String, Value>,
    /// Those with mistakes of their own, which are told where they stand and not where they are used.
    broken: BTreeSet<String>,
}

/// Everything that is wrong with the schemas of a rule set: no database is needed to know it.
pub fn schema_problems(rules: &RuleSet) -> Problems {
    let mut problems = Problems::default();
    let schemas = Schemas::of(rules, &mut problems);
    let _ = schemas.claims(rules, &mut problems);
    for table in &rules.tables {
        let columns = table.columns.iter().map(|column| &column.schema);
        for schema in columns.chain([&table.schema]).flatten() {
            let _ = schemas.compile(schema, &mut problems);
        }
    }
    problems
}

impl Schemas {
    /// The schema files of a rule set, each looked at once.
    pub(super) fn of(rules: &RuleSet, problems: &mut Problems) -> Self {
        let files = rules.schemas.iter();
        let mut schemas = Self {
            files: files
                .map(|(path, schema)| (path.clone(), schema.value.clone()))
                .collect(),
            broken: rules.unread.schemas.clone(),
        };
        for (path, schema) in &rules.schemas {
            let faults = schema::inspect(path, &schema.value, &schemas.files);
            let foreign = |fault: &SchemaFault| schemas.is_about_unread(fault, schema, path);
            let own: Vec<SchemaFault> = faults.into_iter().filter(|f| !foreign(f)).collect();
            if !own.is_empty() {
                report(schema, own, problems);
                schemas.broken.insert(path.clone());
            }
        }
        for (path, schema) in &rules.schemas {
            if !schemas.broken.contains(path) && !schemas.leads_to_broken(path, &schema.value) {
                let compiled = schema::compile_at(path, &schema.value, &schemas.files);
                if let Err(faults) = compiled {
                    report(schema, faults, problems);
                    schemas.broken.insert(path.clone());
                }
            }
        }
        schemas
    }

    /// The schema files as text, by their paths.
    pub(super) fn files(&self) -> &BTreeMap<String, Value> {
        &self.files
    }

    /// Compiles a schema that stands in a YAML file.
    pub(super) fn compile(&self, source: &SourceJson, problems: &mut Problems) -> Option<Schema> {
        self.told_once(source, problems, || {
            schema::compile(&source.value, &self.files)
        })
    }

    /// What a token's claims must fit; `None` where that is wrong.
    pub(super) fn claims(&self, rules: &RuleSet, problems: &mut Problems) -> Option<ClaimsSchema> {
        let Some(source) = &rules.claims else {
            return ClaimsSchema::compile(None, &self.files).ok();
        };
        self.told_once(source, problems, || {
            ClaimsSchema::compile(Some(self.resolved(&source.value)), &self.files)
        })
    }

    /// The schema itself, where one only says in which file it stands.
    pub(super) fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let path = schema.get("$ref").and_then(Value::as_str);
        path.and_then(|path| self.files.get(path)).unwrap_or(schema)
    }

    /// Compiles; what is wrong is reported, but for what lies in a file that is broken already.
    fn told_once<T>(
        &self,
        source: &SourceJson,
        problems: &mut Problems,
        compile: impl FnOnce() -> Result<T, Vec<SchemaFault>>,
    ) -> Option<T> {
        let inspected = schema::inspect("", &source.value, &self.files);
        let mut own = inspected;
        own.retain(|fault| !self.is_about_unread(fault, source, ""));
        if !own.is_empty() {
            report(source, own, problems);
            return None;
        }
        if self.leads_to_broken("", &source.value) {
            return None;
        }
        compile()
            .map_err(|faults| report(source, faults, problems))
            .ok()
    }

    fn leads_to_broken(&self, path: &str, schema: &Value) -> bool {
        let references = schema::references(path, schema, &self.files);
        !references.is_disjoint(&self.broken)
    }

    /// Whether a fault is that a reference leads to a file which is there and could not be read.
    fn is_about_unread(&self, fault: &SchemaFault, source: &SourceJson, path: &str) -> bool {
        let Some(reference) = source.value.pointer(&fault.pointer) else {
            return false;
        };
        let alone = serde_json::json!({ "$ref": reference });
        fault.pointer.ends_with("/$ref") && self.leads_to_unread(path, &alone)
    }

    fn leads_to_unread(&self, path: &str, schema: &Value) -> bool {
        let references = schema::references(path, schema, &self.files);
        references
            .iter()
            .any(|file| self.broken.contains(file) && !self.files.contains_key(file))
    }
}

fn report(source: &SourceJson, faults: Vec<SchemaFault>, problems: &mut Problems) {
    for fault in faults {
        let place = match fault.part {
            Part::Name => source.name(&fault.pointer),
            Part::Value => source.at(&fault.pointer),
        };
        let mut problem = Problem::error(place, fault.message);
        problem.help = fault.help;
        problems.push(problem);
    }
}
