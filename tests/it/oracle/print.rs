//! The first reading of a world: SQL, a folder of rules, and uploads as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use rulegate::vocabulary::operation::Op;
use serde_json::{Value as Json, json};

use super::condition::{Comparison, Condition, Place};
use super::model::{Column, Field, Grant, Rules, Shape, State, Table, Ty, Upload, Val, World};

/// The tables of a world in a schema.
pub fn sql(world: &World, schema: &str) -> String {
    let mut text = format!("CREATE SCHEMA {schema};\n");
    for table in &world.tables {
        let columns: Vec<String> = table.columns.iter().map(column).collect();
        writeln!(
            text,
            "CREATE TABLE {schema}.{} ({});",
            table.name,
            columns.join(", ")
        )
        .unwrap();
    }
    for relation in world
        .tables
        .iter()
        .filter_map(|t| t.rules.as_ref())
        .flat_map(|r| &r.relations)
    {
        let theirs: Vec<&str> = relation
            .pairs
            .iter()
            .map(|(their, _)| their.as_str())
            .collect();
        let table = &world.tables[relation.table].name;
        writeln!(
            text,
            "CREATE INDEX ON {schema}.{table} ({});",
            theirs.join(", ")
        )
        .unwrap();
    }
    text
}

fn column(column: &Column) -> String {
    let ty = match column.ty {
        Ty::Bool => "boolean",
        Ty::Int => "bigint",
        Ty::Num => "numeric(8,2)",
        Ty::Text => "text",
        Ty::Time => "timestamptz",
        Ty::Uuid => "uuid",
    };
    let mut text = format!("{} {ty}", column.name);
    if column.name == "id" {
        text.push_str(" PRIMARY KEY");
    } else if column.not_null {
        text.push_str(" NOT NULL");
    }
    if let Some(default) = &column.default {
        write!(text, " DEFAULT {}", sql_value(default)).unwrap();
    }
    if column.is_unique {
        text.push_str(" UNIQUE");
    }
    text
}

fn sql_value(value: &Val) -> String {
    match value {
        Val::Null => "NULL".into(),
        Val::Bool(truth) => truth.to_string(),
        Val::Int(number) => format!("({number})"),
        Val::Num(hundredths) => format!("({hundredths}::numeric / 100)"),
        Val::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Val::Time(micros) => format!("(timestamptz 'epoch' + {micros} * interval '1 microsecond')"),
        Val::Uuid(uuid) => format!("'{uuid}'"),
    }
}

/// The statements that put these rows, and no others, into the tables.
pub fn fill(world: &World, schema: &str, state: &State) -> String {
    let names: Vec<String> = world
        .tables
        .iter()
        .map(|t| format!("{schema}.{}", t.name))
        .collect();
    let mut text = String::new();
    for name in &names {
        writeln!(text, "DELETE FROM {name};").unwrap();
    }
    for (name, rows) in names.iter().zip(state) {
        let tuples: Vec<String> = rows
            .values()
            .map(|row| {
                format!(
                    "({})",
                    row.iter().map(sql_value).collect::<Vec<_>>().join(", ")
                )
            })
            .collect();
        if !tuples.is_empty() {
            writeln!(text, "INSERT INTO {name} VALUES {};", tuples.join(", ")).unwrap();
        }
    }
    text
}

/// The files of the rules folder: name and text.
pub fn rules(world: &World, schema: &str) -> BTreeMap<String, String> {
    let tables = world.tables.iter().filter_map(|table| {
        let text = table_file(world, schema, table, table.rules.as_ref()?);
        Some((format!("{}.yaml", table.app), text))
    });
    tables
        .chain([("rulegate.yaml".to_owned(), project_file(world))])
        .collect()
}

