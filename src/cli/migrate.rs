//! `rulegate migrate`: our own schema.

use crate::cli::arguments::Migrating;
use crate::cli::examine;
use crate::cli::say::say;
use crate::cli::trouble::Trouble;
use crate::cli::variables::StandIns;
use crate::driver::postgres::{Store, describe};
use crate::journal::{self, LATEST};

/// Makes or renews it, or prints how.
pub async fn run(arguments: &Migrating) -> Result<(), Trouble> {
    if arguments.print {
        say(&journal::ddl());
        return Ok(());
    }
    let flags = arguments.database.flags();
    // No token is looked at here, so no keys are needed.
    let loading = examine::load(&arguments.rules, &StandIns::keys(), &flags)?;
    let Some(settings) = &loading.settings else {
        return Err(Trouble::Rules(examine::text(&loading.problems, &loading)));
    };
    let store = Store::open(&settings.database, &settings.limits)
        .map_err(|error| Trouble::unable(error.to_string()))?;
    let before = migrate(&store).await?;
    let uri = settings.database.uri.as_ref();
    let place = uri.map_or_else(String::new, |uri| describe(uri.reveal()));
    say(&match before {
        Some(LATEST) => format!("{place}: version {LATEST} is there already"),
        Some(version) => format!("{place}: version {version} became version {LATEST}"),
        None => format!("{place}: version {LATEST} was made"),
    });
    Ok(())
}

/// The migration itself, and how to go on where it is refused.
pub async fn migrate(store: &Store) -> Result<Option<journal::Version>, Trouble> {
    journal::migrate(store).await.map_err(|error| {
        Trouble::unable(format!(
            "{error}\nA role that may create a schema can run what `rulegate migrate --print` prints."
        ))
    })
}
