//! `exists`, `all` and `exists_one`, over rows, lists and `changed`.

use std::sync::Arc;

use crate::dialect::postgres::{Sql, sql};
use crate::expr::fold::fold_condition;
use crate::expr::ir::{Each, Node, NodeKind, Over, Quantified, Quantifier, RowSource};
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::hole::Ask;
use crate::expr::sql::scalar::{Null, Scalar, dynamic};
use crate::expr::sql::substitute::replace;
use crate::expr::sql::{Made, Mode, Outside, Seen, Translator, Why};
use crate::expr::types::Type;
use crate::vocabulary::value::Value;

/// What is run over.
struct Range {
    /// `FROM` of the subselect.
    from: Sql,
    /// `WHERE` of it, without the body.
    matched: Option<Sql>,
    /// What must be true, lest it be an error.
    guard: Option<Sql>,
}

impl Translator<'_> {
    /// The element that a variable stands for.
    pub(super) fn element(&self, slot: usize) -> Option<&Scalar> {
        let found = self.elements.iter().rev().find(|(bound, _)| *bound == slot);
        found.map(|(_, scalar)| scalar)
    }

    /// `exists`, `all`, and `exists_one`, which does not run over rows.
    pub(super) fn quantified(
        &mut self,
        node: &Node,
        quantified: &Quantified,
        mode: Mode,
    ) -> Made<Sql> {
        let Quantified {
            quantifier,
            each,
            body,
        } = quantified;
        if each.is_pair() {
            return Outside::of(Why::Macro, node);
        }
        match &each.over {
            Over::Rows(source, follow) => {
                let Some(found) = self.follow(node, source, follow, false)? else {
                    return Ok("NULL::boolean".into());
                };
                self.rows.push(Seen {
                    source: RowSource::Bound(each.slot),
                    table: found.table,
                    alias: found.alias,
                });
                let body = self.condition(body, mode);
                self.rows.pop();
                let range = Range {
                    from: found.from,
                    matched: Some(found.matched),
                    guard: None,
                };
                Ok(range.asked(*quantifier, body?, mode))
            }
            Over::Elements(list) if matches!(list.kind, NodeKind::Changed) => {
                if *quantifier == Quantifier::ExistsOne {
                    return Outside::of(Why::Changed, node);
                }
                self.over_changed(node, *quantifier, each, body, mode)
            }
            Over::Elements(list) => self.over_list(*quantifier, each, list, body, mode),
        }
    }

    fn over_list(
        &mut self,
        quantifier: Quantifier,
        each: &Each,
        list: &Node,
        body: &Node,
        mode: Mode,
    ) -> Made<Sql> {
        let alias = self.fresh_alias();
        let (array, guard, carrier) = if self.reads_database(list) {
            let array = self.array(list)?;
            (array.sql, array.is_list, array.carrier)
        } else {
            let carrier = match &list.ty {
                Type::List(element) => Carrier::of(element),
                _ => None,
            };
            let Some(carrier) = carrier else {
                return Outside::of(dynamic(&list.ty), list);
            };
            let hole = self.hole(list, Ask::Elements(carrier));
            let array = sql![Sql::hole(hole), carrier.list_cast()];
            (array.clone(), sql![array, " IS NOT NULL"], carrier)
        };
        let element = Scalar::new(Sql::column(alias, "v"), carrier, Null::Meant);
        self.elements.push((each.slot, element));
        // Of `exists_one` every answer counts.
        let mode_within = match quantifier {
            Quantifier::ExistsOne => Mode::Exact,
            _ => mode,
        };
        let body = self.condition(body, mode_within);
        self.elements.pop();
        let range = Range {
            from: sql!["unnest(", array, ") AS ", Sql::alias(alias), "(v)"],
            matched: None,
            guard: Some(guard),
        };
        Ok(range.asked(quantifier, body?, mode))
    }

    /// Over `changed`: the fields that were sent are known, and of each it is asked whether it differs.
    fn over_changed(
        &mut self,
        node: &Node,
        quantifier: Quantifier,
        each: &Each,
        body: &Node,
        mode: Mode,
    ) -> Made<Sql> {
        let sent: Vec<_> = self.stand.sent.into_iter().flatten().collect();
        let mut all = Sql::default();
        for (name, _) in sent {
            let mut body = body.clone();
            let text = Value::String(Arc::from(name.as_str()));
            let named = Node::new(Type::String, node.range.clone(), NodeKind::Constant(text));
            replace(&mut body, each.slot, &named);
            let changed = self.changed(node, name)?;
            let is_exists = quantifier == Quantifier::Exists;
            let is_changed = match constant(&body) {
                // It decides nothing.
                Some(held) if held != is_exists => continue,
                Some(true) => changed,
                Some(false) => sql!["(NOT ", changed, ")"],
                None => {
                    let body = self.condition(&body, mode)?;
                    match quantifier {
                        Quantifier::Exists => sql!["(", changed, " AND ", body, ")"],
                        _ => sql!["(NOT ", changed, " OR ", body, ")"],
                    }
                }
            };
            let sign = if is_exists { " OR " } else { " AND " };
            if !all.is_empty() {
                all = all.with(sign);
            }
            all = all.with(is_changed);
        }
        if all.is_empty() {
            let is_all = quantifier == Quantifier::All;
            return Ok(if is_all { "true" } else { "false" }.into());
        }
        Ok(sql!["(", all, ")"])
    }
}