fn project_file(world: &World) -> String {
    let mut text = format!(
        "version: 1\ndatabase: {{ type: postgresql, uri: \"postgres://nobody@127.0.0.1/none\" }}\nclient_auth:\n  jwks: {}\n  audience: [powersync]\n  claims: {}\n",
        json!({"keys": [{"kty": "oct", "kid": "k", "alg": "HS256", "k": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"}]}),
        claims_schema(),
    );
    if !world.guards.is_empty() {
        text.push_str("guards:\n");
        for guard in &world.guards {
            write!(
                text,
                "  - tables: \"*\"\n    having: {}\n    rule: {}\n    presets: {{ create: {} }}\n    immutable: {}\n",
                json!(guard.having),
                quoted(&guard.rule),
                map(&guard.create_presets),
                json!(guard.immutable),
            )
            .unwrap();
        }
    }
    let on_fatal_error = if world.skips { "skip" } else { "stop" };
    writeln!(text, "batch: {{ on_fatal_error: {on_fatal_error} }}").unwrap();
    text
}

/// What a token of the oracle's users holds.
pub fn claims_schema() -> Json {
    json!({
        "type": "object",
        "required": ["sub", "org"],
        "properties": {
            "sub": {"type": "string", "format": "uuid"},
            "org": {"type": "string", "format": "uuid"},
            "role": {"enum": ["owner", "member", "guest"], "default": "guest"},
            "level": {"type": "integer"},
            "name": {"type": "string"},
            "trusted": {"type": "boolean"},
        },
    })
}

fn table_file(world: &World, schema: &str, table: &Table, rules: &Rules) -> String {
    let mut text = format!(
        "version: 1\ntable: {}\ntarget: {schema}.{}\n",
        table.app, table.name
    );
    text.push_str("columns:\n");
    rules
        .fields
        .iter()
        .for_each(|f| writeln!(text, "  {}: {}", f.app, field(f)).unwrap());
    if rules.fields.is_empty() {
        text.truncate(text.len() - 1);
        text.push_str(" {}\n");
    }
    let mut line = |key: &str, value: String| writeln!(text, "{key}: {value}").unwrap();
    if !rules.ignore.is_empty() {
        line("ignore", json!(rules.ignore).to_string());
    }
    let (create, update) = (map(&rules.create_presets), map(&rules.update_presets));
    line(
        "presets",
        format!("{{ create: {create}, update: {update} }}"),
    );
    if !rules.row.is_empty() {
        line("schema", row_schema(rules).to_string());
    }
    let relations = rules.relations.iter().map(|relation| {
        let pairs: BTreeMap<_, _> = relation.pairs.iter().cloned().collect();
        let theirs = format!("{schema}.{}", world.tables[relation.table].name);
        (
            relation.name.clone(),
            json!({"table": theirs, "match": pairs}),
        )
    });
    line("relations", Json::Object(relations.collect()).to_string());
    line("computed", map(&rules.computed));
    match (&rules.guard, world.guards_of(table).next()) {
        (Some(guard), _) => line("guard", quoted(guard)),
        (None, None) if !world.guards.is_empty() => line("guard", "none".into()),
        (None, _) => {}
    }
    line("allow", allow(rules));
    line("public_reason", "a test of the gateway".into());
    let checks: Vec<String> = rules
        .checks
        .iter()
        .map(|check| {
            let ops: Option<Vec<&str>> = check
                .ops
                .as_ref()
                .map(|ops| ops.iter().map(|op| op.as_str()).collect());
            let ops = ops.map_or(String::new(), |ops| format!(", ops: {}", json!(ops)));
            format!(
                "{{ rule: {}, code: {}, message: refused{ops}, deferred: {} }}",
                quoted(&check.rule),
                check.code,
                check.is_deferred
            )
        })
        .collect();
    if !checks.is_empty() {
        line("check", format!("[{}]", checks.join(", ")));
    }
    text
}

fn field(field: &Field) -> String {
    let mut keys = vec![format!("column: {}", field.column)];
    if field.is_immutable {
        keys.push("immutable: true".into());
    }
    if let Some(default) = &field.default {
        keys.push(format!("default: {}", quoted(default)));
    }
    if let Some(shape) = field.shape {
        keys.push(format!("schema: {}", shape_schema(shape)));
    }
    format!("{{ {} }}", keys.join(", "))
}

/// The schema of the whole row: an app's names for the columns it may write, the database's for the rest.
fn row_schema(rules: &Rules) -> Json {
    let name = |column: &String| {
        let field = rules.fields.iter().find(|f| f.column == *column);
        field.map_or(column.clone(), |field| field.app.clone())
    };
    let shapes = rules.row.iter();
    let shapes: serde_json::Map<String, Json> = shapes
        .map(|(column, shape)| (name(column), shape_schema(*shape)))
        .collect();
    json!({"type": "object", "properties": shapes})
}

fn shape_schema(shape: Shape) -> Json {
    match shape {
        Shape::Length(min, max) => json!({"type": "string", "minLength": min, "maxLength": max}),
        Shape::Range(min, max) => {
            json!({"type": ["integer", "null"], "minimum": min, "maximum": max})
        }
    }
}

fn allow(rules: &Rules) -> String {
    let lists = [
        (Op::Create.as_str(), &rules.create),
        (Op::Update.as_str(), &rules.update),
        (Op::Delete.as_str(), &rules.delete),
        ("write", &rules.write),
    ];
    let lists: Vec<String> = lists
        .iter()
        .filter(|(_, grants)| !grants.is_empty())
        .map(|(key, grants)| {
            format!(
                "{key}: [{}]",
                grants.iter().map(grant).collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    format!("{{ {} }}", lists.join(", "))
}

fn grant(grant: &Grant) -> String {
    match &grant.columns {
        None => quoted(&grant.condition),
        Some(columns) => format!(
            "{{ if: {}, columns: {} }}",
            quoted(&grant.condition),
            json!(columns)
        ),
    }
}

fn map(entries: &[(String, Condition)]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|(name, c)| format!("{name}: {}", quoted(c)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A condition as a YAML string.
fn quoted(condition: &Condition) -> String {
    Json::from(cel(condition)).to_string()
}

/// A condition as CEL.
pub fn cel(condition: &Condition) -> String {
    match condition {
        Condition::Literal(value) => literal(value),
        Condition::Claim(name) => format!("auth.{name}"),
        Condition::Has(name) => format!("has(auth.{name})"),
        Condition::Member(at, name) => format!("{}.{name}", place(at)),
        Condition::IsNull(at) => format!("({} == null)", place(at)),
        Condition::Op => "op".into(),
        Condition::Changed(field) => format!("('{field}' in changed)"),
        Condition::Now => "request.time".into(),
        Condition::Metadata => "metadata".into(),
        Condition::Not(a) => format!("!({})", cel(a)),
        Condition::And(a, b) => format!("({} && {})", cel(a), cel(b)),
        Condition::Or(a, b) => format!("({} || {})", cel(a), cel(b)),
        Condition::If(a, b, c) => format!("({} ? {} : {})", cel(a), cel(b), cel(c)),
        Condition::Compare(how, a, b) => format!("({} {} {})", cel(a), sign(*how), cel(b)),
        Condition::In(a, values) => {
            let values: Vec<String> = values.iter().map(literal).collect();
            format!("({} in [{}])", cel(a), values.join(", "))
        }
        Condition::StartsWith(a, start) => {
            format!(
                "{}.startsWith({})",
                cel(a),
                literal(&Val::Text(start.clone()))
            )
        }
        Condition::Length(a) => format!("size({})", cel(a)),
        Condition::Plus(a, b) => format!("({} + {})", cel(a), cel(b)),
        Condition::Exists(at, relation, variable, body) => {
            format!("{}.{relation}.exists({variable}, {})", place(at), cel(body))
        }
        Condition::All(at, relation, variable, body) => {
            format!("{}.{relation}.all({variable}, {})", place(at), cel(body))
        }
        Condition::Count(at, relation) => format!("size({}.{relation})", place(at)),
    }
}

fn place(at: &Place) -> String {
    match at {
        Place::Old => "old".into(),
        Place::New => "new".into(),
        Place::This => "this".into(),
        Place::Variable(name) => name.clone(),
        Place::One(from, relation) => format!("{}.{relation}", place(from)),
    }
}

fn sign(how: Comparison) -> &'static str {
    match how {
        Comparison::Equal => "==",
        Comparison::Unequal => "!=",
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::Greater => ">",
        Comparison::AtLeast => ">=",
    }
}

fn literal(value: &Val) -> String {
    match value {
        Val::Null => "null".into(),
        Val::Bool(truth) => truth.to_string(),
        Val::Int(number) => number.to_string(),
        Val::Num(hundredths) => {
            let sign = if *hundredths < 0 { "-" } else { "" };
            format!(
                "{sign}{}.{:02}",
                hundredths.abs() / 100,
                hundredths.abs() % 100
            )
        }
        Val::Text(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Val::Time(micros) => format!("timestamp('{}')", iso(*micros)),
        Val::Uuid(uuid) => format!("'{uuid}'"),
    }
}

/// A time of 2026 as RFC 3339. The oracle's times lie in January.
pub fn iso(micros: i64) -> String {
    const NEW_YEAR: i64 = 1_767_225_600_000_000;
    let seconds = (micros - NEW_YEAR) / 1_000_000;
    let (day, rest) = (1 + seconds / 86_400, seconds % 86_400);
    let fraction = micros % 1_000_000;
    format!(
        "2026-01-{day:02}T{:02}:{:02}:{:02}.{fraction:06}Z",
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    )
}

/// An upload as its request body.
pub fn body(upload: &Upload) -> String {
    let transactions: Vec<Json> = upload
        .transactions
        .iter()
        .map(|operations| {
            let crud: Vec<Json> = operations
                .iter()
                .map(|operation| {
                    let data: serde_json::Map<String, Json> = operation.data.iter().cloned().collect();
                    let mut entry = json!({"op": operation.verb.as_str(), "table": operation.table, "id": operation.id, "op_data": data});
                    if let Some(metadata) = &operation.metadata {
                        entry["metadata"] = json!(metadata);
                    }
                    entry
                })
                .collect();
            json!({"crud": crud})
        })
        .collect();
    json!({"transactions": transactions}).to_string()
}
