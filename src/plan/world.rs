//! The tables, relations and claims that expressions can name, from rules and catalogue.

use std::collections::BTreeMap;

use crate::catalog::{self, Catalog, Generation};
use crate::expr::{
    ColumnShape, RelationId, RelationShape, TableId, TableShape, World, claims_shape,
};
use crate::plan::is_matchable;
use crate::rules::{RelationRule, RuleSet, TableRules};
use crate::vocabulary::names::{ColumnName, TableName, Target};
use crate::vocabulary::place::Spanned;
use crate::vocabulary::problem::{Problem, Problems};
use crate::vocabulary::row::ColumnId;
use crate::vocabulary::suggest::closest;

/// The world, and which names of rules and database its ids stand for.
#[derive(Default)]
pub(super) struct Built {
    /// What expressions see.
    pub world: World,
    /// The target behind each `TableId`.
    pub targets: Vec<Target>,
    /// The `TableId` of each table with rules.
    pub names: BTreeMap<TableName, TableId>,
    /// Where each relation leads, in the order the rules are written; `None` where one does not resolve.
    pub relation_targets: Vec<Option<Target>>,
}

/// The world while it is made: tables with rules first, in file order, then those that only relations reach.
struct Builder<'a> {
    catalog: &'a Catalog,
    facts: Vec<&'a catalog::Table>,
    built: Built,
}

/// Makes the world. A table whose target does not exist gets no entry; the problem is reported where its rules are compiled.
pub(super) fn build(rules: &RuleSet, catalog: &Catalog, problems: &mut Problems) -> Built {
    let mut builder = Builder {
        catalog,
        facts: Vec::new(),
        built: Built::default(),
    };
    builder.built.world.claims = claims_shape(rules.claims.as_ref().map(|claims| &claims.node));
    for table in &rules.tables {
        if let Some(id) = builder.table(&table.target.node, table.table.node.as_str()) {
            builder.built.names.insert(table.table.node.clone(), id);
            builder.computed(id, table);
        }
    }
    for table in &rules.tables {
        let from = builder.built.names.get(&table.table.node).copied();
        for relation in &table.relations {
            let target = from.and_then(|from| builder.relation(from, relation, problems));
            builder.built.relation_targets.push(target);
        }
    }
    builder.built
}

impl<'a> Builder<'a> {
    fn table(&mut self, target: &Target, name: &str) -> Option<TableId> {
        if let Some(position) = self.built.targets.iter().position(|known| known == target) {
            return u32::try_from(position).ok().map(TableId);
        }
        let facts = self.catalog.tables.get(target)?;
        let id = TableId(u32::try_from(self.facts.len()).ok()?);
        self.facts.push(facts);
        self.built.targets.push(target.clone());
        self.built.world.tables.push(shape(name, facts));
        Some(id)
    }

    fn computed(&mut self, id: TableId, rules: &TableRules) {
        let Some(shape) = self.built.world.tables.get_mut(id.0 as usize) else {
            return;
        };
        for (name, source) in &rules.computed {
            shape.computed.insert(name.node.clone(), source.clone());
        }
    }

    /// Adds a relation; the target it leads to, where that exists.
    fn relation(
        &mut self,
        from: TableId,
        rule: &RelationRule,
        problems: &mut Problems,
    ) -> Option<Target> {
        let Some(to) = self.destination(&rule.table) else {
            problems.push(self.unknown_table(&rule.table));
            return None;
        };
        let (mine, theirs) = (self.facts_of(from)?, self.facts_of(to)?);
        let matches = matches(rule, mine, theirs, problems)?;
        let covered = matches.iter().map(|(_, theirs)| *theirs).collect();
        let is_to_one = theirs.is_unique_over(&covered);
        if !is_to_one && !theirs.has_index_over(&covered) {
            problems.push(missing_index(rule, theirs));
        }
        let id = RelationId(u32::try_from(self.built.world.relations.len()).ok()?);
        self.built.world.relations.push(RelationShape {
            name: rule.name.node.clone(),
            from,
            to,
            is_to_one,
            matches,
        });
        let shape = self.built.world.tables.get_mut(from.0 as usize)?;
        shape.relations.insert(rule.name.node.clone(), id);
        Some(theirs.target.clone())
    }

