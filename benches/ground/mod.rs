//! What the benches stand on: the starter rules over their catalogue, a user, rows.

use std::collections::BTreeSet;
use std::path::Path;

use rulegate::auth::Principal;
use rulegate::catalog::Catalog;
use rulegate::expr::{self, Compiled, Expected, Need, Related, Scope, TableId, Variable};
use rulegate::plan::{self, Plan};
use rulegate::reload;
use rulegate::request;
use rulegate::rules::RuleSet;
use rulegate::settings::Flags;
use rulegate::vocabulary::names::FieldName;
use rulegate::vocabulary::row::Row;
use rulegate::vocabulary::value::Value;

pub const ANN: &str = "00000000-0000-0000-0000-00000000000a";
pub const HOME: &str = "00000000-0000-0000-0000-000000000001";
pub const MILK: &str = "00000000-0000-0000-0000-0000000000f1";

/// Reads a rules folder.
pub fn rules(folder: &Path) -> RuleSet {
    let jwks = |name: &str| (name == "JWKS_URI").then(|| "https://login.example.com/k".to_owned());
    let loading = reload::load(folder, &jwks, &Flags::default());
    assert!(!loading.problems.has_errors(), "{:?}", loading.problems);
    loading.rules
}

/// The starter rules over their catalogue.
pub fn plan() -> Plan {
    let catalog = Catalog::parse(include_str!("catalogue.txt")).unwrap();
    let compilation = plan::compile(&rules(Path::new("rules")), &catalog);
    assert!(compilation.plan.is_some(), "{:?}", compilation.problems);
    compilation.plan.unwrap()
}

/// Ann, with the claims that tokens usually carry.
pub fn ann() -> Principal {
    let claims = serde_json::json!({
        "sub": ANN, "iss": "https://login.example.com", "aud": ["powersync"], "exp": 1_767_229_200, "iat": 1_767_225_600,
        "role": "member", "email": "ann@example.com",
    });
    Principal {
        issuer: None,
        subject: ANN.to_owned(),
        claims: Value::from_json(&claims),
        claims_json: claims.to_string(),
    }
}

/// A row of a table from the texts of its columns; those that are not named are NULL.
pub fn row(plan: &Plan, table: &str, texts: &[(&str, &str)]) -> Row {
    let facts = &plan.table(table).unwrap().facts;
    let mut row = Row::unread(facts.columns.len());
    for (id, column) in facts.ids() {
        let text = texts
            .iter()
            .find(|(name, _)| *name == column.name.as_str())
            .map(|(_, text)| *text);
        row.set(id, request::stored(text, &column.ty));
    }
    row
}

/// Ann's first task in the list Home.
pub fn todo(plan: &Plan) -> Row {
    let texts = [
        ("id", MILK),
        ("list_id", HOME),
        ("description", "Milk"),
        ("completed", "false"),
        ("created_by", ANN),
        ("created_at", "2026-01-01 00:00:00+00"),
    ];
    row(plan, "todos", &texts)
}

/// The rows that the judge asked for: Ann's list.
pub fn related(plan: &Plan, needs: BTreeSet<Need>) -> Related {
    let mut related = Related::default();
    let home = row(plan, "lists", &[("id", HOME), ("owner_id", ANN)]);
    for need in needs {
        related.insert(need, [home.clone()].into());
    }
    related
}

/// A condition on todos.
pub fn condition(plan: &Plan, text: &str) -> Compiled {
    let names = plan.world().tables.iter().map(|table| table.name.as_str());
    let position = names.into_iter().position(|name| name == "todos").unwrap();
    let fields: BTreeSet<FieldName> = [FieldName::from("completed")].into();
    let scope = Scope {
        world: plan.world(),
        table: Some(TableId(position.try_into().unwrap())),
        variables: &[
            Variable::Auth,
            Variable::This,
            Variable::Old,
            Variable::New,
            Variable::Op,
            Variable::Changed,
            Variable::Request,
        ],
        fields: &fields,
        expected: Expected::Condition,
        defines: None,
    };
    expr::compile(text, &scope).unwrap()
}
