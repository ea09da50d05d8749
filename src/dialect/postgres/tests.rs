use super::*;
use crate::catalog::Catalog;
use proptest::prelude::*;

const CATALOG: &str = "\
role login app writing app
server 150018
table public.Tasks ordinary
  column id uuid not_null
  column list_id uuid
  column \"Order No\" int4
  column title varchar(3)
  index tasks_pkey primary unique (id)
";

fn table() -> Table {
    Catalog::parse(CATALOG)
        .unwrap()
        .tables
        .into_values()
        .next()
        .unwrap()
}

#[test]
fn each_shape_is_the_statement_one_wants_to_see() {
    let table = table();
    let key = ColumnId(0);
    let columns = [ColumnId(0), ColumnId(2), ColumnId(3)];
    let cases = [
        (
            read_target(&table, key, &columns, Lock::Update),
            r#"SELECT (r."id")::text, (r."Order No")::text, (r."title")::text FROM "public"."Tasks" r WHERE r."id" = $1::text::uuid FOR NO KEY UPDATE"#,
        ),
        (
            read_target(&table, key, &[key], Lock::Delete),
            r#"SELECT (r."id")::text FROM "public"."Tasks" r WHERE r."id" = $1::text::uuid FOR UPDATE"#,
        ),
        (
            insert(&table, key, &columns, OnTakenKey::Nothing),
            r#"INSERT INTO "public"."Tasks" ("id", "Order No", "title") VALUES ($1::text::uuid, $2::text::integer, $3::text) ON CONFLICT ("id") DO NOTHING"#,
        ),
        (
            insert(&table, key, &[key], OnTakenKey::Raise),
            r#"INSERT INTO "public"."Tasks" ("id") VALUES ($1::text::uuid)"#,
        ),
        (
            update(&table, key, &[ColumnId(3)]),
            r#"UPDATE "public"."Tasks" r SET "title" = $1::text WHERE r."id" = $2::text::uuid"#,
        ),
        (
            delete(&table, key),
            r#"DELETE FROM "public"."Tasks" r WHERE r."id" = $1::text::uuid"#,
        ),
        (
            read_related(
                &table,
                &table,
                &[(ColumnId(1), ColumnId(0))],
                &[ColumnId(3)],
            ),
            r#"SELECT x.ord::text, (r."title")::text FROM unnest($1::text[]) WITH ORDINALITY AS x(k1, ord) JOIN "public"."Tasks" r ON r."id" = x.k1::uuid LIMIT $2::text::int8"#,
        ),
    ];
    for (statement, wanted) in cases {
        assert_eq!(&*statement.text, wanted);
    }
}

proptest! {
    #[test]
    fn a_quoted_name_cannot_end_early(name in "[\"a\\\\;' $]*") {
        let text = quoted(&name);
        let inner = &text[1..text.len() - 1];
        prop_assert_eq!(inner.replace("\"\"", "").matches('"').count(), 0);
        prop_assert_eq!(inner.replace("\"\"", "\""), name);
    }
}
