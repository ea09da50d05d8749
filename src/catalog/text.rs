//! A catalogue as text: for tests, and for `rulegate check --catalog FILE` without a database.
//!
//! One fact a line, words and flags after names; `Catalog::parse` reads what `Catalog::to_text` writes. Privileges are there unless a `without_…`
//! flag takes them away, so that a catalogue can be written by hand.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::catalog::{
    Catalog, Collation, Column, ColumnPrivileges, ColumnType, ForeignKey, Generation, Index, Kind,
    Rls, Table, TableKind, Trigger,
};
use crate::vocabulary::names::{ColumnName, Target};
use crate::vocabulary::row::ColumnId;

/// A line that is not of the text form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the catalogue: {message}")]
pub struct TextError {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl Catalog {
    /// The text form.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "role login {} writing {}",
            word(&self.login_role),
            word(&self.writing_role)
        );
        let _ = writeln!(out, "server {}", self.server_version);
        for table in self.tables.values() {
            print_table(&mut out, table);
        }
        out
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let mut catalog = Self::default();
        let mut current: Option<Table> = None;
        for (position, line) in text.lines().enumerate() {
            let mut words = Words::of(line).map_err(|message| TextError {
                line: position + 1,
                message,
            })?;
            if words.is_empty() {
                continue;
            }
            read_line(&mut catalog, &mut current, &mut words).map_err(|message| TextError {
                line: position + 1,
                message,
            })?;
        }
        catalog
            .tables
            .extend(current.map(|table| (table.target.clone(), table)));
        Ok(catalog)
    }
}

fn word(text: &str) -> String {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_plain {
        text.to_owned()
    } else {
        let text = text.replace('"', "\"\"").replace('\n', "\\n");
        format!("\"{text}\"")
    }
}

