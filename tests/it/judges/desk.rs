//! One table, no database: conditions over a note, and the SQL that they become.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rulegate::catalog::Catalog;
use rulegate::expr::{
    Budget, ColumnShape, Compiled, Expected, Fragment, Frame, Image, Outside, Related, Scope,
    Stand, TableId, TableShape, Unfit, Variable, World, claims_shape, compile,
};
use rulegate::vocabulary::operation::Op;
use rulegate::vocabulary::place::{Place, SourceText};
use rulegate::vocabulary::value::{Timestamp, Value};
use serde_json::json;

const CATALOG: &str = "\
role login app writing app
server 150018
table public.notes ordinary
  column id uuid not_null
  column title text
  column letter char(3)
  column rank int4
  column weight float8
  column price numeric
  column due timestamptz(6)
  column doc jsonb
  index notes_pkey primary unique (id)
";

/// Conditions about a stored note.
pub struct Desk {
    catalog: Catalog,
    world: World,
}

impl Desk {
    /// With computed values of these names and texts.
    pub fn new(computed: &[(&str, &str)]) -> Self {
        let catalog = Catalog::parse(CATALOG).unwrap();
        let facts = catalog.tables.values().next().unwrap();
        let source = |text: &str| SourceText {
            text: text.into(),
            place: Place {
                file: Arc::from("notes.yaml"),
                start: 0,
                end: text.len(),
            },
            runs: Arc::new([(0, 0)]),
        };
        let notes = TableShape {
            name: "notes".to_owned(),
            columns: facts
                .columns
                .iter()
                .map(|column| ColumnShape {
                    name: column.name.clone(),
                    ty: column.ty.clone(),
                    is_nullable: !column.not_null,
                    is_generated: false,
                })
                .collect(),
            relations: BTreeMap::new(),
            computed: computed
                .iter()
                .map(|(name, text)| ((*name).into(), source(text)))
                .collect(),
            broken: BTreeSet::new(),
            is_incomplete: false,
        };
        let world = World {
            tables: vec![notes],
            relations: Vec::new(),
            claims: claims_shape(Some(&json!({
                "properties": {"sub": {"type": "string"}, "any": {}, "ids": {"type": "array", "items": {"type": "string"}}},
            }))),
        };
        Self { catalog, world }
    }

    pub fn compiled(&self, text: &str) -> Compiled {
        let scope = Scope {
            world: &self.world,
            table: Some(TableId(0)),
            defines: None,
            variables: &[
                Variable::Auth,
                Variable::Old,
                Variable::This,
                Variable::Request,
            ],
            fields: &BTreeSet::new(),
            expected: Expected::Condition,
        };
        compile(text, &scope).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
    }

    pub fn fragment(&self, text: &str) -> Result<Fragment, Outside> {
        let tables = [self.catalog.tables.values().next()];
        self.compiled(text).fragment(&Stand {
            world: &self.world,
            tables: &tables,
            table: TableId(0),
            old: Image::Stored,
            new: Image::Absent,
            this: Image::Stored,
            sent: None,
        })
    }

    /// What fills the holes of a condition for a caller.
    pub fn fills(
        &self,
        text: &str,
        auth: &serde_json::Value,
    ) -> Result<Vec<Option<String>>, Unfit> {
        let auth = Value::from_json(auth);
        let frame = Frame {
            auth: &auth,
            old: None,
            new: None,
            this: None,
            op: Op::Delete,
            changed: &BTreeSet::new(),
            time: Timestamp(1_767_225_600_000_001_000),
            request_id: "r1",
            metadata: None,
            related: &Related::default(),
        };
        let mut budget = Budget {
            steps_max: 10_000,
            steps_left: 10_000,
        };
        let fragment = self.fragment(text).unwrap();
        let holes = fragment.holes().iter();
        holes
            .map(|hole| Ok(hole.fill(&frame, &mut budget)?.map(|text| text.to_string())))
            .collect()
    }
}
