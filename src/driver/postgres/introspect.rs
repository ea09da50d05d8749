//! The catalogue of the live database, in four queries.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::{Client, Error, Row};

use crate::catalog::{
    Catalog, Collation, Column, ColumnPrivileges, ColumnType, ForeignKey, Generation, Index, Kind,
    Rls, Table, TableKind, Trigger,
};
use crate::vocabulary::names::{ColumnName, Target};
use crate::vocabulary::row::ColumnId;

/// One snapshot for all queries, and no schema whose types would be named without it.
const BEGIN: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = pg_catalog";

const TABLES: &str = "
SELECT c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text,
       current_user::text, coalesce($1, current_user)::text, current_setting('server_version_num')::int4,
       c.relrowsecurity AND row_security_active(c.oid),
       c.relrowsecurity AND NOT w.rolsuper AND NOT w.rolbypassrls
           AND (c.relforcerowsecurity OR NOT pg_has_role(w.oid, c.relowner, 'USAGE')),
       has_table_privilege(w.oid, c.oid, 'DELETE'), c.relhasrules AND c.relkind = 'r',
       EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid OR h.inhparent = c.oid AND c.relkind <> 'p')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_roles w ON w.rolname = coalesce($1, current_user)
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'rulegate') AND n.nspname NOT LIKE 'pg_temp%' AND n.nspname NOT LIKE 'pg_toast%'
ORDER BY n.nspname, c.relname";