/// The answer of a condition over constants alone.
fn constant(node: &Node) -> Option<bool> {
    let mut node = node.clone();
    fold_condition(&mut node);
    match node.kind {
        NodeKind::Constant(Value::Bool(b)) => Some(b),
        _ => None,
    }
}

impl Range {
    /// Whether one, or all, meet the condition: one that decides does so, whatever fails beside it.
    fn asked(self, quantifier: Quantifier, body: Sql, mode: Mode) -> Sql {
        let asked = match (mode, quantifier) {
            // All are looked at, and every error counts.
            (_, Quantifier::ExistsOne) => sql![
                "(SELECT CASE WHEN count(*) = count(q.b) THEN count(*) FILTER (WHERE q.b) = 1 END FROM ",
                self.each(body),
                ")"
            ],
            (Mode::Yes, Quantifier::All) => sql![
                "NOT EXISTS (SELECT FROM ",
                &self.from,
                " WHERE ",
                self.prefix(),
                "(",
                body,
                ") IS NOT TRUE)",
            ],
            (Mode::Yes, _) => sql![
                "EXISTS (SELECT FROM ",
                &self.from,
                " WHERE ",
                self.prefix(),
                body,
                ")"
            ],
            (Mode::Exact, quantifier) => {
                let (decided, decision, otherwise) = match quantifier {
                    Quantifier::All => ("NOT bool_and(q.b)", "false", "true"),
                    _ => ("bool_or(q.b)", "true", "false"),
                };
                let each = self.each(body);
                sql![
                    "(SELECT CASE WHEN ",
                    decided,
                    " THEN ",
                    decision,
                    " WHEN count(*) > count(q.b) THEN NULL ELSE ",
                    otherwise,
                    " END FROM ",
                    each,
                    ")",
                ]
            }
        };
        match self.guard {
            Some(guard) => sql!["(CASE WHEN ", guard, " THEN ", asked, " END)"],
            None => sql!["(", asked, ")"],
        }
    }

    /// The answers for each.
    fn each(&self, body: Sql) -> Sql {
        let filter = match &self.matched {
            Some(matched) => sql![" WHERE ", matched],
            None => Sql::default(),
        };
        sql![
            "(SELECT ",
            body,
            " AS b FROM ",
            &self.from,
            filter,
            ") AS q"
        ]
    }

    fn prefix(&self) -> Sql {
        match &self.matched {
            Some(matched) => sql![matched, " AND "],
            None => Sql::default(),
        }
    }
}
