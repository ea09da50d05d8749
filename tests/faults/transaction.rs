//! One transaction in a phone's queue: what is sent, what it must leave in the database, and how it must end.

use serde_json::{Value, json};

use crate::random::Random;

/// How the rules and the schema have it end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is applied.
    Applied,
    /// It is refused with this code.
    Refused(&'static str),
}

/// One line that the audit must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace {
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub op: String,
    /// `table/id`
    pub place: String,
    /// Who wrote the row last: for a deletion, the one who wrote it before.
    pub tag: String,
}

/// A row that a device made and nobody else touches.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its key.
    pub id: String,
    /// The last tag written to it.
    pub tag: String,
}

/// One transaction.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Unique in the run; also the metadata of its entries, so that a letter can be told.
    pub name: String,
    /// Whose queue it is in.
    pub device: String,
    /// Its number on its device.
    pub id: i64,
    /// The entries.
    pub crud: Vec<Value>,
    /// What they leave where it is applied.
    pub traces: Vec<Trace>,
    /// How it must end.
    pub ending: Ending,
    /// The device's own rows as they are before it, and as they are after it.
    pub before: Vec<Row>,
    /// See `before`.
    pub after: Vec<Row>,
}

impl Transaction {
    /// Draws one. It takes the rows that it changes out of `rows`: until it is over, nothing else may touch them.
    pub fn draw(device: &str, id: i64, rows: &mut Vec<Row>, random: &mut Random) -> Self {
        let mut transaction = Self {
            name: format!("{device}t{id}"),
            device: device.to_owned(),
            id,
            crud: Vec::new(),
            traces: Vec::new(),
            ending: Ending::Applied,
            before: Vec::new(),
            after: Vec::new(),
        };
        if random.happens(15) {
            return transaction;
        }
        let mut counters = vec!["c1", "c2", "c3", "c4", "c5", "c6"];
        for _ in 0..random.within(1, 5) {
            transaction.add(rows, &mut counters, random);
        }
        if random.happens(160) {
            transaction.spoil(random);
        }
        transaction
    }

    fn add(&mut self, rows: &mut Vec<Row>, counters: &mut Vec<&str>, random: &mut Random) {
        let tag = self.tag();
        match random.within(0, 100) {
            0..25 => {
                let at = random.within(0, counters.len() as u64);
                let id = counters.swap_remove(usize::try_from(at).unwrap());
                self.write("PATCH", "counters", id, json!({"tag": tag}));
                self.trace("UPDATE", "counters", id, tag);
            }
            25..60 if !rows.is_empty() => {
                let at = random.within(0, rows.len() as u64);
                let row = rows.swap_remove(usize::try_from(at).unwrap());
                self.before.push(row.clone());
                if random.happens(350) {
                    self.write("DELETE", "notes", &row.id, Value::Null);
                    self.trace("DELETE", "notes", &row.id, row.tag);
                } else {
                    let op = *random.one(&["PUT", "PATCH"]);
                    self.write(op, "notes", &row.id, json!({"tag": tag, "n": 1}));
                    self.trace("UPDATE", "notes", &row.id, tag.clone());
                    self.after.push(Row { id: row.id, tag });
                }
            }
            _ => {
                let id = random.uuid();
                self.write("PUT", "notes", &id, json!({"tag": tag, "n": 0}));
                self.trace("INSERT", "notes", &id, tag.clone());
                self.after.push(Row { id, tag });
            }
        }
    }

    /// One more entry, for which the whole transaction must be refused.
    fn spoil(&mut self, random: &mut Random) {
        let tag = self.tag();
        let missing = random.uuid();
        let (code, table, data) = random
            .one(&[
                ("UNAUTHORIZED", "notes", json!({"tag": tag, "n": 13})),
                ("UNAUTHORIZED", "vault", json!({"tag": tag})),
                ("CHECK_VIOLATION", "notes", json!({"tag": tag, "n": -1})),
                (
                    "UNIQUE_VIOLATION",
                    "notes",
                    json!({"tag": tag, "n": 0, "slug": "taken"}),
                ),
                (
                    "FOREIGN_KEY_VIOLATION",
                    "notes",
                    json!({"tag": tag, "n": 0, "parent": missing}),
                ),
                (
                    "INVALID_DATA",
                    "notes",
                    json!({"tag": tag, "n": 0, "slug": "a\u{0}b"}),
                ),
            ])
            .clone();
        self.write("PUT", table, &random.uuid(), data);
        self.ending = Ending::Refused(code);
        self.after = self.before.clone();
    }

    fn tag(&self) -> String {
        format!("{}/{}", self.name, self.crud.len())
    }

    fn write(&mut self, op: &str, table: &str, id: &str, data: Value) {
        let mut entry = json!({"op": op, "table": table, "id": id, "metadata": self.name});
        if !data.is_null() {
            entry["op_data"] = data;
        }
        self.crud.push(entry);
    }

    fn trace(&mut self, op: &str, table: &str, id: &str, tag: String) {
        self.traces.push(Trace {
            op: op.to_owned(),
            place: format!("{table}/{id}"),
            tag,
        });
    }

    /// As it stands in an upload. SDKs differ in where they put the number.
    pub fn json(&self, number_is_on_entries: bool) -> Value {
        if !number_is_on_entries {
            return json!({"transaction_id": self.id, "crud": self.crud});
        }
        let mut crud = self.crud.clone();
        for entry in &mut crud {
            entry["transaction_id"] = json!(self.id);
        }
        json!({"crud": crud})
    }
}
