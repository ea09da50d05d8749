//! What is wrong with an expression.

use std::ops::Range;

use crate::vocabulary::suggest::closest;

/// Something wrong with an expression, at a range of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes of the expression's text.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// It compiles all the same.
    pub is_warning: bool,
    /// It lies in a computed value that is named here: whoever compiles that one by itself is told it there, unless it is the use that is wrong.
    pub is_inherited: bool,
    /// It is that a name is not known: at another place the same name is the same mistake.
    pub is_unknown_name: bool,
}

impl Fault {
    /// A fault that keeps the expression from loading.
    pub(super) fn error(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            range,
            message: message.into(),
            help: None,
            is_warning: false,
            is_inherited: false,
            is_unknown_name: false,
        }
    }

    /// A fault that its author should look at.
    pub(super) fn warning(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            is_warning: true,
            ..Self::error(range, message)
        }
    }

    /// It is about a name that is not known.
    #[must_use]
    pub(super) fn of_unknown_name(self) -> Self {
        Self {
            is_unknown_name: true,
            ..self
        }
    }

    /// What to write instead.
    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// "did you mean", where a word is near; else all there are.
    #[must_use]
    pub(super) fn suggest_among<'w>(
        self,
        word: &str,
        among: impl Iterator<Item = &'w str> + Clone,
    ) -> Self {
        if let Some(near) = closest(word, among.clone()) {
            return self.suggest(Some(near));
        }
        let all: Vec<String> = among.map(|word| format!("`{word}`")).collect();
        self.help(format!("there are {}", all.join(", ")))
    }

    /// "did you mean", where a word was near.
    #[must_use]
    pub(super) fn suggest(self, word: Option<&str>) -> Self {
        match word {
            Some(word) => self.help(format!("did you mean `{word}`?")),
            None => self,
        }
    }
}
