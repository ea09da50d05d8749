//! `<`, `<=`, `>`, `>=`: null has no order, and NaN stands nowhere.

use crate::dialect::postgres::{Sql, sql};
use crate::expr::ir::Node;
use crate::expr::sql::bind::Purpose;
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::equality::{alike, is_beside};
use crate::expr::sql::hole::Ask;
use crate::expr::sql::scalar::{Null, Scalar, dynamic};
use crate::expr::sql::{Made, Mode, Outside, Translator, Why};
use crate::expr::syntax::Order;
use crate::expr::types::Type;

impl Translator<'_> {
    /// An order of two values.
    pub(super) fn ordered(
        &mut self,
        node: &Node,
        order: Order,
        left: &Node,
        right: &Node,
        mode: Mode,
    ) -> Made<Sql> {
        let (left, right) = match (self.reads_database(left), self.reads_database(right)) {
            (true, true) => {
                let (left, right) = (self.scalar(left)?, self.scalar(right)?);
                alike(node, left, right)?
            }
            (true, false) => {
                let scalar = self.scalar(left)?;
                self.ordered_beside(scalar, right)?
            }
            (false, _) => {
                let scalar = self.scalar(right)?;
                let (scalar, held) = self.ordered_beside(scalar, left)?;
                (held, scalar)
            }
        };
        Ok(in_order(order, &left, &right, mode))
    }

    fn ordered_beside(&mut self, scalar: Scalar, held: &Node) -> Made<(Scalar, Scalar)> {
        let scalar = if held.ty == Type::Decimal {
            scalar.lifted()
        } else {
            scalar
        };
        if !is_beside(scalar.carrier, &held.ty) {
            return Outside::of(
                match held.ty {
                    Type::Uuid => Why::TextAsUuid,
                    _ => dynamic(&held.ty),
                },
                held,
            );
        }
        let hole = self.hole(held, Ask::Value(scalar.carrier, Purpose::Order));
        let held = sql![Sql::hole(hole), scalar.carrier.cast()];
        let held = Scalar::new(held, scalar.carrier, Null::Error);
        Ok((scalar, held))
    }
}

fn in_order(order: Order, left: &Scalar, right: &Scalar, mode: Mode) -> Sql {
    let (a, b) = (left.exact(), right.exact());
    let sign = match order {
        Order::Less => " < ",
        Order::LessOrEqual => " <= ",
        Order::Greater => " > ",
        Order::GreaterOrEqual => " >= ",
    };
    let held = sql!["(", &a, sign, &b, ")"];
    if left.carrier == Carrier::Double {
        return match mode {
            Mode::Yes => sql!["(", held, " AND ", &a, " <> 'NaN' AND ", &b, " <> 'NaN')"],
            Mode::Exact => sql![
                "(CASE WHEN ",
                &a,
                " IS NULL OR ",
                &b,
                " IS NULL THEN NULL WHEN ",
                &a,
                " = 'NaN' OR ",
                &b,
                " = 'NaN' THEN false ELSE ",
                held,
                " END)",
            ],
        };
    }
    let odds: Vec<&Sql> = left.odd.iter().chain(&right.odd).collect();
    if odds.is_empty() {
        return held;
    }
    let mut whens = Sql::default();
    for odd in odds {
        whens = sql![whens, " WHEN ", odd, " THEN NULL"];
    }
    sql!["(CASE", whens, " ELSE ", held, " END)"]
}
