//! The SQL of conditions, as one wants to see it: `tests/cases/render`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rulegate::catalog::Catalog;
use rulegate::plan::{Plan, Standing, compile};
use rulegate::reload::load;
use rulegate::settings::Flags;
use rulegate::vocabulary::names::FieldName;
use rulegate::vocabulary::operation::{Op, Verb};
use rulegate::vocabulary::row::ColumnId;

use crate::cases::{cases, expect};

/// The plan of a case: its own rules and catalogue, or those of the starter.
fn plan(case: &Path) -> Plan {
    let own = case.join("rules");
    let (rules, catalog) = if own.exists() {
        (own, case.join("catalog.txt"))
    } else {
        (
            "rules".into(),
            "tests/cases/check/starter/catalog.txt".into(),
        )
    };
    let catalog = Catalog::parse(&fs::read_to_string(catalog).unwrap()).unwrap();
    let keys = |_: &str| Some("https://login.example.com/keys".to_owned());
    let loading = load(&rules, &keys, &Flags::default());
    let compilation = compile(&loading.rules, &catalog);
    let mut problems = loading.problems.clone();
    problems.append(compilation.problems);
    assert!(
        !problems.has_errors(),
        "{}",
        problems.render(&loading.sources, false)
    );
    compilation.plan.unwrap()
}

/// Each condition of each op: where it stands in the statement, its text with every field sent; else why not.
fn rendered(plan: &Plan) -> String {
    let mut text = String::new();
    for table in plan.tables() {
        let all: BTreeSet<FieldName> = table.fields.keys().cloned().collect();
        for op in Op::ALL {
            let standing = Standing::new(plan, table, op, &all);
            for (purpose, condition) in table.conditions(op) {
                let _ = writeln!(
                    text,
                    "{} {op} {}: {}",
                    table.name,
                    purpose.as_str(),
                    condition.text()
                );
                match standing.fragments(condition) {
                    Ok(fragments) => {
                        for fragment in fragments {
                            let sql = fragment.text(|at| format!("${}", at + 1));
                            let _ = writeln!(text, "    {sql}");
                            let holes = fragment.holes().iter().enumerate();
                            let named = holes.map(|(at, hole)| {
                                let rows = if hole.is_per_row() {
                                    " of each row"
                                } else {
                                    ""
                                };
                                format!("${} {}{rows}", at + 1, hole.name())
                            });
                            let _ =
                                writeln!(text, "        {}", named.collect::<Vec<_>>().join(", "));
                        }
                    }
                    Err(outside) => {
                        let _ = writeln!(text, "    outside: {outside}");
                    }
                }
            }
        }
    }
    text
}

/// The statement of each verb, with every field sent, and with none, for one row and for many.
fn statements(plan: &Plan) -> String {
    let mut text = String::new();
    for table in plan.tables() {
        let all: Vec<ColumnId> = table.fields.values().map(|field| field.column).collect();
        for verb in [Verb::Put, Verb::Patch, Verb::Delete] {
            let sent = if verb == Verb::Delete {
                Vec::new()
            } else {
                all.clone()
            };
            let _ = writeln!(text, "{} {}", table.name, verb.as_str());
            let write = match plan.conditional_write(table, verb, sent) {
                Ok(write) => write,
                Err(detour) => {
                    let _ = writeln!(text, "    read and judged: {}", detour.as_str());
                    continue;
                }
            };
            let _ = writeln!(text, "    {}", write.one.text);
            if let Some(many) = &write.many {
                let _ = writeln!(text, "    {}", many.text);
            }
        }
    }
    text
}

#[test]
fn each_write_of_the_starter_rules_is_a_statement() {
    let plan = plan(Path::new("tests/cases/render/starter"));
    let text = statements(&plan);
    assert!(
        text.contains("UPDATE") && !text.contains("read and judged: condition"),
        "{text}"
    );
}

#[test]
fn each_condition_is_the_sql_one_wants_to_see() {
    let mut differing = Vec::new();
    let cases = cases("render");
    assert!(cases.len() >= 2);
    for case in cases {
        let plan = plan(&case);
        expect(&case, "paths.txt", &plan.paths_text(), &mut differing);
        expect(&case, "statements.sql", &statements(&plan), &mut differing);
        expect(&case, "conditions.sql", &rendered(&plan), &mut differing);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[test]
fn every_condition_of_the_starter_rules_is_in_the_statement() {
    let plan = plan(Path::new("tests/cases/render/starter"));
    let paths = plan.paths();
    assert!(paths.len() > 10);
    for path in paths {
        assert_eq!(
            path.outside,
            None,
            "{} {} {}",
            path.table,
            path.op,
            path.condition.text()
        );
    }
}
