//! Which tables of a database can have rules, by which names, and why others cannot.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Column, ForeignKey, Generation, Table, TableKind};
use crate::cli::init::words;
use crate::plan::is_matchable;
use crate::vocabulary::names::Target;

/// The tables of some schemas.
#[derive(Debug, Default)]
pub struct Choice<'c> {
    /// Those that get a file.
    pub tables: Vec<Chosen<'c>>,
    /// Those that cannot, and why.
    pub refused: Vec<(&'c Target, &'static str)>,
}

/// A table that gets a file.
#[derive(Debug)]
pub struct Chosen<'c> {
    /// What the database says of it.
    pub facts: &'c Table,
    /// The name that the app uses.
    pub name: String,
    /// Its file in the rules folder.
    pub file: String,
    /// Its key.
    pub key: &'c Column,
}

/// A foreign key as a relation.
#[derive(Debug)]
pub struct Relation<'c> {
    /// Its name.
    pub name: String,
    /// Where it leads: the app's name of a table that gets a file, else the database's.
    pub table: String,
    /// Their column, and ours.
    pub pairs: Vec<(&'c str, &'c str)>,
}

impl<'c> Choice<'c> {
    /// Looks through the tables of these schemas.
    pub fn of(catalog: &'c Catalog, schemas: &[String]) -> Self {
        let mut choice = Self::default();
        let mut names = BTreeSet::new();
        let mut files = BTreeSet::new();
        // In the order of the schemas: a name that two of them have belongs to the first.
        let wanted = schemas.iter().flat_map(|schema| {
            let all = catalog.tables.values();
            all.filter(move |facts| **schema == *facts.target.schema)
        });
        let mut seen = BTreeSet::new();
        for facts in wanted.filter(|facts| seen.insert(&facts.target)) {
            match key(facts) {
                Ok(key) => {
                    let name = name(&facts.target, &names);
                    let file = words::file(&name, &files);
                    names.insert(name.clone());
                    files.insert(file.to_ascii_lowercase());
                    choice.tables.push(Chosen {
                        facts,
                        name,
                        file,
                        key,
                    });
                }
                Err(why) => choice.refused.push((&facts.target, why)),
            }
        }
        choice
    }

    /// The foreign keys of a table, as far as rules can follow them.
    pub fn relations(&self, table: &Chosen<'c>, catalog: &'c Catalog) -> Vec<Relation<'c>> {
        let apps: BTreeMap<&Target, &str> = self
            .tables
            .iter()
            .map(|table| (&table.facts.target, table.name.as_str()))
            .collect();
        let columns = table.facts.columns.iter();
        let mut taken: BTreeSet<String> = columns.map(|column| column.name.to_string()).collect();
        let mut relations: Vec<Relation<'_>> = Vec::new();
        for key in &table.facts.foreign_keys {
            let Some(pairs) = pairs(table.facts, key, catalog) else {
                continue;
            };
            let target = apps.get(&key.target);
            let app = target.map_or_else(|| key.target.to_string(), |app| (*app).to_owned());
            if relations
                .iter()
                .any(|other| other.table == app && other.pairs == pairs)
            {
                continue;
            }
            let name = words::free(&wish(&pairs, &key.target), &taken);
            taken.insert(name.clone());
            relations.push(Relation {
                name,
                table: app,
                pairs,
            });
        }
        relations
    }
}

impl Chosen<'_> {
    /// The columns that an app could write.
    pub fn open(&self) -> impl Iterator<Item = &Column> {
        self.facts.columns.iter().filter(|column| {
            column.name != self.key.name && column.name.as_str() != "id" && !is_computed(column)
        })
    }

    /// The columns that the database computes.
    pub fn computed(&self) -> impl Iterator<Item = &Column> {
        let others = self.facts.columns.iter();
        others.filter(|column| column.name != self.key.name && is_computed(column))
    }
}