    fn destination(&mut self, name: &Spanned<TableName>) -> Option<TableId> {
        let with_rules = self.built.names.get(&name.node).copied();
        with_rules.or_else(|| self.table(&Target::parse(name.node.as_str()), name.node.as_str()))
    }

    fn facts_of(&self, id: TableId) -> Option<&'a catalog::Table> {
        self.facts.get(id.0 as usize).copied()
    }

    fn unknown_table(&self, name: &Spanned<TableName>) -> Problem {
        let problem = Problem::error(
            name.place.clone(),
            format!(
                "no rules and no table of the database are called `{}`",
                name.node
            ),
        );
        let known = self.built.names.keys().map(TableName::as_str);
        match closest(name.node.as_str(), known) {
            Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
            None => problem.help(
                "write the app's name of a table with rules, or the database's `schema.table`",
            ),
        }
    }
}

fn shape(name: &str, facts: &catalog::Table) -> TableShape {
    TableShape {
        name: name.to_owned(),
        columns: facts
            .columns
            .iter()
            .map(|column| ColumnShape {
                name: column.name.clone(),
                ty: column.ty.clone(),
                is_nullable: !column.not_null,
                is_generated: column.generation == Generation::Stored,
            })
            .collect(),
        relations: BTreeMap::new(),
        computed: BTreeMap::new(),
    }
}

fn matches(
    rule: &RelationRule,
    mine: &catalog::Table,
    theirs: &catalog::Table,
    problems: &mut Problems,
) -> Option<Vec<(ColumnId, ColumnId)>> {
    let mut pairs = Vec::new();
    for (their_column, my_column) in &rule.matches {
        let their = find(theirs, their_column, problems);
        let my = find(mine, my_column, problems);
        let (Some((their_id, their)), Some((my_id, my))) = (their, my) else {
            continue;
        };
        if is_matchable(&my.ty, &their.ty) {
            pairs.push((my_id, their_id));
        } else {
            problems.push(
                Problem::error(
                    my_column.place.clone(),
                    format!(
                        "`{}` ({}) cannot match `{}` ({}): the types differ",
                        my.name, my.ty.cast, their.name, their.ty.cast
                    ),
                )
                .help("match columns of one type"),
            );
        }
    }
    (pairs.len() == rule.matches.len() && !pairs.is_empty()).then_some(pairs)
}

/// The column of a name, or a problem that suggests another.
pub(super) fn find<'t>(
    table: &'t catalog::Table,
    name: &Spanned<ColumnName>,
    problems: &mut Problems,
) -> Option<(ColumnId, &'t catalog::Column)> {
    let found = table.column(name.node.as_str());
    if found.is_none() {
        let problem = Problem::error(
            name.place.clone(),
            format!("table `{}` has no column `{}`", table.target, name.node),
        );
        let known = table.columns.iter().map(|column| column.name.as_str());
        problems.push(match closest(name.node.as_str(), known) {
            Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
            None => problem.help(format!("its columns are {}", list(table))),
        });
    }
    found
}

fn list(table: &catalog::Table) -> String {
    let names: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("`{}`", column.name))
        .collect();
    names.join(", ")
}

fn missing_index(rule: &RelationRule, theirs: &catalog::Table) -> Problem {
    let columns: Vec<&str> = rule
        .matches
        .iter()
        .map(|(theirs, _)| theirs.node.as_str())
        .collect();
    Problem::error(
        rule.name.place.clone(),
        format!(
            "relation `{}` has no index to follow: every upload would read all of `{}`",
            rule.name.node, theirs.target
        ),
    )
    .help(format!(
        "CREATE INDEX ON {} ({});",
        theirs.target,
        columns.join(", ")
    ))
}
