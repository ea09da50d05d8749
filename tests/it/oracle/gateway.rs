//! The other side: the product, over a schema of its own for each world.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rulegate::apply::{Outcome, Paths, Road, Sender, Upload as Sent, batch};
use rulegate::auth::Principal;
use rulegate::driver::postgres::Store;
use rulegate::journal;
use rulegate::reload::{Current, Edition, Snapshot, Stale, load};
use rulegate::request::decode;
use rulegate::settings::Flags;
use rulegate::vocabulary::limits::Limits;
use rulegate::vocabulary::problem::Problem;
use rulegate::vocabulary::value::{Timestamp, Value};
use serde_json::Value as Json;
use tokio::time::Instant;
use tokio_postgres::SimpleQueryMessage;

use super::meaning::NOW;
use super::model::{Answer, State, Ty, Upload, Val, World};
use super::print;
use crate::postgres::Fresh;

/// A database and the product on it.
pub struct Gateway {
    database: Fresh,
    store: Store,
    worlds: u32,
    /// How many transactions took which road.
    pub paths: Paths,
}

/// One world that the product has loaded.
pub struct House {
    schema: String,
    road: Road,
    snapshot: Arc<Snapshot>,
    began: Instant,
}

impl Gateway {
    pub async fn open() -> Self {
        let database = Fresh::with(&journal::ddl()).await;
        let store = database.store(2);
        Self {
            database,
            store,
            worlds: 0,
            paths: Paths::default(),
        }
    }

    /// Makes the tables and loads the rules; the problems as text where they do not load.
    pub async fn house(&mut self, world: &World) -> Result<House, String> {
        self.worlds += 1;
        let schema = format!("w{}", self.worlds);
        self.run(&print::sql(world, &schema)).await;
        let began = Instant::now();
        let folder = folder(world, &schema);
        let loading = load(&folder, &|_| None, &Flags::default());
        std::fs::remove_dir_all(&folder).unwrap();
        let (mut problems, sources) = (loading.problems.clone(), loading.sources.clone());
        let road = Road {
            store: self.store.clone(),
            current: Arc::new(Current::new(Edition::of(loading))),
            workbench: None,
            crowded: rulegate::apply::Crowded::default(),
            reads_and_judges: std::env::var_os(crate::gateway::AT_ONCE).is_none(),
            paths: self.paths.clone(),
        };
        if !problems.has_errors() {
            match road.current.freshen(&self.store, began).await {
                Ok(_) => {}
                Err(Stale::Unfit(more)) => problems.append(more),
                Err(Stale::Unread(error)) => problems.push(Problem::nowhere(error.to_string())),
            }
        }
        let Some(snapshot) = road.current.snapshot() else {
            self.run(&format!("DROP SCHEMA {schema} CASCADE")).await;
            return Err(problems.render(&sources, false));
        };
        Ok(House {
            schema,
            road,
            snapshot,
            began,
        })
    }

    /// Takes a world away.
    pub async fn leave(&self, house: House) {
        // The letters of one world would count against the subjects of the next.
        let schema = &house.schema;
        self.run(&format!(
            "DROP SCHEMA {schema} CASCADE; TRUNCATE rulegate.dead_letters"
        ))
        .await;
        self.store.forget_statements();
    }

    /// Puts exactly these rows into its tables.
    pub async fn fill(&self, house: &House, world: &World, state: &State) {
        self.run(&print::fill(world, &house.schema, state)).await;
    }

    /// Sends an upload. It is taken to have arrived when the reading of the catalogue began, so that no answer waits for a fresher one.
    pub async fn send(&self, house: &House, upload: &Upload) -> Vec<Outcome> {
        let body = Bytes::from(print::body(upload));
        let request = Sent {
            snapshot: Arc::clone(&house.snapshot),
            principal: Arc::new(principal(&upload.claims)),
            sender: Sender::default(),
            batch: decode(&body, &Limits::default()).unwrap(),
            time: Timestamp(i128::from(NOW) * 1_000),
            request_id: "oracle".into(),
            arrived: house.began,
            deadline: Instant::now() + Duration::from_secs(25),
        };
        batch(&house.road, request).await
    }

