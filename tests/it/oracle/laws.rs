//! The laws, on random worlds, rows and uploads: against the oracle, and without it.
//!
//! `RULEGATE_ORACLE_CASES` sets the number of worlds, `RULEGATE_ORACLE_SEED` repeats a run.

use rulegate::apply::Outcome;
use rulegate::vocabulary::operation::Op;

use super::condition::{claim, this};
use super::gateway::Gateway;
use super::judge;
use super::model::{Grant, Rules, State, Table, Upload, Val, World};
use super::reduce::Case;
use super::run::{Run, Totals, disagreement, house, reduced, report};
use super::tape::{Tape, stolen};
use super::uploads::{self, Mood};
use super::worlds;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_agrees_with_the_oracle() {
    let mut run = Run::new(100);
    let mut gateway = Gateway::open().await;
    let mut totals = Totals::default();
    for _ in 0..run.cases {
        let mut tape = run.tape();
        let world = worlds::world(&mut tape);
        let mut rows = worlds::rows(&mut tape, &world);
        let house = house(&mut gateway, &world, run.seed).await;
        gateway.fill(&house, &world, &rows).await;
        totals.worlds += 1;
        for _ in 0..8 {
            let mood = if tape.chance(20) {
                Mood::Thieving
            } else {
                Mood::Honest
            };
            let upload = uploads::upload(&mut tape, &world, mood);
            let case = Case {
                world: world.clone(),
                rows: rows.clone(),
                upload,
            };
            if let Some(what) = disagreement(&gateway, &house, &case).await {
                let (case, what) = reduced(&mut gateway, case.clone(), what).await;
                let shown = report(&case, run.seed, &what);
                assert!(shown.is_empty(), "{shown}");
            }
            let answers = judge::upload(&world, &mut rows, &case.upload);
            totals.count(&case.upload, &answers, rows != case.rows);
        }
        gateway.leave(house).await;
    }
    totals.close("the_gateway_agrees_with_the_oracle", run.seed);
    totals.hold_paths(&gateway.paths);
}

/// The oracle alone, on many more worlds: it says what it says without panicking, and the generators keep the balance.
#[test]
fn the_generators_make_as_much_that_is_allowed_as_refused() {
    let mut run = Run::new(400);
    let mut totals = Totals::default();
    for _ in 0..run.cases {
        let mut tape = run.tape();
        let world = worlds::world(&mut tape);
        let mut rows = worlds::rows(&mut tape, &world);
        totals.worlds += 1;
        for _ in 0..8 {
            let upload = uploads::upload(&mut tape, &world, Mood::Honest);
            let before = rows.clone();
            let answers = judge::upload(&world, &mut rows, &upload);
            totals.count(&upload, &answers, rows != before);
        }
    }
    totals.close("the_generators", run.seed);
}

/// Rules that open nothing: no rule file, or one whose `allow` is empty, whatever else it says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deny_by_default() {
    let mut run = Run::new(25);
    let mut gateway = Gateway::open().await;
    for _ in 0..run.cases {
        let mut tape = run.tape();
        let mut world = worlds::world(&mut tape);
        let rows = worlds::rows(&mut tape, &world);
        let uploads: Vec<Upload> = (0..4)
            .map(|_| uploads::upload(&mut tape, &world, Mood::Honest))
            .collect();
        for (at, table) in world.tables.iter_mut().enumerate() {
            if at > 0 && tape.chance(30) {
                table.rules = None;
            } else if let Some(rules) = &mut table.rules {
                close(rules);
            }
        }
        without_lost_names(&mut world);
        let house = house(&mut gateway, &world, run.seed).await;
        gateway.fill(&house, &world, &rows).await;
        for upload in uploads {
            let outcomes = gateway.send(&house, &upload).await;
            let found = gateway.rows(&house, &world).await;
            let case = Case {
                world: world.clone(),
                rows: rows.clone(),
                upload,
            };
            let shown = || report(&case, run.seed, &format!("{outcomes:?}"));
            assert!(found == rows, "something was written\n{}", shown());
            assert!(
                !outcomes.iter().any(|o| matches!(o, Outcome::Retry(_))),
                "{}",
                shown()
            );
        }
        gateway.leave(house).await;
    }
}

