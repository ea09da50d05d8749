//! A plan as text: what `rulegate check --plan` shows, and what its digest is made of.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use sha2::{Digest, Sha256};

use crate::expr::World;
use crate::plan::{Check, Field, Grant, Preset, Rejections, RelationPlan, TablePlan};
use crate::vocabulary::names::FieldName;
use crate::vocabulary::row::ColumnId;

/// The text of a plan. Two plans that decide alike print alike.
pub(super) fn text<'a>(
    tables: impl Iterator<Item = &'a TablePlan>,
    world: &World,
    relations: &[RelationPlan],
    rejections: Option<&Rejections>,
    claims: Option<&serde_json::Value>,
    schemas: &BTreeMap<String, serde_json::Value>,
) -> String {
    let mut out = String::new();
    if let Some(claims) = claims {
        let _ = writeln!(out, "claims {claims}");
    }
    for (path, schema) in schemas {
        let _ = writeln!(out, "schema {path} {schema}");
    }
    if let Some(rejections) = rejections {
        let _ = writeln!(out, "rejections -> {}", rejections.target);
    }
    for table in tables {
        let _ = print_table(&mut out, table, world);
    }
    for relation in relations {
        let _ = print_relation(&mut out, relation, world);
    }
    out.trim_start().to_owned()
}

/// The first 12 hex digits of the text's SHA-256.
pub(super) fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(6).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn print_relation(out: &mut String, relation: &RelationPlan, world: &World) -> fmt::Result {
    let Some(shape) = world.relations.get(relation.id.0 as usize) else {
        return Ok(());
    };
    let from = world.tables.get(shape.from.0 as usize);
    writeln!(
        out,
        "\nrelation {}.{} -> {} {}\n  read  {}",
        from.map_or("?", |table| &table.name),
        shape.name,
        if shape.is_to_one { "one" } else { "many" },
        relation.facts.target,
        relation.read.text
    )
}

fn print_table(out: &mut String, table: &TablePlan, world: &World) -> fmt::Result {
    writeln!(
        out,
        "\ntable {} -> {} key {}",
        table.name,
        table.facts.target,
        name(table, table.key)
    )?;
    for (field, rule) in &table.fields {
        print_field(out, table, field, rule)?;
    }
    for field in &table.ignored {
        writeln!(out, "  ignore {field}")?;
    }
    for Preset { op, column, value } in &table.presets {
        writeln!(
            out,
            "  preset {op} {} = {}",
            name(table, *column),
            indented(value.text())
        )?;
    }
    let shape = world.tables.get(table.id.0 as usize);
    for (member, source) in shape.into_iter().flat_map(|shape| &shape.computed) {
        writeln!(out, "  computed {member} = {}", indented(&source.text))?;
    }
    for guard in &table.guards {
        writeln!(out, "  guard {}", indented(guard.text()))?;
    }
    for Grant {
        op,
        condition,
        fields,
    } in &table.grants
    {
        write!(out, "  allow {op}")?;
        if let Some(fields) = fields {
            let fields: Vec<&str> = fields.iter().map(FieldName::as_str).collect();
            write!(out, " ({})", fields.join(", "))?;
        }
        writeln!(out, " if {}", indented(condition.text()))?;
    }
    for check in &table.checks {
        print_check(out, check)?;
    }
    if let Some(schema) = &table.schema {
        writeln!(out, "  schema {}", schema.source())?;
    }
    writeln!(out, "  read  {}", table.read_for_update.text)
}

fn print_field(
    out: &mut String,
    table: &TablePlan,
    field: &FieldName,
    rule: &Field,
) -> fmt::Result {
    let column = table.column(rule.column);
    let kind = column.map_or("", |column| &column.ty.cast);
    write!(
        out,
        "  column {field} -> {} {kind}",
        name(table, rule.column)
    )?;
    if column.is_some_and(|column| column.not_null) {
        write!(out, " not null")?;
    }
    if rule.is_immutable {
        write!(out, " immutable")?;
    }
    if let Some(default) = &rule.default {
        write!(out, " default {}", indented(default.text()))?;
    }
    if let Some(sensitive) = rule.sensitive {
        write!(out, " sensitive {}", sensitive.as_str())?;
    }
    if let Some(schema) = &rule.schema {
        write!(out, " schema {}", schema.source())?;
    }
    writeln!(out)
}

fn print_check(out: &mut String, check: &Check) -> fmt::Result {
    let ops: Vec<&str> = check.ops.iter().map(|op| op.as_str()).collect();
    write!(
        out,
        "  check {} on {}: {}",
        check.code,
        ops.join(", "),
        indented(check.rule.text())
    )?;
    if let Some(field) = &check.field {
        write!(out, " field {field}")?;
    }
    if let Some(message) = &check.message {
        write!(out, " message {message:?}")?;
    }
    if let Some(expression) = &check.message_expression {
        write!(out, " message = {}", expression.text())?;
    }
    if check.is_deferred {
        write!(out, " deferred")?;
    }
    if check.client_handles {
        write!(out, " client handles")?;
    }
    writeln!(out)
}

/// An expression as written; further lines of it are set in.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n      ")
}

fn name(table: &TablePlan, column: ColumnId) -> &str {
    table
        .column(column)
        .map_or("?", |column| column.name.as_str())
}
