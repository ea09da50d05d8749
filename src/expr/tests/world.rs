//! The tables, claims and rows that the tests speak of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::{ColumnType, Kind};
use crate::expr::{
    Account, Budget, ColumnShape, Compiled, EvalError, Expected, Fault, Frame, Need, Related,
    RelationId, RelationShape, Scope, TableId, TableShape, Variable, World, claims_shape, compile,
};
use crate::vocabulary::names::{FieldName, MemberName};
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::{Place, SourceText};
use crate::vocabulary::row::{ColumnId, Datum, Row};
use crate::vocabulary::value::{Timestamp, Value};

pub const ALL: &[Variable] = &Variable::ALL;
pub const ANN: &str = "00000000-0000-0000-0000-00000000000a";
pub const BOB: &str = "00000000-0000-0000-0000-00000000000b";
pub const HOME: &str = "00000000-0000-0000-0000-000000000001";

pub const LISTS: TableId = TableId(0);
pub const TODOS: TableId = TableId(2);
pub const MEMBERS_OF_LIST: RelationId = RelationId(0);
pub const LIST_OF_MEMBER: RelationId = RelationId(1);
pub const LIST_OF_TODO: RelationId = RelationId(2);

fn labels(labels: &[&str]) -> Kind {
    Kind::Enum(labels.iter().map(|label| Arc::from(*label)).collect())
}

fn table(name: &str, columns: &[(&str, Kind)], computed: &[(&str, &str)]) -> TableShape {
    let columns = columns.iter().map(|(name, kind)| ColumnShape {
        name: name.trim_end_matches(['?', '=']).into(),
        ty: ColumnType {
            kind: kind.clone(),
            cast: format!("{kind:?}").to_lowercase().into(),
            domain: None,
        },
        is_nullable: name.ends_with('?'),
        is_generated: name.ends_with('='),
    });
    let computed = computed.iter().map(|(name, text)| {
        let source = SourceText {
            text: (*text).into(),
            place: Place {
                file: "lists.yaml".into(),
                start: 0,
                end: text.len(),
            },
            runs: Arc::from([(0, 0)]),
        };
        (MemberName::from(*name), source)
    });
    TableShape {
        name: name.to_owned(),
        columns: columns.collect(),
        relations: BTreeMap::new(),
        computed: computed.collect(),
        broken: BTreeSet::from(["lost".into()]),
        is_incomplete: false,
    }
}

/// A condition of 28 levels around another.
fn nested(inner: &str) -> String {
    format!("{}{inner}{}", "!(true && ".repeat(14), ")".repeat(14))
}

/// Lists with members, and todos in lists.
pub fn world() -> World {
    let lists = table(
        "lists",
        &[
            ("id", Kind::Uuid),
            ("owner_id", Kind::Uuid),
            ("name", Kind::Text),
            ("other_id?", Kind::Uuid),
        ],
        &[
            ("is_owner", "this.owner_id == auth.sub"),
            (
                "can_edit",
                "this.is_owner || this.members.exists(m, m.user_id == auth.sub && m.role in ['owner', 'editor'])",
            ),
            ("loop_a", "this.loop_b"),
            ("loop_b", "this.loop_a"),
            ("broken", "this.nmae == ''"),
            ("is_new", "op == 'create'"),
            ("deep_1", &nested("this.deep_2")),
            ("deep_2", &nested("this.deep_3")),
            ("deep_3", &nested("this.name == 'Home'")),
            ("deep_0", &nested("this.deep_1")),
        ],
    );
    let members = table(
        "members",
        &[
            ("list_id", Kind::Uuid),
            ("user_id", Kind::Uuid),
            ("role", labels(&["owner", "editor", "viewer"])),
        ],
        &[],
    );
    let todos = table(
        "todos",
        &[
            ("id", Kind::Uuid),
            ("list_id?", Kind::Uuid),
            ("title", Kind::Text),
            ("completed", Kind::Bool),
            ("rank", Kind::Int8),
            ("price", Kind::Numeric(None)),
            ("weight", Kind::Float8),
            ("due?", Kind::Timestamptz(6)),
            ("state", labels(&["open", "done"])),
            ("data?", Kind::Jsonb),
            ("tags", Kind::Array(Box::new(Kind::Text))),
            ("owners", Kind::Array(Box::new(Kind::Uuid))),
            ("at?", Kind::Time(6)),
            ("raw", Kind::Bytea),
            ("Order No?", Kind::Int4),
            ("search=", Kind::Text),
            ("parent_id?", Kind::Uuid),
        ],
        &[
            (
                "is_late",
                "this.due != null && this.due < timestamp('2026-01-01T00:00:00Z')",
            ),
            ("has_text", "this.search != ''"),
        ],
    );
    let mut world = World {
        tables: vec![lists, members, todos],
        relations: Vec::new(),
        claims: claims_shape(Some(&serde_json::json!({
            "required": ["sub", "org_id"],
            "properties": {
                "sub": { "type": "string", "format": "uuid" },
                "org_id": { "type": "string" },
                "role": { "enum": ["owner", "admin", "member"], "default": "member" },
                "level": { "type": "integer" },
                "share": { "type": "number" },
                "groups": { "type": "array", "items": { "type": "string" } },
                "app": { "type": "object" },
            },
        }))),
    };
    relation(&mut world, "members", 0, 1, false, &[(0, 0)]);
    relation(&mut world, "list", 1, 0, true, &[(0, 0)]);
    relation(&mut world, "list", 2, 0, true, &[(1, 0)]);
    relation(&mut world, "parent", 2, 2, true, &[(16, 0)]);
    world
}

