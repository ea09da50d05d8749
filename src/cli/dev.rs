//! `rulegate dev`: everything for a first try, in one command.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::apply::Workbench;
use crate::auth::development::SigningKey;
use crate::cli::arguments::Serving;
use crate::cli::cluster::{Cluster, Control};
use crate::cli::hello::{ANN, BOB, Edit, Hello, LIST};
use crate::cli::home::Home;
use crate::cli::listeners::Listeners;
use crate::cli::say::say;
use crate::cli::serve::{self, Ready};
use crate::cli::trouble::Trouble;
use crate::cli::variables::{DATABASE, DATABASE_STAND_IN, KEYS_STAND_IN, StandIns};
use crate::cli::{examine, migrate, signals, token};
use crate::driver::postgres::Store;
use crate::plan::Plan;
use crate::reload::Loading;
use crate::settings::{ClientAuth, Origin, Secret, Settings};
use crate::vocabulary::place::{Place, Spanned};

/// How long the printed tokens hold: a day of trying.
const LIFETIME: Duration = Duration::from_hours(24);

/// Counts the tables that are neither ours nor the database's own.
const TABLES: &str = "
SELECT count(*)::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('information_schema', 'rulegate') AND n.nspname NOT LIKE 'pg\\_%'";

/// The server that a second signal kills, once there is one.
type Running = Arc<Mutex<Option<Control>>>;

/// What was done so far: a word, and what became of it.
type Steps = Vec<(&'static str, String)>;

/// Starts all of it, prints how to try it, and serves until it is told to stop.
pub async fn run(arguments: &Serving) -> Result<(), Trouble> {
    let running = Running::default();
    let told = signals::listen(killer(&running))?;
    let stand_ins = StandIns::keys().and(DATABASE, DATABASE_STAND_IN);
    let loading = examine::load(&arguments.rules, &stand_ins, &arguments.flags())?;
    examine::pass(&loading.problems, &loading)?;
    let mut settings = serve::settings(&loading)?;
    settle(&mut settings, &loading);
    let listeners = Listeners::bind(&settings.server).await?;
    let home = Home::open()?;
    let _lock = home.lock()?;
    let mut steps = Steps::new();
    let cluster = database(&mut settings, &home, &running, &mut steps).await?;
    if *told.borrow() {
        return Ok(());
    }
    let key = key(&home, &mut steps)?;
    trust(&mut settings.client_auth, &key);
    let store = serve::open(&settings)?;
    furnish(&store, &arguments.rules, cluster.is_some(), &mut steps).await?;
    migrate::migrate(&store).await?;
    let plan = compile(&store, &loading).await?;
    steps.push(("rules", in_force(arguments, &loading)));
    let hello = hello(
        steps,
        &settings,
        &listeners,
        &key,
        Tries {
            has_sample: has_sample(&store, &plan).await,
            edit: edit(&arguments.rules),
        },
    )?;
    let current = serve::current(&loading);
    if let Err(stale) = current.freshen(&store, Instant::now()).await {
        return Err(Trouble::unable(stale.to_string()));
    }
    say(&hello.text());
    let ready = Ready {
        reloader: serve::reloader(arguments, stand_ins, &store, &current),
        settings,
        store,
        current,
        listeners,
        workbench: Some(workbench()),
    };
    serve::until_stopped(ready, told).await
}

/// Each decision is told in the terminal, and the two who the printed lines speak of by their names.
fn workbench() -> Workbench {
    let people = [(ANN, "ann"), (BOB, "bob")];
    Workbench {
        people: people
            .into_iter()
            .map(|(subject, name)| (subject.to_owned(), name.to_owned()))
            .collect(),
    }
}

fn killer(running: &Running) -> impl FnOnce() + Send + 'static {
    let running = running.clone();
    move || {
        let control = running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(control) = control {
            control.kill();
        }
    }
}

