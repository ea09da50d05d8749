//! Why a text is not YAML, in words of ours.

const QUOTES: &str = "an expression that begins with a quote or a bracket, or has `: ` or ` #` in it, stands in quotes as a whole: `\"'a' in changed\"`";
const TABS: &str = "indent with blanks: YAML takes no tabs";
const INDENTATION: &str = "keys of one map begin in one column, and so do the `-` of one list";
const BRACKETS: &str = "close each bracket, and put commas between; an expression with brackets or commas stands in quotes there";

/// What the parser complains of (a part of its words), what is said instead, and what to write.
const REASONS: &[(&str, &str, &str)] = &[
    ("tab", "a tab stands where blanks belong", TABS),
    (
        "trailing content",
        "something stands behind a text in quotes",
        QUOTES,
    ),
    (
        "mapping values are not allowed",
        "a second colon stands in one line, or a key is indented too far",
        QUOTES,
    ),
    ("expected node content", "a value is expected", BRACKETS),
    ("expected ',' or", "a bracket is not closed", BRACKETS),
    ("misplaced bracket", "a bracket closes nothing", BRACKETS),
    (
        "flow",
        "a bracket is not closed, or a line in it is not indented",
        BRACKETS,
    ),
    (
        "end of stream",
        "a text in quotes is never closed",
        "close the quote",
    ),
    (
        "quoted scalar",
        "a text in quotes is not right",
        "in double quotes write `\\\\` for a backslash; single quotes take everything as it is",
    ),
    (
        "simple key",
        "a key needs a colon with a blank behind it",
        "write it like `version: 1`",
    ),
    ("expected key", "a key is expected", INDENTATION),
    ("'-' indicator", "a `-` is expected", INDENTATION),
    (
        "indent",
        "this line is not indented as those above it",
        INDENTATION,
    ),
    (
        "not allowed in this context",
        "this cannot stand here",
        INDENTATION,
    ),
    ("anchor", "anchors and aliases are not taken", QUOTES),
    (
        "tag",
        "tags are not taken, but for `!env NAME`",
        "put an expression that begins with `!` in quotes",
    ),
];

/// What is wrong, and what to write.
pub(super) fn in_words(reason: &str) -> (&str, &'static str) {
    let known = REASONS.iter().find(|(part, _, _)| reason.contains(part));
    match known {
        Some((_, said, help)) => (said, help),
        None => (reason, INDENTATION),
    }
}
