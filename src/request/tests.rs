use super::*;
use crate::catalog::{ColumnType, Kind};
use crate::vocabulary::limits::Limits;
use crate::vocabulary::operation::Verb;
use bytes::Bytes;
use proptest::prelude::*;

fn column(kind: &Kind) -> ColumnType {
    ColumnType {
        kind: kind.clone(),
        cast: "x".into(),
        domain: None,
    }
}

fn sent(json: &str) -> Sent {
    Sent(Bytes::copy_from_slice(json.as_bytes()))
}

fn text(json: &str, kind: &Kind) -> Option<String> {
    convert(&sent(json), &column(kind))
        .ok()?
        .text
        .map(|text| text.to_string())
}

fn upload(operation: &str) -> Result<Batch, DecodeError> {
    decode(
        &Bytes::from(format!(r#"{{"transactions":[{{"crud":[{operation}]}}]}}"#)),
        &Limits::default(),
    )
}

#[test]
fn a_value_becomes_the_text_its_column_prints() {
    let array = |kind: Kind| Kind::Array(Box::new(kind));
    let rows: [(&str, Kind, &str); 68] = [
        ("1", Kind::Bool, "true"),
        ("\"false\"", Kind::Bool, "false"),
        ("42.0", Kind::Int4, "42"),
        ("\"42\"", Kind::Int4, "42"),
        ("9007199254740993", Kind::Int8, "9007199254740993"),
        ("-9223372036854775808", Kind::Int8, "-9223372036854775808"),
        ("1e3", Kind::Int2, "1000"),
        ("0.0", Kind::Int2, "0"),
        ("0.1", Kind::Float8, "0.1"),
        ("1e15", Kind::Float8, "1e+15"),
        ("123456789012345", Kind::Float8, "123456789012345"),
        ("0.0001", Kind::Float8, "0.0001"),
        ("0.00001", Kind::Float8, "1e-05"),
        ("-0", Kind::Float8, "-0"),
        ("\"1.5\"", Kind::Float4, "1.5"),
        ("1000000", Kind::Float4, "1e+06"),
        ("0.1", Kind::Float4, "0.1"),
        ("12.345", Kind::Numeric(Some((6, 2))), "12.35"),
        ("-12.345", Kind::Numeric(Some((6, 2))), "-12.35"),
        ("1", Kind::Numeric(Some((6, 2))), "1.00"),
        ("0.004", Kind::Numeric(Some((6, 2))), "0.00"),
        ("-0.004", Kind::Numeric(Some((6, 2))), "0.00"),
        ("1250", Kind::Numeric(Some((3, -2))), "1300"),
        ("1.50", Kind::Numeric(None), "1.50"),
        ("1e3", Kind::Numeric(None), "1000"),
        ("1.5e-3", Kind::Numeric(None), "0.0015"),
        ("007", Kind::Text, "007"),
        (
            "\"123456789012345678901234567890.123456789\"",
            Kind::Numeric(None),
            "123456789012345678901234567890.123456789",
        ),
        (
            "\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\"",
            Kind::Uuid,
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        ("42", Kind::Text, "42"),
        ("1.50", Kind::Text, "1.50"),
        ("\"\"", Kind::Text, ""),
        ("\"ab  \"", Kind::Char(5), "ab"),
        ("\"abcdef\"", Kind::Varchar(Some(3)), "abcdef"),
        (
            "\"2026-01-01\"",
            Kind::Timestamptz(6),
            "2026-01-01 00:00:00+00",
        ),
        (
            "\"2026-01-01T12:00:00.5Z\"",
            Kind::Timestamptz(6),
            "2026-01-01 12:00:00.5+00",
        ),
        (
            "\"2026-01-01 12:00:00+02\"",
            Kind::Timestamptz(6),
            "2026-01-01 10:00:00+00",
        ),
        (
            "\"2026-01-01 12:00:00-0230\"",
            Kind::Timestamp(6),
            "2026-01-01 14:30:00",
        ),
        (
            "\"2026-01-01T12:00:00.1234567\"",
            Kind::Timestamptz(6),
            "2026-01-01 12:00:00.123457+00",
        ),
        (
            "\"2026-01-01T12:00:00.0000005\"",
            Kind::Timestamptz(6),
            "2026-01-01 12:00:00+00",
        ),
        (
            "\"2026-01-01T12:00:00.45\"",
            Kind::Timestamptz(1),
            "2026-01-01 12:00:00.5+00",
        ),
        (
            "\"1999-12-31T23:59:59.45\"",
            Kind::Timestamptz(1),
            "1999-12-31 23:59:59.4+00",
        ),
        ("\"2024-02-29\"", Kind::Date, "2024-02-29"),
        (
            "\"0001-01-01T00:00:00+01:00\"",
            Kind::Timestamptz(6),
            "0001-12-31 23:00:00+00 BC",
        ),
        ("\"12:30:00.50\"", Kind::Time(6), "12:30:00.5"),
        (
            "\"{\\\"b\\\": 1.0, \\\"a\\\":[1,2]}\"",
            Kind::Jsonb,
            r#"{"a": [1, 2], "b": 1.0}"#,
        ),
        (
            r#"{"bb":1,"a":null}"#,
            Kind::Jsonb,
            r#"{"a": null, "bb": 1}"#,
        ),
        ("\"{\\\"a\\\":1,\\\"a\\\":2}\"", Kind::Jsonb, r#"{"a": 2}"#),
        ("\"[1, 2]\"", Kind::Json, "[1,2]"),
        ("\"\\\"x\\\"\"", Kind::Jsonb, "\"x\""),
        ("true", Kind::Jsonb, "true"),
        (
            "12345678901234567890.5",
            Kind::Jsonb,
            "12345678901234567890.5",
        ),
        ("\"1e3\"", Kind::Jsonb, "1000"),
        ("\"[1,2,null]\"", array(Kind::Int4), "{1,2,NULL}"),
        (
            r#"["a b","","null","q\"","x"]"#,
            array(Kind::Text),
            r#"{"a b","","null","q\"",x}"#,
        ),
        ("[]", array(Kind::Int4), "{}"),
        ("\"AQID\"", Kind::Bytea, "\\x010203"),
        ("\"\\\\xDEADbeef\"", Kind::Bytea, "\\xdeadbeef"),
        ("\"\\\\x\"", Kind::Bytea, "\\x"),
        ("\"high\"", Kind::Enum([].into()), "high"),
        ("\"10.0.0.1\"", Kind::Other, "10.0.0.1"),
        ("5", Kind::Other, "5"),
        ("1e2", Kind::Float8, "100"),
        ("5e-324", Kind::Float8, "5e-324"),
        (
            "1.7976931348623157e308",
            Kind::Float8,
            "1.7976931348623157e+308",
        ),
        ("32767", Kind::Int2, "32767"),
        ("\"1\"", Kind::Bool, "true"),
        (
            "\"2026-01-01T12:00\"",
            Kind::Timestamp(6),
            "2026-01-01 12:00:00",
        ),
    ];
    for (json, kind, wanted) in rows {
        assert_eq!(
            text(json, &kind).as_deref(),
            Some(wanted),
            "{json} in {kind:?}"
        );
    }
}

#[test]
fn what_cannot_be_stored_is_refused() {
    let array = |kind: Kind| Kind::Array(Box::new(kind));
    let rows: [(&str, Kind); 44] = [
        ("2", Kind::Bool),
        ("\"\"", Kind::Bool),
        ("\"yes\"", Kind::Bool),
        ("1.5", Kind::Int4),
        ("2147483648", Kind::Int4),
        ("9223372036854775808", Kind::Int8),
        ("1e999999999", Kind::Int8),
        ("true", Kind::Int4),
        ("\"\"", Kind::Int4),
        ("\" 1\"", Kind::Int4),
        ("\"0x10\"", Kind::Int4),
        ("1e400", Kind::Float8),
        ("\"NaN\"", Kind::Float8),
        ("\"inf\"", Kind::Float8),
        ("1e39", Kind::Float4),
        ("\"NaN\"", Kind::Numeric(None)),
        ("1e1001", Kind::Numeric(None)),
        ("10000", Kind::Numeric(Some((6, 2)))),
        ("9999.995", Kind::Numeric(Some((6, 2)))),
        ("\"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}\"", Kind::Uuid),
        ("\"a0eebc999c0b4ef8bb6d6bb9bd380a11\"", Kind::Uuid),
        ("1", Kind::Uuid),
        ("true", Kind::Text),
        ("{}", Kind::Text),
        ("[]", Kind::Text),
        ("\"abc \"", Kind::Varchar(Some(3))),
        ("\"\"", Kind::Enum([].into())),
        ("\"now\"", Kind::Timestamptz(6)),
        ("\"today\"", Kind::Date),
        ("\"infinity\"", Kind::Timestamptz(6)),
        ("1700000000", Kind::Timestamptz(6)),
        ("\"\"", Kind::Timestamptz(6)),
        ("\"2026-02-29\"", Kind::Date),
        ("\"2026-13-01\"", Kind::Date),
        ("\"2026-01-01T24:00:00Z\"", Kind::Timestamptz(6)),
        ("\"2026-01-01T12:00:00 Europe/Paris\"", Kind::Timestamptz(6)),
        ("\"295000-01-01\"", Kind::Timestamptz(6)),
        ("\"nope\"", Kind::Jsonb),
        ("\"\"", Kind::Jsonb),
        ("\"{1,2}\"", array(Kind::Int4)),
        ("\"[[1]]\"", array(Kind::Int4)),
        ("\"[true]\"", array(Kind::Int4)),
        ("\"\"", Kind::Bytea),
        ("\"\\\\x1\"", Kind::Bytea),
    ];
    for (json, kind) in rows {
        assert_eq!(text(json, &kind), None, "{json} in {kind:?}");
    }
}

#[test]
fn bodies_that_are_no_upload_say_where() {
    let rows = [
        ("", "not valid JSON"),
        ("[]", "the body must be an object"),
        ("{}", "`transactions` is missing"),
        (
            r#"{"batch":[{"op":"PUT","table":"t","id":"1","data":null}]}"#,
            "`batch[0].data` must be an object",
        ),
        (
            r#"{"batch":[{"op":"PUT","table":"t","id":"1","data":{},"opData":{}}]}"#,
            "`batch[0].opData` stands beside `data`",
        ),
        (r#"{"transactions":[],"batch":[]}"#, "stands beside"),
        (r#"{"transactions":[]}"#, "1 to 50"),
        (
            r#"{"transactions":[{}]}"#,
            "`transactions[0].crud` is missing",
        ),
        (
            r#"{"transactions":[{"crud":[],"transaction_id":1.5}]}"#,
            "`transactions[0].transaction_id` must be an integer",
        ),
        (r#"{"a":1,"a":2}"#, "a key stands twice"),
        (r#"{"a":1,"\u0061":2}"#, "a key stands twice"),
        (r#"{"a":01}"#, "not valid JSON"),
        (r#"{"a":1} x"#, "not valid JSON"),
    ];
    for (body, wanted) in rows {
        let error = decode(&Bytes::from(body), &Limits::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(wanted), "{body}: {error}");
    }
    let operations = [
        (
            r#"{"op":"put","table":"t","id":"1"}"#,
            "crud[0].op` must be",
        ),
        (r#"{"op":"PUT","id":"1"}"#, "crud[0].table` is missing"),
        (
            r#"{"op":"PUT","table":"t","id":1}"#,
            "crud[0].id` must be a string",
        ),
        (
            r#"{"op":"PUT","table":"t","id":"1","op_data":null}"#,
            "crud[0].op_data` must be an object",
        ),
        (
            r#"{"op":"PUT","table":"t","id":"1","previous_values":[]}"#,
            "crud[0].previous_values` must be an object",
        ),
        (
            r#"{"op":"PUT","table":"t","id":"1","metadata":null}"#,
            "crud[0].metadata` must be a string",
        ),
    ];
    for (operation, wanted) in operations {
        let error = upload(operation).unwrap_err().to_string();
        assert!(error.contains(wanted), "{operation}: {error}");
    }
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert!(
        decode(&Bytes::from(deep), &Limits::default())
            .unwrap_err()
            .to_string()
            .contains("deeper than 64")
    );
    assert!(
        decode(&Bytes::from_static(b"\xff"), &Limits::default())
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
}

#[test]
fn text_that_cannot_be_stored_spoils_its_operation_alone() {
    let good = r#"{"op":"PUT","table":"t","id":"1","op_data":{"a":"x"}}"#;
    for bad in [
        r#"{"op":"PUT","table":"t","id":"1","op_data":{"a":"\u0000"}}"#,
        r#"{"op":"PUT","table":"t","id":"1","op_data":{"a":"\ud800"}}"#,
        r#"{"op":"PATCH","table":"t","id":"\udc00","op_data":{}}"#,
        r#"{"op":"PATCH","table":"t","id":"1","metadata":"\u0000"}"#,
    ] {
        let batch = upload(&format!("{bad},{good}")).unwrap();
        let operations = &batch.transactions[0].operations;
        assert_eq!(
            (operations[0].defect, operations[1].defect),
            (Some(Defect::Text), None),
            "{bad}"
        );
    }
    let delete =
        upload(r#"{"op":"DELETE","table":"t","id":"1","op_data":{"a":"\u0000"}}"#).unwrap();
    assert_eq!(delete.transactions[0].operations[0].defect, None);
    let pair =
        upload(r#"{"op":"PUT","table":"t","id":"1","op_data":{"a":"\ud83d\ude00"}}"#).unwrap();
    assert_eq!(pair.transactions[0].operations[0].defect, None);
}

#[test]
fn an_upload_keeps_its_order_its_digits_and_its_odd_keys() {
    let body = r#"{"op":"PATCH","table":"t","id":"i","transaction_id":7,"metadata":"m","op_data":{"n":9007199254740993,"$serde_json::private::Number":"1"},"x":[]}"#;
    let batch = upload(body).unwrap();
    let transaction = &batch.transactions[0];
    assert_eq!(transaction.id.as_deref(), Some("7"));
    let operation = &transaction.operations[0];
    assert_eq!(
        (operation.verb, operation.metadata.as_deref()),
        (Verb::Patch, Some("m"))
    );
    let fields: Vec<(String, String)> = operation
        .fields()
        .into_iter()
        .map(|(name, sent)| (name, String::from_utf8(sent.0.to_vec()).unwrap()))
        .collect();
    assert_eq!(fields[0], ("n".to_owned(), "9007199254740993".to_owned()));
    assert_eq!(
        fields[1],
        (
            "$serde_json::private::Number".to_owned(),
            "\"1\"".to_owned()
        )
    );
}

#[test]
fn a_transaction_beyond_its_limits_is_marked_and_its_neighbours_are_not() {
    let limits = Limits {
        transaction_operations_max: 1,
        ..Limits::default()
    };
    let operation = r#"{"op":"DELETE","table":"t","id":"1"}"#;
    let body = format!(
        r#"{{"transactions":[{{"crud":[{operation},{operation}]}},{{"crud":[{operation}]}}]}}"#
    );
    let batch = decode(&Bytes::from(body), &limits).unwrap();
    assert!(batch.transactions[0].excess.is_some());
    assert!(batch.transactions[1].excess.is_none());
}

/// The digest is kept for days and found again by later programs: this one was calculated with another program.
#[test]
fn a_content_is_what_the_page_says_however_it_was_spelt() {
    let bodies = [
        r#"{"transactions":[{"crud":[{"op":"PUT","table":"notes","id":"a","op_data":{"text":"é","n":1.0}},
            {"op":"DELETE","table":"notes","id":"b","previous_values":{"n":[1,{"b":3,"a":2}]},"metadata":"m"}]}]}"#,
        r#"{"transactions":[{"crud":[{"id":"\u0061","table":"n\u006ftes","op":"PUT","op_data":{"n":1.0,"t\u0065xt":"\u00e9"},"previous_values":{}},
            {"op":"DELETE","metadata":"m","table":"notes","id":"b","op_data":{},"previous_values":{"n":[ 1 , {"a":2,"b":3}]},"x":1}],"transaction_id":7}]}"#,
    ];
    for body in bodies {
        let batch = decode(&Bytes::from(body), &Limits::default()).unwrap();
        assert_eq!(
            format!("{:?}", batch.transactions[0].content),
            "ef4f6521f08371284dc1413f4c4ac8df18333dcc28c6314147efec7efb4447a0"
        );
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Bool),
        Just(Kind::Int2),
        Just(Kind::Int8),
        Just(Kind::Float4),
        Just(Kind::Float8),
        Just(Kind::Numeric(None)),
        Just(Kind::Numeric(Some((8, 3)))),
        Just(Kind::Uuid),
        Just(Kind::Text),
        (0_u8..=6).prop_map(Kind::Timestamptz),
        Just(Kind::Date),
        Just(Kind::Time(3)),
        Just(Kind::Jsonb),
        Just(Kind::Bytea),
        Just(Kind::Array(Box::new(Kind::Text))),
        Just(Kind::Array(Box::new(Kind::Numeric(None)))),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        Just("true".to_owned()),
        Just("null".to_owned()),
        "\"([a-z \\{\\},:0-9]|\\\\\"|\\\\u[0-9a-f]{4}){0,12}\"",
        "\"[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-][01][0-9](:?[0-5][0-9])?)?)?\"",
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::btree_map("[a-c]{1,2}", inner, 0..4).prop_map(|members| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(key, value)| format!("\"{key}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_was_converted_is_stored_as_it_reads(json in json(), kind in kinds()) {
        if let Ok(datum) = convert(&sent(&json), &column(&kind)) {
            prop_assert_eq!(stored(datum.text.as_deref(), &column(&kind)), datum);
        }
    }

    #[test]
    fn a_number_never_changes(whole in "-?[1-9][0-9]{0,40}", fraction in "[0-9]{0,40}") {
        let number = if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") };
        prop_assert_eq!(text(&number, &Kind::Numeric(None)), Some(number.clone()));
        prop_assert_eq!(text(&format!("\"{number}\""), &Kind::Numeric(None)), Some(number));
    }

    #[test]
    fn an_integer_never_changes(number in any::<i64>()) {
        prop_assert_eq!(text(&number.to_string(), &Kind::Int8), Some(number.to_string()));
        prop_assert_eq!(text(&format!("\"{number}\""), &Kind::Int8), Some(number.to_string()));
    }

    #[test]
    fn a_double_is_the_nearest_and_reads_back(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let printed = text(&format!("{number:e}"), &Kind::Float8).unwrap();
        prop_assert_eq!(printed.parse::<f64>().unwrap().to_bits(), number.to_bits());
    }

    #[test]
    fn the_scanner_takes_what_serde_takes(text in json(), at in any::<prop::sample::Index>(), with in any::<char>()) {
        for text in [text.clone(), mutated(&text, at, with)] {
            let ours = json::Json::parse(text.as_bytes()).is_some();
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            let holds_nul = theirs.as_ref().is_ok_and(|value| value.to_string().contains("\\u0000"));
            let is_theirs = theirs.is_ok() && !holds_nul;
            prop_assert_eq!(ours, is_theirs, "{}", text);
        }
    }

    #[test]
    fn no_body_makes_the_decoder_panic(body in "\\{\"transactions\":\\[\\{\"crud\":\\[.{0,60}\\]\\}\\]\\}|.{0,60}") {
        let _ = decode(&Bytes::from(body), &Limits::default());
    }

    #[test]
    fn every_day_has_its_date(days in -2_440_588_i64..=106_751_991) {
        let (year, month, day) = calendar::civil(days);
        prop_assert_eq!(calendar::days(year, month, day), Some(days));
    }
}

fn mutated(text: &str, at: prop::sample::Index, with: char) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = at.index(chars.len());
    chars[at] = with;
    chars.into_iter().collect()
}

#[test]
fn the_older_shapes_say_the_same() {
    let limits = Limits::default();
    let post = |body: &'static str| decode(&Bytes::from_static(body.as_bytes()), &limits).unwrap();
    let today = post(
        r#"{"transactions":[{"crud":[{"op":"PATCH","table":"t","id":"1","op_data":{"a":1}},{"op":"DELETE","table":"t","id":"2"}]}]}"#,
    );
    let older = [
        post(
            r#"{"batch":[{"op":"PATCH","table":"t","id":"1","data":{"a":1}},{"op":"DELETE","table":"t","id":"2","data":null}]}"#,
        ),
        post(
            r#"{"batch":[{"op":"PATCH","table":"t","id":"1","opData":{"a":1}},{"op":"DELETE","table":"t","id":"2"}]}"#,
        ),
    ];
    let shown = |batch: &Batch| {
        let entries = batch.transactions[0].operations.iter();
        let entries = entries.map(|entry| {
            let fields = entry
                .fields()
                .into_iter()
                .map(|(name, sent)| (name, sent.0));
            (
                entry.verb,
                entry.table.clone(),
                entry.id.clone(),
                fields.collect::<Vec<_>>(),
            )
        });
        entries.collect::<Vec<_>>()
    };
    for batch in &older {
        assert_eq!((batch.shape, batch.transactions.len()), (Shape::Single, 1));
        assert_eq!(shown(batch), shown(&today));
    }
    let body = Bytes::from_static(br#"{"table":"t","data":{"id":"1","a":1}}"#);
    let one = decode_one(&body, Verb::Patch, &limits).unwrap();
    let fields = shown(&one)[0]
        .3
        .iter()
        .map(|(name, _)| name.clone())
        .collect::<Vec<_>>();
    assert_eq!(
        (shown(&one)[0].0, fields),
        (Verb::Patch, vec!["id".to_owned(), "a".to_owned()])
    );
    for (body, wanted) in [
        (r#"{"table":"t"}"#, "`data` is missing"),
        (r#"{"table":"t","data":{}}"#, "`data.id` is missing"),
        (
            r#"{"table":"t","data":{"id":1}}"#,
            "`data.id` must be a string",
        ),
        (r#"{"data":{"id":"1"}}"#, "`table` is missing"),
    ] {
        let error = decode_one(&Bytes::from(body), Verb::Put, &limits).unwrap_err();
        assert!(error.to_string().contains(wanted), "{body}: {error}");
    }
}

#[test]
fn large_documents_are_compared_in_the_order_of_their_size() {
    let document = |last: &str| {
        let members: Vec<String> = (0..60_000).map(|at| format!("\"k{at}\": 1")).collect();
        let text = format!("{{{}, \"last\": {last}}}", members.join(", "));
        stored(Some(&text), &column(&Kind::Jsonb))
    };
    let began = std::time::Instant::now();
    assert!(!differs(&document("1"), &document("1.0"), &Kind::Jsonb));
    assert!(differs(&document("1"), &document("2"), &Kind::Jsonb));
    assert!(began.elapsed().as_secs() < 10);
}
