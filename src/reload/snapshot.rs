//! [`Snapshot`]: an edition of the rules against one reading of the catalogue. A request has one, and keeps it to its end.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use crate::catalog::Catalog;
use crate::plan::{self, Compilation, Plan};
use crate::reload::edition::Edition;
use crate::reload::guarded::{Closed, Guarded};
use crate::rules::RuleSet;
use crate::vocabulary::problem::Problems;

/// One plan: an edition of the rules against one reading of the catalogue. Immutable.
#[derive(Debug)]
pub struct Snapshot {
    /// The rules it was compiled from.
    pub edition: Arc<Edition>,
    /// The compiled rules.
    pub plan: Plan,
    /// What compiles, and its author should look at.
    pub warnings: Problems,
    /// When the reading of the catalogue began.
    pub read_at: Instant,
    /// The tables that no upload may touch.
    pub closed: Closed,
    pub(super) guarded: Guarded,
}

impl Snapshot {
    /// Rules against a catalogue whose reading began at `read_at`.
    pub fn compile(
        edition: Arc<Edition>,
        catalog: &Catalog,
        read_at: Instant,
    ) -> Result<Self, Problems> {
        let compilation = plan::compile(&edition.rules, catalog);
        Self::of(edition, compilation, &Guarded::default(), read_at)
    }

    /// The same, where tables were guarded before: a table that lost a guard since then is closed.
    fn of(
        edition: Arc<Edition>,
        compilation: Compilation,
        before: &Guarded,
        read_at: Instant,
    ) -> Result<Self, Problems> {
        let Some(plan) = compilation.plan else {
            return Err(compilation.problems);
        };
        let now = Guarded::by(&plan);
        let guarded = now.clone().and(before);
        Ok(Self {
            closed: guarded.closed_by(&now, &edition),
            guarded,
            edition,
            plan,
            warnings: compilation.problems,
            read_at,
        })
    }

    /// The same rules against another catalogue.
    pub(super) fn again(&self, catalog: &Catalog, read_at: Instant) -> Result<Self, Problems> {
        // That each table has a guard was seen when they came into force. One that has none any more is closed, and the others go on.
        let rules = RuleSet {
            require_guard: false,
            ..self.edition.rules.clone()
        };
        let compilation = plan::compile(&rules, catalog);
        Self::of(self.edition.clone(), compilation, &self.guarded, read_at)
    }

    /// The rules that follow these, against a catalogue.
    pub(super) fn followed_by(
        &self,
        edition: Arc<Edition>,
        catalog: &Catalog,
        read_at: Instant,
    ) -> Result<Self, Problems> {
        if edition.version == self.edition.version {
            return self.again(catalog, read_at);
        }
        let before = self.guarded.carried_over(&self.edition, &edition);
        let compilation = plan::compile(&edition.rules, catalog);
        Self::of(edition, compilation, &before, read_at)
    }

    /// 12 hex digits that name its rules.
    pub fn version(&self) -> &Arc<str> {
        &self.edition.version
    }

    /// The statements that it reads by.
    pub(super) fn statements(&self) -> BTreeSet<String> {
        let tables = self
            .plan
            .tables()
            .flat_map(|table| [&table.read_for_update, &table.read_for_delete]);
        let relations = self.plan.relations().map(|relation| &relation.read);
        tables
            .chain(relations)
            .map(|statement| statement.text.to_string())
            .collect()
    }
}