    /// All rows of its tables.
    pub async fn rows(&self, house: &House, world: &World) -> State {
        let mut state = State::new();
        for table in &world.tables {
            let columns: Vec<String> = table.columns.iter().map(|c| shown(&c.name, c.ty)).collect();
            let query = format!(
                "SELECT {} FROM {}.{}",
                columns.join(", "),
                house.schema,
                table.name
            );
            let mut rows = BTreeMap::new();
            for message in self.database.client.simple_query(&query).await.unwrap() {
                if let SimpleQueryMessage::Row(row) = message {
                    let values = table.columns.iter().enumerate();
                    let values: Vec<Val> = values
                        .map(|(at, column)| read(column.ty, row.get(at)))
                        .collect();
                    rows.insert(row.get(0).unwrap().to_owned(), values);
                }
            }
            state.push(rows);
        }
        state
    }

    async fn run(&self, script: &str) {
        let done = self.database.client.batch_execute(script).await;
        assert!(done.is_ok(), "{done:?} in\n{script}");
    }
}

fn folder(world: &World, schema: &str) -> PathBuf {
    let name = format!("rulegate-oracle-{}-{}", uuid::Uuid::new_v4(), schema);
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in print::rules(world, schema) {
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder
}

fn principal(claims: &BTreeMap<String, Json>) -> Principal {
    let claims = Json::Object(claims.clone().into_iter().collect());
    Principal {
        issuer: None,
        subject: claims["sub"].as_str().unwrap().to_owned(),
        claims: Value::from_json(&claims),
        claims_json: claims.to_string(),
    }
}

/// A column as text that [`read`] reads.
fn shown(name: &str, ty: Ty) -> String {
    match ty {
        Ty::Time => format!("(extract(epoch FROM {name}) * 1000000)::bigint"),
        Ty::Num => format!("({name} * 100)::bigint"),
        Ty::Bool | Ty::Int | Ty::Text | Ty::Uuid => name.to_owned(),
    }
}

fn read(ty: Ty, text: Option<&str>) -> Val {
    let Some(text) = text else {
        return Val::Null;
    };
    match ty {
        Ty::Bool => Val::Bool(text == "t"),
        Ty::Int => Val::Int(text.parse().unwrap()),
        Ty::Num => Val::Num(text.parse().unwrap()),
        Ty::Text => Val::Text(text.to_owned()),
        Ty::Time => Val::Time(text.parse().unwrap()),
        Ty::Uuid => Val::Uuid(text.to_owned()),
    }
}

/// Whether the product's outcomes are the oracle's answers.
pub fn agrees(answers: &[Answer], outcomes: &[Outcome]) -> bool {
    let same = |(answer, outcome): (&Answer, &Outcome)| match (answer, outcome) {
        (Answer::Applied, Outcome::Applied) | (Answer::NotAttempted, Outcome::NotAttempted) => true,
        (Answer::Refused(index, codes), Outcome::Refused(refusal)) => {
            refusal.operation_index == Some(*index) && codes.contains(&refusal.code)
        }
        _ => false,
    };
    answers.len() == outcomes.len() && answers.iter().zip(outcomes).all(same)
}

/// Where two states of a world are not the same, row by row.
pub fn difference(world: &World, wanted: &State, found: &State) -> String {
    let mut text = String::new();
    for (at, table) in world.tables.iter().enumerate() {
        let keys: std::collections::BTreeSet<&String> =
            wanted[at].keys().chain(found[at].keys()).collect();
        for key in keys {
            let (wanted, found) = (wanted[at].get(key), found[at].get(key));
            if wanted != found {
                writeln!(
                    text,
                    "  {} {key}\n    wanted {wanted:?}\n    found  {found:?}",
                    table.name
                )
                .unwrap();
            }
        }
    }
    text
}
