//! A device: one kept connection, one token, one request at a time, each answer read to its end.

use std::fmt::Write as _;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::row::{Kind, Operation, Table};

pub struct Client {
    stream: TcpStream,
    token: String,
    body: String,
    request: String,
    answer: Vec<u8>,
}

/// A transaction as a device names it.
pub struct Numbered<'a> {
    pub number: u64,
    pub operations: &'a [Operation],
}

impl Client {
    pub async fn connect(address: &str, token: String) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            token,
            body: String::new(),
            request: String::new(),
            answer: Vec::new(),
        }
    }

    /// Uploads transactions in one request, and holds every answer to be `success`.
    pub async fn upload(&mut self, table: Table, transactions: &[Numbered<'_>]) {
        self.body.clear();
        self.body.push_str("{\"transactions\":[");
        for (at, transaction) in transactions.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let number = transaction.number;
            write!(self.body, "{comma}{{\"transaction_id\":{number},\"crud\":[").unwrap();
            for (at, operation) in transaction.operations.iter().enumerate() {
                self.body.push_str(if at == 0 { "" } else { "," });
                entry(&mut self.body, table, operation);
            }
            self.body.push_str("]}");
        }
        self.body.push_str("]}");
        self.request.clear();
        write!(
            self.request,
            "POST /api/data HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}",
            self.token,
            self.body.len(),
            self.body
        )
        .unwrap();
        self.stream
            .write_all(self.request.as_bytes())
            .await
            .unwrap();
        let (head, body) = self.answer().await;
        let text = String::from_utf8_lossy(&self.answer);
        assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
        let body: Value = serde_json::from_str(&body).unwrap();
        let results = body["results"].as_array().unwrap();
        assert_eq!(results.len(), transactions.len(), "{text}");
        for result in results {
            assert_eq!(result["status"], "success", "{text}");
        }
    }

    /// Head and body of the next answer.
    async fn answer(&mut self) -> (String, String) {
        self.answer.clear();
        let mut end = None;
        loop {
            let count = self.stream.read_buf(&mut self.answer).await.unwrap();
            assert!(count > 0, "the gateway hung up");
            if end.is_none() {
                end = end_of_answer(&self.answer);
            }
            if let Some((head, all)) = end
                && self.answer.len() >= all
            {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                return (text(&self.answer[..head]), text(&self.answer[head..all]));
            }
        }
    }
}

/// Where the head of an answer ends, and where the answer does.
fn end_of_answer(bytes: &[u8]) -> Option<(usize, usize)> {
    let blank = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..blank]).unwrap();
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().unwrap())
    });
    let length = lengths.next().unwrap();
    Some((blank + 4, blank + 4 + length))
}

fn entry(body: &mut String, table: Table, operation: &Operation) {
    let row = &operation.row;
    let (op, name) = match operation.kind {
        Kind::Put => ("PUT", table.name()),
        Kind::Patch => ("PATCH", table.name()),
        Kind::Delete => ("DELETE", table.name()),
    };
    write!(
        body,
        "{{\"op\":\"{op}\",\"table\":\"{name}\",\"id\":\"{}\"",
        row.id
    )
    .unwrap();
    if operation.kind != Kind::Delete {
        // Devices keep booleans as 0 and 1.
        let (done, position, edited_at) = (u8::from(row.is_done), row.position, row.edited_at);
        body.push_str(",\"op_data\":{");
        if operation.kind == Kind::Put {
            if table == Table::Todos {
                write!(body, "\"list_id\":\"{}\",", row.list).unwrap();
            }
            write!(body, "\"title\":\"{}\",", row.title).unwrap();
        }
        write!(
            body,
            "\"done\":{done},\"position\":{position},\"edited_at\":\"{edited_at}\"}}"
        )
        .unwrap();
    }
    body.push('}');
}