fn relation(
    world: &mut World,
    name: &str,
    from: u32,
    to: u32,
    is_to_one: bool,
    matches: &[(u16, u16)],
) {
    let id = RelationId(u32::try_from(world.relations.len()).unwrap());
    world.relations.push(RelationShape {
        name: name.into(),
        from: TableId(from),
        to: TableId(to),
        is_to_one,
        matches: matches
            .iter()
            .map(|(ours, theirs)| (ColumnId(*ours), ColumnId(*theirs)))
            .collect(),
    });
    world.tables[from as usize]
        .relations
        .insert(name.into(), id);
}

pub fn fields() -> BTreeSet<FieldName> {
    ["list_id", "title", "completed", "rank"]
        .into_iter()
        .map(FieldName::from)
        .collect()
}

/// Compiles over todos, with every variable.
pub fn compiled(text: &str, expected: Expected<'_>) -> Result<Compiled, Vec<Fault>> {
    compiled_with(text, ALL, Some(TODOS), expected)
}

pub fn compiled_with(
    text: &str,
    variables: &[Variable],
    table: Option<TableId>,
    expected: Expected<'_>,
) -> Result<Compiled, Vec<Fault>> {
    let world = world();
    let fields = fields();
    compile(
        text,
        &Scope {
            world: &world,
            table,
            defines: None,
            variables,
            fields: &fields,
            expected,
        },
    )
}

/// A row from texts and values; a column that is not named was not read.
pub fn row(columns: &[(u16, &str, Value)]) -> Row {
    let mut row = Row::unread(20);
    for (id, text, value) in columns {
        let datum = Datum {
            text: (*value != Value::Null).then(|| Arc::from(*text)),
            value: value.clone(),
        };
        row.set(ColumnId(*id), datum);
    }
    row
}

pub fn uuid(text: &str) -> Value {
    Value::Uuid(text.parse().unwrap())
}

/// Ann's first task in the list Home.
pub fn todo() -> Row {
    row(&[
        (0, "t1", uuid("00000000-0000-0000-0000-0000000000f1")),
        (1, HOME, uuid(HOME)),
        (2, "Milk", Value::string("Milk")),
        (3, "false", Value::Bool(false)),
        (4, "7", Value::Int(7)),
        (5, "0.10", Value::Decimal("0.10".parse().unwrap())),
        (6, "NaN", Value::Double(f64::NAN)),
        (7, "", Value::Null),
        (8, "open", Value::string("open")),
        (
            9,
            "",
            Value::from_json(&serde_json::json!({"k": [1, 2.5, null], "n": 1})),
        ),
        (
            10,
            "",
            Value::List([Value::string("a"), Value::Null].into()),
        ),
        (11, "", Value::List([uuid(ANN)].into())),
        (12, "12:00:00", Value::Opaque),
        (13, "\\x01", Value::Bytes([1].into())),
        (14, "9", Value::Int(9)),
        (16, "", Value::Null),
    ])
}

/// The rows of each relation for Home: it belongs to Bob, and Ann edits it.
fn stored() -> Vec<(RelationId, Vec<Row>)> {
    let home = row(&[
        (0, HOME, uuid(HOME)),
        (1, BOB, uuid(BOB)),
        (2, "Home", Value::string("Home")),
        (3, "", Value::Null),
    ]);
    let member = |user: &str, role: &str| {
        row(&[
            (0, HOME, uuid(HOME)),
            (1, user, uuid(user)),
            (2, role, Value::string(role)),
        ])
    };
    let members = vec![member(ANN, "editor"), member(BOB, "owner")];
    vec![
        (LIST_OF_TODO, vec![home.clone()]),
        (LIST_OF_MEMBER, vec![home]),
        (MEMBERS_OF_LIST, members),
    ]
}

