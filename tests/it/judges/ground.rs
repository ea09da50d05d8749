//! The tables that are judged over, with the values that went wrong once, and what rules see of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use rulegate::catalog::{Catalog, Generation, Table};
use rulegate::dialect::postgres::read_related;
use rulegate::expr::{
    ColumnShape, Need, Related, RelationId, RelationShape, TableId, TableShape, World, claims_shape,
};
use rulegate::request::stored;
use rulegate::vocabulary::names::Target;
use rulegate::vocabulary::place::{Place, SourceText};
use rulegate::vocabulary::row::{ColumnId, Row};
use serde_json::json;

use super::dice::Dice;
use crate::postgres::Fresh;

pub const THINGS: TableId = TableId(0);
pub const GROUPS: TableId = TableId(1);
pub const MEMBERS: TableId = TableId(2);

/// The tables by their ids.
pub const TABLES: [&str; 3] = ["things", "groups", "members"];

const SETTINGS: &str = "
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
SET bytea_output = 'hex'; SET extra_float_digits = 1; SET search_path = public;
";

/// The columns of `things`: name, type, and the values that a row may have. The word `null` is SQL's.
const COLUMNS: &[(&str, &str, &[&str])] = &[
    (
        "n",
        "bigint",
        &[
            "null",
            "null",
            "0",
            "1",
            "2",
            "-1",
            "7",
            "9223372036854775807",
            "-9223372036854775808",
            "9007199254740993",
        ],
    ),
    (
        "nn",
        "bigint NOT NULL",
        &[
            "0",
            "1",
            "2",
            "3",
            "-9223372036854775808",
            "9223372036854775807",
        ],
    ),
    (
        "i",
        "integer NOT NULL",
        &["0", "1", "2", "-2147483648", "2147483647"],
    ),
    ("sm", "smallint", &["null", "0", "1", "-32768"]),
    (
        "f",
        "double precision",
        &[
            "null",
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "-0",
            "1",
            "0.1",
            "1e308",
            "5e-324",
            "2.5",
        ],
    ),
    (
        "fn",
        "double precision NOT NULL",
        &["NaN", "0", "1", "0.1", "2.5", "-Infinity"],
    ),
    ("f4", "real", &["null", "NaN", "0.1", "1", "3.4028235e38"]),
    (
        "d",
        "numeric",
        &[
            "null",
            "NaN",
            "0",
            "1",
            "1.0",
            "1.00",
            "0.10",
            "2.5",
            "-1",
            "123456789012345678901234567890.5",
            "INFINITY",
        ],
    ),
    (
        "dn",
        "numeric(10,2) NOT NULL",
        &["0.00", "1.00", "2.50", "NaN"],
    ),
    ("b", "boolean", &["null", "true", "false"]),
    ("bn", "boolean NOT NULL", &["true", "false"]),
    (
        "s",
        "text",
        &[
            "null",
            "",
            "a",
            "A",
            "z",
            "_",
            "%",
            "a%b",
            "ä",
            "é",
            "e\u{301}",
            "💖",
            "ab",
            "b",
            "00000000-0000-0000-0000-00000000000a",
        ],
    ),
    (
        "sn",
        "text NOT NULL",
        &[
            "", "a", "A", "z", "_", "é", "e\u{301}", "ab", "a ", "\\", "'", "\"",
        ],
    ),
    ("v", "varchar(3)", &["null", "", "a", "A", "ab ", "ä"]),
    ("ci", "CITEXT", &["null", "a", "A", "ab", "g1", "G1"]),
    (
        "nd",
        "text NONDETERMINISTIC",
        &["null", "a", "A", "é", "e\u{301}", "_", "g1", "G1"],
    ),
    (
        "u",
        "uuid",
        &[
            "null",
            "00000000-0000-0000-0000-00000000000a",
            "00000000-0000-0000-0000-00000000000b",
            "a0000000-0000-0000-0000-000000000000",
        ],
    ),
    (
        "un",
        "uuid NOT NULL",
        &[
            "00000000-0000-0000-0000-00000000000a",
            "00000000-0000-0000-0000-00000000000b",
            "a0000000-0000-0000-0000-000000000000",
        ],
    ),
    ("e", "mood", &["null", "sad", "ok", "glad"]),
    ("en", "mood NOT NULL", &["sad", "ok", "glad"]),
    (
        "t",
        "timestamptz",
        &[
            "null",
            "infinity",
            "-infinity",
            "2026-01-01 00:00:00+00",
            "2026-01-01 00:00:00.000001+00",
            "0001-01-01 00:00:00+00",
            "9999-12-31 23:59:59.999999+00",
            "1600-12-31 23:00:00+00",
            "4714-11-24 00:00:00+00 BC",
            "294276-12-31 23:59:59.999999+00",
        ],
    ),
    (
        "tn",
        "timestamptz NOT NULL",
        &[
            "2026-01-01 00:00:00+00",
            "2026-01-02 00:00:00+00",
            "2025-12-31 23:59:59.999999+00",
            "infinity",
        ],
    ),
    (
        "lo",
        "timestamp",
        &[
            "null",
            "2026-01-01 00:00:00",
            "infinity",
            "2026-01-01 12:00:00.5",
        ],
    ),
    (
        "da",
        "date",
        &["null", "2026-01-01", "2025-12-31", "infinity", "0001-01-01"],
    ),
    ("by", "bytea", &["null", "\\x", "\\x00", "\\x61", "\\xff61"]),
    (
        "tags",
        "text[]",
        &[
            "null",
            "{}",
            "{a}",
            "{a,b}",
            "{a,a}",
            "{a,NULL}",
            "{{a},{b}}",
            "[0:1]={a,b}",
            "{A,_}",
        ],
    ),
    (
        "nums",
        "integer[]",
        &["null", "{}", "{0}", "{1,2}", "{1,NULL}", "{{1},{2}}"],
    ),
    (
        "us",
        "uuid[]",
        &[
            "null",
            "{}",
            "{00000000-0000-0000-0000-00000000000a}",
            "{a0000000-0000-0000-0000-000000000000,NULL}",
        ],
    ),
    ("es", "mood[]", &["null", "{}", "{sad}", "{ok,NULL}"]),
    (
        "j",
        "jsonb",
        &[
            "null",
            "{}",
            "null::jsonb",
            "{\"k\": 1}",
            "{\"k\": 1.0}",
            "{\"k\": \"a\", \"l\": 2}",
            "[1, \"a\"]",
            "\"a\"",
            "1.0",
        ],
    ),
    ("ch", "char(3)", &["null", "a", "ab"]),
    ("pair", "point_of_two", &["null", "(,)", "(1,2)"]),
    (
        "parent_id",
        "uuid",
        &[
            "null",
            "10000000-0000-0000-0000-000000000000",
            "10000000-0000-0000-0000-000000000001",
            "ffffffff-0000-0000-0000-000000000000",
        ],
    ),
    (
        "group_id",
        "uuid",
        &[
            "null",
            "20000000-0000-0000-0000-000000000000",
            "20000000-0000-0000-0000-000000000001",
            "20000000-0000-0000-0000-000000000002",
            "20000000-0000-0000-0000-000000000009",
        ],
    ),
    (
        "code",
        "text COLLATE \"C\"",
        &["null", "g0", "g1", "G1", "g9"],
    ),
    ("la", "label", &["null", "a", "A", "ab", ""]),
];

