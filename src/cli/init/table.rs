//! The first file of a table: everything that the database says, and nothing allowed.

use std::fmt::Write as _;

use crate::catalog::{Column, Kind};
use crate::cli::arguments::File;
use crate::cli::init::choice::{Chosen, Relation};
use crate::cli::init::words::{remark, yaml};
use crate::cli::schema;
use crate::vocabulary::names::Target;

/// Columns that say whose a row is.
const OWNERS: &[&str] = &[
    "owner_id",
    "user_id",
    "created_by",
    "author_id",
    "sender_id",
];

/// Columns that a server rather sets itself, for which operations.
const TIMES: &[(&str, &[&str])] = &[
    ("created_at", &["create"]),
    ("updated_at", &["create", "update"]),
];

/// The text of the file.
pub fn text(table: &Chosen<'_>, relations: &[Relation<'_>]) -> String {
    let mut text = schema::line(File::Rules);
    let target = &table.facts.target;
    let shown = remark(&target.to_string());
    let _ = writeln!(
        text,
        "# {shown}. No app may write to it yet: decide what stands under `allow`."
    );
    let _ = writeln!(text, "version: 1\ntable: {}", yaml(&table.name));
    if *target != Target::parse(&table.name) {
        let _ = writeln!(text, "target: {}", yaml(&target.to_string()));
    }
    if table.key.name.as_str() != "id" {
        let _ = writeln!(text, "key: {}", yaml(table.key.name.as_str()));
    }
    columns(&mut text, table);
    presets(&mut text, table);
    follow(&mut text, relations);
    allow(&mut text, table);
    text
}

fn columns(text: &mut String, table: &Chosen<'_>) {
    if table.open().next().is_some() {
        text.push_str(
            "\ncolumns:                            # decide: take out what no app may write\n",
        );
    }
    for column in table.open() {
        let name = yaml(column.name.as_str());
        let entry = match schema_of(column) {
            Some(schema) => format!("  {name}: {{ schema: {schema} }}"),
            None => format!("  {name}:"),
        };
        let _ = writeln!(text, "{entry:<35} # {}", facts(column));
    }
    let computed: Vec<String> = table
        .computed()
        .map(|column| remark(column.name.as_str()))
        .collect();
    if !computed.is_empty() {
        let _ = writeln!(
            text,
            "# Left out, because the database computes it: {}",
            computed.join(", ")
        );
    }
}

/// What the type alone says of a value.
fn schema_of(column: &Column) -> Option<String> {
    let (ty, limits) = match column.ty.kind {
        Kind::Varchar(Some(length)) | Kind::Char(length) => {
            ("string", format!("maxLength: {length}"))
        }
        Kind::Numeric(Some((precision, scale))) => {
            let whole = i32::from(precision) - i32::from(scale);
            let most = u32::try_from(whole).ok().filter(|whole| *whole <= 18)?;
            let most = 10_u64.pow(most);
            (
                "number",
                format!("exclusiveMinimum: -{most}, exclusiveMaximum: {most}"),
            )
        }
        _ => return None,
    };
    let ty = if column.not_null {
        ty.to_owned()
    } else {
        format!("[{ty}, \"null\"]")
    };
    Some(format!("{{ type: {ty}, {limits} }}"))
}

/// Its type and whether it may be absent, for a person.
fn facts(column: &Column) -> String {
    let mut text = match &column.ty.kind {
        Kind::Enum(labels) => {
            let labels: Vec<String> = labels.iter().map(|label| remark(label)).collect();
            format!("one of {}", labels.join(", "))
        }
        Kind::Varchar(Some(length)) => format!("varchar({length})"),
        Kind::Char(length) => format!("char({length})"),
        Kind::Numeric(Some((precision, scale))) => format!("numeric({precision}, {scale})"),
        _ => remark(&column.ty.cast),
    };
    if column.not_null {
        text.push_str(if column.has_default {
            ", not null, the database has a default"
        } else {
            ", not null"
        });
    }
    text
}

fn presets(text: &mut String, table: &Chosen<'_>) {
    let found = |op: &str| {
        let times = TIMES
            .iter()
            .filter(|(name, ops)| ops.contains(&op) && has_time(table, name));
        let pairs: Vec<String> = times
            .map(|(name, _)| format!("{name}: request.time"))
            .collect();
        pairs.join(", ")
    };
    let (create, update) = (found("create"), found("update"));
    if create.is_empty() {
        return;
    }
    text.push_str("\n# Perhaps set here, whatever the app sends; then take it out of `columns`:\n# presets:\n");
    let _ = writeln!(text, "#   create: {{ {create} }}");
    if !update.is_empty() {
        let _ = writeln!(text, "#   update: {{ {update} }}");
    }
}

fn has_time(table: &Chosen<'_>, name: &str) -> bool {
    table.open().any(|column| {
        column.name.as_str() == name
            && matches!(column.ty.kind, Kind::Timestamptz(_) | Kind::Timestamp(_))
    })
}

fn follow(text: &mut String, relations: &[Relation<'_>]) {
    if relations.is_empty() {
        return;
    }
    text.push_str("\nrelations:                          # the foreign keys: rules read `this.<relation>.<column>`\n");
    for Relation { name, table, pairs } in relations {
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(theirs, mine)| format!("{}: {}", yaml(theirs), yaml(mine)))
            .collect();
        let _ = writeln!(
            text,
            "  {}: {{ table: {}, match: {{ {} }} }}",
            yaml(name),
            yaml(table),
            pairs.join(", ")
        );
    }
}

fn allow(text: &mut String, table: &Chosen<'_>) {
    let owner = OWNERS.iter().find(|owner| {
        table.open().any(|column| {
            let is_text = matches!(column.ty.kind, Kind::Uuid | Kind::Text | Kind::Varchar(_));
            column.name.as_str() == **owner && is_text
        })
    });
    let whose = owner.map_or("<column>", |owner| owner);
    let condition = format!("this.{whose} == auth.sub");
    let _ = write!(
        text,
        "
allow: {{}}                           # nothing. Decide who may do what; for example, instead of this line:
# allow:
#   create: {condition}
#   update: {condition}
#   delete: {condition}
"
    );
}
