//! `rulegate check`: everything that is wrong with a folder.

use std::fmt::Write as _;
use std::path::Path;

use crate::catalog::Catalog;
use crate::cli::arguments::Checking;
use crate::cli::examine;
use crate::cli::home::Home;
use crate::cli::say::say;
use crate::cli::trouble::Trouble;
use crate::cli::variables::{DATABASE, KEYS, KEYS_STAND_IN, StandIns};
use crate::driver::postgres::{Store, describe};
use crate::reload::Loading;
use crate::settings::{self, Flags, Line, Origin};
use crate::vocabulary::limits::Limits;

/// How a database is named, and how to do without one.
const NAMING: &str = "name one with `--database postgres://user:password@host/name`, or its catalogue as text with `--catalog FILE`";

/// Loads, compiles, and says what was found.
pub async fn run(arguments: &Checking) -> Result<(), Trouble> {
    let stand_ins = stand_ins(arguments);
    let loading = examine::load(&arguments.rules, &stand_ins, &arguments.database.flags())?;
    if arguments.print_catalog {
        let (catalog, _) = live(arguments, &loading, &stand_ins).await?;
        say(&catalog.to_text());
        return Ok(());
    }
    if arguments.settings {
        say(&table(&loading.lines));
    }
    let (catalog, against) = match catalog(arguments, &loading, &stand_ins).await {
        Ok(found) => found,
        Err(trouble) => return Err(without_database(&loading, trouble)),
    };
    let (plan, problems) = examine::compile(&loading, &catalog)?;
    examine::pass(&problems, &loading)?;
    if let Some(plan) = plan.filter(|_| arguments.plan) {
        say(plan.text());
    }
    say(&verdict(arguments, &loading, &against, &problems.count()));
    if stand_ins.read(KEYS).as_deref() == Some(KEYS_STAND_IN) {
        say(&format!(
            "Keys: {KEYS} is not set here. `rulegate dev` does without; `rulegate serve` does not."
        ));
    }
    Ok(())
}

/// What is wrong in the files comes first: until it is mended there may be no database to ask.
fn without_database(loading: &Loading, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Unable(why) if loading.problems.has_errors() => Trouble::Rules(format!(
            "{}\n\nOnly the files were looked at, not whether they fit the database: {why}",
            examine::text(&loading.problems, loading)
        )),
        trouble => trouble,
    }
}

/// What was checked against what, and what came of it.
fn verdict(arguments: &Checking, loading: &Loading, against: &str, count: &str) -> String {
    let outcome = match count {
        "no problems" => "No problems.".to_owned(),
        count => format!("It loads, with {count}."),
    };
    format!(
        "{}: {} checked against {against}. {outcome}",
        arguments.rules.display(),
        examine::size(&loading.rules),
    )
}

/// Against a text no database is needed at all.
fn stand_ins(arguments: &Checking) -> StandIns {
    if arguments.catalog.is_some() {
        return StandIns::all();
    }
    match Home::existing().and_then(|home| home.database_uri()) {
        Some(uri) => StandIns::keys().and(DATABASE, uri),
        // No token is looked at here, so no keys are needed: a line at the end says that others do.
        None => StandIns::keys(),
    }
}

/// Where `rulegate dev` has been, its key and its database stand in for what is not set.
pub fn at_home() -> StandIns {
    let Some(home) = Home::existing() else {
        return StandIns::none();
    };
    match home.database_uri() {
        Some(uri) => StandIns::keys().and(DATABASE, uri),
        None => StandIns::keys(),
    }
}

async fn catalog(
    arguments: &Checking,
    loading: &Loading,
    stand_ins: &StandIns,
) -> Result<(Catalog, String), Trouble> {
    let Some(path) = &arguments.catalog else {
        return live(arguments, loading, stand_ins).await;
    };
    Ok((catalog_of(path)?, path.display().to_string()))
}

/// A catalogue in its text form.
pub fn catalog_of(path: &Path) -> Result<Catalog, Trouble> {
    let text = std::fs::read_to_string(path).map_err(|error| Trouble::at(path, &error))?;
    Catalog::parse(&text).map_err(|error| Trouble::unable(format!("{}: {error}", path.display())))
}

/// The live database's catalogue, and the database's name.
async fn live(
    arguments: &Checking,
    loading: &Loading,
    stand_ins: &StandIns,
) -> Result<(Catalog, String), Trouble> {
    let database = match &loading.settings {
        Some(settings) => settings.database.clone(),
        None => outside(&arguments.database.flags(), stand_ins),
    };
    let name = database.uri.as_ref().map(|uri| describe(uri.reveal()));
    Ok((introspect(&database).await?, name.unwrap_or_default()))
}

/// What a database says of itself.
pub async fn introspect(database: &settings::Database) -> Result<Catalog, Trouble> {
    let store = Store::open(database, &Limits::default())
        .map_err(|error| Trouble::unable(format!("{error}\n{NAMING}")))?;
    store.introspect().await.map_err(|error| {
        let uri = database.uri.as_ref();
        let place = uri.map_or_else(String::new, |uri| describe(uri.reveal()));
        Trouble::unable(format!(
            "the catalogue of {place} could not be read: {error}\n{NAMING}"
        ))
    })
}

/// The database as flag and environment name it, where there are no settings that could.
pub fn outside(flags: &Flags, stand_ins: &StandIns) -> settings::Database {
    let named = stand_ins.read(DATABASE).map(settings::Secret::new);
    settings::Database {
        uri: flags.database.clone().or(named),
        pool: 1,
        role: None,
        sslmode: None,
        cacert: None,
        on_schema_drift: settings::OnSchemaDrift::default(),
        raised_messages: false,
    }
}

/// Name, value and origin in columns.
fn table(lines: &[Line]) -> String {
    let width = |of: fn(&Line) -> &str| lines.iter().map(|line| of(line).chars().count()).max();
    let names = width(|line| &line.name).unwrap_or_default();
    let values = width(|line| &line.value).unwrap_or_default().min(60);
    let mut text = String::new();
    for Line {
        name,
        value,
        origin,
    } in lines
    {
        let _ = writeln!(text, "{name:names$}  {value:values$}  {}", word(*origin));
    }
    text
}

fn word(origin: Origin) -> &'static str {
    match origin {
        Origin::File => "file",
        Origin::Environment => "environment",
        Origin::Flag => "flag",
        Origin::Default => "default",
    }
}
