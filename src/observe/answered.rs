//! What is told of an answered request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One answered request. Holds no value of any column and no token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The method.
    pub method: String,
    /// The route, never the path as sent: paths can hold ids of rows.
    pub route: &'static str,
    /// The status.
    pub status: u16,
    /// `x-request-id`.
    pub request_id: String,
    /// A hash that names the subject.
    pub subject: Option<String>,
    /// The version of the rules that decided it.
    pub rules_version: Option<Arc<str>>,
    /// Why there were no results, or why some transactions were not applied.
    pub cause: Option<String>,
    /// The outcome of each transaction, with its code where it was refused: `applied`, `refused UNAUTHORIZED`.
    pub outcomes: Vec<(&'static str, Option<String>)>,
    /// Whether each decision was told by itself, so that this line would repeat them.
    pub is_told: bool,
    /// Bytes of the body that were read.
    pub body_bytes: usize,
    /// How long it took.
    pub took: Duration,
}

impl Answered {
    /// `2 applied, 1 refused UNAUTHORIZED`; empty for a request without transactions. Neighbours that are alike are counted together.
    pub fn summary(&self) -> String {
        let mut runs: Vec<(usize, String)> = Vec::new();
        for (outcome, code) in &self.outcomes {
            let words = match code {
                Some(code) => format!("{outcome} {code}"),
                None => (*outcome).to_owned(),
            };
            match runs.last_mut() {
                Some((count, last)) if *last == words => *count += 1,
                _ => runs.push((1, words)),
            }
        }
        let parts: Vec<String> = runs
            .into_iter()
            .map(|(count, words)| format!("{count} {words}"))
            .collect();
        parts.join(", ")
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.took.as_secs_f64() * 1000.0;
        write!(
            f,
            "{} {} {} in {millis:.1} ms",
            self.method, self.route, self.status
        )?;
        let summary = self.summary();
        if !summary.is_empty() {
            write!(f, ": {summary}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_like_neighbours_together() {
        let refused = ("refused", Some("UNAUTHORIZED".to_owned()));
        let answered = Answered {
            method: "POST".to_owned(),
            route: "/api/data",
            status: 200,
            outcomes: vec![
                ("applied", None),
                ("applied", None),
                refused,
                ("not attempted", None),
            ],
            took: Duration::from_micros(3140),
            ..Answered::default()
        };
        assert_eq!(
            answered.to_string(),
            "POST /api/data 200 in 3.1 ms: 2 applied, 1 refused UNAUTHORIZED, 1 not attempted"
        );
    }
}