fn words(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn flag(out: &mut String, is_set: bool, name: &str) {
    if is_set {
        let _ = write!(out, " {name}");
    }
}

fn print_table(out: &mut String, table: &Table) {
    let kind = match table.kind {
        TableKind::Ordinary => "ordinary",
        TableKind::Partitioned => "partitioned",
        TableKind::View => "view",
        TableKind::Foreign => "foreign",
    };
    let _ = write!(
        out,
        "table {}.{} {kind}",
        word(&table.target.schema),
        word(&table.target.table)
    );
    flag(out, table.rls.binds_login, "rls_binds_login");
    flag(out, table.rls.binds_writing, "rls_binds_writing");
    flag(out, !table.may_delete, "without_delete");
    flag(out, table.is_rewritten, "rewritten");
    flag(out, table.is_inherited, "inherited");
    out.push('\n');
    for column in &table.columns {
        print_column(out, column);
    }
    for index in &table.indexes {
        print_index(out, table, index);
    }
    for key in &table.foreign_keys {
        print_foreign_key(out, table, key);
    }
    for trigger in &table.triggers {
        let _ = write!(out, "  trigger {}", word(&trigger.name));
        flag(out, trigger.is_before_row, "before_row");
        flag(out, trigger.is_statement, "statement");
        flag(out, trigger.on_insert, "insert");
        flag(out, trigger.on_update, "update");
        flag(out, trigger.on_delete, "delete");
        out.push('\n');
    }
}

fn print_column(out: &mut String, column: &Column) {
    let _ = write!(
        out,
        "  column {} {}",
        word(column.name.as_str()),
        kind_text(&column.ty.kind)
    );
    if *column.ty.cast != *default_cast(&column.ty.kind) {
        let _ = write!(out, " as {}", word(&column.ty.cast));
    }
    if let Some(domain) = &column.ty.domain {
        let _ = write!(out, " domain {}", word(domain));
    }
    flag(out, column.not_null, "not_null");
    flag(out, column.has_default, "default");
    flag(out, column.generation == Generation::Stored, "generated");
    flag(
        out,
        column.generation == Generation::IdentityAlways,
        "identity_always",
    );
    flag(
        out,
        column.generation == Generation::IdentityByDefault,
        "identity",
    );
    if let Some(collation) = &column.collation {
        let _ = write!(out, " collation {}", word(&collation.name));
        flag(out, !collation.is_deterministic, "nondeterministic");
    }
    flag(out, !column.privileges.select, "without_select");
    flag(out, !column.privileges.insert, "without_insert");
    flag(out, !column.privileges.update, "without_update");
    out.push('\n');
}

fn print_index(out: &mut String, table: &Table, index: &Index) {
    let _ = write!(out, "  index {}", word(&index.name));
    flag(out, index.is_primary, "primary");
    flag(out, index.is_unique, "unique");
    flag(out, !index.is_valid, "invalid");
    flag(out, !index.is_immediate, "deferrable");
    flag(out, index.is_partial, "partial");
    let columns = index
        .columns
        .iter()
        .map(|column| match column.and_then(|id| table.at(id)) {
            Some(column) => word(column.name.as_str()),
            None => "*".to_owned(),
        });
    let _ = writeln!(out, " ({})", words(columns));
}

fn print_foreign_key(out: &mut String, table: &Table, key: &ForeignKey) {
    let columns = key
        .columns
        .iter()
        .filter_map(|id| table.at(*id))
        .map(|column| word(column.name.as_str()));
    let theirs = key.target_columns.iter().map(|name| word(name.as_str()));
    let _ = write!(
        out,
        "  foreign_key {} ({}) references {}.{} ({})",
        word(&key.name),
        words(columns),
        word(&key.target.schema),
        word(&key.target.table),
        words(theirs)
    );
    flag(out, key.acts_on_us, "acts_on_us");
    out.push('\n');
}

fn kind_text(kind: &Kind) -> String {
    match kind {
        Kind::Numeric(Some((precision, scale))) => format!("numeric({precision}, {scale})"),
        Kind::Varchar(Some(length)) => format!("varchar({length})"),
        Kind::Char(length) => format!("char({length})"),
        Kind::Enum(labels) => format!("enum({})", words(labels.iter().map(|label| word(label)))),
        Kind::Timestamptz(digits) => format!("timestamptz({digits})"),
        Kind::Timestamp(digits) => format!("timestamp({digits})"),
        Kind::Time(digits) => format!("time({digits})"),
        Kind::Array(element) => format!("{}[]", kind_text(element)),
        other => simple_name(other).to_owned(),
    }
}

const SIMPLE: [(&str, Kind, &str); 16] = [
    ("bool", Kind::Bool, "boolean"),
    ("int2", Kind::Int2, "smallint"),
    ("int4", Kind::Int4, "integer"),
    ("int8", Kind::Int8, "bigint"),
    ("float4", Kind::Float4, "real"),
    ("float8", Kind::Float8, "double precision"),
    ("numeric", Kind::Numeric(None), "numeric"),
    ("uuid", Kind::Uuid, "uuid"),
    ("text", Kind::Text, "text"),
    ("varchar", Kind::Varchar(None), "character varying"),
    ("citext", Kind::Citext, "public.citext"),
    ("date", Kind::Date, "date"),
    ("json", Kind::Json, "json"),
    ("jsonb", Kind::Jsonb, "jsonb"),
    ("bytea", Kind::Bytea, "bytea"),
    ("other", Kind::Other, "other"),
];

/// The name of a kind that takes no parameter.
fn simple_name(kind: &Kind) -> &'static str {
    SIMPLE
        .iter()
        .find(|(_, known, _)| known == kind)
        .map_or("other", |(name, ..)| name)
}

/// The cast that goes without saying for a kind.
fn default_cast(kind: &Kind) -> String {
    match kind {
        Kind::Numeric(_) => "numeric".to_owned(),
        Kind::Varchar(_) => "character varying".to_owned(),
        Kind::Char(_) => "bpchar".to_owned(),
        Kind::Timestamptz(_) => "timestamp with time zone".to_owned(),
        Kind::Timestamp(_) => "timestamp without time zone".to_owned(),
        Kind::Time(_) => "time without time zone".to_owned(),
        Kind::Array(element) => format!("{}[]", default_cast(element)),
        Kind::Enum(_) => "enum".to_owned(),
        other => SIMPLE
            .iter()
            .find(|(_, known, _)| known == other)
            .map_or("other", |(_, _, cast)| cast)
            .to_owned(),
    }
}

/// The words of a line: bare or quoted words, and punctuation as words of its own.
struct Words {
    left: std::vec::IntoIter<String>,
    peeked: Option<String>,
}

