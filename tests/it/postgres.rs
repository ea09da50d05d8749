//! A fresh database for each test, on the server that `TEST_DATABASE_URL` names.

use std::sync::atomic::{AtomicU32, Ordering};

use rulegate::driver::postgres::Store;
use rulegate::settings::{Database, OnSchemaDrift, Secret};
use rulegate::vocabulary::limits::Limits;
use tokio_postgres::{Client, NoTls};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A database of its own.
pub struct Fresh {
    pub uri: String,
    pub client: Client,
}

impl Fresh {
    /// Makes one and runs a script in it.
    pub async fn with(script: &str) -> Self {
        Self::made_with(script, "TEMPLATE template0").await
    }

    /// The same in an encoding that has 256 characters.
    pub async fn in_latin1(script: &str) -> Self {
        let options = "TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'";
        Self::made_with(script, options).await
    }

    async fn made_with(script: &str, options: &str) -> Self {
        let server = std::env::var("TEST_DATABASE_URL")
            .expect("TEST_DATABASE_URL is unset: run ./scripts/test, which starts a server");
        let name = format!(
            "t{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let admin = connect(&server).await;
        admin
            .batch_execute(&format!("CREATE DATABASE {name} {options}"))
            .await
            .unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let uri = format!("{base}/{name}");
        let client = connect(&uri).await;
        client.batch_execute(script).await.unwrap();
        Self { uri, client }
    }

    /// The same with our own schema.
    pub async fn migrated(script: &str) -> Self {
        let fresh = Self::with(script).await;
        let journal = rulegate::journal::ddl();
        fresh.client.batch_execute(&journal).await.unwrap();
        fresh
    }

    /// The rows of a query, each column as Postgres prints it.
    pub async fn texts(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let messages = self.client.simple_query(sql).await.unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| {
            (0..row.len())
                .map(|at| row.get(at).map(ToOwned::to_owned))
                .collect()
        })
        .collect()
    }

    /// A store of this database with a pool of `pool` connections.
    pub fn store(&self, pool: usize) -> Store {
        self.store_as(pool, None)
    }

    /// The same with a role for the writing statements.
    pub fn store_as(&self, pool: usize, role: Option<&str>) -> Store {
        let database = Database {
            uri: Some(Secret::new(self.uri.clone())),
            pool,
            role: role.map(ToOwned::to_owned),
            sslmode: None,
            cacert: None,
            on_schema_drift: OnSchemaDrift::default(),
            raised_messages: false,
        };
        Store::open(&database, &Limits::default()).unwrap()
    }
}

pub async fn connect(uri: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
