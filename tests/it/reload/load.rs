//! Uploads that run while the rules are edited.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use uuid::Uuid;

use crate::gateway::{Gateway, exchange};
use crate::reload::folder::Folder;

/// Clients, each with uploads one after the other.
const CLIENTS: usize = 3;
/// Transactions of an upload; each puts one row into either table.
const TRANSACTIONS: usize = 3;
/// Time between two uploads of a client: all of them make about fifty a second.
const PAUSE: Duration = Duration::from_millis(55);

/// What one upload was told.
struct Told {
    rules_version: String,
    apples: Vec<String>,
    pears: Vec<String>,
}

pub struct Load {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Told>>>,
}

impl Load {
    pub fn start(gateway: &Gateway) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let clients = (0..CLIENTS).map(|number| {
            let token = gateway.token(&json!({"sub": format!("client {number}")}));
            tokio::spawn(client(gateway.public, token, is_over.clone()))
        });
        Self {
            clients: clients.collect(),
            is_over,
        }
    }

    /// Ends it. No upload may have failed, and each row must be of the edition whose version its answer named.
    pub async fn end(self, gateway: &Gateway, folder: &Folder) {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for client in self.clients {
            all.extend(client.await.unwrap());
        }
        let apples = editions(gateway, "apples").await;
        let pears = editions(gateway, "pears").await;
        for told in &all {
            let wanted = folder.state(&told.rules_version);
            let rows = told.apples.iter().map(|id| (apples.get(id), wanted.0));
            let rows = rows.chain(told.pears.iter().map(|id| (pears.get(id), wanted.1)));
            for (found, wanted) in rows {
                assert_eq!(found, Some(&wanted), "under {}", told.rules_version);
            }
        }
        assert!(all.len() > 10, "only {} uploads", all.len());
    }
}

async fn editions(gateway: &Gateway, table: &str) -> BTreeMap<String, u32> {
    let rows = gateway
        .database
        .texts(&format!("SELECT id, edition FROM {table}"))
        .await;
    rows.into_iter()
        .map(|row| {
            (
                row[0].clone().unwrap(),
                row[1].as_ref().unwrap().parse().unwrap(),
            )
        })
        .collect()
}

async fn client(address: SocketAddr, token: String, is_over: Arc<AtomicBool>) -> Vec<Told> {
    let mut all = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        all.push(upload(address, &token).await);
        sleep(PAUSE).await;
    }
    all
}

async fn upload(address: SocketAddr, token: &str) -> Told {
    let ids = || -> Vec<String> {
        (0..TRANSACTIONS)
            .map(|_| Uuid::new_v4().to_string())
            .collect()
    };
    let (apples, pears) = (ids(), ids());
    let put = |table: &str, id: &String| json!({"op": "PUT", "table": table, "id": id, "op_data": {"n": 1}});
    let transactions: Vec<Value> = apples
        .iter()
        .zip(&pears)
        .map(|(apple, pear)| json!({"crud": [put("apples", apple), put("pears", pear)]}))
        .collect();
    let body = json!({ "transactions": transactions }).to_string();
    let answer = exchange(address, &request(token, &body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    for result in answer.body["results"].as_array().unwrap() {
        assert_eq!(result["status"], "success", "{}", answer.body);
    }
    Told {
        rules_version: answer.rules_version,
        apples,
        pears,
    }
}

/// An upload as bytes.
pub fn request(token: &str, body: &str) -> String {
    format!(
        "POST /api/data HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
