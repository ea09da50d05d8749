//! Random tables, rules and rows, such that a good share of what users ask is allowed.

use std::collections::BTreeMap;

use rulegate::vocabulary::operation::Op;

use super::condition::{Condition, Place, always, claim, int, old, this};
use super::conditions::Stand;
use super::model::{
    Check, Column, Field, Grant, Pool, ProjectGuard, Relation, Rules, Shape, State, Table, Ty, Val,
    World,
};
use super::tape::{Tape, key};

/// Tables with their rules.
pub fn world(tape: &mut Tape) -> World {
    let mut world = World {
        skips: tape.chance(30),
        ..World::default()
    };
    let count = 2 + tape.below(2);
    for app in ["lists", "tasks", "members"].into_iter().take(count) {
        let name = if tape.chance(30) {
            format!("t_{app}")
        } else {
            app.to_owned()
        };
        world.tables.push(Table {
            app: app.to_owned(),
            name,
            columns: columns(tape),
            rules: Some(Rules::default()),
        });
    }
    if tape.chance(10) {
        world.tables[count - 1].rules = None;
    }
    if tape.chance(40) {
        world.guards.push(project_guard(tape));
    }
    for table in 0..count {
        if world.tables[table].rules.is_some() {
            relations(tape, &mut world, table);
            fields(tape, &mut world, table);
        }
    }
    for table in 0..count {
        if world.tables[table].rules.is_some() {
            computed(tape, &mut world, table);
        }
    }
    for table in 0..count {
        if world.tables[table].rules.is_some() {
            decisions(tape, &mut world, table);
        }
    }
    world
}

fn columns(tape: &mut Tape) -> Vec<Column> {
    let column = |name: &str, ty, pool, not_null| Column {
        name: name.to_owned(),
        ty,
        pool,
        not_null,
        default: None,
        is_unique: false,
    };
    let mut columns = vec![
        column("id", Ty::Uuid, Pool::Rows, true),
        column("owner", Ty::Uuid, Pool::Users, tape.chance(50)),
    ];
    if tape.chance(60) {
        columns.push(column("org", Ty::Uuid, Pool::Orgs, tape.chance(50)));
    }
    if tape.chance(80) {
        columns.push(column("parent", Ty::Uuid, Pool::Rows, tape.chance(30)));
    }
    if tape.chance(30) {
        let is_unique = true;
        columns.push(Column {
            is_unique,
            ..column("code", Ty::Text, Pool::Plain, false)
        });
    }
    let plain = [
        ("title", Ty::Text, Pool::Plain),
        ("rank", Ty::Int, Pool::Plain),
        ("done", Ty::Bool, Pool::Plain),
        ("due", Ty::Time, Pool::Plain),
        ("price", Ty::Num, Pool::Plain),
        ("author", Ty::Uuid, Pool::Users),
        ("note", Ty::Text, Pool::Plain),
    ];
    for (name, ty, pool) in plain {
        if tape.chance(55) {
            let default = tape.chance(25).then(|| tape.value(ty, pool));
            columns.push(Column {
                default,
                ..column(name, ty, pool, tape.chance(40))
            });
        }
    }
    columns
}

fn project_guard(tape: &mut Tape) -> ProjectGuard {
    let same = this("org").is(claim("org"));
    let rule = match tape.below(3) {
        0 | 1 => same,
        _ => same.or(claim("role").is(super::condition::text("owner"))),
    };
    let create_presets = if tape.chance(70) {
        vec![("org".to_owned(), claim("org"))]
    } else {
        Vec::new()
    };
    let immutable = if tape.chance(50) {
        vec!["org".to_owned()]
    } else {
        Vec::new()
    };
    ProjectGuard {
        having: vec!["org".to_owned()],
        rule,
        create_presets,
        immutable,
    }
}

fn relations(tape: &mut Tape, world: &mut World, table: usize) {
    let mine = world.tables[table].clone();
    let has = |table: &Table, column: &str| table.position(column).is_some();
    let mut relations = Vec::new();
    let mut add = |name: &str, table: usize, pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        relations.push(Relation {
            name: name.to_owned(),
            table,
            pairs,
        });
    };
    if has(&mine, "parent") {
        add("up", tape.below(world.tables.len()), &[("id", "parent")]);
    }
    let theirs = tape.below(world.tables.len());
    let their = &world.tables[theirs];
    if has(their, "parent") {
        add("kids", theirs, &[("parent", "id")]);
    }
    if tape.chance(40) {
        add("peers", theirs, &[("owner", "owner")]);
    }
    if has(their, "code") && has(&mine, "code") && tape.chance(60) {
        add("twin", theirs, &[("code", "code")]);
    }
    if has(their, "org") && has(&mine, "org") && has(&mine, "parent") && tape.chance(30) {
        add("inside", theirs, &[("org", "org"), ("id", "parent")]);
    }
    if let Some(rules) = &mut world.tables[table].rules {
        rules.relations = relations;
    }
}

