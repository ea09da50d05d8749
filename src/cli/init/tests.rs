use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;
use crate::catalog::{
    Column, ColumnPrivileges, ColumnType, Generation, Index, Kind, Table, TableKind,
};
use crate::cli::arguments::File;
use crate::document;
use crate::plan;
use crate::reload;
use crate::schema::compile;
use crate::settings::Flags;
use crate::vocabulary::names::Target;
use crate::vocabulary::row::ColumnId;

/// A folder that is gone when the test is.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("rulegate-init-{}-{number}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What `rulegate check` says of what was written, triggers aside: nobody can write them away.
fn problems(files: &[Written], catalog: &Catalog) -> Vec<String> {
    let scratch = Scratch::new();
    write(&scratch.0, files).unwrap();
    let environment = |name: &str| match name {
        "DATABASE_URL" => Some("postgres://localhost/x".to_owned()),
        _ => Some("https://login.example.com/keys".to_owned()),
    };
    let loading = reload::load(&scratch.0, &environment, &Flags::default());
    let compilation = plan::compile(&loading.rules, catalog);
    let mut problems = loading.problems.clone();
    problems.append(compilation.problems);
    if let Some(plan) = compilation.plan {
        assert!(plan.tables().all(|table| table.grants.is_empty()));
    }
    problems
        .sorted()
        .into_iter()
        .map(|problem| problem.message.clone())
        .filter(|message| !message.starts_with("trigger "))
        .collect()
}

fn written(catalog: &Catalog) -> Vec<Written> {
    let choice = Choice::of(catalog, &schemas(catalog));
    files(&choice, catalog, Tenant::find(&choice).as_ref())
}

fn schemas(catalog: &Catalog) -> Vec<String> {
    let all: BTreeSet<String> = catalog
        .tables
        .keys()
        .map(|target| target.schema.to_string())
        .collect();
    all.into_iter().collect()
}

/// The suggested guard, taken.
fn with_guard(files: &[Written]) -> Vec<Written> {
    let mut files = files.to_vec();
    let text = &mut files[0].1;
    let (before, after) = text.split_once("# guards:").unwrap();
    let after: Vec<&str> = after
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .collect();
    let claim = TENANT_CLAIM;
    assert!(before.contains(claim));
    *text = format!(
        "{}guards:{}\n",
        before.replace(claim, &claim.replace("# ", "")),
        after.join("\n")
    );
    files
}

const TENANT_CLAIM: &str = "      # org_id: ";

/// Each file fits the schema that its first line names.
fn fits(files: &[Written]) -> bool {
    let validator = |file| compile(&schema::schema(file), &BTreeMap::new()).unwrap();
    let (rules, settings) = (validator(File::Rules), validator(File::Settings));
    let yaml = files
        .iter()
        .filter(|(name, _)| name.extension().is_some_and(|ending| ending == "yaml"));
    yaml.into_iter().all(|(name, text)| {
        let value = document::parse("f", text).0.unwrap().to_json();
        if name == Path::new("rulegate.yaml") {
            settings.errors(&value).is_empty()
        } else {
            rules.errors(&value).is_empty()
        }
    })
}

const SHOP: &str = r#"
role login app writing app
server 150000
table app.members ordinary
  column org_id uuid not_null
  column user_id uuid not_null
  index members_pkey primary unique (org_id, user_id)
table public.Orders ordinary
  column "Order No" int8 not_null identity_always
  column org_id uuid not_null
  column "customer: #1" uuid
  column status enum(open, "closed, paid") not_null default
  column total numeric(10, 2) not_null
  column note varchar(200)
  column both text generated
  index orders_pkey primary unique ("Order No")
  index orders_org unique (org_id, "Order No")
table public.lines ordinary
  column id uuid not_null
  column org_id uuid not_null
  column order_id int8 not_null
  column parent uuid
  column code char(3)
  index lines_pkey primary unique (id)
  foreign_key lines_order (org_id, order_id) references public.Orders (org_id, "Order No")
  foreign_key lines_parent (parent) references public.lines (id)
table public.nothing ordinary
  column value text
table public.orders_view view
  column id uuid
table public.null ordinary
  column id int8 not_null
  column if text
  column true bool
  index null_pkey primary unique (id)
table public.rulegate ordinary
  column slug text not_null
  column id text
  index rulegate_slug unique (slug)
