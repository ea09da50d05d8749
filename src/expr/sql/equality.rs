//! `==`: true or false beside null, an error only where an operand is one.

use crate::catalog::Kind;
use crate::dialect::postgres::{Sql, sql};
use crate::expr::ir::{Node, NodeKind};
use crate::expr::sql::bind::{Bound, Purpose, bind};
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::hole::Ask;
use crate::expr::sql::scalar::{Null, Scalar, dynamic};
use crate::expr::sql::{Made, Mode, Outside, Translator, Why};
use crate::expr::types::Type;

/// A value that is known, beside one that is read.
pub(super) struct Held {
    /// The value as the carrier's.
    pub value: Sql,
    /// Whether it is null, where that has to be asked.
    pub null: Option<Sql>,
}

impl Translator<'_> {
    /// `==`.
    pub(super) fn equal(
        &mut self,
        node: &Node,
        left: &Node,
        right: &Node,
        mode: Mode,
    ) -> Made<Sql> {
        if right.is_null() {
            return self.is_null(left);
        }
        if left.is_null() {
            return self.is_null(right);
        }
        let sql = match (self.reads_database(left), self.reads_database(right)) {
            (true, true) => {
                let (left, right) = (self.scalar(left)?, self.scalar(right)?);
                let (left, right) = alike(node, left, right)?;
                equal_scalars(&left, &right, mode)
            }
            (true, false) => self.equal_held(left, right, mode)?,
            (false, _) => self.equal_held(right, left, mode)?,
        };
        Ok(sql)
    }

    fn equal_held(&mut self, read: &Node, held: &Node, mode: Mode) -> Made<Sql> {
        let scalar = self.scalar(read)?;
        let (scalar, held) = self.beside(scalar, held, mode)?;
        Ok(equal_held(&scalar, &held, mode))
    }

    /// A value that is known as one that a scalar can be compared with, and the scalar as one of its kind.
    pub(super) fn beside(
        &mut self,
        scalar: Scalar,
        held: &Node,
        mode: Mode,
    ) -> Made<(Scalar, Held)> {
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
        let value = self.hole(held, Ask::Value(scalar.carrier, Purpose::Equality));
        let is_certain = match &held.kind {
            NodeKind::Constant(value) | NodeKind::Spelled(value, _) => matches!(
                bind(value, scalar.carrier, Purpose::Equality),
                Ok(Bound::Text(_))
            ),
            NodeKind::Time => true,
            _ => false,
        };
        let is_nullable = !is_certain && (held.is_nullable || held.ty.is_open());
        let is_asked = match mode {
            Mode::Exact => !is_certain,
            Mode::Yes => is_nullable && scalar.is_nullable(),
        };
        let null = is_asked.then(|| {
            let hole = self.hole(held, Ask::IsNull);
            sql![Sql::hole(hole), "::boolean"]
        });
        let held = Held {
            value: sql![Sql::hole(value), scalar.carrier.cast()],
            null,
        };
        Ok((scalar, held))
    }

    /// `== null`.
    pub(super) fn is_null(&mut self, node: &Node) -> Made<Sql> {
        if let NodeKind::Column(source, column) = &node.kind {
            let cell = self.cell(node, source, *column)?;
            return Ok(match cell.facts.ty.kind {
                Kind::Json => sql![
                    "(",
                    &cell.sql,
                    " IS NULL OR json_typeof(",
                    &cell.sql,
                    ") = 'null')"
                ],
                Kind::Jsonb => sql![
                    "(",
                    &cell.sql,
                    " IS NULL OR jsonb_typeof(",
                    &cell.sql,
                    ") = 'null')"
                ],
                // IS NULL is true of a row of nulls as well.
                Kind::Other => sql!["(", cell.sql, " IS NOT DISTINCT FROM NULL)"],
                _ => sql!["(", cell.sql, " IS NULL)"],
            });
        }
        if matches!(node.ty, Type::List(_) | Type::Map(_)) || node.ty.is_open() {
            return Outside::of(dynamic(&node.ty), node);
        }
        let scalar = self.scalar(node)?;
        Ok(match scalar.fails() {
            Some(fails) => sql![
                "(CASE WHEN ",
                fails,
                " THEN NULL ELSE (",
                scalar.sql,
                ") IS NULL END)"
            ],
            None => sql!["((", scalar.sql, ") IS NULL)"],
        })
    }
}