const COLUMNS: &str = "
WITH RECURSIVE domains(oid, base, typmod, not_null) AS (
    SELECT oid, typbasetype, typtypmod, typnotnull FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT d.oid, t.typbasetype, greatest(d.typmod, t.typtypmod), d.not_null OR t.typnotnull
    FROM domains d JOIN pg_type t ON t.oid = d.base WHERE t.typtype = 'd'
), bases AS (
    SELECT d.* FROM domains d JOIN pg_type t ON t.oid = d.base WHERE t.typtype <> 'd'
)
SELECT a.attrelid::int8, a.attnum::int4, a.attname::text,
       b.typname::text, bn.nspname::text, b.typtype::text, coalesce(d.typmod, a.atttypmod)::int4,
       format_type(b.oid, -1), CASE WHEN d.oid IS NOT NULL THEN format_type(a.atttypid, -1) END,
       e.typname::text, en.nspname::text, e.typtype::text,
       (SELECT array_agg(l.enumlabel::text ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = coalesce(e.oid, b.oid)),
       a.attnotnull OR coalesce(d.not_null, false), a.atthasdef OR a.attidentity <> '' OR coalesce(dt.typdefault IS NOT NULL, false),
       a.attgenerated::text, a.attidentity::text,
       CASE WHEN a.attcollation <> 0 AND co.collname <> 'default' THEN co.collname::text END, coalesce(co.collisdeterministic, true),
       has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
       has_column_privilege(w.oid, a.attrelid, a.attnum, 'INSERT'),
       has_column_privilege(w.oid, a.attrelid, a.attnum, 'UPDATE')
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_roles w ON w.rolname = coalesce($1, current_user)
LEFT JOIN bases d ON d.oid = a.atttypid
LEFT JOIN pg_type dt ON dt.oid = d.oid
JOIN pg_type b ON b.oid = coalesce(d.base, a.atttypid)
JOIN pg_namespace bn ON bn.oid = b.typnamespace
LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A' AND b.typlen = -1
LEFT JOIN pg_namespace en ON en.oid = e.typnamespace
LEFT JOIN pg_collation co ON co.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid::int8 = ANY($2)
ORDER BY a.attrelid, a.attnum";

const INDEXES: &str = "
SELECT i.indrelid::int8, c.relname::text, i.indisunique, i.indisvalid AND i.indisready AND i.indislive, i.indimmediate,
       i.indpred IS NOT NULL, i.indisprimary,
       ARRAY(SELECT k::int4 FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u(k, o) WHERE o <= i.indnkeyatts ORDER BY o)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid::int8 = ANY($1)
ORDER BY i.indrelid, c.relname";

const REFERENCES: &str = "
SELECT f.conrelid::int8, f.conname::text, f.conkey::int4[], n.nspname::text, t.relname::text,
       ARRAY(SELECT a.attname::text FROM unnest(f.confkey) WITH ORDINALITY AS u(k, o)
             JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = u.k ORDER BY o),
       f.confupdtype IN ('c', 'n', 'd') OR f.confdeltype IN ('c', 'n', 'd')
FROM pg_constraint f JOIN pg_class t ON t.oid = f.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE f.contype = 'f' AND f.conrelid::int8 = ANY($1)
ORDER BY f.conrelid, f.conname";

const TRIGGERS: &str = "
SELECT g.tgrelid::int8, g.tgname::text, g.tgtype::int4
FROM pg_trigger g
WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgrelid::int8 = ANY($1)
ORDER BY g.tgrelid, g.tgname";

/// Reads all of it, as the login role sees it; `writing` names the role of the writing statements.
pub(super) async fn read(client: &Client, writing: Option<&str>) -> Result<Catalog, Error> {
    client.batch_execute(BEGIN).await?;
    let result = read_within(client, writing).await;
    let ended = client.batch_execute("ROLLBACK").await;
    let catalog = result?;
    ended.map(|()| catalog)
}

async fn read_within(client: &Client, writing: Option<&str>) -> Result<Catalog, Error> {
    let rows = client.query(TABLES, &[&writing]).await?;
    let mut catalog = Catalog::default();
    let mut tables: BTreeMap<i64, Reading> = BTreeMap::new();
    for row in &rows {
        catalog.login_role = row.try_get::<_, String>(4)?.into();
        catalog.writing_role = row.try_get::<_, String>(5)?.into();
        catalog.server_version = u32::try_from(row.try_get::<_, i32>(6)?).unwrap_or_default();
        tables.insert(row.try_get(0)?, Reading::of(row)?);
    }
    let oids: Vec<i64> = tables.keys().copied().collect();
    for row in client.query(COLUMNS, &[&writing, &oids]).await? {
        if let Some(reading) = tables.get_mut(&row.try_get(0)?) {
            reading.numbers.push(row.try_get(1)?);
            reading.table.columns.push(column(&row)?);
        }
    }
    for row in client.query(INDEXES, &[&oids]).await? {
        if let Some(reading) = tables.get_mut(&row.try_get(0)?) {
            let index = index(&row, reading)?;
            reading.table.indexes.push(index);
        }
    }
    for row in client.query(REFERENCES, &[&oids]).await? {
        if let Some(reading) = tables.get_mut(&row.try_get(0)?) {
            let key = foreign_key(&row, reading)?;
            reading.table.foreign_keys.push(key);
        }
    }
    for row in client.query(TRIGGERS, &[&oids]).await? {
        if let Some(reading) = tables.get_mut(&row.try_get(0)?) {
            reading.table.triggers.push(trigger(&row)?);
        }
    }
    catalog.tables = tables
        .into_values()
        .map(|reading| (reading.table.target.clone(), reading.table))
        .collect();
    Ok(catalog)
}

const NAMED: &str = "
SELECT c.oid::int8, n.nspname::text, c.relname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname::text, c.relname::text) IN (SELECT * FROM unnest($1::text[], $2::text[]))";

/// The columns of a few tables as they are now; one that is not there has none.
pub(super) async fn columns_of(
    client: &Client,
    writing: Option<&str>,
    targets: &[&Target],
) -> Result<BTreeMap<Target, Vec<Column>>, Error> {
    client.batch_execute(BEGIN).await?;
    let result = columns_within(client, writing, targets).await;
    let ended = client.batch_execute("ROLLBACK").await;
    let columns = result?;
    ended.map(|()| columns)
}

