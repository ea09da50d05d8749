//! What one upload costs in process, part by part: compile, evaluate, decode, judge. `cargo bench --bench speed`.
#![allow(missing_docs, reason = "the macros of criterion write functions")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench that cannot run shall stop"
)]

mod ground;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rulegate::catalog::Catalog;
use rulegate::expr::{Budget, Frame, Related};
use rulegate::plan;
use rulegate::policy::{self, Admission, Asking, Judgement, Verdict};
use rulegate::request;
use rulegate::rules::RuleSet;
use rulegate::vocabulary::limits::Limits;
use rulegate::vocabulary::names::FieldName;
use rulegate::vocabulary::operation::Op;
use rulegate::vocabulary::value::Timestamp;

use ground::{HOME, MILK};

const TIME: Timestamp = Timestamp(1_767_225_600_000_000_000);

/// Conditions of the ordinary kind, and some that are not.
const CONDITIONS: [(&str, &str); 7] = [
    ("claim", "this.created_by == auth.sub"),
    (
        "ordinary",
        "this.created_by == auth.sub && op == 'update' && this.completed == false && this.description != ''",
    ),
    (
        "time",
        "auth.sub == this.created_by && this.created_at < request.time && new.list_id == old.list_id",
    ),
    (
        "changed",
        "!('completed' in changed) || new.completed == (new.completed_at != null)",
    ),
    (
        "text",
        "this.description.startsWith('M') && size(this.description) < 500",
    ),
    ("related", "this.list.is_owner"),
    (
        "list",
        "['a', 'b', 'c'].map(x, x.upperAscii()).exists(x, x == 'C')",
    ),
];