/// Columns an app may write, presets, defaults, ignored columns.
fn fields(tape: &mut Tape, world: &mut World, table: usize) {
    let entry = world.tables[table].clone();
    let guarded: Vec<&String> = world
        .guards_of(&entry)
        .flat_map(|g| g.create_presets.iter().map(|(name, _)| name))
        .collect();
    let mut rules = entry.rules.clone().unwrap_or_default();
    for column in entry.columns.iter().skip(1) {
        let mut is_preset = guarded.contains(&&column.name);
        let odds = if column.pool == Pool::Plain || column.name == "parent" {
            12
        } else {
            50
        };
        if !is_preset && tape.chance(odds) {
            is_preset = true;
            rules
                .create_presets
                .push((column.name.clone(), preset(tape, column)));
        }
        if column.name != "owner" && tape.chance(12) {
            let preset = update_preset(tape, &entry, column);
            rules.update_presets.push((column.name.clone(), preset));
        }
        let is_needed = column.not_null && column.default.is_none() && !is_preset;
        let odds = if is_needed {
            92
        } else if is_preset {
            30
        } else {
            75
        };
        if tape.chance(odds) {
            let default = (!is_preset && tape.chance(15)).then(|| preset(tape, column));
            let shape = match column.ty {
                Ty::Text if tape.chance(20) => Some(Shape::Length(1, 2)),
                Ty::Int if tape.chance(20) => Some(Shape::Range(0, 5)),
                _ => None,
            };
            let app = if tape.chance(20) {
                format!("app_{}", column.name)
            } else {
                column.name.clone()
            };
            rules.fields.push(Field {
                app,
                column: column.name.clone(),
                is_immutable: tape.chance(10),
                default,
                shape,
            });
        } else if !is_preset && !is_update_preset(&rules, column) && tape.chance(15) {
            rules.ignore.push(column.name.clone());
        }
    }
    if tape.chance(60) {
        rules.ignore.push("legacy".to_owned());
    }
    if tape.chance(15) {
        rules.row = row_shapes(tape, &entry);
    }
    world.tables[table].rules = Some(rules);
}

/// The schema of the whole row, for one of its columns.
fn row_shapes(tape: &mut Tape, table: &Table) -> Vec<(String, Shape)> {
    let shape = |column: &Column| match column.ty {
        Ty::Text => Some((column.name.clone(), Shape::Length(1, 2))),
        Ty::Int => Some((column.name.clone(), Shape::Range(0, 5))),
        _ => None,
    };
    let shapes: Vec<_> = table.columns.iter().filter_map(shape).collect();
    tape.any(&shapes).into_iter().collect()
}

fn is_update_preset(rules: &Rules, column: &Column) -> bool {
    rules
        .update_presets
        .iter()
        .any(|(name, _)| *name == column.name)
}

/// A value of the server's for a column.
fn preset(tape: &mut Tape, column: &Column) -> Condition {
    let computed = match (column.ty, column.pool) {
        (Ty::Uuid, Pool::Users) => Some(claim("sub")),
        (Ty::Uuid, Pool::Orgs) => Some(claim("org")),
        (Ty::Text, _) if !column.not_null && tape.chance(40) => Some(Condition::Metadata),
        (Ty::Text, _) if tape.chance(60) => Some(claim(tape.of(&["role", "name"]))),
        (Ty::Int, _) if tape.chance(40) => Some(claim("level")),
        (Ty::Bool, _) if tape.chance(40) => Some(Condition::Has("level".into())),
        (Ty::Time, _) => Some(Condition::Now),
        _ => None,
    };
    computed.unwrap_or_else(|| Condition::Literal(tape.value(column.ty, column.pool)))
}

fn update_preset(tape: &mut Tape, table: &Table, column: &Column) -> Condition {
    let alike: Vec<&Column> = table
        .columns
        .iter()
        .filter(|c| c.ty == column.ty && c.pool == column.pool && (c.not_null || !column.not_null))
        .collect();
    match tape.any(&alike) {
        Some(source) if tape.chance(40) => match column.ty {
            Ty::Int => Condition::Plus(Box::new(old(&source.name)), Box::new(int(1))),
            _ => old(&source.name),
        },
        _ => preset(tape, column),
    }
}

