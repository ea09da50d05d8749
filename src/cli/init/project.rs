//! The first rulegate.yaml, with the guard that the tables suggest.

use std::fmt::Write as _;

use crate::catalog::{Column, Kind};
use crate::cli::arguments::File;
use crate::cli::init::choice::Choice;
use crate::cli::init::words::yaml;
use crate::cli::schema;

/// Columns that say which tenant a row belongs to, the likelier first.
const TENANTS: &[&str] = &[
    "org_id",
    "organization_id",
    "organisation_id",
    "tenant_id",
    "workspace_id",
    "team_id",
    "company_id",
    "account_id",
];

const SETTINGS: &str = "\
# The project: where the data is, and who may ask. One file beside it for each table that an app may write.
# `rulegate check` says what is wrong, with the place and the cure. `rulegate check --settings` shows every setting and where it came from.
version: 1

database:
  type: postgresql
  uri: !env DATABASE_URL            # --database wins

client_auth:
  # Decide: where your login service publishes the keys of its tokens, for example https://login.example.com/.well-known/jwks.json.
  # `rulegate dev` signs with a key of its own where this variable is unset; `rulegate serve` does not start without it.
  jwks_uri: !env JWKS_URI
  audience: [powersync]             # decide: a token must be meant for one of these
  claims:                           # decide: JSON Schema of a token. It gives `auth` its type in the rules
    type: object
    required: [sub]
    properties:
      sub: { type: string }         # with `format: uuid` where your users have uuids
";

/// A guard that tables have in common.
pub struct Tenant<'c> {
    /// The column.
    pub column: &'static str,
    claim: &'static str,
    /// The app's names of the tables that have it.
    pub tables: Vec<&'c str>,
    /// Whether some table has the column in a way that a guard cannot set.
    is_for_some: bool,
}

/// The text of the file.
pub fn text(tenant: Option<&Tenant<'_>>) -> String {
    let mut text = schema::line(File::Settings) + SETTINGS;
    if let Some(tenant) = tenant {
        suggest(&mut text, tenant);
    }
    text
}

fn suggest(text: &mut String, tenant: &Tenant<'_>) {
    let Tenant {
        column,
        claim,
        tables,
        is_for_some,
    } = tenant;
    let names: Vec<String> = tables.iter().map(|table| yaml(table)).collect();
    let names = names.join(", ");
    let wanted = if *is_for_some {
        format!("[{names}]")
    } else {
        "\"*\"".to_owned()
    };
    let _ = write!(
        text,
        "      # {column}: {claim}

# Decide: `{column}` seems to say whose a row is, in {names}.
# With these lines, and with the claim above, no rule lets anybody out of their own:
# guards:
#   - tables: {wanted}
#     having: [{column}]
#     rule: this.{column} == auth.{column}
#     presets: {{ create: {{ {column}: auth.{column} }} }}
#     immutable: [{column}]
# require_guard: false                # without this line each other table needs a guard of its own, or `guard: none`
"
    );
}

impl<'c> Tenant<'c> {
    /// The likeliest one: the column that most tables have, of one type.
    pub fn find(choice: &'c Choice<'_>) -> Option<Self> {
        let found = TENANTS.iter().filter_map(|column| Self::at(choice, column));
        // The last of the greatest is taken, and the likelier stand first.
        found.rev().max_by_key(|tenant| tenant.tables.len())
    }

    fn at(choice: &'c Choice<'_>, column: &'static str) -> Option<Self> {
        let has = |candidate: &&Column| candidate.name.as_str() == column;
        let mut tenant = Self {
            column,
            claim: "",
            tables: Vec::new(),
            is_for_some: false,
        };
        for table in &choice.tables {
            let Some(found) = table.open().find(has) else {
                tenant.is_for_some |= table.facts.column(column).is_some();
                continue;
            };
            let claim = claim(found)?;
            if !tenant.tables.is_empty() && tenant.claim != claim {
                return None;
            }
            tenant.claim = claim;
            tenant.tables.push(&table.name);
        }
        (!tenant.tables.is_empty()).then_some(tenant)
    }
}

/// The claim that can equal a column.
fn claim(column: &Column) -> Option<&'static str> {
    match column.ty.kind {
        Kind::Uuid => Some("{ type: string, format: uuid }"),
        Kind::Text | Kind::Varchar(_) => Some("{ type: string }"),
        Kind::Int2 | Kind::Int4 | Kind::Int8 => Some("{ type: integer }"),
        _ => None,
    }
}
