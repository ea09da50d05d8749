//! What a client says to Postgres, message by message: enough to see a COMMIT go by.

use std::collections::HashMap;

/// The untagged messages that may come before the one that opens the session: for TLS, for GSS, and to cancel.
const BEFORE_START: [u32; 3] = [80_877_103, 80_877_104, 80_877_102];

/// One message as it stood on the line.
pub struct Message {
    /// All of it.
    pub bytes: Vec<u8>,
    /// It makes the server commit.
    pub is_commit: bool,
}

/// A client's side of one connection.
#[derive(Default)]
pub struct Wire {
    pending: Vec<u8>,
    is_started: bool,
    /// The named statements that are a COMMIT, and the portals bound to one.
    statements: HashMap<Vec<u8>, bool>,
    portals: HashMap<Vec<u8>, bool>,
}

impl Wire {
    /// Takes in what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next message, once all of it is there.
    pub fn next(&mut self) -> Option<Message> {
        let tag_bytes = usize::from(self.is_started);
        let length = self.pending.get(tag_bytes..tag_bytes + 4)?;
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        if self.pending.len() < tag_bytes + length {
            return None;
        }
        let bytes: Vec<u8> = self.pending.drain(..tag_bytes + length).collect();
        let is_commit = if self.is_started {
            self.is_commit(bytes[0], &bytes[5..])
        } else {
            let code = bytes.get(4..8).unwrap_or_default();
            self.is_started = !BEFORE_START.iter().any(|known| code == known.to_be_bytes());
            false
        };
        Some(Message { bytes, is_commit })
    }

    fn is_commit(&mut self, tag: u8, body: &[u8]) -> bool {
        let mut texts = body.split(|byte| *byte == 0);
        let mut text = || texts.next().unwrap_or_default();
        match tag {
            b'Q' => commits(text()),
            b'P' => {
                let (name, sql) = (text().to_vec(), text());
                self.statements.insert(name, commits(sql));
                false
            }
            b'B' => {
                let (portal, name) = (text().to_vec(), text());
                let is_commit = self.statements.get(name).copied().unwrap_or(false);
                self.portals.insert(portal, is_commit);
                false
            }
            b'E' => self.portals.get(text()).copied().unwrap_or(false),
            _ => false,
        }
    }
}

/// Whether one of the statements of a text ends the transaction well.
fn commits(sql: &[u8]) -> bool {
    let sql = String::from_utf8_lossy(sql);
    sql.split(';').any(|statement| {
        let word = statement
            .trim_start()
            .split(|c: char| !c.is_alphanumeric())
            .next();
        word.is_some_and(|word| {
            word.eq_ignore_ascii_case("commit") || word.eq_ignore_ascii_case("end")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[tag], &length[..], body].concat()
    }

    #[test]
    fn a_commit_is_seen_however_it_is_said_and_however_it_arrives() {
        let start = [&8u32.to_be_bytes()[..], &80_877_103u32.to_be_bytes()].concat();
        let session = [&9u32.to_be_bytes()[..], &196_608u32.to_be_bytes(), &[0]].concat();
        let said = [
            (start, false),
            (session, false),
            (message(b'Q', b"BEGIN\0"), false),
            (message(b'Q', b"SELECT 'commit'\0"), false),
            (message(b'Q', b"COMMIT\0"), true),
            (
                message(b'Q', b"SET CONSTRAINTS ALL IMMEDIATE; commit\0"),
                true,
            ),
            (message(b'P', b"s1\0COMMIT\0\0\0"), false),
            (message(b'P', b"s2\0SELECT 1\0\0\0"), false),
            (message(b'B', b"\0s1\0\0\0\0\0\0\0"), false),
            (message(b'E', b"\0\0\0\0\0"), true),
            (message(b'B', b"\0s2\0\0\0\0\0\0\0"), false),
            (message(b'E', b"\0\0\0\0\0"), false),
            (message(b'S', b""), false),
        ];
        let line: Vec<u8> = said.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        for step in [1, 3, line.len()] {
            let mut wire = Wire::default();
            let mut heard = Vec::new();
            for piece in line.chunks(step) {
                wire.feed(piece);
                while let Some(message) = wire.next() {
                    heard.push((message.bytes, message.is_commit));
                }
            }
            assert_eq!(heard, said);
        }
    }
}