fn is_computed(column: &Column) -> bool {
    matches!(
        column.generation,
        Generation::Stored | Generation::IdentityAlways
    )
}

/// The column that identifies a table's rows, or why the table cannot have rules.
fn key(facts: &Table) -> Result<&Column, &'static str> {
    if matches!(facts.kind, TableKind::View) {
        return Err("it is a view: rules are for the table behind it");
    }
    if matches!(facts.kind, TableKind::Foreign) {
        return Err("it is a foreign table: its rows are in another database");
    }
    if facts.rls.binds_login {
        return Err(
            "row-level security hides rows of it from the role we log in as: log in as one with BYPASSRLS, and write the restricted one as `database: { role: … }`",
        );
    }
    if facts.target.schema.contains('.') {
        return Err("the name of its schema has a dot, which `target` cannot spell");
    }
    if facts.target.table.trim().is_empty() {
        return Err("its name is nothing but spaces");
    }
    let mut keys: Vec<(bool, &Column)> = facts
        .indexes
        .iter()
        .filter(|index| index.identifies_rows())
        .filter_map(|index| match *index.columns.as_slice() {
            [Some(only)] => Some((!index.is_primary, facts.at(only)?)),
            _ => None,
        })
        .filter(|(_, column)| column.not_null && !column.name.as_str().trim().is_empty())
        .collect();
    keys.sort_by_key(|(is_second, column)| (*is_second, column.name.as_str() != "id"));
    let is_composite = facts
        .indexes
        .iter()
        .any(|index| index.is_primary && index.columns.len() > 1);
    match keys.first() {
        Some((_, column)) => Ok(column),
        None if is_composite => Err(
            "its primary key has several columns: add one NOT NULL column with a unique index, which PowerSync needs as `id` too",
        ),
        None => Err("it has no key: add one NOT NULL column with a unique index"),
    }
}

/// The table's own name, and its schema's before it where another table has it.
fn name(target: &Target, taken: &BTreeSet<String>) -> String {
    let own = target.table.to_string();
    if taken.contains(&own) {
        let both = format!("{}_{own}", target.schema);
        return words::numbered(&both, "_", |name| !taken.contains(name));
    }
    own
}

/// Their columns and ours, where a rule can follow them.
fn pairs<'c>(
    facts: &'c Table,
    key: &'c ForeignKey,
    catalog: &'c Catalog,
) -> Option<Vec<(&'c str, &'c str)>> {
    let theirs = catalog.tables.get(&key.target)?;
    if theirs.rls.binds_login || key.target.schema.contains('.') {
        return None;
    }
    let mut pairs = Vec::new();
    for (mine, their) in key.columns.iter().zip(&key.target_columns) {
        let mine = facts.at(*mine)?;
        let (_, their) = theirs.column(their.as_str())?;
        if !is_matchable(&mine.ty, &their.ty) {
            return None;
        }
        pairs.push((their.name.as_str(), mine.name.as_str()));
    }
    let covered = pairs.iter().filter_map(|(their, _)| theirs.column(their));
    let covered = covered.map(|(id, _)| id).collect();
    (!pairs.is_empty() && theirs.is_unique_over(&covered)).then_some(pairs)
}

/// `list` for `list_id`, `parent` for `parent`; else the name of the table it leads to.
fn wish(pairs: &[(&str, &str)], target: &Target) -> String {
    // The last one: what stands before it is often the tenant.
    let stem = pairs.iter().rev().find_map(|(_, mine)| stem(mine));
    match (stem, pairs) {
        (Some(stem), _) => stem.to_owned(),
        (None, [(_, only)]) => (*only).to_owned(),
        _ => target.table.to_string(),
    }
}

fn stem(column: &str) -> Option<&str> {
    let stem = column
        .strip_suffix("_id")
        .or_else(|| column.strip_suffix("Id"))?;
    Some(stem).filter(|stem| !stem.is_empty())
}
