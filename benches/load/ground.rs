//! What the database holds: before a measurement always the same, after it exactly what was written.

use std::fs;

use tokio_postgres::Client;

use crate::limit::Limit;
use crate::row::Table;
use crate::server::{self, Server};
use crate::tenant::{self, Sum, TENANTS, Tenant};

/// Rows of the written table to begin with, so that plans are those of a table in use.
const ROWS: usize = 20_000;
/// Members of each list, one of whom is the user.
const MEMBERS: usize = 5;

pub struct Ground {
    client: Client,
    uri: String,
}

impl Ground {
    /// Makes the tables, and the lists with their members.
    pub async fn lay(server: &Server) -> Self {
        let client = server::connect(&server.uri).await;
        let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/load/rules/schema.sql");
        client
            .batch_execute(&fs::read_to_string(schema).unwrap())
            .await
            .unwrap();
        let list = "INSERT INTO lists VALUES ($1, $2)";
        let member = "INSERT INTO list_members VALUES ($1, $2, 'editor')";
        for index in 0..TENANTS {
            let [owned, shared] = tenant::lists(index);
            let neighbour = |step| tenant::user((index + step) % TENANTS);
            client
                .execute(list, &[&owned, &neighbour(0)])
                .await
                .unwrap();
            client
                .execute(list, &[&shared, &neighbour(1)])
                .await
                .unwrap();
            for step in 0..MEMBERS {
                // The owner needs no entry.
                let of_owned = neighbour(step + 1);
                let of_shared = neighbour(if step == 0 { 0 } else { step + 1 });
                client.execute(member, &[&owned, &of_owned]).await.unwrap();
                client
                    .execute(member, &[&shared, &of_shared])
                    .await
                    .unwrap();
            }
        }
        Self {
            client,
            uri: server.uri.clone(),
        }
    }

    /// Users with rows of their own, in a table that is otherwise empty.
    pub async fn settle(&self, table: Table, count: usize) -> Vec<Tenant> {
        // What is dirty is written now: whole pages go to the log after a checkpoint, and nothing of that shall fall into the measurement.
        self.client.batch_execute("CHECKPOINT").await.unwrap();
        self.client
            .batch_execute(&format!("TRUNCATE {}", table.name()))
            .await
            .unwrap();
        let mut tenants: Vec<Tenant> = (0..count).map(|at| Tenant::new(at, table)).collect();
        let limit = Limit::connect(&self.uri, table).await;
        for tenant in &mut tenants {
            let rows = tenant.settle(ROWS / count);
            limit.apply(tenant.user, &rows).await;
        }
        for table in ["notes", "todos", "lists", "list_members"] {
            let text = format!("VACUUM (ANALYZE) {table}");
            self.client.batch_execute(&text).await.unwrap();
        }
        tenants
    }

    /// Holds that the table has what its users wrote, each write once.
    pub async fn verify(&self, table: Table, tenants: &[Tenant]) {
        let text = format!(
            "SELECT count(*), coalesce(sum(position), 0)::bigint FROM {}",
            table.name()
        );
        let row = self.client.query_one(&text, &[]).await.unwrap();
        let found = Sum {
            rows: row.get(0),
            positions: row.get(1),
        };
        let wanted = tenants.iter().map(Tenant::sum);
        let wanted = wanted.fold(Sum::default(), |all, one| Sum {
            rows: all.rows + one.rows,
            positions: all.positions + one.positions,
        });
        assert_eq!(found, wanted, "{table:?}");
    }

    /// What the server says it is, and that a commit waits for the disk.
    pub async fn describe(&self) -> String {
        let text = "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')";
        let row = self.client.query_one(text, &[]).await.unwrap();
        let [version, fsync, commit] = [0, 1, 2].map(|at| row.get::<_, String>(at));
        format!("Postgres {version}, fsync {fsync}, synchronous_commit {commit}")
    }
}
