use super::*;
use proptest::prelude::*;

fn kind() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Bool),
        Just(Kind::Int8),
        Just(Kind::Numeric(None)),
        (1_u16..1000, -5_i16..10).prop_map(|(p, s)| Kind::Numeric(Some((p, s)))),
        Just(Kind::Varchar(None)),
        (1_u32..500).prop_map(|n| Kind::Varchar(Some(n))),
        (0_u8..=6).prop_map(Kind::Timestamptz),
        proptest::collection::vec("[a-z \"(,]{1,5}", 1..4)
            .prop_map(|labels| Kind::Enum(labels.iter().map(|l| Arc::from(l.as_str())).collect())),
        Just(Kind::Other),
    ];
    leaf.prop_recursive(1, 2, 1, |inner| {
        inner.prop_map(|kind| Kind::Array(Box::new(kind)))
    })
}

prop_compose! {
    fn column(position: usize)(kind in kind(), cast in "[a-z\\. \"]{1,8}", flags in any::<[bool; 6]>(), name in "[a-z\" .()]{1,6}") -> Column {
        Column {
            name: format!("{name}{position}").into(),
            ty: ColumnType { kind, cast: cast.as_str().into(), domain: flags[0].then(|| "d.x".into()) },
            not_null: flags[1],
            has_default: flags[2],
            generation: if flags[3] { Generation::IdentityByDefault } else { Generation::None },
            collation: flags[4].then(|| Collation { name: "de-x".into(), is_deterministic: flags[5] }),
            privileges: ColumnPrivileges { select: flags[5], insert: flags[0], update: flags[1] },
        }
    }
}

prop_compose! {
    fn table()(first in column(0), second in column(1), flags in any::<[bool; 6]>()) -> Table {
        Table {
            target: Target::parse("app.Weird Name"),
            kind: TableKind::Partitioned,
            columns: vec![first, second],
            indexes: vec![Index {
                name: "i".into(), columns: vec![Some(ColumnId(1)), None],
                is_unique: flags[0], is_valid: flags[1], is_immediate: flags[2], is_partial: flags[3], is_primary: flags[4],
            }],
            foreign_keys: vec![ForeignKey {
                name: "fk".into(), columns: vec![ColumnId(0)], target: Target::parse("t"), target_columns: vec!["x y".into()], acts_on_us: flags[5],
            }],
            triggers: vec![Trigger {
                name: "t".into(), is_before_row: flags[0], is_statement: flags[1], on_insert: flags[2], on_update: flags[3], on_delete: flags[4],
            }],
            rls: Rls { binds_login: flags[1], binds_writing: flags[2] },
            may_delete: flags[3],
            is_rewritten: flags[0],
            is_inherited: flags[1],
        }
    }
}

proptest! {
    #[test]
    fn a_catalogue_reads_as_it_was_printed(table in table()) {
        let catalog = Catalog {
            login_role: "app user".into(),
            writing_role: "authenticated".into(),
            server_version: 150_018,
            tables: [(table.target.clone(), table)].into(),
        };
        prop_assert_eq!(Catalog::parse(&catalog.to_text()), Ok(catalog));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(table|column|index|role|[a-z]| |\\(|\\)|\"|\\.|\n){0,60}") {
        let _ = Catalog::parse(&text);
    }
}
