//! What `rulegate dev` prints when all is up: where things are, and three lines to try.

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
const BOBS_TASK: &str = "00000000-0000-0000-0000-000000000005";

/// The grant of the starter that the third line asks to widen.
const GRANT: &str = "columns: [completed, completed_at]";
const WIDER: &str = "columns: [completed, completed_at, description]";

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
    /// Whether the sample rows and the starter's tables are there, so that the lines do what they say.
    pub has_sample: bool,
    /// The rule that the third line asks to edit, while it is as the starter has it.
    pub edit: Option<Edit>,
}

/// A line of a rule file that is there to be edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The file as the author would type it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl Edit {
    /// Where the starter's grant for viewers stands in a text.
    pub fn find(file: &str, text: &str) -> Option<Self> {
        let position = text.lines().position(|line| line.trim() == GRANT)?;
        Some(Self {
            file: file.to_owned(),
            line: position + 1,
        })
    }
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
        let another = put(BOBS_TASK, "Buy beer");
        let rename = patch(SAMPLE_TASK, "Bob was here");
        let _ = write!(
            text,
            "
ann owns a list, bob may look at it and tick its tasks.

Allowed, answers \"success\": ann puts a task into her list.
{}

Refused, answers UNAUTHORIZED: bob puts one of his own into it.
{}

{}: bob gives one of its tasks another text.
{}
",
            self.curl(&self.ann, &new),
            self.curl(&self.bob, &another),
            self.expectation(),
            self.curl(&self.bob, &rename)
        );
        if let Some(Edit { file, line }) = &self.edit {
            let _ = write!(
                text,
                "\
To allow it, edit line {line} of {file} so that it says
      {WIDER}
Save, and run the same line again: it answers \"success\". What you save is in force at once; what is wrong with it is told here.

Each answer is explained by: rulegate explain --help
"
            );
        }
    }

    fn expectation(&self) -> &'static str {
        match self.edit {
            Some(_) => "Refused for now, answers UNAUTHORIZED",
            None => "As your rules say",
        }
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

/// An upload that gives a task another text.
fn patch(id: &str, description: &str) -> String {
    format!(
        r#"{{"transactions":[{{"crud":[{{"op":"PATCH","table":"todos","id":"{id}","op_data":{{"description":"{description}"}}}}]}}]}}"#
    )
}

/// An upload of one task, its keys in the order of the contract: a person reads it.
fn put(id: &str, description: &str) -> String {
    format!(
        r#"{{"transactions":[{{"crud":[{{"op":"PUT","table":"todos","id":"{id}","op_data":{{"list_id":"{LIST}","description":"{description}"}}}}]}}]}}"#
    )
}