"#;

fn shop() -> Catalog {
    Catalog::parse(SHOP).unwrap()
}

#[test]
fn what_is_written_for_a_shop_passes_check_with_and_without_its_guard() {
    let catalog = shop();
    let files = written(&catalog);
    assert_eq!(problems(&files, &catalog), Vec::<String>::new());
    assert_eq!(
        problems(&with_guard(&files), &catalog),
        Vec::<String>::new()
    );
    assert!(fits(&files));
    let lines = &files
        .iter()
        .find(|(name, _)| name == Path::new("lines.yaml"))
        .unwrap()
        .1;
    for wanted in [
        "  order: { table: Orders, match: { org_id: org_id, \"Order No\": order_id } }\n",
        "  parent_row: { table: lines, match: { id: parent } }\n",
        "  code: { schema: { type: [string, \"null\"], maxLength: 3 } }",
    ] {
        assert!(lines.contains(wanted), "{lines}");
    }
}

#[test]
fn tables_that_cannot_have_rules_are_named_with_the_reason() {
    let catalog = shop();
    let choice = Choice::of(&catalog, &schemas(&catalog));
    let refused: Vec<String> = choice
        .refused
        .iter()
        .map(|(target, why)| format!("{target}: {why}"))
        .collect();
    assert_eq!(refused.len(), 3, "{refused:#?}");
    for (refused, words) in refused.iter().zip([
        "app.members: its primary key has several columns",
        "public.nothing: it has no key",
        "public.orders_view: it is a view",
    ]) {
        assert!(refused.starts_with(words), "{refused}");
    }
    let names: Vec<(&str, &str)> = choice
        .tables
        .iter()
        .map(|table| (table.name.as_str(), table.file.as_str()))
        .collect();
    assert!(
        names.contains(&("rulegate", "rulegate-2.yaml")) && names.contains(&("null", "null.yaml")),
        "{names:?}"
    );
}

#[test]
fn a_name_that_two_schemas_have_belongs_to_the_first_that_was_asked_for() {
    let text = "role login app writing app\nserver 150000\ntable a.t ordinary\n  column id uuid not_null\n  index k primary unique (id)\ntable b.t ordinary\n  column id uuid not_null\n  index k primary unique (id)\n";
    let catalog = Catalog::parse(text).unwrap();
    for (schemas, wanted) in [
        (["a", "b"], ["a.t t", "b.t b_t"]),
        (["b", "a"], ["b.t t", "a.t a_t"]),
    ] {
        let choice = Choice::of(&catalog, &schemas.map(str::to_owned));
        let names = choice
            .tables
            .iter()
            .map(|table| format!("{} {}", table.facts.target, table.name));
        assert_eq!(names.collect::<Vec<_>>(), wanted);
    }
}

#[test]
fn the_catalogues_of_the_cases_pass() {
    let mut count = 0;
    for case in fs::read_dir("tests/cases/check").unwrap() {
        let text = fs::read_to_string(case.unwrap().path().join("catalog.txt")).unwrap();
        let catalog = Catalog::parse(&text).unwrap();
        let files = written(&catalog);
        // A catalogue without any table that rules can be for is refused before.
        if files.len() > 3 {
            assert_eq!(problems(&files, &catalog), Vec::<String>::new(), "{text}");
            assert!(fits(&files));
            count += 1;
        }
    }
    assert!(count > 8, "{count}");
}

#[test]
fn two_hundred_tables_pass() {
    let mut text = "role login app writing app\nserver 150000\n".to_owned();
    for number in 0..200 {
        let _ = write!(
            text,
            "table public.t{number} ordinary\n  column id uuid not_null\n  column up_id uuid\n  index k{number} primary unique (id)\n  foreign_key f{number} (up_id) references public.t{} (id)\n",
            number / 2
        );
    }
    let catalog = Catalog::parse(&text).unwrap();
    let files = written(&catalog);
    assert_eq!(files.len(), 203);
    assert_eq!(problems(&files, &catalog), Vec::<String>::new());
}

