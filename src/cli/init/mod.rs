//! `rulegate init`: a database's tables as a folder of rules that refuses everything.

mod choice;
mod project;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::catalog::Catalog;
use crate::cli::arguments::Starting;
use crate::cli::check;
use crate::cli::init::choice::Choice;
use crate::cli::init::project::Tenant;
use crate::cli::say::say;
use crate::cli::schema;
use crate::cli::trouble::Trouble;
use crate::vocabulary::limits::RULE_TABLES_MAX;

/// A file of the folder, by its path in it, and its text.
type Written = (PathBuf, String);

/// Reads the catalogue, writes the folder, says what to type next.
pub async fn run(arguments: &Starting) -> Result<(), Trouble> {
    let flags = arguments.database.flags();
    let catalog = match &arguments.catalog {
        Some(path) => check::catalog_of(path)?,
        None => check::introspect(&check::outside(&flags, &check::at_home())).await?,
    };
    let choice = Choice::of(&catalog, &arguments.schemas);
    refuse_nothing(&choice, &catalog, &arguments.schemas)?;
    let tenant = Tenant::find(&choice);
    let files = files(&choice, &catalog, tenant.as_ref());
    write(&arguments.rules, &files)?;
    say(&told(arguments, &choice, &catalog, tenant.as_ref()));
    Ok(())
}

/// Everything that is written.
fn files(choice: &Choice<'_>, catalog: &Catalog, tenant: Option<&Tenant<'_>>) -> Vec<Written> {
    let settings = ("rulegate.yaml".into(), project::text(tenant));
    let schemas = schema::files();
    let schemas = schemas
        .into_iter()
        .map(|(name, text)| (Path::new(schema::FOLDER).join(name), text));
    let tables = choice.tables.iter().map(|table| {
        let relations = choice.relations(table, catalog);
        (table.file.clone().into(), table::text(table, &relations))
    });
    std::iter::once(settings)
        .chain(schemas)
        .chain(tables)
        .collect()
}

/// A folder of rules has at least one table, and no more than can be loaded.
fn refuse_nothing(
    choice: &Choice<'_>,
    catalog: &Catalog,
    schemas: &[String],
) -> Result<(), Trouble> {
    let wanted = schemas.join("`, `");
    if choice.tables.len() > RULE_TABLES_MAX {
        return Err(Trouble::unable(format!(
            "schema `{wanted}` has {} tables, and rules are for {RULE_TABLES_MAX} at most: name fewer schemas with --schema",
            choice.tables.len()
        )));
    }
    if !choice.tables.is_empty() {
        return Ok(());
    }
    let mut text = format!("schema `{wanted}` has no table that rules can be for");
    refused(&mut text, choice);
    let others = others(catalog, schemas);
    let next = match others.first() {
        Some(other) => format!(
            "write `--schema {other}`; there are tables in `{}`",
            others.join("`, `")
        ),
        None => {
            "create your tables first, or name another database with `--database URI`".to_owned()
        }
    };
    let _ = write!(text, "\n{next}");
    Err(Trouble::unable(text))
}

/// Schemas with tables that were not asked for.
fn others<'c>(catalog: &'c Catalog, schemas: &[String]) -> Vec<&'c str> {
    let all = catalog.tables.keys().map(|target| &*target.schema);
    let all: BTreeSet<&str> = all
        .filter(|schema| *schema != "rulegate" && !schemas.iter().any(|wanted| wanted == schema))
        .collect();
    all.into_iter().collect()
}

/// Writes all of it, or nothing where something stands in the way.
fn write(folder: &Path, files: &[Written]) -> Result<(), Trouble> {
    let in_the_way: Vec<String> = files
        .iter()
        .map(|(name, text)| (folder.join(name), text))
        .filter(|(path, text)| is_other(path, text))
        .map(|(path, _)| format!("  {}", path.display()))
        .collect();
    if !in_the_way.is_empty() {
        return Err(Trouble::unable(format!(
            "nothing was written, for these files are there already:\n{}\nmove them away, or name another folder: `rulegate init FOLDER`",
            in_the_way.join("\n")
        )));
    }
    let hidden = folder.join(schema::FOLDER);
    fs::create_dir_all(&hidden).map_err(|error| Trouble::at(&hidden, &error))?;
    for (name, text) in files {
        let path = folder.join(name);
        create(&path, text).map_err(|error| Trouble::at(&path, &error))?;
    }
    Ok(())
}

/// Whether something else lies there: a schema of ours may stay.
fn is_other(path: &Path, text: &str) -> bool {
    path.symlink_metadata().is_ok() && !is_ours(path, text)
}

fn is_ours(path: &Path, text: &str) -> bool {
    let is_schema = path.extension().is_some_and(|ending| ending == "json");
    is_schema && fs::read_to_string(path).is_ok_and(|found| found == text)
}

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    if is_ours(path, text) {
        return Ok(());
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// What was done, what was not, and what to type next.
fn told(
    arguments: &Starting,
    choice: &Choice<'_>,
    catalog: &Catalog,
    tenant: Option<&Tenant<'_>>,
) -> String {
    let folder = arguments.rules.display();
    let count = match choice.tables.len() {
        1 => "1 table".to_owned(),
        count => format!("{count} tables"),
    };
    let mut text =
        format!("{folder}: rulegate.yaml, and rules for {count}. They refuse every write.");
    refused(&mut text, choice);
    let others = others(catalog, &arguments.schemas);
    if !others.is_empty() {
        let _ = write!(
            text,
            "\nNot looked at: the tables of `{}` (--schema).",
            others.join("`, `")
        );
    }
    if let Some(Tenant { column, tables, .. }) = tenant {
        let tables = match tables.len() {
            1 => "1 table".to_owned(),
            count => format!("{count} tables"),
        };
        let _ = write!(
            text,
            "\n`{column}` of {tables} seems to say whose a row is: {folder}/rulegate.yaml has a guard to uncomment."
        );
    }
    let first = choice.tables.first().map_or("", |table| &table.file);
    let place = source(arguments);
    let _ = write!(
        text,
        "
Next:
  rulegate check {folder}{place}
  write what is allowed: `allow` in {folder}/{first}, and so on
  rulegate dev {folder}{}",
        if arguments.catalog.is_some() {
            ""
        } else {
            &place
        }
    );
    text
}

/// Where the facts came from, as it would be typed again. A URI may hold a password, which belongs on no screen.
fn source(arguments: &Starting) -> String {
    match (&arguments.catalog, &arguments.database.uri) {
        (Some(path), _) => format!(" --catalog {}", path.display()),
        (None, Some(_)) => " --database URI".to_owned(),
        (None, None) => String::new(),
    }
}

fn refused(text: &mut String, choice: &Choice<'_>) {
    for (target, why) in &choice.refused {
        let _ = write!(
            text,
            "\n  no rules for {}: {why}",
            words::remark(&target.to_string())
        );
    }
}