fn computed(tape: &mut Tape, world: &mut World, table: usize) {
    for name in ["is_mine", "is_open"] {
        if !tape.chance(40) {
            continue;
        }
        // It can only name what is there already, so none reads itself.
        let body = Stand::new(world, table, &[Place::This]).condition(tape, 1);
        if let Some(rules) = &mut world.tables[table].rules {
            rules.computed.push((name.to_owned(), body));
        }
    }
}

/// The own guard, grants and checks of a table.
fn decisions(tape: &mut Tape, world: &mut World, table: usize) {
    let mut rules = world.tables[table].rules.clone().unwrap_or_default();
    let images = |op: Op| match op {
        Op::Create => [Place::This, Place::New].to_vec(),
        Op::Update => [Place::This, Place::New, Place::Old].to_vec(),
        Op::Delete => [Place::This, Place::Old].to_vec(),
    };
    if tape.chance(15) {
        rules.guard = Some(Stand::new(world, table, &[Place::This]).condition(tape, 1));
    }
    if tape.chance(20) {
        let stand = Stand::new(world, table, &[Place::This]);
        rules.write = grants(tape, &stand, &[]);
    } else {
        for op in Op::ALL {
            let stand = Stand {
                facts: true,
                changed: op.has_new(),
                ..Stand::new(world, table, &images(op))
            };
            let fields: &[Field] = if op.has_new() { &rules.fields } else { &[] };
            let granted = grants(tape, &stand, fields);
            match op {
                Op::Create => rules.create = granted,
                Op::Update => rules.update = granted,
                Op::Delete => rules.delete = granted,
            }
        }
    }
    for code in ["CHECK_ONE", "CHECK_TWO"] {
        if tape.chance(25) {
            rules.checks.push(check(tape, world, table, code));
        }
    }
    world.tables[table].rules = Some(rules);
}

fn grants(tape: &mut Tape, stand: &Stand<'_>, fields: &[Field]) -> Vec<Grant> {
    let count = tape.of(&[1, 1, 2, 2, 3, 0]);
    (0..count)
        .map(|_| {
            let condition = match tape.below(10) {
                0..=3 => always(true),
                4..=6 => this("owner").is(claim("sub")),
                _ => stand.condition(tape, 2),
            };
            let columns = (!fields.is_empty() && tape.chance(35)).then(|| {
                let listed: Vec<String> = fields
                    .iter()
                    .filter(|_| tape.chance(60))
                    .map(|f| f.app.clone())
                    .collect();
                if listed.is_empty() {
                    vec![fields[0].app.clone()]
                } else {
                    listed
                }
            });
            Grant { condition, columns }
        })
        .collect()
}

fn check(tape: &mut Tape, world: &World, table: usize, code: &str) -> Check {
    let choices: [(&[Place], Option<Vec<Op>>); 6] = [
        (&[Place::This], None),
        (&[Place::New], None),
        (&[Place::Old], None),
        (&[Place::New, Place::Old], None),
        (
            &[Place::This, Place::New],
            Some(vec![Op::Create, Op::Update]),
        ),
        (
            &[Place::This, Place::New, Place::Old],
            Some(vec![Op::Update]),
        ),
    ];
    let (images, ops) = tape.of(&choices);
    let stand = Stand {
        changed: ops.is_some(),
        ..Stand::new(world, table, images)
    };
    let rule = stand.condition(tape, 1);
    Check {
        rule: rule.or(claim("role").is(super::condition::text("owner"))),
        code: code.to_owned(),
        ops,
        is_deferred: tape.chance(40),
    }
}

/// Rows for every table.
pub fn rows(tape: &mut Tape, world: &World) -> State {
    let rows = |table: &Table| {
        let mut rows: BTreeMap<String, Vec<Val>> = BTreeMap::new();
        for number in 0..5 {
            if tape.chance(70) {
                let row = row(tape, table, number);
                let collides = |(at, column): (usize, &Column)| {
                    column.is_unique
                        && row[at] != Val::Null
                        && rows.values().any(|r| r[at] == row[at])
                };
                if !table.columns.iter().enumerate().any(collides) {
                    rows.insert(key(number), row);
                }
            }
        }
        rows
    };
    world.tables.iter().map(rows).collect()
}

fn row(tape: &mut Tape, table: &Table, number: usize) -> Vec<Val> {
    let values = table.columns.iter().skip(1).map(|column| {
        if !column.not_null && tape.chance(20) {
            Val::Null
        } else {
            tape.value(column.ty, column.pool)
        }
    });
    std::iter::once(Val::Uuid(key(number)))
        .chain(values)
        .collect()
}