fn related_from(stored: Vec<(RelationId, Vec<Row>)>) -> Related {
    let mut related = Related::default();
    for (relation, rows) in stored {
        let key = vec![Arc::from(HOME)];
        related.insert(Need { relation, key }, rows.into());
    }
    related
}

/// Every related row, with every column.
pub fn related() -> Related {
    related_from(stored())
}

/// A row of which only some columns were read.
fn masked(row: &Row, is_read: impl Fn(ColumnId) -> bool) -> Row {
    let mut masked = row.clone();
    for id in (0..20).map(ColumnId).filter(|id| !is_read(*id)) {
        masked.forget(id);
    }
    masked
}

/// Evaluates over rows that hold only what the expression says it reads.
pub fn evaluated_within_reads(compiled: &Compiled) -> Result<Value, EvalError> {
    let reads = compiled.reads();
    let image = |variable| masked(&todo(), |id| reads.columns.contains(&(variable, id)));
    let (old, new, this) = (
        image(Variable::Old),
        image(Variable::New),
        image(Variable::This),
    );
    let mut stored = stored();
    stored.retain(|(relation, _)| reads.related.contains_key(relation));
    for (relation, rows) in &mut stored {
        for row in rows {
            *row = masked(row, |id| reads.related[relation].contains(&id));
        }
    }
    let related = related_from(stored);
    let images = [&old, &new, &this];
    evaluated_over(compiled, images, &related, &mut budget(10_000))
}

pub fn claims() -> Value {
    Value::from_json(&serde_json::json!({
        "sub": ANN.to_uppercase(),
        "org_id": "o1",
        "role": "member",
        "share": 2,
        "groups": ["a", "b"],
        "app": { "plan": "pro" },
    }))
}

pub fn budget(steps: usize) -> Budget {
    Budget {
        steps_max: steps,
        steps_left: steps,
    }
}

/// Evaluates over Ann's task and what is related to it.
pub fn evaluated(
    compiled: &Compiled,
    related: &Related,
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    let row = todo();
    evaluated_over(compiled, [&row; 3], related, budget)
}

fn evaluated_over(
    compiled: &Compiled,
    images: [&Row; 3],
    related: &Related,
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    framed_as(&claims(), images, related, |frame| {
        compiled.evaluate(frame, budget)
    })
}

/// The account of an expression over Ann's task and what is related to it.
pub fn accounted(compiled: &Compiled, related: &Related, budget: &mut Budget) -> Account {
    let row = todo();
    framed_with(&claims(), &row, related, |frame| {
        compiled.account(frame, budget)
    })
}

/// Runs over claims and one row, which is every image.
pub fn framed_with<R>(
    auth: &Value,
    row: &Row,
    related: &Related,
    run: impl FnOnce(&Frame<'_>) -> R,
) -> R {
    framed_as(auth, [row; 3], related, run)
}

fn framed_as<R>(
    auth: &Value,
    [old, new, this]: [&Row; 3],
    related: &Related,
    run: impl FnOnce(&Frame<'_>) -> R,
) -> R {
    framed(auth, |frame| {
        run(&Frame {
            old: Some(old),
            new: Some(new),
            this: Some(this),
            related,
            ..*frame
        })
    })
}

/// Runs over claims and no rows.
pub fn framed<R>(auth: &Value, run: impl FnOnce(&Frame<'_>) -> R) -> R {
    let changed: BTreeSet<FieldName> = [FieldName::from("title")].into();
    run(&Frame {
        auth,
        old: None,
        new: None,
        this: None,
        op: Op::Update,
        changed: &changed,
        time: Timestamp(1_767_225_600_000_000_000),
        request_id: "r1",
        metadata: None,
        related: &Related::default(),
    })
}

pub fn value(text: &str) -> Result<Value, EvalError> {
    let compiled =
        compiled(text, Expected::Any).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
    evaluated(&compiled, &related(), &mut budget(100_000))
}

/// Each is true.
#[track_caller]
pub fn all_hold(expressions: &[&str]) {
    for text in expressions {
        assert_eq!(value(text), Ok(Value::Bool(true)), "{text}");
    }
}

/// Each is an error.
#[track_caller]
pub fn all_fail(expressions: &[&str]) {
    for text in expressions {
        assert!(value(text).is_err(), "{text} is {:?}", value(text));
    }
}