impl Words {
    fn of(line: &str) -> Result<Self, String> {
        let mut found = Vec::new();
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '#' => break,
                c if c.is_whitespace() || c == ',' => {}
                '(' | ')' | '.' | '*' => found.push(c.to_string()),
                '[' => found.push("[]".to_owned()),
                ']' => {}
                '"' => found.push(quoted(&mut chars)?),
                c => {
                    let mut bare = c.to_string();
                    while let Some(next) =
                        chars.next_if(|c| c.is_ascii_alphanumeric() || "_-".contains(*c))
                    {
                        bare.push(next);
                    }
                    found.push(bare);
                }
            }
        }
        Ok(Self {
            left: found.into_iter(),
            peeked: None,
        })
    }

    fn is_empty(&mut self) -> bool {
        self.peek().is_none()
    }

    fn peek(&mut self) -> Option<&str> {
        if self.peeked.is_none() {
            self.peeked = self.left.next();
        }
        self.peeked.as_deref()
    }

    fn next(&mut self) -> Result<String, String> {
        let next = self.peeked.take().or_else(|| self.left.next());
        next.ok_or_else(|| "the line ends too early".to_owned())
    }

    fn take(&mut self, word: &str) -> bool {
        let is_there = self.peek() == Some(word);
        if is_there {
            self.peeked = None;
        }
        is_there
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.take(word) {
            Ok(())
        } else {
            Err(format!("expected `{word}`"))
        }
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut items = Vec::new();
        while !self.take(")") {
            items.push(self.next()?);
        }
        Ok(items)
    }

    fn target(&mut self) -> Result<Target, String> {
        let schema = self.next()?.as_str().into();
        self.expect(".")?;
        Ok(Target {
            schema,
            table: self.next()?.as_str().into(),
        })
    }
}

fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match chars.next() {
            Some('"') if chars.next_if_eq(&'"').is_some() => text.push('"'),
            Some('"') => return Ok(text.replace("\\n", "\n")),
            Some(c) => text.push(c),
            None => return Err("a quote is not closed".to_owned()),
        }
    }
}

fn read_line(
    catalog: &mut Catalog,
    current: &mut Option<Table>,
    words: &mut Words,
) -> Result<(), String> {
    let first = words.next()?;
    match (first.as_str(), current.as_mut()) {
        ("role", _) => {
            words.expect("login")?;
            catalog.login_role = words.next()?.as_str().into();
            words.expect("writing")?;
            catalog.writing_role = words.next()?.as_str().into();
        }
        ("server", _) => {
            catalog.server_version = words.next()?.parse().map_err(|_| "not a version number")?;
        }
        ("table", _) => {
            let table = read_table(words)?;
            let before = current.replace(table);
            catalog
                .tables
                .extend(before.map(|table| (table.target.clone(), table)));
        }
        ("column", Some(table)) => table.columns.push(read_column(words)?),
        ("index", Some(table)) => {
            let index = read_index(table, words)?;
            table.indexes.push(index);
        }
        ("foreign_key", Some(table)) => {
            let key = read_foreign_key(table, words)?;
            table.foreign_keys.push(key);
        }
        ("trigger", Some(table)) => table.triggers.push(read_trigger(words)?),
        (other, _) => return Err(format!("`{other}` is not expected here")),
    }
    match words.next() {
        Ok(word) => Err(format!("`{word}` is not expected here")),
        Err(_) => Ok(()),
    }
}

fn read_table(words: &mut Words) -> Result<Table, String> {
    let target = words.target()?;
    let kind = match words.next()?.as_str() {
        "ordinary" => TableKind::Ordinary,
        "partitioned" => TableKind::Partitioned,
        "view" => TableKind::View,
        "foreign" => TableKind::Foreign,
        other => return Err(format!("`{other}` is no kind of table")),
    };
    let rls = Rls {
        binds_login: words.take("rls_binds_login"),
        binds_writing: words.take("rls_binds_writing"),
    };
    Ok(Table {
        target,
        kind,
        columns: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        triggers: Vec::new(),
        rls,
        may_delete: !words.take("without_delete"),
        is_rewritten: words.take("rewritten"),
        is_inherited: words.take("inherited"),
    })
}