async fn columns_within(
    client: &Client,
    writing: Option<&str>,
    targets: &[&Target],
) -> Result<BTreeMap<Target, Vec<Column>>, Error> {
    let schemas: Vec<&str> = targets.iter().map(|target| &*target.schema).collect();
    let tables: Vec<&str> = targets.iter().map(|target| &*target.table).collect();
    let mut found: BTreeMap<i64, (Target, Vec<Column>)> = BTreeMap::new();
    for row in client.query(NAMED, &[&schemas, &tables]).await? {
        let target = Target {
            schema: row.try_get::<_, &str>(1)?.into(),
            table: row.try_get::<_, &str>(2)?.into(),
        };
        found.insert(row.try_get(0)?, (target, Vec::new()));
    }
    let oids: Vec<i64> = found.keys().copied().collect();
    for row in client.query(COLUMNS, &[&writing, &oids]).await? {
        if let Some((_, columns)) = found.get_mut(&row.try_get(0)?) {
            columns.push(column(&row)?);
        }
    }
    Ok(found.into_values().collect())
}

/// A table while it is read, with the attribute numbers of its columns (dropped columns leave gaps).
struct Reading {
    table: Table,
    numbers: Vec<i32>,
}

impl Reading {
    fn of(row: &Row) -> Result<Self, Error> {
        let kind = match row.try_get::<_, &str>(3)? {
            "r" => TableKind::Ordinary,
            "p" => TableKind::Partitioned,
            "f" => TableKind::Foreign,
            _ => TableKind::View,
        };
        Ok(Self {
            table: Table {
                target: Target {
                    schema: row.try_get::<_, &str>(1)?.into(),
                    table: row.try_get::<_, &str>(2)?.into(),
                },
                kind,
                columns: Vec::new(),
                indexes: Vec::new(),
                foreign_keys: Vec::new(),
                triggers: Vec::new(),
                rls: Rls {
                    binds_login: row.try_get(7)?,
                    binds_writing: row.try_get(8)?,
                },
                may_delete: row.try_get(9)?,
                is_rewritten: row.try_get(10)?,
                is_inherited: row.try_get(11)?,
            },
            numbers: Vec::new(),
        })
    }

    /// The position of an attribute number; `None` for an expression.
    fn position(&self, number: i32) -> Option<ColumnId> {
        let position = self.numbers.iter().position(|known| *known == number)?;
        u16::try_from(position).ok().map(ColumnId)
    }
}

fn column(row: &Row) -> Result<Column, Error> {
    let labels: Option<Vec<String>> = row.try_get(12)?;
    let labels: Arc<[Arc<str>]> = labels
        .unwrap_or_default()
        .iter()
        .map(|label| Arc::from(label.as_str()))
        .collect();
    let typmod: i32 = row.try_get(6)?;
    let base = kind(
        row.try_get(3)?,
        row.try_get(4)?,
        row.try_get(5)?,
        typmod,
        &labels,
    );
    let kind = match row.try_get::<_, Option<&str>>(9)? {
        Some(element) => {
            let schema: Option<&str> = row.try_get(10)?;
            let typtype: Option<&str> = row.try_get(11)?;
            let element = self::kind(
                element,
                schema.unwrap_or_default(),
                typtype.unwrap_or_default(),
                typmod,
                &labels,
            );
            Kind::Array(Box::new(element))
        }
        None => base,
    };
    let generated = row.try_get::<_, &str>(15)? == "s";
    let generation = match row.try_get::<_, &str>(16)? {
        _ if generated => Generation::Stored,
        "a" => Generation::IdentityAlways,
        "d" => Generation::IdentityByDefault,
        _ => Generation::None,
    };
    let collation: Option<&str> = row.try_get(17)?;
    let is_deterministic = row.try_get(18)?;
    Ok(Column {
        name: ColumnName::from(row.try_get::<_, &str>(2)?),
        ty: ColumnType {
            kind,
            cast: row.try_get::<_, &str>(7)?.into(),
            domain: row.try_get::<_, Option<&str>>(8)?.map(Into::into),
        },
        not_null: row.try_get(13)?,
        has_default: row.try_get(14)?,
        generation,
        collation: collation.map(|name| Collation {
            name: name.into(),
            is_deterministic,
        }),
        privileges: ColumnPrivileges {
            select: row.try_get(19)?,
            insert: row.try_get(20)?,
            update: row.try_get(21)?,
        },
    })
}