#[test]
fn nothing_is_overwritten_and_what_is_in_the_way_is_named() {
    let scratch = Scratch::new();
    let files = written(&shop());
    fs::create_dir_all(&scratch.0).unwrap();
    fs::write(scratch.0.join("lines.yaml"), "mine").unwrap();
    let why = write(&scratch.0, &files).unwrap_err();
    assert!(
        why.why().contains("lines.yaml") && !why.why().contains("Orders.yaml"),
        "{}",
        why.why()
    );
    let left: Vec<_> = fs::read_dir(&scratch.0).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(
        fs::read_to_string(scratch.0.join("lines.yaml")).unwrap(),
        "mine"
    );
}

#[test]
fn a_schema_of_ours_is_in_nobodys_way() {
    let scratch = Scratch::new();
    let files = written(&shop());
    let (name, text) = &files[1];
    fs::create_dir_all(scratch.0.join(".schema")).unwrap();
    fs::write(scratch.0.join(name), text).unwrap();
    write(&scratch.0, &files).unwrap();
    assert!(write(&scratch.0, &files).is_err());
}

fn kind() -> impl Strategy<Value = (Kind, &'static str)> {
    prop_oneof![
        Just((Kind::Uuid, "uuid")),
        Just((Kind::Text, "text")),
        Just((Kind::Int8, "bigint")),
        Just((Kind::Varchar(Some(5)), "character varying")),
        Just((Kind::Char(5), "character")),
        Just((Kind::Numeric(Some((5, 7))), "numeric")),
        Just((Kind::Numeric(Some((1000, -3))), "numeric")),
        Just((Kind::Timestamptz(6), "timestamp with time zone")),
        Just((
            Kind::Enum(["a\n#b".into(), "c".into()].into()),
            "\"My\nenum\""
        )),
        Just((Kind::Other, "inet")),
    ]
}

/// What Postgres takes for a name, and what is common.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,3}",
        "\\PC{1,6}",
        "[\\x01-\\x7f]{1,4}",
        prop::sample::select(vec![
            "id",
            "org_id",
            "tenant_id",
            "owner_id",
            "created_at",
            "null",
            "Yes",
            "if",
            "rulegate",
            "a.b",
            "#",
            "- a",
            "~",
            "1"
        ])
        .prop_map(str::to_owned),
    ]
}

fn generated_table() -> impl Strategy<Value = Table> {
    let generation = prop_oneof![
        4 => Just(Generation::None),
        1 => Just(Generation::Stored),
        1 => Just(Generation::IdentityAlways),
    ];
    let column = (name(), kind(), generation, any::<bool>());
    let columns = prop::collection::vec(column, 1..6);
    (
        name(),
        prop_oneof![3 => Just("public".to_owned()), 1 => name()],
        columns,
        0_usize..6,
    )
        .prop_map(|(table, schema, columns, key)| {
            let mut seen = BTreeSet::new();
            let columns: Vec<Column> = columns
                .into_iter()
                .filter(|(name, ..)| seen.insert(name.clone()))
                .map(|(name, (kind, cast), generation, not_null)| Column {
                    name: name.into(),
                    ty: ColumnType {
                        kind,
                        cast: cast.into(),
                        domain: None,
                    },
                    not_null,
                    has_default: false,
                    generation,
                    collation: None,
                    privileges: ColumnPrivileges::default(),
                })
                .collect();
            let key = u16::try_from(key % columns.len()).unwrap();
            let index = Index {
                name: "key".into(),
                columns: vec![Some(ColumnId(key))],
                is_unique: true,
                is_valid: true,
                is_immediate: true,
                is_partial: false,
                is_primary: true,
            };
            Table {
                is_inherited: false,
                is_rewritten: false,
                target: Target {
                    schema: schema.into(),
                    table: table.into(),
                },
                kind: TableKind::Ordinary,
                columns,
                indexes: vec![index],
                foreign_keys: Vec::new(),
                triggers: Vec::new(),
                rls: crate::catalog::Rls::default(),
                may_delete: false,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_names_and_types_what_is_written_passes_check(tables in prop::collection::vec(generated_table(), 1..5)) {
        let mut catalog = shop();
        for table in tables {
            catalog.tables.insert(table.target.clone(), table);
        }
        let files = written(&catalog);
        prop_assert_eq!(problems(&files, &catalog), Vec::<String>::new());
        prop_assert!(fits(&files));
        for (name, _) in &files {
            prop_assert!(name.components().count() <= 2 && !name.to_string_lossy().contains(".."));
        }
    }
}
