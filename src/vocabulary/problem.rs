//! Problems of rules, settings and schemas: collected, sorted, shown with their place.

use std::collections::BTreeSet;

use annotate_snippets::{AnnotationKind, Group, Level, Message, Origin, Renderer, Snippet};

use crate::vocabulary::place::{Place, Sources};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing loads.
    Error,
    /// It loads; the author should look.
    Warning,
}

/// One thing that is wrong, where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where; `None` only for what has no place in any file (an empty folder).
    pub place: Option<Place>,
    /// What is wrong: lower case, no full stop, the author's words in backticks.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where the same stands again.
    pub again: Vec<Place>,
}

impl Problem {
    /// An error at a place.
    pub fn error(place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place: Some(place),
            message: message.into(),
            help: None,
            again: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(place, message)
        }
    }

    /// An error that stands in no file.
    pub fn nowhere(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place: None,
            message: message.into(),
            help: None,
            again: Vec::new(),
        }
    }

    /// The same problem with what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All problems found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds one about a name that is not known. Where the name stands again, it is the same mistake, or one at the name itself.
    pub fn push_once(&mut self, mut problem: Problem) {
        let told = |known: &&mut Problem| {
            (known.severity, &known.message) == (problem.severity, &problem.message)
        };
        let Some(known) = self.0.iter_mut().find(told) else {
            return self.0.push(problem);
        };
        if known.place == problem.place
            || known
                .again
                .iter()
                .any(|place| Some(place) == problem.place.as_ref())
        {
            return;
        }
        if problem.place < known.place {
            std::mem::swap(&mut known.place, &mut problem.place);
        }
        known.again.extend(problem.place);
        known.again.sort();
    }

    /// Adds all of another collection.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Of several problems at one of the chosen places keeps the first: what stands there once is looked at many times.
    pub fn keep_first(&mut self, is_chosen: impl Fn(&Place) -> bool) {
        let mut seen: BTreeSet<Place> = BTreeSet::new();
        self.0.retain(|problem| match &problem.place {
            Some(place) if is_chosen(place) => seen.insert(place.clone()),
            _ => true,
        });
    }

    /// Whether anything keeps the rules from loading.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|p| p.severity == Severity::Error)
    }

    /// Whether nothing at all was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every problem in file order, each thing that is wrong with a place once.
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut all: Vec<&Problem> = self.0.iter().collect();
        all.sort_by(|a, b| {
            (&a.place, a.severity, &a.message).cmp(&(&b.place, b.severity, &b.message))
        });
        all.dedup_by(|a, b| {
            (&a.place, a.severity, &a.message) == (&b.place, b.severity, &b.message)
        });
        all
    }

    /// The text an author reads: each problem with file, line, column, the line itself, what is wrong and what to write; a count at the end.
    /// `color` adds terminal colours.
    pub fn render(&self, sources: &Sources, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = String::new();
        for problem in self.sorted() {
            text.push_str(&renderer.render(&[report(problem, sources)]));
            text.push_str("\n\n");
        }
        text.push_str(&self.count());
        text
    }

    /// `2 errors, 1 warning`, or `no problems`.
    pub fn count(&self) -> String {
        let all = self.sorted();
        let errors = all.iter().filter(|p| p.severity == Severity::Error).count();
        let counts = [(errors, "error"), (all.len() - errors, "warning")];
        let parts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
            .collect();
        if parts.is_empty() {
            "no problems".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

/// One problem with the line it stands in. A place beyond its file, or in a file that was not read, is shown by name alone.
fn report<'a>(problem: &'a Problem, sources: &'a Sources) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(&problem.message)
        .elements(None::<Message<'a>>);
    if let Some(place) = &problem.place {
        group = match sources
            .0
            .get(&place.file)
            .filter(|text| text.get(place.start..place.end).is_some())
        {
            Some(text) => group.element(
                Snippet::source(text.as_ref())
                    .path(place.file.as_ref())
                    .annotation(AnnotationKind::Primary.span(place.start..place.end)),
            ),
            None => group.element(Origin::path(place.file.as_ref())),
        };
    }
    if !problem.again.is_empty() {
        group = group.element(Level::NOTE.message(again(&problem.again, sources)));
    }
    match &problem.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// Where else the same stands; beyond a few places, how many there are.
fn again(places: &[Place], sources: &Sources) -> String {
    const SHOWN: usize = 4;
    let shown = places.iter().take(SHOWN).map(|place| {
        let (line, column) = sources.line_column(place).unwrap_or((1, 1));
        format!("{}:{line}:{column}", place.file)
    });
    let shown: Vec<String> = shown.collect();
    let more = match places.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("the same stands at {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sources(text: &str) -> Sources {
        Sources([("rules/todos.yaml".into(), text.into())].into())
    }

    fn place(start: usize, end: usize) -> Place {
        Place {
            file: "rules/todos.yaml".into(),
            start,
            end,
        }
    }

    #[test]
    fn an_author_reads_place_line_problem_and_cure() {
        let text = "version: 1\nalow:\n  create: \"true\"\n";
        let mut problems = Problems::default();
        let unknown =
            Problem::error(place(11, 15), "unknown key `alow`").help("did you mean `allow`?");
        problems.push(unknown.clone());
        problems.push(unknown);
        problems.push(Problem::warning(place(0, 7), "an old version"));
        let wanted = "\
warning: an old version
 --> rules/todos.yaml:1:1
  |
1 | version: 1
  | ^^^^^^^

error: unknown key `alow`
 --> rules/todos.yaml:2:1
  |
2 | alow:
  | ^^^^
  |
  = help: did you mean `allow`?

1 error, 1 warning";
        assert_eq!(problems.render(&sources(text), false), wanted);
        assert_eq!(sources(text).line_column(&place(11, 15)), Some((2, 1)));
    }

    #[test]
    fn a_name_that_is_not_known_is_told_once_with_all_its_places() {
        let mut problems = Problems::default();
        for start in [6, 3, 0, 3, 9] {
            let unknown = Problem::error(place(start, start + 1), "no `a`").help("write `b`");
            problems.push_once(unknown);
        }
        let shown = problems.render(&sources("a\n a\n a\n a\n"), false);
        let wanted = "\
error: no `a`
 --> rules/todos.yaml:1:1
  |
1 | a
  | ^
  |
  = note: the same stands at rules/todos.yaml:2:2, rules/todos.yaml:3:2, rules/todos.yaml:4:2
  = help: write `b`

1 error";
        assert_eq!(shown, wanted);
    }

    #[test]
    fn what_stands_nowhere_is_shown_without_a_place() {
        let mut problems = Problems::default();
        assert_eq!(problems.count(), "no problems");
        problems.push(Problem::nowhere("the folder holds no rules"));
        assert_eq!(
            problems.render(&Sources::default(), false),
            "error: the folder holds no rules\n\n1 error"
        );
    }

    proptest! {
        #[test]
        fn no_text_and_no_place_make_it_panic(text in "([a-zé\t\n]|\u{1F600}|\r\n){0,40}", start in 0_usize..60, length in 0_usize..20) {
            let mut problems = Problems::default();
            problems.push(Problem::error(place(start, start + length), "something").help("something else"));
            let shown = problems.render(&sources(&text), false);
            prop_assert!(shown.contains("something else") && shown.contains("rules/todos.yaml"));
        }
    }
}
