//! `rejections`: the app's own table of refusals, held against the catalogue.

use crate::catalog::{self, Catalog, Column, Generation, Kind, TableKind};
use crate::dialect::postgres::{self, OnTakenKey, Statement};
use crate::plan::quoted::{quoted, quoted_target};
use crate::rules::RuleSet;
use crate::vocabulary::names::Target;
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::{Place, Spanned};
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::row::ColumnId;

/// How refusals are written to the app's own table.
#[derive(Debug)]
pub struct Rejections {
    /// The table.
    pub target: Target,
    /// Inserts id, `user_id`, table, `row_id`, code, field, message, at, unless the id is there.
    pub insert: Statement,
}

/// A column that the table must have.
struct Wanted {
    name: &'static str,
    /// Its type, as an author would write it.
    ty: &'static str,
    /// Whether it is null where the whole transaction is refused.
    may_be_null: bool,
    fits: fn(&Kind) -> bool,
}

const fn text(name: &'static str, may_be_null: bool) -> Wanted {
    Wanted {
        name,
        ty: "text",
        may_be_null,
        fits: is_text,
    }
}

/// In the order in which the statement names them.
const COLUMNS: [Wanted; 8] = [
    Wanted {
        name: "id",
        ty: "uuid",
        may_be_null: false,
        fits: is_text_or_uuid,
    },
    Wanted {
        name: "user_id",
        ty: "text",
        may_be_null: false,
        fits: is_text_or_uuid,
    },
    text("table", true),
    text("row_id", true),
    text("code", false),
    text("field", true),
    text("message", false),
    Wanted {
        name: "at",
        ty: "timestamptz",
        may_be_null: false,
        fits: |kind| matches!(kind, Kind::Timestamptz(_)),
    },
];

/// What apps send may be of any length, and of any form.
fn is_text(kind: &Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Varchar(None))
}

fn is_text_or_uuid(kind: &Kind) -> bool {
    is_text(kind) || matches!(kind, Kind::Uuid)
}

/// The statement, where the table is one that it fits.
pub(super) fn compile(
    rules: &RuleSet,
    catalog: &Catalog,
    problems: &mut Problems,
    advice: &mut Problems,
) -> Option<Rejections> {
    let Spanned {
        node: target,
        place,
    } = rules.rejections.as_ref()?;
    refuse_forgeries(rules, target, problems);
    let Some(facts) = catalog.tables.get(target) else {
        let message = format!("there is no table `{target}` for refusals");
        problems.push(Problem::error(place.clone(), message).help(creation(target)));
        return None;
    };
    if !matches!(facts.kind, TableKind::Ordinary | TableKind::Partitioned) {
        let message = format!("`{target}` is no table");
        problems.push(Problem::error(place.clone(), message).help(creation(target)));
        return None;
    }
    let columns = columns(facts, place, problems);
    refuse_unwritten(facts, place, problems);
    let key = key(facts, place, problems);
    warn_of_privileges(facts, catalog, place, advice);
    Some(Rejections {
        target: target.clone(),
        insert: postgres::insert(facts, key?, &columns?, OnTakenKey::Nothing),
    })
}

/// Rules by which apps could make refusals of their own, for others to read. That they delete what was read is fine.
fn refuse_forgeries(rules: &RuleSet, target: &Target, problems: &mut Problems) {
    let tables = rules.tables.iter();
    for table in tables.filter(|table| table.target.node == *target) {
        let mut grants = table.allow.iter();
        if let Some(grant) = grants.find(|grant| grant.op == Op::Create) {
            let message = format!("apps could create refusals in `{target}`, which is ours to do");
            problems.push(
                Problem::error(grant.condition.place.clone(), message)
                    .help("allow `update` and `delete` there at most"),
            );
        }
    }
}

fn columns(
    facts: &catalog::Table,
    place: &Place,
    problems: &mut Problems,
) -> Option<Vec<ColumnId>> {
    let found = COLUMNS.iter().map(|wanted| {
        let column = facts.column(wanted.name);
        match complaint(facts, wanted, column.map(|(_, column)| column)) {
            None => Some(column?.0),
            Some((message, cure)) => {
                let cure = format!("ALTER TABLE {} {cure};", quoted_target(&facts.target));
                problems.push(Problem::error(place.clone(), message).help(run(&cure)));
                None
            }
        }
    });
    let found: Vec<Option<ColumnId>> = found.collect();
    found.into_iter().collect()
}

