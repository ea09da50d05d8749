//! [`Reply`]: what is sent back, before any HTTP library sees it.

use bytes::Bytes;
use serde::Serialize;

/// One answer: status, headers of its own, body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers that belong to this answer; those that every answer carries are added where it is sent.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty where there is none.
    pub body: Bytes,
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// An answer whose body is JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        // What is sent here has text keys and finite numbers, so nothing can go wrong; an empty object would still be JSON.
        let text = serde_json::to_vec(body).unwrap_or_else(|_| b"{}".to_vec());
        Self {
            body: text.into(),
            ..Self::empty(status)
        }
        .with("content-type", "application/json")
    }

    /// `{"message": …}`.
    pub fn message(status: u16, text: &str) -> Self {
        Self::json(status, &serde_json::json!({ "message": text }))
    }

    /// The same answer with one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
