//! `in`: an element that is equal decides; null is in a list that holds null.

use crate::catalog::Kind;
use crate::dialect::postgres::{Sql, sql};
use crate::expr::ir::{Node, NodeKind};
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::column::carried;
use crate::expr::sql::equality::{Held, is_beside};
use crate::expr::sql::hole::Ask;
use crate::expr::sql::scalar::{Null, Scalar, dynamic};
use crate::expr::sql::{Made, Mode, Outside, Translator, Why};
use crate::expr::types::Type;
use crate::vocabulary::value::Value;

/// A stored array.
pub(super) struct Array {
    /// It, or NULL.
    pub sql: Sql,
    /// Whether it is the list that rules see: of one dimension, counted from one. NULL where it is NULL.
    pub is_list: Sql,
    /// What carries its elements.
    pub carrier: Carrier,
}

impl Translator<'_> {
    /// `in`.
    pub(super) fn is_in(
        &mut self,
        node: &Node,
        left: &Node,
        right: &Node,
        mode: Mode,
    ) -> Made<Sql> {
        if !self.reads_database(right) {
            let scalar = self.scalar(left)?;
            return self.among_held(scalar, right, mode);
        }
        match &right.kind {
            NodeKind::List(elements) => self.among_written(node, left, elements, mode),
            NodeKind::Column(..) => {
                let array = self.array(right)?;
                self.among_stored(left, &array, mode)
            }
            NodeKind::Changed => Outside::of(Why::Changed, node),
            _ if right.ty.is_open() => Outside::of(Why::Json, right),
            _ => Outside::of(Why::Collection, right),
        }
    }

    /// A value that is read in a list that is known.
    fn among_held(&mut self, scalar: Scalar, list: &Node, mode: Mode) -> Made<Sql> {
        let element = match &list.ty {
            Type::List(element) => (**element).clone(),
            ty if ty.is_open() => Type::Dyn,
            _ => return Outside::of(Why::Collection, list),
        };
        let scalar = if element == Type::Decimal {
            scalar.lifted()
        } else {
            scalar
        };
        if !is_beside(scalar.carrier, &element) {
            return Outside::of(dynamic(&element), list);
        }
        let members = self.hole(list, Ask::Members(scalar.carrier));
        let members = sql![Sql::hole(members), scalar.carrier.list_cast()];
        let stored = if scalar.is_plain {
            scalar.sql.clone()
        } else {
            scalar.exact()
        };
        let found = sql!["(", &stored, " = ANY(", &members, "))"];
        // NaN is in no list; a list that is an error stays one.
        let found = if scalar.carrier == Carrier::Double {
            sql![
                "(CASE WHEN ",
                &stored,
                " = 'NaN' AND ",
                &members,
                " IS NOT NULL THEN false ELSE ",
                found,
                " END)"
            ]
        } else {
            found
        };
        let may_hold_null = match &list.kind {
            NodeKind::Constant(Value::List(elements)) => elements.contains(&Value::Null),
            NodeKind::Claim(_) => element.is_open(),
            _ => true,
        };
        if mode == Mode::Yes && !(may_hold_null && scalar.is_nullable()) {
            return Ok(found);
        }
        let found = match &scalar.odd {
            Some(odd) => sql![
                "CASE WHEN ",
                odd,
                " AND cardinality(",
                &members,
                ") > 0 THEN NULL ELSE ",
                found,
                " END",
            ],
            None => found,
        };
        let answered = if scalar.is_nullable() {
            let holds_null = self.hole(list, Ask::HoldsNull);
            sql![
                "CASE WHEN ",
                &stored,
                " IS NULL THEN ",
                Sql::hole(holds_null),
                "::boolean ELSE ",
                found,
                " END",
            ]
        } else {
            found
        };
        Ok(match scalar.fails() {
            Some(fails) => sql!["(CASE WHEN ", fails, " THEN NULL ELSE ", answered, " END)"],
            None => sql!["(", answered, ")"],
        })
    }

    /// In a list of which an element is read. An error of an element is one of the list, whatever stands beside it.
    fn among_written(
        &mut self,
        node: &Node,
        left: &Node,
        elements: &[Node],
        mode: Mode,
    ) -> Made<Sql> {
        let mut found = Sql::default();
        let mut fails = Vec::new();
        for element in elements {
            fails.extend(self.fails(element)?);
            if !found.is_empty() {
                found = found.with(" OR ");
            }
            let same = if self.reads_database(left) || self.reads_database(element) {
                self.equal(node, left, element, mode)?
            } else {
                let same = Node {
                    kind: NodeKind::Equal(Box::new(left.clone()), Box::new(element.clone())),
                    ty: Type::Bool,
                    ..node.clone()
                };
                self.condition(&same, mode)?
            };
            found = found.with(same);
        }
        if fails.is_empty() {
            return Ok(sql!["(", found, ")"]);
        }
        let mut whens = Sql::default();
        for fails in fails {
            whens = sql![whens, " WHEN ", fails, " THEN NULL"];
        }
        Ok(sql!["(CASE", whens, " ELSE ", found, " END)"])
    }

    /// In a stored array.
    fn among_stored(&mut self, left: &Node, array: &Array, mode: Mode) -> Made<Sql> {
        let holds_null = sql!["array_position(", &array.sql, ", NULL) IS NOT NULL"];
        let among = |value: &Sql| sql![value, " = ANY(", &array.sql, ")"];
        let found = if self.reads_database(left) {
            let scalar = self.scalar(left)?;
            if scalar.carrier != array.carrier {
                return Outside::of(Why::TextAsUuid, left);
            }
            let value = scalar.exact();
            let found = sql!["COALESCE(", among(&value), ", false)"];
            // Where the catalogue says that it is never null, it may be so no longer.
            let found = sql![
                "CASE WHEN ",
                &value,
                " IS NULL THEN ",
                holds_null,
                " ELSE ",
                found,
                " END"
            ];
            match scalar.fails() {
                Some(fails) => sql!["CASE WHEN ", fails, " THEN NULL ELSE ", found, " END"],
                None => found,
            }
        } else {
            // The elements may be null, whatever the type of the list says.
            let beside = Scalar::new(array.sql.clone(), array.carrier, Null::Meant);
            let (_, Held { value, null, .. }) = self.beside(beside, left, mode)?;
            let found = sql!["COALESCE(", among(&value), ", false)"];
            match null {
                Some(null) => sql![
                    "CASE ",
                    null,
                    " WHEN true THEN ",
                    holds_null,
                    " WHEN false THEN ",
                    found,
                    " END"
                ],
                None => found,
            }
        };
        Ok(sql![
            "(CASE WHEN ",
            &array.is_list,
            " THEN ",
            found,
            " END)"
        ])
    }

    /// A stored array.
    pub(super) fn array(&mut self, node: &Node) -> Made<Array> {
        let NodeKind::Column(source, column) = &node.kind else {
            return Outside::of(dynamic(&node.ty), node);
        };
        let cell = self.cell(node, source, *column)?;
        let Kind::Array(element) = &cell.facts.ty.kind else {
            return Outside::of(dynamic(&node.ty), node);
        };
        let cast = match **element {
            Kind::Bool | Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Uuid => "",
            Kind::Text | Kind::Varchar(_) | Kind::Citext | Kind::Enum(_) => {
                "::text[] COLLATE \"C\""
            }
            _ => return Outside::of(Why::Collection, node),
        };
        let Some((_, carrier)) = carried(&cell.sql, element) else {
            return Outside::of(Why::Collection, node);
        };
        Ok(Array {
            is_list: sql![
                "(cardinality(",
                &cell.sql,
                ") = 0 OR (array_ndims(",
                &cell.sql,
                ") = 1 AND array_lower(",
                &cell.sql,
                ", 1) = 1))",
            ],
            sql: sql!["(", cell.sql, cast, ")"],
            carrier,
        })
    }

    /// `size` of a stored array.
    pub(super) fn array_size(&mut self, node: &Node) -> Made<Scalar> {
        let array = self.array(node)?;
        let size = sql![
            "(CASE WHEN ",
            array.is_list,
            " THEN cardinality(",
            array.sql,
            ")::int8 END)"
        ];
        Ok(Scalar::new(size, Carrier::Int, Null::Error))
    }
}