/// Whether values of a type can be bound where a carrier's stand.
pub(super) fn is_beside(carrier: Carrier, ty: &Type) -> bool {
    match ty {
        Type::Unknown | Type::Dyn | Type::Null => true,
        Type::Uint => carrier.is_number(),
        Type::Uuid => carrier == Carrier::Uuid,
        Type::String | Type::Enum(_) => matches!(carrier, Carrier::Text | Carrier::Uuid),
        ty => match Carrier::of(ty) {
            Some(other) => other == carrier || (other.is_number() && carrier.is_number()),
            None => false,
        },
    }
}

/// Two values that are read, as carried alike.
pub(super) fn alike(node: &Node, left: Scalar, right: Scalar) -> Made<(Scalar, Scalar)> {
    let (left, right) = match (left.carrier, right.carrier) {
        (Carrier::Int, Carrier::Decimal) | (Carrier::Decimal, Carrier::Int) => {
            (left.lifted(), right.lifted())
        }
        _ => (left, right),
    };
    if left.carrier == right.carrier {
        Ok((left, right))
    } else if left.carrier.is_number() {
        Outside::of(Why::MixedNumbers, node)
    } else {
        Outside::of(Why::TextAsUuid, node)
    }
}

/// A value that is read beside one that is known.
pub(super) fn equal_held(scalar: &Scalar, held: &Held, mode: Mode) -> Sql {
    let stored = if scalar.is_plain {
        scalar.sql.clone()
    } else {
        scalar.exact()
    };
    let same = match scalar.carrier {
        Carrier::Double => sql![
            "(",
            &stored,
            " = ",
            &held.value,
            " AND ",
            &stored,
            " <> 'NaN')"
        ],
        _ => sql!["(", &stored, " = ", &held.value, ")"],
    };
    if mode == Mode::Yes && held.null.is_none() {
        return same;
    }
    let two_valued = match (&scalar.null, &held.null) {
        (Null::Never, None) => same,
        _ => sql!["COALESCE(", same, ", false)"],
    };
    let judged = match &scalar.odd {
        Some(odd) => sql!["CASE WHEN ", odd, " THEN NULL ELSE ", two_valued, " END"],
        None => two_valued,
    };
    let answered = match &held.null {
        Some(null) => sql![
            "CASE ",
            null,
            " WHEN true THEN ",
            &stored,
            " IS NULL WHEN false THEN ",
            judged,
            " END"
        ],
        None => judged,
    };
    match scalar.fails() {
        Some(fails) => sql!["(CASE WHEN ", fails, " THEN NULL ELSE ", answered, " END)"],
        None => sql!["(", answered, ")"],
    }
}

/// Two values that are read.
pub(super) fn equal_scalars(left: &Scalar, right: &Scalar, mode: Mode) -> Sql {
    let (a, b) = (left.exact(), right.exact());
    let is_null = left.is_nullable() && right.is_nullable();
    let plain = sql!["(", &a, " = ", &b, ")"];
    let same = match (mode, left.is_nullable() || right.is_nullable()) {
        (Mode::Yes, _) if !is_null => plain,
        (_, false) => plain,
        _ => sql!["(", &a, " IS NOT DISTINCT FROM ", &b, ")"],
    };
    // NaN equals nothing; beside an error it is one.
    let same = if left.carrier == Carrier::Double {
        sql![
            "(CASE WHEN ",
            &a,
            " = 'NaN' AND ",
            &b,
            " IS NOT NULL THEN false ELSE ",
            same,
            " END)"
        ]
    } else {
        same
    };
    // What compares with null only is an error beside anything else.
    let odd = |odd: &Option<Sql>, beside: &Sql| {
        odd.as_ref()
            .map(|odd| sql!["(", odd, " AND ", beside, " IS NOT NULL)"])
    };
    // Where `=` is asked, NULL is its answer to an error already.
    let is_told = is_null || (mode == Mode::Exact && (left.is_nullable() || right.is_nullable()));
    let errors = [
        left.fails().filter(|_| is_told),
        right.fails().filter(|_| is_told),
        odd(&left.odd, &b),
        odd(&right.odd, &a),
    ];
    let mut whens = Sql::default();
    for error in errors.into_iter().flatten() {
        whens = sql![whens, " WHEN ", error, " THEN NULL"];
    }
    if whens.is_empty() {
        return same;
    }
    sql!["(CASE", whens, " ELSE ", same, " END)"]
}