fn close(rules: &mut Rules) {
    for grants in [
        &mut rules.create,
        &mut rules.update,
        &mut rules.delete,
        &mut rules.write,
    ] {
        grants.clear();
    }
}

/// A computed value of a table that has lost its rule file can no longer be named.
fn without_lost_names(world: &mut World) {
    if world.tables.iter().any(|table| table.rules.is_none()) {
        for rules in world
            .tables
            .iter_mut()
            .filter_map(|table| table.rules.as_mut())
        {
            rules.computed.clear();
            rules.checks.clear();
            rules.guard = None;
        }
    }
}

/// A grant more: whatever was applied without it is applied with it, and does the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adding_a_grant_never_refuses_more() {
    let mut run = Run::new(25);
    let mut gateway = Gateway::open().await;
    let mut applied = 0;
    for _ in 0..run.cases {
        let mut tape = run.tape();
        let world = worlds::world(&mut tape);
        let rows = worlds::rows(&mut tape, &world);
        let wider = widened(&mut tape, &world);
        let narrow = house(&mut gateway, &world, run.seed).await;
        let wide = house(&mut gateway, &wider, run.seed).await;
        for _ in 0..6 {
            let mut upload = uploads::upload(&mut tape, &world, Mood::Honest);
            upload.transactions.truncate(1);
            gateway.fill(&narrow, &world, &rows).await;
            gateway.fill(&wide, &wider, &rows).await;
            let before = gateway.send(&narrow, &upload).await;
            let after = gateway.send(&wide, &upload).await;
            if before == [Outcome::Applied] {
                applied += 1;
                let same = gateway.rows(&narrow, &world).await == gateway.rows(&wide, &wider).await;
                let case = Case {
                    world: wider.clone(),
                    rows: rows.clone(),
                    upload,
                };
                assert!(
                    after == before && same,
                    "{}",
                    report(&case, run.seed, &format!("with the grant: {after:?}"))
                );
            }
        }
        gateway.leave(narrow).await;
        gateway.leave(wide).await;
    }
    run.expect(applied, "transactions were applied");
}

fn widened(tape: &mut Tape, world: &World) -> World {
    let mut wider = world.clone();
    let at = tape.below(world.tables.len() - 1);
    let rules = wider.tables[at].rules.get_or_insert_default();
    let condition = super::conditions::Stand::new(world, at, &[super::condition::Place::This])
        .condition(tape, 1);
    let grant = Grant {
        condition,
        columns: None,
    };
    if rules.write.is_empty() {
        [&mut rules.create, &mut rules.update, &mut rules.delete][tape.below(3)].push(grant);
    } else {
        rules.write.push(grant);
    }
    wider
}

/// Uploads that carry stolen values in every column the app must not set: none of them is found in such a column afterwards.
async fn nothing_stolen_is_kept(is_closed: impl Fn(&World, &Table, &str) -> bool) {
    let mut run = Run::new(30);
    let mut gateway = Gateway::open().await;
    let mut applied = 0;
    for _ in 0..run.cases {
        let mut tape = run.tape();
        let world = worlds::world(&mut tape);
        let rows = worlds::rows(&mut tape, &world);
        let house = house(&mut gateway, &world, run.seed).await;
        gateway.fill(&house, &world, &rows).await;
        for _ in 0..6 {
            let upload = uploads::upload(&mut tape, &world, Mood::Thieving);
            let outcomes = gateway.send(&house, &upload).await;
            applied += outcomes.iter().filter(|o| **o == Outcome::Applied).count();
            let found = gateway.rows(&house, &world).await;
            let case = Case {
                world: world.clone(),
                rows: rows.clone(),
                upload,
            };
            let kept = stolen_in(&world, &found, &is_closed);
            assert!(
                kept.is_none(),
                "{}",
                report(&case, run.seed, &format!("{kept:?} after {outcomes:?}"))
            );
        }
        gateway.leave(house).await;
    }
    run.expect(applied, "transactions were applied");
}

