//! The limit: the same rows by the fewest statements that do it under the same conditions, through tokio-postgres alone, with nothing remembered.

use std::time::SystemTime;

use futures_util::future::{join, try_join_all};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use crate::row::{Id, Kind, Operation, Table};
use crate::server;

/// A connection with its prepared statements.
pub struct Limit {
    client: Client,
    table: Table,
    single: Statements,
    grouped: Statements,
}

struct Statements {
    put: Statement,
    patch: Statement,
    delete: Statement,
}

impl Statements {
    async fn prepare(client: &Client, texts: &Texts) -> Self {
        Self {
            put: client.prepare(&texts.put).await.unwrap(),
            patch: client.prepare(&texts.patch).await.unwrap(),
            delete: client.prepare(&texts.delete).await.unwrap(),
        }
    }

    fn of(&self, kind: Kind) -> &Statement {
        match kind {
            Kind::Put => &self.put,
            Kind::Patch => &self.patch,
            Kind::Delete => &self.delete,
        }
    }
}

impl Limit {
    pub async fn connect(uri: &str, table: Table) -> Self {
        let client = server::connect(uri).await;
        let single = Statements::prepare(&client, &single(table)).await;
        let grouped = Statements::prepare(&client, &grouped(table)).await;
        Self {
            client,
            table,
            single,
            grouped,
        }
    }

    /// Applies one transaction: one statement is its own, more of them travel with BEGIN in one flush, and COMMIT follows when all are known to be right.
    pub async fn apply(&self, user: Id, operations: &[Operation]) {
        if operations.len() == 1 {
            assert_eq!(self.run(user, operations).await.unwrap(), 1);
            return;
        }
        let alike = operations.chunk_by(|one, next| one.kind == next.kind);
        let runs = alike.map(|run| self.run(user, run));
        let (begun, counts) = join(self.client.batch_execute("BEGIN"), try_join_all(runs)).await;
        begun.unwrap();
        let written: u64 = counts.unwrap().iter().sum();
        assert_eq!(written, operations.len() as u64);
        self.client.batch_execute("COMMIT").await.unwrap();
    }

    /// Operations of one kind by one statement.
    async fn run(&self, user: Id, run: &[Operation]) -> Result<u64, Error> {
        match run {
            [operation] => self.run_one(user, operation).await,
            _ => self.run_group(user, run).await,
        }
    }

    async fn run_one(&self, user: Id, operation: &Operation) -> Result<u64, Error> {
        let row = &operation.row;
        let edited_at = row.edited_at.time();
        let statement = self.single.of(operation.kind);
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&user, &row.id];
        if operation.kind != Kind::Delete {
            parameters.extend([
                &row.is_done as &(dyn ToSql + Sync),
                &row.position,
                &edited_at,
            ]);
        }
        if operation.kind == Kind::Put {
            parameters.push(&row.title);
            if self.table == Table::Todos {
                parameters.push(&row.list);
            }
        }
        self.client.execute(statement, &parameters).await
    }

    async fn run_group(&self, user: Id, run: &[Operation]) -> Result<u64, Error> {
        let kind = run[0].kind;
        let rows = || run.iter().map(|operation| &operation.row);
        let ids: Vec<Id> = rows().map(|row| row.id).collect();
        let statement = self.grouped.of(kind);
        if kind == Kind::Delete {
            return self.client.execute(statement, &[&user, &ids]).await;
        }
        let done: Vec<bool> = rows().map(|row| row.is_done).collect();
        let positions: Vec<i64> = rows().map(|row| row.position).collect();
        let edited: Vec<SystemTime> = rows().map(|row| row.edited_at.time()).collect();
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&user, &ids, &done, &positions, &edited];
        if kind == Kind::Patch {
            return self.client.execute(statement, &parameters).await;
        }
        let titles: Vec<&str> = rows().map(|row| row.title.as_str()).collect();
        let lists: Vec<Id> = rows().map(|row| row.list).collect();
        parameters.push(&titles);
        if self.table == Table::Todos {
            parameters.push(&lists);
        }
        self.client.execute(statement, &parameters).await
    }
}