fn evaluate(criterion: &mut Criterion) {
    let plan = ground::plan();
    let todo = ground::todo(&plan);
    let principal = ground::ann();
    let changed: BTreeSet<FieldName> = [FieldName::from("completed")].into();
    let mut group = criterion.benchmark_group("evaluate");
    for (name, text) in CONDITIONS {
        let condition = ground::condition(&plan, text);
        let mut related = Related::default();
        loop {
            let frame = Frame {
                auth: &principal.claims,
                old: Some(&todo),
                new: Some(&todo),
                this: Some(&todo),
                op: Op::Update,
                changed: &changed,
                time: TIME,
                request_id: "r1",
                metadata: None,
                related: &related,
            };
            let mut budget = Budget {
                steps_max: usize::MAX,
                steps_left: usize::MAX,
            };
            let first = condition.evaluate(&frame, &mut budget);
            let missing = related.missing();
            if missing.is_empty() {
                assert!(first.is_ok(), "{name}: {first:?}");
                group.bench_function(name, |bencher| {
                    bencher.iter(|| black_box(&condition).evaluate(black_box(&frame), &mut budget));
                });
                break;
            }
            related = ground::related(&plan, missing);
        }
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let entry = |at: usize| {
        format!(
            r#"{{"op":"PUT","table":"todos","id":"00000000-0000-0000-0000-{at:012}","op_data":{{"list_id":"{HOME}","description":"Milk","completed":0}}}}"#
        )
    };
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("decode");
    for count in [1, 100] {
        let entries: Vec<String> = (0..count).map(entry).collect();
        let body = Bytes::from(format!(
            r#"{{"transactions":[{{"crud":[{}]}}]}}"#,
            entries.join(",")
        ));
        request::decode(&body, &limits).unwrap();
        group.bench_with_input(
            BenchmarkId::from_parameter(count),
            &body,
            |bencher, body| {
                bencher.iter(|| request::decode(black_box(body), &limits));
            },
        );
    }
    group.finish();
}

fn judge(criterion: &mut Criterion) {
    let plan = ground::plan();
    let todo = ground::todo(&plan);
    let principal = ground::ann();
    let limits = Limits::default();
    let asking = Asking {
        principal: &principal,
        time: TIME,
        request_id: "r1",
        limits: &limits,
    };
    let body = format!(
        r#"{{"transactions":[{{"crud":[{{"op":"PATCH","table":"todos","id":"{MILK}","op_data":{{"completed":1,"completed_at":"2026-01-01T00:00:00Z"}}}}]}}]}}"#
    );
    let batch = request::decode(&Bytes::from(body), &limits).unwrap();
    let operation = &batch.transactions[0].operations[0];
    let mut group = criterion.benchmark_group("judge");
    group.bench_function("admit", |bencher| {
        bencher.iter(|| policy::admit(black_box(&plan), operation, &limits).is_ok());
    });
    let Ok(Admission::Look(admitted)) = policy::admit(&plan, operation, &limits) else {
        panic!("not admitted");
    };
    let mut related = Related::default();
    let needs = loop {
        match policy::judge(&admitted, Some(&todo), asking, &related) {
            Judgement::Needs(needs) => related = ground::related(&plan, needs.clone()),
            Judgement::Decided(verdict) => break verdict,
        }
    };
    assert!(matches!(needs, Verdict::Permit(_)), "{needs:?}");
    group.bench_function("starter", |bencher| {
        bencher.iter(|| policy::judge(black_box(&admitted), Some(&todo), asking, &related));
    });
    group.finish();
}

/// Rules of so many tables, each with a relation to the one before it, and their catalogue.
fn many(count: usize) -> (RuleSet, Catalog) {
    let mut facts = String::from("role login app writing app\nserver 150018\n");
    for at in 0..count {
        let _ = write!(
            facts,
            "table public.t{at} ordinary\n  column id uuid not_null\n  column parent_id uuid\n  column owner_id uuid not_null\n  column name text not_null\n  index t{at}_pkey primary unique (id)\n"
        );
    }
    let tables: Vec<usize> = (0..count).collect();
    // A folder holds fewer files.
    let parts: Vec<RuleSet> = tables.chunks(200).map(part).collect();
    let mut rules = parts[0].clone();
    for part in &parts[1..] {
        rules.tables.extend(part.tables.iter().cloned());
    }
    (rules, Catalog::parse(&facts).unwrap())
}

fn part(tables: &[usize]) -> RuleSet {
    let folder = std::env::temp_dir().join(format!("rulegate-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::copy("rules/rulegate.yaml", folder.join("rulegate.yaml")).unwrap();
    for at in tables {
        let parent = at.saturating_sub(1);
        let rules = format!(
            "version: 1\ntable: t{at}\ncolumns:\n  parent_id:\n  name: {{ schema: {{ type: string, minLength: 1 }} }}\npresets:\n  create: {{ owner_id: auth.sub }}\nrelations:\n  parent: {{ table: t{parent}, match: {{ id: parent_id }} }}\ncomputed:\n  is_owner: this.owner_id == auth.sub\nallow:\n  create: this.parent.is_owner\n  update: this.is_owner || this.parent.is_owner\n  delete: this.is_owner\n"
        );
        fs::write(folder.join(format!("t{at}.yaml")), rules).unwrap();
    }
    let rules = ground::rules(&folder);
    fs::remove_dir_all(&folder).unwrap();
    rules
}

fn compile(criterion: &mut Criterion) {
    let plan = ground::plan();
    let mut group = criterion.benchmark_group("compile");
    group.bench_function("condition", |bencher| {
        bencher.iter(|| ground::condition(&plan, black_box(CONDITIONS[1].1)));
    });
    group.sample_size(10);
    for count in [100, 300, 1000] {
        let (rules, catalog) = many(count);
        group.bench_with_input(
            BenchmarkId::new("tables", count),
            &rules,
            |bencher, rules| {
                bencher.iter(|| plan::compile(black_box(rules), &catalog).plan.unwrap());
            },
        );
    }
    group.finish();
}

criterion_group!(benches, evaluate, judge, decode, compile);
criterion_main!(benches);
