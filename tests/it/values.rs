//! The texts we make for values are the texts Postgres stores.

use bytes::Bytes;
use rulegate::catalog::{ColumnType, Kind};
use rulegate::request::{convert_text, decode, stored};
use rulegate::vocabulary::limits::Limits;

use crate::postgres::Fresh;

fn array(kind: Kind) -> Kind {
    Kind::Array(Box::new(kind))
}

/// Type, its kind, and texts that an app may send for it.
fn table() -> Vec<(&'static str, Kind, Vec<&'static str>)> {
    vec![
        ("boolean", Kind::Bool, vec!["true", "0", "1"]),
        ("smallint", Kind::Int2, vec!["-32768", "42.0", "1e3"]),
        (
            "bigint",
            Kind::Int8,
            vec!["9007199254740993", "-9223372036854775808"],
        ),
        (
            "real",
            Kind::Float4,
            vec![
                "0.1",
                "1e6",
                "123456",
                "999999",
                "1234567",
                "1e-5",
                "0.0001",
                "3.4028235e38",
                "1e-45",
                "-0",
            ],
        ),
        (
            "double precision",
            Kind::Float8,
            vec![
                "0.1",
                "1e15",
                "1e14",
                "123456789012345",
                "999999999999999",
                "1e-5",
                "0.0001",
                "5e-324",
                "1.7976931348623157e308",
                "-0",
                "9007199254740993",
            ],
        ),
        (
            "numeric",
            Kind::Numeric(None),
            vec![
                "1.50",
                "1e3",
                "1.5e-3",
                "-0.00",
                "007.10",
                "12345678901234567890.12345678901234567890",
                ".5",
                "5.",
            ],
        ),
        (
            "numeric(6,2)",
            Kind::Numeric(Some((6, 2))),
            vec!["12.345", "-12.345", "0.005", "-0.004", "1", "9999.99"],
        ),
        (
            "numeric(3,-2)",
            Kind::Numeric(Some((3, -2))),
            vec!["1250", "149", "99900", "0"],
        ),
        (
            "numeric(2,4)",
            Kind::Numeric(Some((2, 4))),
            vec!["0.0099", "0.00004", "-0.001"],
        ),
        (
            "uuid",
            Kind::Uuid,
            vec!["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"],
        ),
        ("text", Kind::Text, vec!["", " x ", "ü\u{301}"]),
        ("char(5)", Kind::Char(5), vec!["ab  ", "ab"]),
        (
            "timestamptz",
            Kind::Timestamptz(6),
            vec![
                "2026-01-01",
                "2026-01-01T12:00:00Z",
                "2026-01-01 12:00:00.5+02",
                "2026-01-01T12:00:00.1234567-0330",
                "2026-06-01T00:00:00.0000005",
                "2026-06-01T00:00:00.0000015",
                "2026-06-01T00:00:00.9999999",
                "0001-01-01T00:00:00+01:00",
                "9999-12-31T23:59:59.999999Z",
                "12026-01-01T00:00:00Z",
            ],
        ),
        (
            "timestamptz(1)",
            Kind::Timestamptz(1),
            vec![
                "2026-01-01T12:00:00.45",
                "1999-12-31T23:59:59.45",
                "1999-12-31T23:59:59.95",
            ],
        ),
        (
            "timestamp(0)",
            Kind::Timestamp(0),
            vec!["2026-01-01T12:00:00.5", "1999-01-01T12:00:00.5"],
        ),
        (
            "date",
            Kind::Date,
            vec!["2024-02-29", "0001-01-01", "2026-01-01T12:00:00Z"],
        ),
        (
            "time",
            Kind::Time(6),
            vec!["12:30:00.50", "23:59:59.9999999"],
        ),
        (
            "jsonb",
            Kind::Jsonb,
            vec![
                r#"{"bb":1,"a":[1,2,{"x":null}]}"#,
                r#"{"a":1,"a":2}"#,
                "1e3",
                "1.50",
                "-0",
                "\"\\u0001\\t\\\"é\u{7f}\"",
                "12345678901234567890.5",
                "[]",
                "{}",
                "1.5e-3",
            ],
        ),
        ("bytea", Kind::Bytea, vec!["AQID", "\\xDEAD", "\\x"]),
        ("integer[]", array(Kind::Int4), vec!["[1,2,null]", "[]"]),
        (
            "text[]",
            array(Kind::Text),
            vec![r#"["a b","","null","NULL","q\"","b\\s","{","x,y"," ","\t"]"#],
        ),
        ("numeric[]", array(Kind::Numeric(None)), vec!["[1.50,2]"]),
        (
            "timestamptz[]",
            array(Kind::Timestamptz(6)),
            vec![r#"["2026-01-01T00:00:00Z"]"#],
        ),
        ("jsonb[]", array(Kind::Jsonb), vec![r#"[{"a":1},null]"#]),
    ]
}

/// The cast of a type never carries its length; the column does.
fn column(name: &str, kind: &Kind) -> ColumnType {
    let (base, is_array) = name
        .strip_suffix("[]")
        .map_or((name, false), |base| (base, true));
    let base = base.split('(').next().unwrap();
    let cast = if base == "char" {
        "bpchar".to_owned()
    } else {
        base.to_owned()
    };
    ColumnType {
        kind: kind.clone(),
        cast: if is_array { format!("{cast}[]") } else { cast }
            .as_str()
            .into(),
        domain: None,
    }
}

#[tokio::test]
async fn every_converted_text_is_what_postgres_stores() {
    let database = Fresh::with("").await;
    let settings = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET bytea_output = 'hex'; SET extra_float_digits = 1";
    database.client.batch_execute(settings).await.unwrap();
    let mut judged = 0;
    for (position, (name, kind, values)) in table().into_iter().enumerate() {
        let column = column(name, &kind);
        database
            .client
            .batch_execute(&format!("CREATE TABLE v{position} (v {name})"))
            .await
            .unwrap();
        for value in values {
            let datum = convert_text(value, &column)
                .unwrap_or_else(|unfit| panic!("{value} in {name} {unfit}"));
            let ours = datum.text.as_deref().unwrap();
            let insert = format!(
                "INSERT INTO v{position} VALUES ($1::text::{}) RETURNING v::text",
                column.cast
            );
            let row = database
                .client
                .query_one(&insert, &[&ours])
                .await
                .unwrap_or_else(|error| panic!("{ours} in {name}: {error:?}"));
            let theirs: String = row.get(0);
            assert_eq!(ours, theirs, "{value} in {name}");
            assert_eq!(stored(Some(&theirs), &column), datum, "{value} in {name}");
            judged += 1;
        }
    }
    assert!(judged > 80, "{judged}");
}

#[test]
fn fifty_transactions_decode_and_fifty_one_do_not() {
    let body = |count: usize| {
        Bytes::from(format!(
            r#"{{"transactions":[{}]}}"#,
            vec![r#"{"crud":[]}"#; count].join(",")
        ))
    };
    assert_eq!(
        decode(&body(50), &Limits::default())
            .unwrap()
            .transactions
            .len(),
        50
    );
    assert!(decode(&body(51), &Limits::default()).is_err());
}