fn stolen_in(
    world: &World,
    state: &State,
    is_closed: impl Fn(&World, &Table, &str) -> bool,
) -> Option<String> {
    for (table, rows) in world.tables.iter().zip(state) {
        for (at, column) in table.columns.iter().enumerate().skip(1) {
            let has_stolen = rows
                .values()
                .any(|row| Some(&row[at]) == stolen(column.ty).as_ref());
            if has_stolen && is_closed(world, table, &column.name) {
                return Some(format!("{}.{}", table.name, column.name));
            }
        }
    }
    None
}

fn is_listed(table: &Table, column: &str) -> bool {
    let fields = table.rules.iter().flat_map(|rules| &rules.fields);
    fields.into_iter().any(|field| field.column == column)
}

fn is_preset(world: &World, table: &Table, column: &str) -> bool {
    Op::ALL.iter().any(|op| world.is_preset(table, *op, column))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_outside_the_allow_list_is_never_written() {
    nothing_stolen_is_kept(|world, table, column| {
        !is_listed(table, column) && !is_preset(world, table, column)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preset_is_never_taken_from_the_app() {
    nothing_stolen_is_kept(|world, table, column| {
        !is_listed(table, column) && is_preset(world, table, column)
    })
    .await;
}

/// Every grant also says `this.owner == auth.sub`, whatever else it says. Then nobody changes, takes, gives away or removes a row of somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_upload_changes_a_row_that_no_grant_covers() {
    let mut run = Run::new(40);
    let mut gateway = Gateway::open().await;
    let mut written = 0;
    for _ in 0..run.cases {
        let mut tape = run.tape();
        let mut world = worlds::world(&mut tape);
        world
            .tables
            .iter_mut()
            .filter_map(|t| t.rules.as_mut())
            .for_each(owned);
        let mut rows = worlds::rows(&mut tape, &world);
        let house = house(&mut gateway, &world, run.seed).await;
        gateway.fill(&house, &world, &rows).await;
        for _ in 0..6 {
            let upload = uploads::upload(&mut tape, &world, Mood::Honest);
            let outcomes = gateway.send(&house, &upload).await;
            let found = gateway.rows(&house, &world).await;
            let case = Case {
                world: world.clone(),
                rows,
                upload,
            };
            let touched = touched_of_others(&case, &found);
            assert!(
                touched.is_none(),
                "{}",
                report(&case, run.seed, &format!("{touched:?} after {outcomes:?}"))
            );
            written += usize::from(found != case.rows);
            rows = found;
        }
        gateway.leave(house).await;
    }
    run.expect(written, "uploads wrote something");
}

/// Makes every grant ask for the owner as well, and lets the owner do what no grant mentions.
fn owned(rules: &mut Rules) {
    let mine = || this("owner").is(claim("sub"));
    let lists = [
        &mut rules.create,
        &mut rules.update,
        &mut rules.delete,
        &mut rules.write,
    ];
    for grant in lists.into_iter().flatten() {
        grant.condition = mine().and(grant.condition.clone());
    }
    if rules.write.is_empty() {
        for grants in [&mut rules.create, &mut rules.update, &mut rules.delete] {
            grants.push(Grant {
                condition: mine(),
                columns: None,
            });
        }
    }
}

/// A row that differs and was, or now is, somebody else's.
fn touched_of_others(case: &Case, found: &State) -> Option<String> {
    let own = Val::Uuid(case.upload.claims["sub"].as_str().unwrap().to_owned());
    for (at, table) in case.world.tables.iter().enumerate() {
        let owner = table.position("owner").unwrap();
        let keys = case.rows[at].keys().chain(found[at].keys());
        for key in keys {
            let (before, after) = (case.rows[at].get(key), found[at].get(key));
            let is_own = [before, after]
                .into_iter()
                .flatten()
                .all(|row| row[owner] == own);
            if before != after && !is_own {
                return Some(format!("{} {key}: {before:?} -> {after:?}", table.name));
            }
        }
    }
    None
}