/// The kind of a type by its name, `typtype` and type modifier.
fn kind(name: &str, schema: &str, typtype: &str, typmod: i32, labels: &Arc<[Arc<str>]>) -> Kind {
    let length = u32::try_from(typmod - 4).ok();
    let digits = u8::try_from(typmod)
        .ok()
        .filter(|digits| *digits <= 6)
        .unwrap_or(6);
    match (schema, name) {
        _ if typtype == "e" => Kind::Enum(labels.clone()),
        (_, "citext") => Kind::Citext,
        ("pg_catalog", "bool") => Kind::Bool,
        ("pg_catalog", "int2") => Kind::Int2,
        ("pg_catalog", "int4") => Kind::Int4,
        ("pg_catalog", "int8") => Kind::Int8,
        ("pg_catalog", "float4") => Kind::Float4,
        ("pg_catalog", "float8") => Kind::Float8,
        ("pg_catalog", "numeric") => Kind::Numeric(precision(typmod)),
        ("pg_catalog", "uuid") => Kind::Uuid,
        ("pg_catalog", "text") => Kind::Text,
        ("pg_catalog", "varchar") => Kind::Varchar(length),
        ("pg_catalog", "bpchar") => length.map_or(Kind::Other, Kind::Char),
        ("pg_catalog", "timestamptz") => Kind::Timestamptz(digits),
        ("pg_catalog", "timestamp") => Kind::Timestamp(digits),
        ("pg_catalog", "date") => Kind::Date,
        ("pg_catalog", "time") => Kind::Time(digits),
        ("pg_catalog", "json") => Kind::Json,
        ("pg_catalog", "jsonb") => Kind::Jsonb,
        ("pg_catalog", "bytea") => Kind::Bytea,
        _ => Kind::Other,
    }
}

/// Precision and scale out of a numeric's type modifier: 16 bits of precision, 11 of scale in two's complement.
fn precision(typmod: i32) -> Option<(u16, i16)> {
    let bits = typmod.checked_sub(4).filter(|bits| *bits >= 0)?;
    let precision = u16::try_from(bits >> 16).ok()?;
    let scale = i16::try_from(((bits & 0x7ff) ^ 0x400) - 0x400).ok()?;
    Some((precision, scale))
}

fn index(row: &Row, reading: &Reading) -> Result<Index, Error> {
    let numbers: Vec<i32> = row.try_get(7)?;
    Ok(Index {
        name: row.try_get::<_, &str>(1)?.into(),
        columns: numbers
            .into_iter()
            .map(|number| reading.position(number))
            .collect(),
        is_unique: row.try_get(2)?,
        is_valid: row.try_get(3)?,
        is_immediate: row.try_get(4)?,
        is_partial: row.try_get(5)?,
        is_primary: row.try_get(6)?,
    })
}

fn foreign_key(row: &Row, reading: &Reading) -> Result<ForeignKey, Error> {
    let numbers: Vec<i32> = row.try_get(2)?;
    let theirs: Vec<String> = row.try_get(5)?;
    Ok(ForeignKey {
        name: row.try_get::<_, &str>(1)?.into(),
        columns: numbers
            .into_iter()
            .filter_map(|number| reading.position(number))
            .collect(),
        target: Target {
            schema: row.try_get::<_, &str>(3)?.into(),
            table: row.try_get::<_, &str>(4)?.into(),
        },
        target_columns: theirs.into_iter().map(ColumnName::from).collect(),
        acts_on_us: row.try_get(6)?,
    })
}

/// The bits of `pg_trigger.tgtype`.
fn trigger(row: &Row) -> Result<Trigger, Error> {
    let bits: i32 = row.try_get(2)?;
    let has = |bit: i32| bits & bit != 0;
    Ok(Trigger {
        name: row.try_get::<_, &str>(1)?.into(),
        is_before_row: has(1) && has(2),
        is_statement: !has(1),
        on_insert: has(4),
        on_delete: has(8),
        on_update: has(16),
    })
}