fn read_column(words: &mut Words) -> Result<Column, String> {
    let name = ColumnName::from(words.next()?);
    let kind = read_kind(words)?;
    let cast = if words.take("as") {
        words.next()?
    } else {
        default_cast(&kind)
    };
    let domain = if words.take("domain") {
        Some(words.next()?.as_str().into())
    } else {
        None
    };
    let not_null = words.take("not_null");
    let has_default = words.take("default");
    let generation = if words.take("generated") {
        Generation::Stored
    } else if words.take("identity_always") {
        Generation::IdentityAlways
    } else if words.take("identity") {
        Generation::IdentityByDefault
    } else {
        Generation::None
    };
    let collation = if words.take("collation") {
        Some(Collation {
            name: words.next()?.as_str().into(),
            is_deterministic: !words.take("nondeterministic"),
        })
    } else {
        None
    };
    Ok(Column {
        name,
        ty: ColumnType {
            kind,
            cast: cast.as_str().into(),
            domain,
        },
        not_null,
        has_default,
        generation,
        collation,
        privileges: ColumnPrivileges {
            select: !words.take("without_select"),
            insert: !words.take("without_insert"),
            update: !words.take("without_update"),
        },
    })
}

fn read_kind(words: &mut Words) -> Result<Kind, String> {
    let name = words.next()?;
    let parameters = if words.peek() == Some("(") {
        words.list()?
    } else {
        Vec::new()
    };
    let mut kind = kind_of(&name, &parameters)?;
    while words.take("[]") {
        kind = Kind::Array(Box::new(kind));
    }
    Ok(kind)
}

fn kind_of(name: &str, parameters: &[String]) -> Result<Kind, String> {
    let number = |position: usize| -> Result<i64, String> {
        let text = parameters.get(position).ok_or("a parameter is missing")?;
        text.parse()
            .map_err(|_| format!("`{text}` is not a number"))
    };
    let small = |position: usize| {
        u8::try_from(number(position).unwrap_or(6)).map_err(|_| "too large".to_owned())
    };
    let large = |position: usize| {
        number(position).and_then(|n| u32::try_from(n).map_err(|_| "too large".to_owned()))
    };
    Ok(match name {
        "numeric" if !parameters.is_empty() => Kind::Numeric(Some((
            u16::try_from(number(0)?).map_err(|_| "too large")?,
            i16::try_from(number(1)?).map_err(|_| "too large")?,
        ))),
        "varchar" if !parameters.is_empty() => Kind::Varchar(Some(large(0)?)),
        "char" => Kind::Char(large(0)?),
        "enum" => Kind::Enum(
            parameters
                .iter()
                .map(|label| Arc::from(label.as_str()))
                .collect(),
        ),
        "timestamptz" => Kind::Timestamptz(small(0)?),
        "timestamp" => Kind::Timestamp(small(0)?),
        "time" => Kind::Time(small(0)?),
        other => SIMPLE
            .iter()
            .find(|(known, ..)| *known == other)
            .map(|(_, kind, _)| kind.clone())
            .ok_or_else(|| {
                format!("`{other}` is no type; types we do not know by name are `other as \"…\"`")
            })?,
    })
}

fn column_ids(table: &Table, names: Vec<String>) -> Result<Vec<Option<ColumnId>>, String> {
    let id = |name: String| match name.as_str() {
        "*" => Ok(None),
        name => table
            .column(name)
            .map(|(id, _)| Some(id))
            .ok_or_else(|| format!("no column `{name}` above")),
    };
    names.into_iter().map(id).collect()
}

fn read_index(table: &Table, words: &mut Words) -> Result<Index, String> {
    Ok(Index {
        name: words.next()?.as_str().into(),
        is_primary: words.take("primary"),
        is_unique: words.take("unique"),
        is_valid: !words.take("invalid"),
        is_immediate: !words.take("deferrable"),
        is_partial: words.take("partial"),
        columns: column_ids(table, words.list()?)?,
    })
}

fn read_foreign_key(table: &Table, words: &mut Words) -> Result<ForeignKey, String> {
    let name = words.next()?.as_str().into();
    let columns = column_ids(table, words.list()?)?
        .into_iter()
        .flatten()
        .collect();
    words.expect("references")?;
    Ok(ForeignKey {
        name,
        columns,
        target: words.target()?,
        target_columns: words.list()?.into_iter().map(ColumnName::from).collect(),
        acts_on_us: words.take("acts_on_us"),
    })
}

fn read_trigger(words: &mut Words) -> Result<Trigger, String> {
    Ok(Trigger {
        name: words.next()?.as_str().into(),
        is_before_row: words.take("before_row"),
        is_statement: words.take("statement"),
        on_insert: words.take("insert"),
        on_update: words.take("update"),
        on_delete: words.take("delete"),
    })
}
