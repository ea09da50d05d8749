//! A counterexample made small: every case with one thing less.

use super::condition::Condition;
use super::model::{Rules, State, Upload, World};

/// One upload to the rows of a world.
#[derive(Clone, Debug)]
pub struct Case {
    pub world: World,
    pub rows: State,
    pub upload: Upload,
}

/// Every case that is smaller by one step, what matters most first.
pub fn smaller(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |change: &dyn Fn(&mut Case)| {
        let mut next = case.clone();
        change(&mut next);
        cases.push(next);
    };
    for (t, operations) in case.upload.transactions.iter().enumerate() {
        if case.upload.transactions.len() > 1 {
            add(&|c| drop(c.upload.transactions.remove(t)));
        }
        for (o, operation) in operations.iter().enumerate() {
            if operations.len() > 1 {
                add(&|c| drop(c.upload.transactions[t].remove(o)));
            }
            for d in 0..operation.data.len() {
                add(&|c| drop(c.upload.transactions[t][o].data.remove(d)));
            }
            if operation.metadata.is_some() {
                add(&|c| c.upload.transactions[t][o].metadata = None);
            }
        }
    }
    for claim in ["level", "name", "trusted"] {
        if case.upload.claims.contains_key(claim) {
            add(&|c| drop(c.upload.claims.remove(claim)));
        }
    }
    for (t, rows) in case.rows.iter().enumerate() {
        for key in rows.keys() {
            add(&|c| drop(c.rows[t].remove(key)));
        }
    }
    for g in 0..case.world.guards.len() {
        add(&|c| drop(c.world.guards.remove(g)));
    }
    for (t, table) in case.world.tables.iter().enumerate() {
        if let Some(rules) = &table.rules {
            for less in smaller_rules(rules) {
                add(&|c| c.world.tables[t].rules = Some(less.clone()));
            }
        }
    }
    cases
}

fn smaller_rules(rules: &Rules) -> Vec<Rules> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut Rules)| {
        let mut next = rules.clone();
        change(&mut next);
        all.push(next);
    };
    macro_rules! without_one {
        ($($list:ident)*) => { $( for i in 0..rules.$list.len() { add(&|r| drop(r.$list.remove(i))); } )* };
    }
    macro_rules! simpler_conditions {
        ($($list:ident . $condition:tt)*) => { $(
            for (i, entry) in rules.$list.iter().enumerate() {
                for part in parts(&entry.$condition) {
                    add(&|r| r.$list[i].$condition = part.clone());
                }
            }
        )* };
    }
    without_one!(checks create update delete write computed create_presets update_presets ignore relations fields row);
    if let Some(guard) = &rules.guard {
        add(&|r| r.guard = None);
        for part in parts(guard) {
            add(&|r| r.guard = Some(part.clone()));
        }
    }
    for (i, field) in rules.fields.iter().enumerate() {
        if field.is_immutable || field.default.is_some() || field.shape.is_some() {
            add(&|r| {
                let field = &mut r.fields[i];
                (field.is_immutable, field.default, field.shape) = (false, None, None);
            });
        }
    }
    simpler_conditions!(checks.rule create.condition update.condition delete.condition write.condition computed.1);
    all
}

/// The conditions a condition is made of.
fn parts(condition: &Condition) -> Vec<Condition> {
    match condition {
        Condition::Not(a) => vec![a.as_ref().clone()],
        Condition::And(a, b) | Condition::Or(a, b) => {
            let (left, right) = (a.as_ref().clone(), b.as_ref().clone());
            let rebuilt = |x: Condition, y: Condition| match condition {
                Condition::And(..) => x.and(y),
                _ => x.or(y),
            };
            let mut all = vec![left.clone(), right.clone()];
            all.extend(
                parts(a)
                    .into_iter()
                    .map(|part| rebuilt(part, right.clone())),
            );
            all.extend(parts(b).into_iter().map(|part| rebuilt(left.clone(), part)));
            all
        }
        Condition::If(_, b, c) => vec![b.as_ref().clone(), c.as_ref().clone()],
        _ => Vec::new(),
    }
}