const GROUP_COLUMNS: &[(&str, &str, &[&str])] = &[
    (
        "owner",
        "uuid",
        &[
            "null",
            "00000000-0000-0000-0000-00000000000a",
            "00000000-0000-0000-0000-00000000000b",
        ],
    ),
    ("name", "text NOT NULL", &["", "a", "A", "ab", "_"]),
    (
        "level",
        "bigint",
        &["null", "0", "1", "9223372036854775807"],
    ),
    ("active", "boolean", &["null", "true", "false"]),
    (
        "opened",
        "timestamptz",
        &[
            "null",
            "infinity",
            "2026-01-01 00:00:00+00",
            "2025-12-31 00:00:00+00",
        ],
    ),
    ("price", "numeric", &["null", "NaN", "1.0", "2.50"]),
    (
        "boss_id",
        "uuid",
        &[
            "null",
            "20000000-0000-0000-0000-000000000000",
            "20000000-0000-0000-0000-000000000001",
            "20000000-0000-0000-0000-000000000009",
        ],
    ),
];

const MEMBER_COLUMNS: &[(&str, &str, &[&str])] = &[
    (
        "group_id",
        "uuid",
        &[
            "null",
            "20000000-0000-0000-0000-000000000000",
            "20000000-0000-0000-0000-000000000001",
        ],
    ),
    (
        "user_id",
        "uuid",
        &[
            "null",
            "00000000-0000-0000-0000-00000000000a",
            "00000000-0000-0000-0000-00000000000b",
        ],
    ),
    ("mood", "mood", &["null", "sad", "ok"]),
    (
        "score",
        "bigint",
        &["null", "0", "1", "2", "9223372036854775807"],
    ),
    (
        "since",
        "timestamptz NOT NULL",
        &["2026-01-01 00:00:00+00", "2025-01-01 00:00:00+00"],
    ),
    ("ch", "char(3)", &["null", "a", "ab"]),
];

