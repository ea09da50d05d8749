//! What `rulegate dev` prints when all is up: where things are, and two lines to try.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::cli::listeners::reachable;

/// ann of sample.sql, who owns the list.
pub const ANN: &str = "00000000-0000-0000-0000-00000000000a";
/// bob of sample.sql, who may look at it.
pub const BOB: &str = "00000000-0000-0000-0000-00000000000b";

/// ann's list.
pub const LIST: &str = "00000000-0000-0000-0000-000000000001";
const SAMPLE_TASK: &str = "00000000-0000-0000-0000-000000000003";
const NEW_TASK: &str = "00000000-0000-0000-0000-000000000004";

/// Everything that is told.
#[derive(Clone, Debug)]
pub struct Hello {
    /// One line for each thing that was started or made: a word, and what became of it.
    pub steps: Vec<(&'static str, String)>,
    /// Where uploads are taken.
    pub listen: SocketAddr,
    /// ann's token.
    pub ann: String,
    /// bob's token.
    pub bob: String,
    /// Whether the sample rows and the starter's tables are there, so that the two lines do what they say.
    pub has_sample: bool,
}

impl Hello {
    /// The text. Each command stands on a line of its own, to be copied whole.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (word, what) in &self.steps {
            let _ = writeln!(text, "  {word:<9} {what}");
        }
        if self.has_sample {
            self.tries(&mut text);
        } else {
            self.tokens(&mut text);
        }
        text.push_str("\nMore tokens: rulegate token --help. Ctrl-C stops everything.\n");
        text
    }

    fn tries(&self, text: &mut String) {
        let new = put(NEW_TASK, "Buy milk");
        let rename = put(SAMPLE_TASK, "Bob was here");
        let _ = write!(
            text,
            "
ann owns a list, bob may look at it and tick its tasks.

Allowed, answers \"success\": ann puts a task into her list.
{}

Refused, answers UNAUTHORIZED: bob gives one of its tasks another text.
{}
",
            self.curl(&self.ann, &new),
            self.curl(&self.bob, &rename)
        );
    }

    fn tokens(&self, text: &mut String) {
        let _ = write!(
            text,
            "
The starter's sample is not in this database, so here are two tokens to use with uploads of your own.
ann ({ANN}): {}
bob ({BOB}): {}
",
            self.ann, self.bob
        );
    }

    fn curl(&self, token: &str, body: &str) -> String {
        format!(
            "curl -s http://{}/api/data -H 'content-type: application/json' -H 'authorization: Bearer {token}' -d '{body}'",
            reachable(self.listen)
        )
    }
}

/// An upload of one task, its keys in the order of the contract: a person reads it.
fn put(id: &str, description: &str) -> String {
    format!(
        r#"{{"transactions":[{{"crud":[{{"op":"PUT","table":"todos","id":"{id}","op_data":{{"list_id":"{LIST}","description":"{description}"}}}}]}}]}}"#
    )
}
