//! Random uploads: honest ones, and those that try what they must not.

use std::collections::BTreeMap;

use rulegate::vocabulary::operation::{Op, Verb};
use serde_json::{Value as Json, json};

use super::model::{Field, Operation, Pool, Rules, Table, Ty, Upload, Val, World};
use super::print::iso;
use super::tape::{Tape, key, org, stolen, user};

/// What kind of uploads are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Mostly what an app of these rules sends.
    Honest,
    /// Each operation also carries [`stolen`] values in columns that the app must not set.
    Thieving,
}

/// An upload of a random user.
pub fn upload(tape: &mut Tape, world: &World, mood: Mood) -> Upload {
    let claims = claims(tape);
    let transactions = 1 + tape.below(3);
    let transactions = (0..transactions)
        .map(|_| transaction(tape, world, &claims, mood))
        .collect();
    Upload {
        claims,
        transactions,
    }
}

/// Who asks: `role` has its default put in, as the gateway does.
pub fn claims(tape: &mut Tape) -> BTreeMap<String, Json> {
    let mut claims: BTreeMap<String, Json> = [
        ("sub".to_owned(), json!(user(tape.of(&[0, 0, 1, 2])))),
        ("org".to_owned(), json!(org(tape.below(2)))),
        (
            "role".to_owned(),
            json!(tape.of(&["member", "owner", "guest"])),
        ),
    ]
    .into();
    if tape.chance(60) {
        claims.insert("level".to_owned(), json!(tape.of(&[1, 0, 2, 5])));
    }
    if tape.chance(50) {
        claims.insert("name".to_owned(), json!(tape.of(&["a", "b", "é"])));
    }
    if tape.chance(50) {
        claims.insert("trusted".to_owned(), json!(tape.chance(50)));
    }
    claims
}

pub fn transaction(
    tape: &mut Tape,
    world: &World,
    claims: &BTreeMap<String, Json>,
    mood: Mood,
) -> Vec<Operation> {
    let count = tape.of(&[1, 1, 1, 2, 2, 3, 4]);
    let mut operations: Vec<Operation> = Vec::new();
    for _ in 0..count {
        let mut next = operation(tape, world, claims, mood);
        // Rows that are met again: what one operation did, the next one sees.
        if let Some(last) = operations.last().filter(|_| tape.chance(40)) {
            if last.table != next.table {
                next = operation_on(tape, world, claims, mood, &last.table);
            }
            next.id.clone_from(&last.id);
        }
        operations.push(next);
    }
    operations
}

fn operation(
    tape: &mut Tape,
    world: &World,
    claims: &BTreeMap<String, Json>,
    mood: Mood,
) -> Operation {
    let mut names: Vec<String> = world.tables.iter().map(|t| t.app.clone()).collect();
    if tape.chance(2) {
        names = vec!["nowhere".to_owned()];
    }
    let name = tape.of(&names);
    operation_on(tape, world, claims, mood, &name)
}

fn operation_on(
    tape: &mut Tape,
    world: &World,
    claims: &BTreeMap<String, Json>,
    mood: Mood,
    name: &str,
) -> Operation {
    let table = world.tables.iter().find(|t| t.app == name);
    let verb = tape.of(&[Verb::Patch, Verb::Put, Verb::Patch, Verb::Put, Verb::Delete]);
    let id = match tape.below(50) {
        0 => "nonsense".to_owned(),
        1 | 2 => key(tape.below(5)).to_uppercase(),
        _ => key(tape.below(7)),
    };
    let mut data = BTreeMap::new();
    if let Some((table, rules)) = table.and_then(|t| Some((t, t.rules.as_ref()?))) {
        for field in &rules.fields {
            honest(tape, world, table, field, verb, claims, &mut data);
        }
        hostile(tape, world, table, rules, mood, &mut data);
    }
    let metadata = tape.chance(40).then(|| "from the share sheet".to_owned());
    Operation {
        verb,
        table: name.to_owned(),
        id,
        data: data.into_iter().collect(),
        metadata,
    }
}