/// A relation: from, name, to, to-one, their column and ours for each pair.
type Relation = (
    TableId,
    &'static str,
    TableId,
    bool,
    &'static [(&'static str, &'static str)],
);

const RELATIONS: &[Relation] = &[
    (THINGS, "group", GROUPS, true, &[("id", "group_id")]),
    (THINGS, "parent", THINGS, true, &[("id", "parent_id")]),
    (THINGS, "children", THINGS, false, &[("parent_id", "id")]),
    (THINGS, "peers", MEMBERS, false, &[("group_id", "group_id")]),
    (THINGS, "coded", GROUPS, true, &[("code", "code")]),
    (THINGS, "loosely", GROUPS, true, &[("code", "nd")]),
    (THINGS, "cited", GROUPS, true, &[("code", "ci")]),
    (
        THINGS,
        "alike",
        MEMBERS,
        false,
        &[("user_id", "u"), ("mood", "e")],
    ),
    (THINGS, "scored", MEMBERS, false, &[("score", "sm")]),
    (THINGS, "begun", MEMBERS, false, &[("since", "tn")]),
    (THINGS, "lettered", MEMBERS, false, &[("ch", "ch")]),
    (GROUPS, "members", MEMBERS, false, &[("group_id", "id")]),
    (GROUPS, "boss", GROUPS, true, &[("id", "boss_id")]),
    (MEMBERS, "group", GROUPS, true, &[("id", "group_id")]),
];

/// The computed values: of what table, name, text.
pub const COMPUTED: &[(TableId, &str, &str)] = &[
    (
        THINGS,
        "is_late",
        "this.t != null && this.t < timestamp('2026-01-01T00:00:00Z')",
    ),
    (
        THINGS,
        "is_mine",
        "this.un == auth.sub || (this.group != null && this.group.is_owner)",
    ),
    (GROUPS, "is_owner", "this.owner == auth.sub"),
    (
        GROUPS,
        "is_member",
        "this.is_owner || this.members.exists(m, m.user_id == auth.sub)",
    ),
    (
        GROUPS,
        "is_rated",
        "this.level != null && this.members.all(m, m.score >= this.level)",
    ),
    (GROUPS, "always", "1 == 1"),
    (MEMBERS, "counts", "this.score > 0"),
];

/// The database, and everything that was read of it.
pub struct Ground {
    pub database: Fresh,
    pub catalog: Catalog,
    pub world: World,
    /// The rows of `things`.
    pub rows: Vec<Row>,
    /// Every related row that was asked for.
    pub related: Related,
}

impl Ground {
    /// Makes it.
    pub async fn make(dice: &mut Dice) -> Self {
        Self::over(Fresh::with(SETTINGS).await, dice).await
    }

    /// The same tables with other rows.
    pub async fn again(self, dice: &mut Dice) -> Self {
        let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
        self.database.client.batch_execute(empty).await.unwrap();
        Self::over(self.database, dice).await
    }