/// What differs from `serve`: where nobody chose, only this machine is listened to; and nobody waits for a load balancer at the end.
fn settle(settings: &mut Settings, loading: &Loading) {
    let nobody_chose = loading
        .lines
        .iter()
        .any(|line| line.name == "server.listen" && line.origin == Origin::Default);
    if nobody_chose {
        settings.server.listen.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    settings.limits.drain_notice = Duration::ZERO;
}

/// The ladder: a database that is named, else Postgres of this machine, started here.
async fn database(
    settings: &mut Settings,
    home: &Home,
    running: &Running,
    steps: &mut Steps,
) -> Result<Option<Cluster>, Trouble> {
    let named = settings.database.uri.as_ref();
    if named.is_some_and(|uri| uri.reveal() != DATABASE_STAND_IN) {
        let line = format!("{}, which you named", serve::place(settings));
        steps.push(("database", line));
        return Ok(None);
    }
    let (home, running) = (home.clone(), running.clone());
    let starting = tokio::task::spawn_blocking(move || {
        Cluster::start(&home, |control| {
            *running.lock().unwrap_or_else(PoisonError::into_inner) = Some(control);
        })
    });
    let cluster = starting
        .await
        .map_err(|error| Trouble::unable(format!("the database was not started: {error}")))??;
    settings.database.uri = Some(Secret::new(cluster.uri.clone()));
    steps.push(("database", cluster.line.clone()));
    Ok(Some(cluster))
}

fn key(home: &Home, steps: &mut Steps) -> Result<SigningKey, Trouble> {
    let (key, is_new) = home.key()?;
    let made = if is_new { "made now" } else { "as before" };
    steps.push(("key", format!("{}, {made}", home.key_path().display())));
    Ok(key)
}

/// Lets our own key in, beside those that the settings name.
fn trust(client_auth: &mut ClientAuth, key: &SigningKey) {
    client_auth
        .jwks_uris
        .retain(|uri| uri.node != KEYS_STAND_IN);
    let ours = key.jwks();
    let nowhere = Place {
        file: "the key of rulegate dev".into(),
        start: 0,
        end: 0,
    };
    let jwks = client_auth
        .jwks
        .get_or_insert_with(|| Spanned::new(serde_json::json!({"keys": []}), nowhere));
    let theirs = jwks.node.get_mut("keys").and_then(Value::as_array_mut);
    let key = ours.get("keys").and_then(|keys| keys.get(0));
    if let (Some(theirs), Some(key)) = (theirs, key) {
        theirs.push(key.clone());
    }
}

/// Runs the folder's schema.sql where there is no table yet, and its sample.sql there and in a database of our own.
async fn furnish(
    store: &Store,
    rules: &Path,
    is_ours: bool,
    steps: &mut Steps,
) -> Result<(), Trouble> {
    let tables = store
        .ask(TABLES)
        .await
        .map_err(|error| Trouble::unable(format!("the database does not answer: {error}")))?;
    let is_empty = tables.as_deref() == Some("0");
    if is_empty && let Some(line) = script(store, &rules.join("schema.sql")).await? {
        steps.push(("schema", line));
    }
    if is_empty || is_ours {
        match script(store, &rules.join("sample.sql")).await {
            Ok(Some(line)) => steps.push(("sample", line)),
            Ok(None) => (),
            // The tables may have moved on from the starter's: that is what they are for.
            Err(trouble) => {
                steps.push(("sample", format!("left out: {}", trouble.why())));
            }
        }
    }
    Ok(())
}

/// Runs a file of statements; `None` where there is none.
async fn script(store: &Store, path: &Path) -> Result<Option<String>, Trouble> {
    let Ok(text) = fs::read_to_string(path) else {
        return Ok(None);
    };
    store
        .administer(&text)
        .await
        .map(|()| Some(format!("{} was run", path.display())))
        .map_err(|error| Trouble::unable(format!("{}: {error}", path.display())))
}

/// The rules against the database, with everything that `rulegate check` would say.
async fn compile(store: &Store, loading: &Loading) -> Result<Plan, Trouble> {
    let catalog = store.introspect().await.map_err(|error| {
        Trouble::unable(format!(
            "the database's catalogue could not be read: {error}"
        ))
    })?;
    let (plan, problems) = examine::compile(loading, &catalog)?;
    examine::pass(&problems, loading)?;
    plan.ok_or_else(|| Trouble::Rules(examine::text(&problems, loading)))
}

fn in_force(arguments: &Serving, loading: &Loading) -> String {
    format!(
        "{} ({}), version {}",
        arguments.rules.display(),
        examine::size(&loading.rules),
        loading.version
    )
}

/// Whether the printed lines do what they say: the starter's tables are open to uploads, ann owns the list, bob is a viewer of it.
async fn has_sample(store: &Store, plan: &Plan) -> bool {
    let has_todos = plan.table("todos").is_some_and(|todos| {
        ["list_id", "description"]
            .iter()
            .all(|field| todos.fields.contains_key(*field))
    });
    let rows = format!(
        "SELECT 1::text FROM lists l JOIN list_members m ON m.list_id = l.id
         WHERE l.id = '{LIST}' AND l.owner_id = '{ANN}' AND m.user_id = '{BOB}' AND m.role = 'viewer'"
    );
    has_todos && store.ask(&rows).await.is_ok_and(|row| row.is_some())
}

/// What there is to try.
struct Tries {
    has_sample: bool,
    edit: Option<Edit>,
}

/// The starter's grant for viewers, while it is as it came.
fn edit(rules: &Path) -> Option<Edit> {
    let file = rules.join("todos.yaml");
    let text = fs::read_to_string(&file).ok()?;
    Edit::find(&file.display().to_string(), &text)
}

fn hello(
    mut steps: Steps,
    settings: &Settings,
    listeners: &Listeners,
    key: &SigningKey,
    tries: Tries,
) -> Result<Hello, Trouble> {
    let (listen, admin) = listeners.addresses()?;
    steps.push(("uploads", format!("http://{listen}/api/data")));
    steps.push(("operators", format!("http://{admin}/status")));
    let token = |subject| {
        let claims = token::claims(subject, LIFETIME, &settings.client_auth);
        token::sign(key, claims)
    };
    Ok(Hello {
        steps,
        listen,
        ann: token(ANN)?,
        bob: token(BOB)?,
        has_sample: tries.has_sample,
        edit: tries.edit,
    })
}
