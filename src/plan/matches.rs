//! What a relation matches: columns of one type, and an index that makes following it cheap.

use crate::catalog::{self, TableKind};
use crate::plan::is_matchable;
use crate::plan::quoted::{quoted, quoted_target};
use crate::plan::world::find;
use crate::rules::RelationRule;
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::row::ColumnId;

/// Our column and theirs for each pair; `None` where one of them does not fit.
pub(super) fn matches(
    rule: &RelationRule,
    mine: &catalog::Table,
    theirs: &catalog::Table,
    problems: &mut Problems,
) -> Option<Vec<(ColumnId, ColumnId)>> {
    let mut pairs = Vec::new();
    for (their_column, my_column) in &rule.matches {
        let their = find(theirs, their_column, problems);
        let my = find(mine, my_column, problems);
        let (Some((their_id, their)), Some((my_id, my))) = (their, my) else {
            continue;
        };
        if is_matchable(&my.ty, &their.ty) {
            pairs.push((my_id, their_id));
        } else {
            problems.push(
                Problem::error(
                    my_column.place.clone(),
                    format!(
                        "`{}` ({}) cannot match `{}` ({}): the types differ",
                        my.name, my.ty.cast, their.name, their.ty.cast
                    ),
                )
                .help("match columns of one type"),
            );
        }
    }
    (pairs.len() == rule.matches.len() && !pairs.is_empty()).then_some(pairs)
}

/// A relation that would read whole tables.
pub(super) fn missing_index(rule: &RelationRule, theirs: &catalog::Table) -> Problem {
    let name = &rule.name.node;
    let place = rule.name.place.clone();
    if !is_table(theirs) {
        let message = format!(
            "relation `{name}` leads to `{}`, a view or a foreign table, which has no index to follow",
            theirs.target
        );
        return Problem::error(place, message).help("lead it to the table behind");
    }
    let message = format!(
        "relation `{name}` has no index to follow: every upload would read all of `{}`",
        theirs.target
    );
    let columns: Vec<String> = rule
        .matches
        .iter()
        .map(|(theirs, _)| quoted(theirs.node.as_str()))
        .collect();
    Problem::error(place, message).help(format!(
        "make one in the database: `CREATE INDEX ON {} ({});`",
        quoted_target(&theirs.target),
        columns.join(", ")
    ))
}

/// Whether it is a table, which can have indexes.
pub(super) fn is_table(facts: &catalog::Table) -> bool {
    matches!(facts.kind, TableKind::Ordinary | TableKind::Partitioned)
}