    async fn over(database: Fresh, dice: &mut Dice) -> Self {
        let script = schema(&database, dice).await;
        database.client.batch_execute(&script).await.unwrap();
        let catalog = database.store(1).introspect().await.unwrap();
        let mut ground = Self {
            world: world(&catalog),
            database,
            catalog,
            rows: Vec::new(),
            related: Related::default(),
        };
        ground.rows = ground.read_all("things").await;
        ground
    }

    /// Columns that were never NULL are so now, and the catalogue does not know.
    pub async fn grow_stale(&mut self) {
        for (table, columns, key) in [
            ("things", COLUMNS, "id"),
            ("groups", GROUP_COLUMNS, "id"),
            ("members", MEMBER_COLUMNS, "id"),
        ] {
            for (name, ty, _) in columns {
                if ty.ends_with("NOT NULL") {
                    let script = format!(
                        "ALTER TABLE {table} ALTER \"{name}\" DROP NOT NULL; \
                         UPDATE {table} SET \"{name}\" = NULL WHERE hashtext({key}::text || '{name}') % 3 = 0"
                    );
                    self.database.client.batch_execute(&script).await.unwrap();
                }
            }
        }
        self.rows = self.read_all("things").await;
    }

    /// The facts of a table.
    pub fn facts(&self, table: TableId) -> &Table {
        &self.catalog.tables[&Target::parse(TABLES[table.0 as usize])]
    }

    async fn read_all(&self, name: &str) -> Vec<Row> {
        let facts = &self.catalog.tables[&Target::parse(name)];
        let columns: Vec<String> = facts
            .columns
            .iter()
            .map(|column| format!("(\"{}\")::text", column.name))
            .collect();
        let sql = format!("SELECT {} FROM {name} ORDER BY id", columns.join(", "));
        let read = self.database.client.query(&sql, &[]).await.unwrap();
        read.iter()
            .map(|row| image(facts, |at| row.get::<_, Option<String>>(at)))
            .collect()
    }

    /// Reads related rows as the gateway reads them.
    pub async fn fetch(&mut self, need: &Need) {
        let shape = &self.world.relations[need.relation.0 as usize];
        let (mine, theirs) = (self.facts(shape.from), self.facts(shape.to));
        let columns: Vec<ColumnId> = theirs.ids().map(|(id, _)| id).collect();
        let statement = read_related(mine, theirs, &shape.matches, &columns);
        let keys: Vec<Vec<String>> = need.key.iter().map(|key| vec![key.to_string()]).collect();
        let limit = "1000".to_owned();
        let mut parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = Vec::new();
        parameters.extend(
            keys.iter()
                .map(|key| key as &(dyn tokio_postgres::types::ToSql + Sync)),
        );
        parameters.push(&limit);
        let read = self
            .database
            .client
            .query(&*statement.text, &parameters)
            .await
            .unwrap();
        let rows: Vec<Row> = read
            .iter()
            .map(|row| image(theirs, |at| row.get::<_, Option<String>>(at + 1)))
            .collect();
        self.related.insert(need.clone(), rows.into());
    }
}

fn image(facts: &Table, text: impl Fn(usize) -> Option<String>) -> Row {
    let mut row = Row::unread(facts.columns.len());
    for (at, (id, column)) in facts.ids().enumerate() {
        row.set(id, stored(text(at).as_deref(), &column.ty));
    }
    row
}