/// What an app of these rules sends for a field.
fn honest(
    tape: &mut Tape,
    world: &World,
    table: &Table,
    field: &Field,
    verb: Verb,
    claims: &BTreeMap<String, Json>,
    data: &mut BTreeMap<String, Json>,
) {
    let column = &table.columns[table.position(&field.column).unwrap()];
    let odds = match verb {
        Verb::Put if column.not_null && column.default.is_none() => 93,
        Verb::Put => 60,
        Verb::Patch => 30,
        Verb::Delete => 5,
    };
    if !tape.chance(odds) {
        return;
    }
    if tape.chance(2) {
        data.insert(field.app.clone(), wrong(tape, column.ty));
        return;
    }
    if tape.chance(if column.not_null { 2 } else { 12 }) {
        data.insert(field.app.clone(), Json::Null);
        return;
    }
    let own = match column.pool {
        Pool::Users if tape.chance(65) => claims.get("sub"),
        Pool::Orgs if tape.chance(75) => claims.get("org"),
        _ => None,
    };
    let is_kept = world.is_immutable(table, field) && tape.chance(30);
    if verb == Verb::Patch && is_kept {
        return;
    }
    let value = if let Some(claim) = own {
        claim.clone()
    } else {
        let value = tape.value(column.ty, column.pool);
        spelled(tape, &value)
    };
    data.insert(field.app.clone(), value);
}

/// Columns an app must not set, ignored ones, unknown ones, and the id.
fn hostile(
    tape: &mut Tape,
    world: &World,
    table: &Table,
    rules: &Rules,
    mood: Mood,
    data: &mut BTreeMap<String, Json>,
) {
    for column in table.columns.iter().skip(1) {
        let name = &column.name;
        if rules
            .fields
            .iter()
            .any(|f| f.column == *name || f.app == *name)
        {
            continue;
        }
        let is_preset = Op::ALL.iter().any(|op| world.is_preset(table, *op, name));
        let odds = match mood {
            Mood::Honest if is_preset => 12,
            Mood::Honest => 1,
            Mood::Thieving if is_preset => 60,
            Mood::Thieving => 8,
        };
        if !tape.chance(odds) {
            continue;
        }
        let is_theft = mood == Mood::Thieving || tape.chance(50);
        let value = match stolen(column.ty) {
            Some(stolen) if is_theft => stolen,
            _ => tape.value(column.ty, column.pool),
        };
        let value = spelled(tape, &value);
        data.insert(name.clone(), value);
    }
    for name in rules.ignore.iter().filter(|_| tape.chance(15)) {
        data.insert(name.clone(), json!("ignored"));
    }
    if tape.chance(1) {
        data.insert("unheard_of".to_owned(), json!(1));
    }
    if tape.chance(5) {
        data.insert("id".to_owned(), json!(key(3)));
    }
}

/// One of the ways in which apps write a value.
fn spelled(tape: &mut Tape, value: &Val) -> Json {
    let number = |text: String| serde_json::from_str::<Json>(&text).unwrap();
    let plain = match value {
        Val::Null => return Json::Null,
        Val::Bool(truth) => json!(i32::from(*truth)),
        Val::Int(whole) => json!(whole),
        Val::Num(hundredths) => number(decimal(*hundredths)),
        Val::Text(text) => json!(text),
        Val::Time(micros) => json!(iso(*micros)),
        Val::Uuid(uuid) => json!(uuid),
    };
    if !tape.chance(15) {
        return plain;
    }
    match value {
        Val::Bool(truth) => tape.of(&[json!(truth), json!(truth.to_string())]),
        Val::Int(whole) => tape.of(&[json!(whole.to_string()), number(format!("{whole}.0"))]),
        Val::Num(hundredths) => tape.of(&[
            json!(decimal(*hundredths)),
            number(format!("{}4", decimal(*hundredths))),
        ]),
        Val::Time(micros) => tape.of(&[
            json!(iso(*micros).replace('T', " ")),
            json!(iso(*micros).replace('Z', "")),
        ]),
        Val::Uuid(uuid) => json!(uuid.to_uppercase()),
        Val::Text(_) | Val::Null => plain,
    }
}

fn decimal(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:02}",
        hundredths.abs() / 100,
        hundredths.abs() % 100
    )
}

/// A value that cannot be stored.
fn wrong(tape: &mut Tape, ty: Ty) -> Json {
    match ty {
        Ty::Text => tape.of(&[json!(true), json!([1]), json!({"a": 1})]),
        Ty::Int => tape.of(&[
            json!("x"),
            json!("9223372036854775808"),
            json!(true),
            json!(""),
        ]),
        Ty::Num => tape.of(&[json!("x"), json!(1_000_000), json!(false)]),
        Ty::Bool => tape.of(&[json!("yes"), json!(2), json!("")]),
        Ty::Uuid => tape.of(&[
            json!("x"),
            json!(1),
            json!("{a0000000-0000-4000-8000-000000000000}"),
        ]),
        Ty::Time => tape.of(&[
            json!("now"),
            json!(1_767_323_045),
            json!("2026-13-01"),
            json!(""),
        ]),
    }
}
