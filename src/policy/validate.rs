//! Immutable columns and JSON Schemas: steps 6 and 7.

use std::collections::HashSet;

use crate::plan::{Field, TablePlan};
use crate::policy::image::Images;
use crate::policy::{Detail, Refusal};
use crate::request;
use crate::schema::{Schema, Violation};
use crate::vocabulary::code::ErrorCode;
use crate::vocabulary::operation::Op;
use crate::vocabulary::row::{ColumnId, Row};

/// Details that one refusal tells.
const DETAILS_MAX: usize = 100;

/// No immutable column changes.
pub(super) fn immutable(table: &TablePlan, images: &Images<'_>) -> Result<(), Refusal> {
    if images.op != Op::Update {
        return Ok(());
    }
    let details: Vec<Detail> = images
        .changed
        .iter()
        .filter(|field| {
            table
                .fields
                .get(*field)
                .is_some_and(|field| field.is_immutable)
        })
        .map(|field| Detail {
            field: Some(field.to_string()),
            message: "cannot be changed".to_owned(),
        })
        .collect();
    refuse(details, "an immutable column would change")
}

/// The schemas of columns and row hold for the new row, save errors that were there before and that nothing touched.
pub(super) fn schemas(table: &TablePlan, images: &Images<'_>) -> Result<(), Refusal> {
    let Some(new) = &images.new else {
        return Ok(());
    };
    let mut details = Vec::new();
    for (name, field) in &table.fields {
        if let Some(schema) = &field.schema {
            column(
                table,
                images,
                new,
                (name.as_str(), field),
                schema,
                &mut details,
            );
        }
    }
    if let Some(schema) = &table.schema {
        row(table, images, new, schema, &mut details);
    }
    refuse(details, "JSON Schema refused")
}

/// The same for an update of a row that is not looked at: every sent value counts as changed. The schema of the row has to be one by field.
pub(super) fn schemas_unseen(table: &TablePlan, images: &Images<'_>) -> bool {
    let (Op::Update, Some(schema), Some(new)) = (images.op, &table.schema, &images.new) else {
        return schemas(table, images).is_ok();
    };
    let mut details = Vec::new();
    for (name, field) in &table.fields {
        if let Some(schema) = &field.schema {
            let named = (name.as_str(), field);
            column(table, images, new, named, schema, &mut details);
        }
    }
    let known = object(table, new);
    let is_of_known = |error: &Violation| {
        let field = error.field.as_ref();
        field.is_none_or(|name| known.get(name).is_some())
    };
    details.is_empty() && !schema.errors(&known).iter().any(is_of_known)
}

fn column(
    table: &TablePlan,
    images: &Images<'_>,
    new: &Row,
    (name, field): (&str, &Field),
    schema: &Schema,
    details: &mut Vec<Detail>,
) {
    // A column left to the database's default is unknown, and not checked.
    let Some(value) = json(table, new, field.column) else {
        return;
    };
    // Whatever is wrong with a value that stays was wrong before.
    if images
        .old
        .is_some_and(|old| !changes(old, new, field.column))
    {
        return;
    }
    let errors = schema.errors(&value).into_iter();
    details.extend(errors.map(|error| Detail {
        field: Some(name.to_owned()),
        message: error.message,
    }));
}

fn row(
    table: &TablePlan,
    images: &Images<'_>,
    new: &Row,
    schema: &Schema,
    details: &mut Vec<Detail>,
) {
    let object_of_new = object(table, new);
    // Behind the first error of a row that is not told all of them others may stand: it excuses nothing.
    let excused: Vec<Violation> = images
        .old
        .filter(|_| Schema::tells_all(&object_of_new))
        .map(|old| schema.errors(&object(table, old)))
        .unwrap_or_default();
    let is_excused = |error: &Violation| {
        let untouched = error.field.as_ref().is_none_or(|name| {
            let column = named(table, name);
            column.is_none_or(|column| images.old.is_some_and(|old| !changes(old, new, column)))
        });
        untouched && excused.contains(error)
    };
    let errors = schema
        .errors(&object_of_new)
        .into_iter()
        .filter(|error| !is_excused(error));
    details.extend(errors.map(|error| Detail {
        field: error.field,
        message: error.message,
    }));
}

/// The whole row as the schema sees it: the app's names for fields, the database's for the rest; what is unknown is absent.
fn object(table: &TablePlan, row: &Row) -> serde_json::Value {
    let rest = table
        .facts
        .ids()
        .filter(|(id, _)| table.field_of(*id).is_none())
        .map(|(id, facts)| (facts.name.as_str(), id));
    let fields = table.fields.iter();
    let fields = fields.map(|(name, field)| (name.as_str(), field.column));
    // Fields come last: one may be called like another column, and the app's name means the field.
    let members = rest
        .chain(fields)
        .filter_map(|(name, id)| Some((name.to_owned(), json(table, row, id)?)));
    serde_json::Value::Object(members.collect())
}

fn named(table: &TablePlan, name: &str) -> Option<ColumnId> {
    let field = table.fields.get(name).map(|field| field.column);
    field.or_else(|| table.facts.column(name).map(|(id, _)| id))
}

fn json(table: &TablePlan, row: &Row, column: ColumnId) -> Option<serde_json::Value> {
    Some(request::to_json(
        row.column(column)?,
        &table.column(column)?.ty,
    ))
}

fn changes(old: &Row, new: &Row, column: ColumnId) -> bool {
    old.column(column).map(|datum| &datum.text) != new.column(column).map(|datum| &datum.text)
}

fn refuse(mut details: Vec<Detail>, cause: &str) -> Result<(), Refusal> {
    // What is wrong with many parts of a value in the same way is told once.
    let mut told = HashSet::new();
    details.retain(|detail| told.len() < DETAILS_MAX && told.insert(detail.clone()));
    let Some(first) = details.first() else {
        return Ok(());
    };
    let message = match &first.field {
        Some(field) => format!("`{field}` {}", first.message),
        None => format!("the row {}", first.message),
    };
    let mut refusal = Refusal::new(ErrorCode::DocumentValidationFailure, message, cause);
    refusal.details = details;
    Err(refusal)
}
