//! Related rows: a subselect for each relation that is followed.

use crate::catalog::Column;
use crate::dialect::postgres::{Alias, Sql, sql};
use crate::expr::TableId;
use crate::expr::ir::{Follow, Node, NodeKind, Over, RowSource};
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::column::is_deterministic;
use crate::expr::sql::scalar::{Null, Scalar};
use crate::expr::sql::stand::Origin;
use crate::expr::sql::{Made, Mode, Outside, Seen, Translator, Why};

/// Where the rows of a relation are.
pub(super) struct Found {
    pub table: TableId,
    pub alias: Alias,
    /// `"public"."lists" t1`.
    pub from: Sql,
    /// What holds of them.
    pub matched: Sql,
}

impl Translator<'_> {
    /// The first row that a node cannot do without and that no subselect is at yet: without it the node is an error.
    pub(super) fn pending_source(&self, node: &Node) -> Option<RowSource> {
        match &node.kind {
            NodeKind::Column(source, _) | NodeKind::Of(source, _) | NodeKind::Count(source, _) => {
                self.pending(source)
            }
            NodeKind::IsAbsent(RowSource::Related(from, _)) => self.pending(from),
            NodeKind::Not(of)
            | NodeKind::Negate(of)
            | NodeKind::Call(_, of)
            | NodeKind::Matches(of, _)
            | NodeKind::AsUuid(of) => self.pending_source(of),
            NodeKind::Equal(left, right)
            | NodeKind::NotEqual(left, right)
            | NodeKind::Order(_, left, right)
            | NodeKind::In(left, right)
            | NodeKind::Arithmetic(_, left, right)
            | NodeKind::Compare(_, left, right) => self
                .pending_source(left)
                .or_else(|| self.pending_source(right)),
            NodeKind::List(nodes) | NodeKind::Invoke(_, nodes) => {
                nodes.iter().find_map(|node| self.pending_source(node))
            }
            NodeKind::Conditional(parts) => {
                let [condition, ..] = &**parts;
                self.pending_source(condition)
            }
            NodeKind::Quantified(quantified) => match &quantified.each.over {
                Over::Rows(source, _) => self.pending(source),
                Over::Elements(list) => self.pending_source(list),
            },
            _ => None,
        }
    }

    fn pending(&self, source: &RowSource) -> Option<RowSource> {
        match source {
            RowSource::Related(from, _) if self.place(source).is_none() => {
                self.pending(from).or_else(|| Some(source.clone()))
            }
            _ => None,
        }
    }

    /// A condition in a subselect at a row: no row, no answer, which is the error it should be. Several rows, which the catalogue excludes,
    /// are an error of the database.
    pub(super) fn condition_at(
        &mut self,
        source: &RowSource,
        node: &Node,
        mode: Mode,
    ) -> Made<Sql> {
        let within = |translator: &mut Self| translator.condition(node, mode);
        let Some((found, condition)) = self.at(source, node, within)? else {
            return Ok("NULL::boolean".into());
        };
        Ok(found.selected(condition))
    }

    /// A value in a subselect at a row.
    pub(super) fn scalar_at(&mut self, source: &RowSource, node: &Node) -> Made<Scalar> {
        let within = |translator: &mut Self| translator.scalar(node);
        let Some((found, scalar)) = self.at(source, node, within)? else {
            let Some(carrier) = Carrier::of(&node.ty) else {
                return Outside::of(Why::Dynamic, node);
            };
            let nothing = sql!["NULL", carrier.cast()];
            return Ok(Scalar::new(nothing, carrier, Null::Error));
        };
        let null = match scalar.null {
            Null::Never | Null::Error => Null::Error,
            Null::Meant => Null::Told(sql![found.selected("true".into()), " IS NULL"]),
            Null::Told(fails) => {
                let told = sql!["COALESCE(", fails, ", false)"];
                Null::Told(sql!["COALESCE(", found.selected(told), ", true)"])
            }
        };
        Ok(Scalar {
            odd: scalar.odd.map(|odd| found.selected(odd)),
            sql: found.selected(scalar.sql),
            null,
            ..scalar
        })
    }

    /// What stands at a row of a to-one relation; `None` where its absence is certain to be an error.
    fn at<T>(
        &mut self,
        source: &RowSource,
        node: &Node,
        within: impl FnOnce(&mut Self) -> Made<T>,
    ) -> Made<Option<(Found, T)>> {
        let RowSource::Related(from, follow) = source else {
            return Outside::of(Why::UnknownTable, node);
        };
        let Some(found) = self.follow(node, from, follow, true)? else {
            return Ok(None);
        };
        self.rows.push(Seen {
            source: source.clone(),
            table: found.table,
            alias: found.alias,
        });
        let made = within(self);
        self.rows.pop();
        Ok(Some((found, made?)))
    }

    /// The rows that a relation leads to; `None` where it starts from no row, or from a column that nobody knows.
    pub(super) fn follow(
        &mut self,
        node: &Node,
        from: &RowSource,
        follow: &Follow,
        is_to_one: bool,
    ) -> Made<Option<Found>> {
        let world = self.stand.world;
        let Some(shape) = world.relations.get(follow.relation.0 as usize) else {
            return Outside::of(Why::UnknownTable, node);
        };
        let Some(facts) = self.stand.facts(shape.to) else {
            return Outside::of(Why::UnknownTable, node);
        };
        let alias = self.fresh_alias();
        let mut matched = Sql::default();
        for (position, (mine, theirs)) in shape.matches.iter().enumerate() {
            let (Some(theirs), Some(mine_facts)) =
                (facts.at(*theirs), self.stand.column(shape.from, *mine))
            else {
                return Outside::of(Why::UnknownTable, node);
            };
            is_followed_exactly(mine_facts, theirs, is_to_one)
                .map_err(|why| Outside::new(why, &node.range))?;
            let key = match from {
                RowSource::Image(variable) if self.origin(from, *mine) == Origin::Frame => {
                    if !self.stand.image(*variable).is_known(*mine) {
                        return Ok(None);
                    }
                    let hole = self.text_hole(*variable, *mine);
                    sql![Sql::hole(hole), Sql::cast_to(mine_facts)]
                }
                _ => {
                    let cell = self.cell(node, from, *mine)?;
                    let collate = if needs_collation(mine_facts, theirs) {
                        " COLLATE \"default\""
                    } else {
                        ""
                    };
                    sql![cell.sql, collate]
                }
            };
            if position > 0 {
                matched = matched.with(" AND ");
            }
            matched = sql![
                matched,
                Sql::column(alias, theirs.name.as_str()),
                " = ",
                key
            ];
        }
        self.reads.insert(shape.to);
        Ok(Some(Found {
            table: shape.to,
            alias,
            from: sql![Sql::table(&facts.target), " ", Sql::alias(alias)],
            matched,
        }))
    }

    /// `x.relation == null`.
    pub(super) fn absent(&mut self, node: &Node, source: &RowSource) -> Made<Sql> {
        match source {
            RowSource::Related(from, follow) => {
                Ok(match self.follow(node, from, follow, true)? {
                    Some(found) => sql![found.selected("true".into()), " IS NULL"],
                    None => "NULL::boolean".into(),
                })
            }
            RowSource::Image(_) | RowSource::Bound(_) => Ok("false".into()),
        }
    }

    /// How many rows a relation leads to.
    pub(super) fn count(
        &mut self,
        node: &Node,
        source: &RowSource,
        follow: &Follow,
    ) -> Made<Scalar> {
        let sql = match self.follow(node, source, follow, false)? {
            Some(found) => found.selected("count(*)".into()),
            None => "NULL::int8".into(),
        };
        Ok(Scalar::new(sql, Carrier::Int, Null::Error))
    }
}

impl Found {
    /// Something of these rows.
    pub(super) fn selected(&self, what: Sql) -> Sql {
        sql![
            "(SELECT ",
            what,
            " FROM ",
            &self.from,
            " WHERE ",
            &self.matched,
            ")"
        ]
    }
}

/// Whether SQL finds the rows that reading by the texts of our columns finds, and no more than one where one is promised.
fn is_followed_exactly(mine: &Column, theirs: &Column, is_to_one: bool) -> Result<(), Why> {
    if is_to_one && !is_deterministic(theirs) {
        return Err(Why::Collation);
    }
    let names = (collation(mine), collation(theirs));
    match names {
        (Some(mine), Some(theirs)) if mine != theirs => Err(Why::Collation),
        _ => Ok(()),
    }
}

/// Whether our collation would win over theirs, the default, by which the text of a key is looked up.
fn needs_collation(mine: &Column, theirs: &Column) -> bool {
    collation(mine).is_some() && collation(theirs).is_none()
}

fn collation(column: &Column) -> Option<&str> {
    column.collation.as_ref().map(|collation| &*collation.name)
}