/// What is wrong with a column, and the rest of the statement that mends it.
fn complaint(
    facts: &catalog::Table,
    wanted: &Wanted,
    column: Option<&Column>,
) -> Option<(String, String)> {
    let (target, name) = (&facts.target, wanted.name);
    let typed = quoted_column(name);
    let Some(column) = column else {
        let message = format!("`{target}` lacks the column `{name}` of refusals");
        return Some((message, format!("ADD COLUMN {typed} {}", wanted.ty)));
    };
    if !(wanted.fits)(&column.ty.kind) {
        let message = format!("`{name}` of `{target}` must be {}", wanted.ty);
        return Some((message, format!("ALTER COLUMN {typed} TYPE {}", wanted.ty)));
    }
    if wanted.may_be_null && column.not_null {
        let message =
            format!("`{name}` of `{target}` must take null: a whole transaction may be refused");
        return Some((message, format!("ALTER COLUMN {typed} DROP NOT NULL")));
    }
    match column.generation {
        Generation::Stored => {
            let message = format!("the database computes `{name}` of `{target}` itself");
            Some((message, format!("ALTER COLUMN {typed} DROP EXPRESSION")))
        }
        _ => None,
    }
}

/// Columns of the app's own that we do not know how to fill.
fn refuse_unwritten(facts: &catalog::Table, place: &Place, problems: &mut Problems) {
    let is_ours = |column: &Column| {
        let mut names = COLUMNS.iter();
        names.any(|wanted| wanted.name == column.name.as_str())
    };
    let is_filled = |column: &Column| {
        !column.not_null || column.has_default || column.generation != Generation::None
    };
    for column in &facts.columns {
        if !is_ours(column) && !is_filled(column) {
            let (name, target) = (&column.name, &facts.target);
            let message =
                format!("`{name}` of `{target}` must not be null, and nothing is written to it");
            let cure = format!(
                "ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL;",
                quoted_target(target),
                quoted_column(name.as_str())
            );
            problems.push(Problem::error(place.clone(), message).help(run(&cure)));
        }
    }
}

/// `id`, by which a refusal that comes again is known.
fn key(facts: &catalog::Table, place: &Place, problems: &mut Problems) -> Option<ColumnId> {
    let (id, _) = facts.column("id")?;
    let mut indexes = facts.indexes.iter();
    if indexes.any(|index| index.identifies_rows() && index.columns == [Some(id)]) {
        return Some(id);
    }
    let message = format!(
        "`id` of `{}` has no unique index, by which a refusal that comes again would be known",
        facts.target
    );
    let cure = format!(
        "ALTER TABLE {} ADD PRIMARY KEY (id);",
        quoted_target(&facts.target)
    );
    problems.push(Problem::error(place.clone(), message).help(run(&cure)));
    None
}

/// Refusals are written as the login role. What it may insert is known where it is the writing role too.
fn warn_of_privileges(
    facts: &catalog::Table,
    catalog: &Catalog,
    place: &Place,
    advice: &mut Problems,
) {
    let knows_insert = catalog.login_role == catalog.writing_role;
    let columns = COLUMNS
        .iter()
        .filter_map(|wanted| facts.column(wanted.name));
    let columns: Vec<&Column> = columns.map(|(_, column)| column).collect();
    let may_insert = columns.iter().all(|column| column.privileges.insert);
    let mut ids = columns.iter().filter(|column| column.name.as_str() == "id");
    let may_select = ids.all(|column| column.privileges.select);
    if may_select && (may_insert || !knows_insert) {
        return;
    }
    let message = format!(
        "our role may not write refusals to `{}`, so what is refused would be held back",
        facts.target
    );
    let cure = format!(
        "GRANT SELECT, INSERT ON {} TO {};",
        quoted_target(&facts.target),
        quoted(&catalog.login_role)
    );
    advice.push(Problem::warning(place.clone(), message).help(run(&cure)));
}

fn creation(target: &Target) -> String {
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|wanted| {
            let rest = match (wanted.name, wanted.may_be_null) {
                ("id", _) => " PRIMARY KEY",
                (_, false) => " NOT NULL",
                (_, true) => "",
            };
            format!("{} {}{rest}", quoted_column(wanted.name), wanted.ty)
        })
        .collect();
    run(&format!(
        "CREATE TABLE {} ({});",
        quoted_target(target),
        columns.join(", ")
    ))
}

fn run(statement: &str) -> String {
    format!("run it in the database: `{statement}`")
}

/// A column's name; `table` is a word of SQL's own.
fn quoted_column(name: &str) -> String {
    match name {
        "table" => "\"table\"".to_owned(),
        name => quoted(name),
    }
}