struct Texts {
    put: String,
    patch: String,
    delete: String,
}

/// Whether the user, `$1`, may write this row.
fn allowed(table: Table, row: &str) -> String {
    match table {
        Table::Notes => format!("{row}.owner_id = $1"),
        Table::Todos => format!(
            "EXISTS (SELECT FROM lists l WHERE l.id = {row}.list_id AND (l.owner_id = $1 OR EXISTS (
                SELECT FROM list_members m WHERE m.list_id = l.id AND m.user_id = $1 AND m.role = 'editor')))"
        ),
    }
}

/// The statements of one row.
fn single(table: Table) -> Texts {
    let row = "(SELECT $2::uuid AS id, $3::boolean AS done, $4::bigint AS position, $5::timestamptz AS edited_at, $6::text AS title";
    let name = table.name();
    Texts {
        put: match table {
            // A row of one's own is allowed as it stands.
            Table::Notes => format!(
                "INSERT INTO notes (owner_id, id, done, position, edited_at, title) VALUES ($1::uuid, $2, $3, $4, $5, $6) {}",
                on_conflict(table)
            ),
            Table::Todos => put(table, &format!("{row}, $7::uuid AS list_id)")),
        },
        patch: format!(
            "UPDATE {name} r SET done = $3, position = $4, edited_at = $5 WHERE r.id = $2 AND {}",
            allowed(table, "r")
        ),
        delete: format!(
            "DELETE FROM {name} r WHERE r.id = $2 AND {}",
            allowed(table, "r")
        ),
    }
}

/// The statements of many rows: a typed array for each column.
fn grouped(table: Table) -> Texts {
    let name = table.name();
    let columns = "$2::uuid[], $3::boolean[], $4::bigint[], $5::timestamptz[]";
    let names = "id, done, position, edited_at";
    let source = match table {
        Table::Notes => format!("unnest({columns}, $6::text[])"),
        Table::Todos => format!("unnest({columns}, $6::text[], $7::uuid[])"),
    };
    let list = if table == Table::Todos {
        ", list_id"
    } else {
        ""
    };
    Texts {
        put: put(
            table,
            &format!("(SELECT * FROM {source} y({names}, title{list}))"),
        ),
        patch: format!(
            "UPDATE {name} r SET done = x.done, position = x.position, edited_at = x.edited_at
             FROM unnest({columns}) x({names}) WHERE r.id = x.id AND {}",
            allowed(table, "r")
        ),
        delete: format!(
            "DELETE FROM {name} r USING unnest($2::uuid[]) x(id) WHERE r.id = x.id AND {}",
            allowed(table, "r")
        ),
    }
}

fn put(table: Table, source: &str) -> String {
    let conflict = on_conflict(table);
    match table {
        Table::Notes => format!(
            "INSERT INTO notes (owner_id, id, done, position, edited_at, title)
             SELECT $1::uuid, x.id, x.done, x.position, x.edited_at, x.title FROM {source} x {conflict}"
        ),
        Table::Todos => format!(
            "INSERT INTO todos (list_id, id, done, position, edited_at, title)
             SELECT x.list_id, x.id, x.done, x.position, x.edited_at, x.title FROM {source} x WHERE {} {conflict}",
            allowed(table, "x")
        ),
    }
}

/// The update of a row that is there: it may be another one's.
fn on_conflict(table: Table) -> String {
    let list = match table {
        Table::Notes => "",
        Table::Todos => "list_id = excluded.list_id, ",
    };
    format!(
        "ON CONFLICT (id) DO UPDATE SET {list}done = excluded.done, position = excluded.position, edited_at = excluded.edited_at, title = excluded.title
         WHERE {}",
        allowed(table, table.name())
    )
}
