//! The tables, relations and claims that expressions can name, from rules and catalogue.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Catalog, Generation};
use crate::expr::{
    ColumnShape, RelationId, RelationShape, TableId, TableShape, World, claims_shape,
};
use crate::plan::computed;
use crate::plan::matches::{is_table, matches, missing_index};
use crate::rules::{RelationRule, RuleSet, TableRules};
use crate::vocabulary::names::{ColumnName, MemberName, TableName, Target};
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
    /// Tables whose rules or target came to nothing.
    lost: BTreeSet<TableName>,
    /// The targets that lost tables seem to mean: their rules say more of those than is known here.
    meant: BTreeSet<Target>,
    built: Built,
}

/// Makes the world.
pub(super) fn build(
    rules: &RuleSet,
    catalog: &Catalog,
    claims: Option<&serde_json::Value>,
    problems: &mut Problems,
) -> Built {
    let mut builder = Builder {
        catalog,
        facts: Vec::new(),
        lost: rules.unread.tables.clone(),
        meant: BTreeSet::new(),
        built: Built::default(),
    };
    builder.built.world.claims = claims_shape(claims);
    for table in &rules.tables {
        builder.table_with_rules(table, problems);
    }
    for table in &rules.tables {
        let from = builder.built.names.get(&table.table.node).copied();
        for relation in &table.relations {
            let target = from.and_then(|from| builder.relation(from, relation, problems));
            builder.built.relation_targets.push(target);
        }
    }
    builder.leave_open_what_is_meant();
    let Built { world, names, .. } = &mut builder.built;
    computed::settle(rules, names, world, problems);
    builder.built
}

impl<'a> Builder<'a> {
    /// Takes a table with rules in; one whose target does not exist is lost, and told of here alone.
    fn table_with_rules(&mut self, rules: &TableRules, problems: &mut Problems) {
        if rules.is_unread("target") {
            self.lost.insert(rules.table.node.clone());
            return;
        }
        let name = rules.table.node.as_str();
        let Some(id) = self.table(&rules.target.node, name) else {
            let meant = nearest_target(&rules.target.node, self.catalog);
            problems.push(unknown_target(rules, meant));
            self.meant.extend(meant.cloned());
            self.lost.insert(rules.table.node.clone());
            return;
        };
        self.built.names.insert(rules.table.node.clone(), id);
        if let Some(shape) = self.shape_of(id) {
            shape.broken.extend(rules.unread_members.iter().cloned());
            shape.is_incomplete |= ["relations", "computed", "columns"]
                .iter()
                .any(|key| rules.is_unread(key));
        }
        let Some(facts) = self.facts_of(id) else {
            return;
        };
        let relations = rules.relations.iter().map(|relation| &relation.name);
        for name in relations.chain(rules.computed.iter().map(|(name, _)| name)) {
            if facts.column(name.node.as_str()).is_some() {
                problems.push(taken(name, facts));
                self.forget(id, &name.node);
            }
        }
    }

    fn leave_open_what_is_meant(&mut self) {
        let tables = self.built.targets.iter().zip(&mut self.built.world.tables);
        for (_, shape) in tables.filter(|(target, _)| self.meant.contains(target)) {
            shape.is_incomplete = true;
        }
    }

    /// A name that comes to nothing: what is wrong with it has been told.
    fn forget(&mut self, id: TableId, name: &MemberName) {
        if let Some(shape) = self.shape_of(id) {
            shape.broken.insert(name.clone());
        }
    }

    fn shape_of(&mut self, id: TableId) -> Option<&mut TableShape> {
        self.built.world.tables.get_mut(id.0 as usize)
    }

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

    /// Adds a relation; the target it leads to, where that exists. One that comes to nothing stays known by its name.
    fn relation(
        &mut self,
        from: TableId,
        rule: &RelationRule,
        problems: &mut Problems,
    ) -> Option<Target> {
        let target = self.resolved(from, rule, problems);
        if target.is_none() {
            self.forget(from, &rule.name.node);
        }
        target
    }

    fn resolved(
        &mut self,
        from: TableId,
        rule: &RelationRule,
        problems: &mut Problems,
    ) -> Option<Target> {
        let with_rules = self.built.names.get(&rule.table.node).copied();
        if with_rules.is_none() && self.lost.contains(&rule.table.node) {
            return None;
        }
        let Some(to) = self.destination(&rule.table) else {
            problems.push(self.unknown_table(&rule.table));
            return None;
        };
        let (mine, theirs) = (self.facts_of(from)?, self.facts_of(to)?);
        let matches = matches(rule, mine, theirs, problems)?;
        let covered = matches.iter().map(|(_, theirs)| *theirs).collect();
        let is_to_one = theirs.is_unique_over(&covered);
        if !is_to_one && !theirs.has_index_over(&covered) {
            // A view that has rules of its own is told of there.
            if is_table(theirs) || with_rules.is_none() {
                problems.push(missing_index(rule, theirs));
            }
            return None;
        }
        let id = RelationId(u32::try_from(self.built.world.relations.len()).ok()?);
        self.built.world.relations.push(RelationShape {
            name: rule.name.node.clone(),
            from,
            to,
            is_to_one,
            matches,
        });
        let shape = self.shape_of(from)?;
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
        broken: BTreeSet::new(),
        is_incomplete: false,
    }
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

/// A relation or computed value that a column hides.
fn taken(name: &Spanned<MemberName>, facts: &catalog::Table) -> Problem {
    let message = format!(
        "`{}` is a column of `{}`, so nothing else can have this name",
        name.node, facts.target
    );
    Problem::error(name.place.clone(), message).help("choose another name")
}

fn nearest_target<'c>(target: &Target, catalog: &'c Catalog) -> Option<&'c Target> {
    let known: Vec<String> = catalog.tables.keys().map(ToString::to_string).collect();
    let near = closest(&target.to_string(), known.iter().map(String::as_str))?;
    catalog
        .tables
        .keys()
        .find(|known| known.to_string() == near)
}

fn unknown_target(rules: &TableRules, meant: Option<&Target>) -> Problem {
    let message = format!("the database has no table `{}`", rules.target.node);
    let problem = Problem::error(rules.target.place.clone(), message);
    match meant {
        Some(meant) => problem.help(format!("did you mean `{}`?", written(meant, rules))),
        None => {
            problem.help("create the table first, or name another one with `target: schema.table`")
        }
    }
}

/// How a target would be written: as the app's name, where the rules give no other.
fn written(meant: &Target, rules: &TableRules) -> String {
    if rules.target.place == rules.table.place && &*meant.schema == "public" {
        format!("table: {}", meant.table)
    } else {
        format!("target: {meant}")
    }
}
