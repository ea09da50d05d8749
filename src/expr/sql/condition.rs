//! Conditions: `&&`, `||` and `!` are SQL's own, once each part is true, false, or NULL for an error.

use crate::dialect::postgres::{Sql, sql};
use crate::expr::Variable;
use crate::expr::ir::{Node, NodeKind, TextTest};
use crate::expr::sql::bind::Purpose;
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::hole::Ask;
use crate::expr::sql::substitute::replaced;
use crate::expr::sql::{Made, Mode, Outside, Translator, Why};
use crate::vocabulary::names::FieldName;

impl Translator<'_> {
    /// A condition.
    pub(super) fn condition(&mut self, node: &Node, mode: Mode) -> Made<Sql> {
        if !self.reads_database(node) {
            let hole = self.hole(node, Ask::Condition);
            return Ok(sql![Sql::hole(hole), "::boolean"]);
        }
        if let Some(source) = self.pending_source(node) {
            return self.condition_at(&source, node, mode);
        }
        self.within(node, |translator| translator.asked(node, mode))
    }

    /// A condition that waits for no row but those in sight.
    fn asked(&mut self, node: &Node, mode: Mode) -> Made<Sql> {
        let sql = match &node.kind {
            NodeKind::Not(of) => sql!["(NOT ", self.condition(of, Mode::Exact)?, ")"],
            NodeKind::And(left, right) => self.connected(left, " AND ", right, mode)?,
            NodeKind::Or(left, right) => self.connected(left, " OR ", right, mode)?,
            NodeKind::Conditional(parts) => self.chosen_condition(parts, mode)?,
            NodeKind::Equal(left, right) => self.equal(node, left, right, mode)?,
            NodeKind::NotEqual(left, right) => {
                sql!["(NOT ", self.equal(node, left, right, Mode::Exact)?, ")"]
            }
            NodeKind::Order(order, left, right) => self.ordered(node, *order, left, right, mode)?,
            NodeKind::In(left, right) => self.is_in(node, left, right, mode)?,
            NodeKind::Compare(test, text, against) => self.tested(*test, text, against)?,
            NodeKind::IsAbsent(source) => sql!["(", self.absent(node, source)?, ")"],
            NodeKind::IsChanged(field) => self.changed(node, field)?,
            NodeKind::Of(_, of) => self.condition(of, mode)?,
            NodeKind::Quantified(quantified) => self.quantified(node, quantified, mode)?,
            NodeKind::Let(slot, parts) => self.bound_condition(node, *slot, parts, mode)?,
            NodeKind::Matches(..) => return Outside::of(Why::Pattern, node),
            NodeKind::HasField(..) => return Outside::of(Why::Json, node),
            _ => {
                let scalar = self.scalar(node)?;
                if scalar.carrier != Carrier::Bool {
                    return Outside::of(Why::Dynamic, node);
                }
                sql!["(", scalar.sql, ")"]
            }
        };
        Self::sized(sql, &node.range)
    }

    fn connected(
        &mut self,
        left: &Node,
        sign: &'static str,
        right: &Node,
        mode: Mode,
    ) -> Made<Sql> {
        let (left, right) = (self.condition(left, mode)?, self.condition(right, mode)?);
        Ok(sql!["(", left, sign, right, ")"])
    }

    fn chosen_condition(&mut self, parts: &[Node; 3], mode: Mode) -> Made<Sql> {
        let [condition, yes, no] = parts;
        let condition = self.condition(condition, Mode::Exact)?;
        let (yes, no) = (self.condition(yes, mode)?, self.condition(no, mode)?);
        Ok(sql![
            "(CASE WHEN ",
            &condition,
            " THEN ",
            yes,
            " WHEN NOT ",
            &condition,
            " THEN ",
            no,
            " END)"
        ])
    }

    /// `contains`, `startsWith`, `endsWith`, byte for byte.
    fn tested(&mut self, test: TextTest, text: &Node, against: &Node) -> Made<Sql> {
        let (text, against) = (self.text(text)?, self.text(against)?);
        Ok(match test {
            TextTest::Contains => sql!["(strpos(", text, ", ", against, ") > 0)"],
            TextTest::StartsWith => sql!["starts_with(", text, ", ", against, ")"],
            TextTest::EndsWith => sql![
                "(right(",
                text,
                ", char_length(",
                &against,
                ")) = ",
                &against,
                ")"
            ],
        })
    }

    /// A text, where null and everything that is none are errors.
    pub(super) fn text(&mut self, node: &Node) -> Made<Sql> {
        if !self.reads_database(node) {
            let hole = self.hole(node, Ask::Value(Carrier::Text, Purpose::Order));
            return Ok(sql!["(", Sql::hole(hole), "::text COLLATE \"C\")"]);
        }
        let scalar = self.scalar(node)?;
        if scalar.carrier != Carrier::Text {
            return Outside::of(Why::Dynamic, node);
        }
        Ok(scalar.exact())
    }

    /// `'x' in changed`, where `x` was sent: whether the stored value differs from it.
    pub(super) fn changed(&mut self, node: &Node, field: &FieldName) -> Made<Sql> {
        let column = self.stand.sent.and_then(|sent| sent.get(field)).copied();
        let Some(column) = column else {
            return Ok("false".into());
        };
        let Some(facts) = self.stand.column(self.stand.table, column) else {
            return Outside::of(Why::UnknownTable, node);
        };
        let sent = Sql::hole(self.text_hole(Variable::New, column));
        match Sql::differs(facts, sent) {
            Some(differs) => Ok(differs),
            None => Outside::of(Why::Opaque, node),
        }
    }

    /// `cel.bind(x, …, …)`: an error of what is bound is an error of the whole.
    fn bound_condition(
        &mut self,
        node: &Node,
        slot: usize,
        parts: &[Node; 2],
        mode: Mode,
    ) -> Made<Sql> {
        let [bound, _] = parts;
        let fails = self.fails(bound)?;
        let body = replaced(node, slot, parts)?;
        let condition = self.condition(&body, mode)?;
        Ok(match fails {
            Some(fails) => sql!["(CASE WHEN ", fails, " THEN NULL ELSE ", condition, " END)"],
            None => condition,
        })
    }
}