async fn schema(database: &Fresh, dice: &mut Dice) -> String {
    let has = async |what: &str| database.texts(what).await[0][0] != Some("0".to_owned());
    let has_citext =
        has("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'").await;
    let has_icu = has("SELECT count(*) FROM pg_collation WHERE collprovider = 'i'").await;
    let is_new =
        has("SELECT count(*) WHERE current_setting('server_version_num')::int >= 140000").await;
    let mut script = String::from(
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad'); CREATE TYPE point_of_two AS (a int, b int); CREATE DOMAIN label AS varchar(5) CHECK (VALUE <> 'zzz');\n",
    );
    if has_citext {
        script += "CREATE EXTENSION citext;\n";
    }
    if has_icu {
        script += "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);\n";
    }
    let typed = |ty: &str| {
        ty.replace("CITEXT", if has_citext { "citext" } else { "text" })
            .replace(
                "NONDETERMINISTIC",
                if has_icu { "COLLATE loose" } else { "" },
            )
    };
    let tables = [
        ("things", COLUMNS, "1", 48),
        ("groups", GROUP_COLUMNS, "2", 4),
        ("members", MEMBER_COLUMNS, "3", 9),
    ];
    for (name, columns, prefix, count) in tables {
        let listed: Vec<String> = columns
            .iter()
            .map(|(name, ty, _)| format!(", \"{name}\" {}", typed(ty)))
            .collect();
        let code = if name == "groups" {
            ", code text UNIQUE"
        } else {
            ""
        };
        let _ = writeln!(
            script,
            "CREATE TABLE {name} (id uuid PRIMARY KEY{code}{});",
            listed.concat()
        );
        for at in 0..count {
            let values: Vec<String> = columns
                .iter()
                .map(|(_, ty, values)| {
                    let value = dice.of(values);
                    let value = if *value == *"INFINITY" && !is_new {
                        "NaN"
                    } else {
                        value
                    };
                    literal(value, ty.split(' ').next().unwrap(), has_citext)
                })
                .collect();
            let code = if name == "groups" {
                format!(", 'g{at}'")
            } else {
                String::new()
            };
            let _ = writeln!(
                script,
                "INSERT INTO {name} VALUES ('{prefix}0000000-0000-0000-0000-{at:012}'{code}, {});",
                values.join(", ")
            );
        }
    }
    script + "ANALYZE;"
}

fn literal(value: &str, ty: &str, has_citext: bool) -> String {
    match value {
        "null" => "NULL".to_owned(),
        "null::jsonb" => "'null'::jsonb".to_owned(),
        value => {
            let ty = match ty {
                "CITEXT" if has_citext => "citext",
                "CITEXT" => "text",
                "double" => "float8",
                ty => ty,
            };
            format!("'{}'::{ty}", value.replace('\'', "''"))
        }
    }
}

fn world(catalog: &Catalog) -> World {
    let facts = |id: TableId| &catalog.tables[&Target::parse(TABLES[id.0 as usize])];
    let mut tables: Vec<TableShape> = (0..3)
        .map(|id| TableShape {
            name: TABLES[id as usize].to_owned(),
            columns: facts(TableId(id))
                .columns
                .iter()
                .map(|column| ColumnShape {
                    name: column.name.clone(),
                    ty: column.ty.clone(),
                    is_nullable: !column.not_null,
                    is_generated: column.generation == Generation::Stored,
                })
                .collect(),
            relations: BTreeMap::new(),
            computed: BTreeMap::new(),
            broken: std::collections::BTreeSet::new(),
            is_incomplete: false,
        })
        .collect();
    let mut relations = Vec::new();
    for (from, name, to, is_to_one, pairs) in RELATIONS {
        let id = RelationId(u32::try_from(relations.len()).unwrap());
        let matches = pairs.iter().map(|(theirs, ours)| {
            let ours = facts(*from).column(ours).unwrap().0;
            (ours, facts(*to).column(theirs).unwrap().0)
        });
        relations.push(RelationShape {
            name: (*name).into(),
            from: *from,
            to: *to,
            is_to_one: *is_to_one,
            matches: matches.collect(),
        });
        tables[from.0 as usize].relations.insert((*name).into(), id);
    }
    for (table, name, text) in COMPUTED {
        let source = SourceText {
            text: (*text).into(),
            place: Place {
                file: Arc::from("computed"),
                start: 0,
                end: text.len(),
            },
            runs: Arc::new([(0, 0)]),
        };
        tables[table.0 as usize]
            .computed
            .insert((*name).into(), source);
    }
    World {
        tables,
        relations,
        claims: claims_shape(Some(&json!({
            "required": ["sub"],
            "properties": {
                "sub": {"type": "string", "format": "uuid"},
                "org": {"type": "string"},
                "role": {"enum": ["sad", "ok", "glad"]},
                "level": {"type": "integer"},
                "share": {"type": "number"},
                "vip": {"type": "boolean"},
                "names": {"type": "array", "items": {"type": "string"}},
                "ids": {"type": "array", "items": {"type": "string"}},
                "counts": {"type": "array", "items": {"type": "integer"}},
                "any": {},
            },
        }))),
    }
}
