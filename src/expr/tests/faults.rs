//! Expressions that do not load: where, why, and what to write.

use std::collections::BTreeSet;

use crate::catalog::{ColumnType, Kind};
use crate::expr::check::absent::ABSENT;
use crate::expr::check::builtins::every_name;
use crate::expr::tests::world::{LISTS, TODOS, compiled, compiled_with, world};
use crate::expr::{Expected, Fault, Scope, Variable, compile};
use crate::vocabulary::names::MemberName;

/// The text that a fault points at.
fn pointed<'t>(text: &'t str, fault: &Fault) -> &'t str {
    text.get(fault.range.clone()).unwrap_or("(outside)")
}

#[track_caller]
fn refuses(text: &str, at: &str, message: &str, help: &str) {
    let faults = compiled(text, Expected::Condition).expect_err(text);
    let fault = faults.first().expect("a fault");
    assert_eq!(pointed(text, fault), at, "{text}: {fault:?}");
    assert!(fault.message.contains(message), "{text}: {fault:?}");
    let uncured: Vec<&Fault> = faults.iter().filter(|fault| fault.help.is_none()).collect();
    assert!(uncured.is_empty(), "{text}: {uncured:?}");
    let found = fault.help.clone().unwrap_or_default();
    assert!(found.contains(help), "{text}: {fault:?}");
}

#[test]
fn unknown_names_are_pointed_at_with_the_nearest_known_one() {
    let rows = [
        (
            "this.titel == 'x'",
            "titel",
            "no column or relation",
            "`title`",
        ),
        (
            "this['titel'] == 'x'",
            "'titel'",
            "no column or relation",
            "`title`",
        ),
        ("title == 'x'", "title", "no variable", "`this.title`"),
        ("auht.sub == 'x'", "auht", "no variable", "`auth`"),
        (
            "auth.rolle == 'member'",
            "rolle",
            "no claim `rolle`",
            "`role`",
        ),
        (
            "auth.email == 'x'",
            "email",
            "no claim",
            "client_auth.claims",
        ),
        ("has(auth.email)", "email", "no claim", "client_auth.claims"),
        ("this.list.nmae == 'x'", "nmae", "`lists` has no", "`name`"),
        (
            "request.tim == null",
            "tim",
            "`request` has no",
            "`time` and `id`",
        ),
        ("now < this.due", "now", "no variable", "request.time"),
        (
            "'titel' in changed",
            "'titel'",
            "not among the `columns`",
            "`title`",
        ),
        (
            "this.list.members.exists(m, m.rol == 'x')",
            "rol",
            "`members` has no",
            "`role`",
        ),
        (
            "auth.role == 'amdin'",
            "'amdin'",
            "none of the values",
            "`admin`",
        ),
        (
            "auth.role in ['admin', 'memer']",
            "'memer'",
            "none of the values",
            "`member`",
        ),
        (
            "this.state != 'opne'",
            "'opne'",
            "none of the values",
            "`open`",
        ),
        (
            "op == 'insert'",
            "'insert'",
            "none of the values",
            "`create`",
        ),
        (
            "this.title.startWith('x')",
            "startWith",
            "no function",
            "`startsWith`",
        ),
        (
            "startsWith(this.title, 'x')",
            "startsWith",
            "behind a point",
            "x.startsWith(",
        ),
        (
            "this.title.string() == ''",
            "string",
            "in brackets",
            "string(",
        ),
    ];
    for (text, at, message, help) in rows {
        refuses(text, at, message, help);
    }
}

#[test]
fn two_types_that_are_never_equal_do_not_load() {
    let rows = [
        (
            "this.rank == '7'",
            "this.rank == '7'",
            "int and string",
            "without quotes",
        ),
        (
            "this.completed == 1",
            "this.completed == 1",
            "bool and int",
            "`true`",
        ),
        ("this.rank in ['a']", "'a'", "int and string", ""),
        (
            "this.rank in this.tags",
            "this.rank in this.tags",
            "int and string",
            "",
        ),
        (
            "this.due == '2026'",
            "this.due == '2026'",
            "timestamp and string",
            "timestamp(",
        ),
        (
            "[1] == ['a']",
            "[1] == ['a']",
            "list of int and list of string",
            "",
        ),
        ("this.at == 'x'", "this.at == 'x'", "with `null` only", ""),
        ("this.at < 'x'", "this.at < 'x'", "with `null` only", ""),
        (
            "this.state < 'open'",
            "this.state < 'open'",
            "does not order",
            "no order",
        ),
        ("null < 1", "null < 1", "null has no order", "!= null"),
        (
            "this.tags < ['a']",
            "this.tags < ['a']",
            "does not order",
            "",
        ),
        (
            "this.list == this.list",
            "this.list == this.list",
            "`null` only",
            "column",
        ),
        ("this.list == 1", "this.list == 1", "`null` only", "column"),
        (
            "(true ? 1 : 'a') == 1",
            "true ? 1 : 'a'",
            "int and string",
            "same type",
        ),
        (
            "this.rank + 1.0 == 2",
            "this.rank + 1.0",
            "does not take int and double",
            "double(",
        ),
        (
            "this.price / 2 == 2",
            "this.price / 2",
            "does not take",
            "multiply the other side",
        ),
        (
            "this.title + 1 == ''",
            "this.title + 1",
            "does not take string and int",
            "string(",
        ),
        (
            "this.rank && true",
            "this.rank",
            "takes conditions",
            "!= null",
        ),
        ("!this.title", "this.title", "takes conditions", ""),
        (
            "this.rank ? true : false",
            "this.rank",
            "takes conditions",
            "",
        ),
        (
            "this.rank.startsWith('x')",
            "this.rank",
            "takes a string",
            "",
        ),
        (
            "this.id.startsWith('x')",
            "this.id",
            "takes a string",
            "string(",
        ),
        ("size(this.rank) == 1", "this.rank", "takes a string", ""),
        ("this.rank", "this.rank", "this is int", ""),
        ("this.rank.x == 1", "x", "this is int", ""),
    ];
    for (text, at, message, help) in rows {
        refuses(text, at, message, help);
    }
}

#[test]
fn rows_are_no_values() {
    let rows = [
        ("this.list", "this.list", "is a row", "`null`"),
        (
            "this.list.members",
            "this.list.members",
            "list of rows",
            ".exists(",
        ),
        (
            "this.list.members == null",
            "this.list.members == null",
            "list of rows",
            ".exists(",
        ),
        (
            "this.list.members.role == ''",
            "this.list.members.role",
            "list of rows",
            ".exists(",
        ),
        (
            "this.list.members[0] == null",
            "this.list.members[0]",
            "list of rows",
            ".exists(",
        ),
        (
            "this.list.exists(m, true)",
            "this.list.exists(m, true)",
            "one row",
            "columns",
        ),
        (
            "this[auth.sub] == null",
            "auth.sub",
            "written out",
            "Order No",
        ),
        (
            "size(this.list) == 1",
            "size(this.list)",
            "does not take a row",
            "!= null",
        ),
        (
            "has(this.title)",
            "has(this.title)",
            "says nothing",
            "`'title' in changed`",
        ),
        (
            "has(old.title)",
            "has(old.title)",
            "says nothing",
            "`old.title != null`",
        ),
        ("has(this.titel)", "titel", "no column", "`title`"),
        ("has(this)", "has", "asks for a field", "!= null"),
        ("request == null", "request == null", "`null` only", ""),
    ];
    for (text, at, message, help) in rows {
        refuses(text, at, message, help);
    }
}

#[test]
fn what_is_left_out_is_refused_by_name_with_what_to_write_instead() {
    let rows = [
        (
            "type(1) == int",
            "type",
            "`type` is not part of",
            "JSON Schema",
        ),
        (
            "optional.of(1) == 1",
            "of",
            "`optional.of` is not",
            "has(x.y)",
        ),
        (
            "auth.groups.first() == 1",
            "first",
            "`first` is not",
            "has(x.y)",
        ),
        ("'%d'.format([1]) == ''", "format", "`format` is not", "`+`"),
        ("ip('1.2.3.4') == null", "ip", "`ip` is not", "as text"),
        (
            "cel.block([1], true)",
            "block",
            "`cel.block` is not",
            "cel.bind",
        ),
        (
            "sets.contains([1], [1])",
            "contains",
            "`sets.contains`",
            ".all(x,",
        ),
        (
            "[1].sortBy(x, x) == []",
            "sortBy",
            "`sortBy` is not",
            ".sort()",
        ),
        ("now() < this.due", "now", "`now` is not", "request.time"),
        ("this.data.?x == 1", ".", "`.?`", "has(x.y)"),
        ("this.data[?'x'] == 1", "[", "`[?…]`", "has(x.y)"),
        ("[?1] == []", "[", "`[?x]`", "has(x.y)"),
        ("Foo{a: 1} == null", "Foo", "messages", "a map"),
        ("this.data.`a-b` == 1", "`", "no meaning", "in brackets"),
        (
            "this.title.matches(this.title)",
            "this.title",
            "written out",
            "",
        ),
    ];
    for (text, at, message, help) in rows {
        refuses(text, at, message, help);
    }
}

#[test]
fn everything_that_is_left_out_by_name_says_what_to_write_instead() {
    for absent in ABSENT {
        assert!(!absent.why.is_empty() && !absent.instead.is_empty());
        for name in absent.names {
            let full = name.replace('*', "anything");
            let spelled = match full.split_once('.') {
                Some(_) => format!("{full}(1)"),
                None => format!("[1].{full}(1)"),
            };
            let faults = compiled(&spelled, Expected::Any).expect_err(&spelled);
            assert_eq!(faults[0].help.as_deref(), Some(absent.instead), "{spelled}");
            assert!(faults[0].message.contains(&full), "{faults:?}");
        }
    }
}

#[test]
fn what_is_left_out_is_not_there() {
    for name in every_name() {
        let is_absent = ABSENT.iter().any(|absent| absent.names.contains(&name));
        assert!(!is_absent, "{name}");
    }
}

#[test]
fn functions_take_what_they_can_use() {
    let rows = [
        (
            "this.rank.lowerAscii() == ''",
            "this.rank",
            "takes a string",
            "",
        ),
        (
            "this.id.lowerAscii() == ''",
            "this.id",
            "takes a string",
            "string(",
        ),
        ("this.title.split(1) == []", "1", "takes a string", ""),
        ("this.title.charAt(1.0) == ''", "1.0", "takes an int", ""),
        (
            "this.title.charAt() == ''",
            "charAt",
            "takes 1 argument",
            "",
        ),
        (
            "this.title.substring(1, 2, 3) == ''",
            "substring",
            "1 to 2 arguments",
            "",
        ),
        ("this.title.sort() == []", "this.title", "takes a list", ""),
        ("[1].join() == ''", "[1]", "a list of strings", ""),
        ("math.ceil(1) == 1.0", "1", "a double or decimal", ""),
        ("math.greatest('a') == 'b'", "'a'", "numbers", ""),
        ("math.greatest(1, [2]) == 1", "[2]", "takes a number", ""),
        ("math.greatest() == 1", "greatest", "at least 1", ""),
        (
            "math.bitAnd(1, 1u) == 1",
            "math.bitAnd(1, 1u)",
            "int and uint",
            "int(",
        ),
        (
            "math.abz(1) == 1",
            "abz",
            "no function `math.abz`",
            "math.abs",
        ),
        ("abs(1) == 1", "abs", "by its full name", "math.abs("),
        (
            "this.rank.abs() == 1",
            "abs",
            "by its full name",
            "math.abs(",
        ),
        (
            "lowerAscii('a') == 'a'",
            "lowerAscii",
            "behind a point",
            "x.lowerAscii(",
        ),
        (
            "request.time.getHours('Europe/Berln') == 1",
            "'Europe/Berln'",
            "no time zone",
            "Europe/Berlin",
        ),
        (
            "request.time.getHours('+25:00') == 1",
            "'+25:00'",
            "no time zone",
            "+02:00",
        ),
        (
            "request.time.getHours(2) == 1",
            "2",
            "a time zone as a string",
            "",
        ),
        (
            "duration('1h').getHours('UTC') == 1",
            "duration('1h')",
            "takes a timestamp",
            "",
        ),
        (
            "[1].map(x) == []",
            "map",
            "a variable and what becomes",
            ".map(x",
        ),
        (
            "[1].transformList(x, x) == []",
            "transformList",
            "two variables",
            "(k, v",
        ),
        ("[1].exists(x, x, true)", "exists", "one name", "another"),
        (
            "[1].exists(this, x, true)",
            "this",
            "cannot be the name",
            "another",
        ),
        (
            "this.list.members.map(m, m.role) == []",
            "map",
            "does not run over the rows",
            ".exists(m",
        ),
        (
            "this.list.members.exists(i, m, true)",
            "this.list.members.exists(i, m, true)",
            "no positions",
            ".exists(m",
        ),
        (
            "cel.bind(x, 1)",
            "bind",
            "a name, a value and",
            "cel.bind(x",
        ),
        (
            "cel.bind(auth, 1, true)",
            "auth",
            "cannot be the name",
            "another",
        ),
        (
            "cel.bind(x, this.list, x.nmae == '')",
            "nmae",
            "no column",
            "`name`",
        ),
        ("[1].filter(x, x) == []", "x", "takes conditions", ""),
    ];
    for (text, at, message, help) in rows {
        refuses(text, at, message, help);
    }
}

#[test]
fn text_that_is_no_expression_says_where() {
    let rows = [
        ("", "", "is empty", ""),
        ("// only a comment", "// only a comment", "is empty", ""),
        ("this.title = 'x'", "=", "no meaning", "`==`"),
        ("true & true", "&", "no meaning", "`&&`"),
        ("true and true", "and", "not expected", "`&&`"),
        ("this.title ==", "", "ends too early", ""),
        ("(true", "(", "never closed", ""),
        ("true)", ")", "closes nothing", ""),
        ("[1, 2}", "}", "closes nothing", ""),
        ("'abc", "'abc", "no closing quote", ""),
        (
            "1 + 99999999999999999999 == 1",
            "99999999999999999999",
            "out of range",
            "",
        ),
        ("if == 1", "if", "reserved", ""),
        ("ä == 1", "ä", "no meaning", ""),
        (
            "'ä' == 'ä' && this.titel == ''",
            "titel",
            "no column",
            "title",
        ),
        ("'a'.matches('(')", "'('", "no regular expression", ""),
        (
            "timestamp('2026-02-30T00:00:00Z') == request.time",
            "'2026-02-30T00:00:00Z'",
            "no time",
            "",
        ),
        (
            "duration('1 hour') == duration('1h')",
            "'1 hour'",
            "no duration",
            "",
        ),
        (
            "[true].exists(this, this)",
            "this",
            "cannot be the name",
            "another",
        ),
        ("[1].exists(x.y, true)", "x.y", "name of a variable", ""),
        ("[1].exists(x)", "exists", "a variable and a condition", ""),
        ("size() == 1", "size", "takes 1 argument", ""),
    ];
    for (text, at, message, help) in rows {
        refuses(text, at, message, help);
    }
}

#[test]
fn a_variable_out_of_its_place_says_where_it_has_one() {
    use Variable::{Auth, New, Old, This};
    let rows = [
        (
            "old.title == ''",
            &[Auth, New, This][..],
            "update and delete",
        ),
        ("new.title == ''", &[Auth, Old][..], "create and update"),
        ("'title' in changed", &[Auth, Old][..], "create and update"),
        ("op == 'create'", &[Auth, This][..], "`auth`, `this`"),
    ];
    for (text, variables, help) in rows {
        let faults =
            compiled_with(text, variables, Some(TODOS), Expected::Condition).expect_err(text);
        assert!(
            faults[0].message.contains("cannot be used here"),
            "{faults:?}"
        );
        assert!(faults[0].help.clone().unwrap().contains(help), "{faults:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_in_the_order_of_the_text() {
    let text = "this.b == 1 || this.titel == '' && auth.x == 'y' || this.rank == 'z' || foo(1)";
    let faults = compiled(text, Expected::Condition).unwrap_err();
    let found: Vec<&str> = faults.iter().map(|fault| pointed(text, fault)).collect();
    assert_eq!(found, ["b", "titel", "x", "this.rank == 'z'", "foo"]);
}

#[test]
fn a_computed_value_that_is_wrong_is_told_where_it_is_named() {
    let rows = [
        (
            "this.list.broken",
            "this.list.broken",
            "in computed value `broken` of `lists`: `lists` has no",
            "`name`",
        ),
        (
            "this.list.loop_a",
            "this.list.loop_a",
            "`loop_a` reads itself: loop_a → loop_b → loop_a",
            "",
        ),
        (
            "this.list.is_new",
            "this.list.is_new",
            "`op` cannot be used",
            "`this` and `auth`",
        ),
        ("new.has_text", "new.has_text", "unknown in `new`", "`old`"),
    ];
    for (text, at, message, help) in rows {
        refuses(text, at, message, help);
    }
}

#[test]
fn a_fault_of_a_computed_value_is_inherited_where_that_is_named_and_a_circle_is_its_own() {
    let world = world();
    let own = |name: &str| {
        let source = &world.tables[0].computed[name];
        let scope = Scope {
            world: &world,
            table: Some(LISTS),
            defines: Some(&MemberName::from(name)),
            variables: &[Variable::This, Variable::Auth],
            fields: &BTreeSet::new(),
            expected: Expected::Any,
        };
        compile(&source.text, &scope).map_err(|faults| faults[0].clone())
    };
    assert!(own("is_owner").is_ok());
    for name in ["broken", "is_new", "loop_a", "loop_b"] {
        assert!(!own(name).unwrap_err().is_inherited, "{name}");
    }
    assert_eq!(
        own("loop_b").unwrap_err().message,
        "`loop_b` reads itself: loop_b → loop_a → loop_b"
    );
    for text in ["this.list.broken", "this.list.loop_a", "new.has_text"] {
        let faults = compiled(text, Expected::Condition).unwrap_err();
        assert!(faults[0].is_inherited, "{text}");
    }
    assert!(!compiled("this.titel", Expected::Any).unwrap_err()[0].is_inherited);
}

#[test]
fn a_name_whose_own_mistake_is_told_elsewhere_goes_with_everything() {
    for text in [
        "this.lost",
        "this.lost.owner_id == auth.sub",
        "this.lost != null && this.lost.a.b",
        "this.lost.exists(m, m.user_id == auth.sub && m.role in ['x'])",
        "size(this.lost) > 1 || this.lost.all(m, m < 3)",
        "this.lost < this.due || this.lost + 1 == 2 || -this.lost < 1",
        "this.title.startsWith(this.lost) || this.lost.matches('x')",
        "string(this.lost) == this.lost.x + 'a' ? this.lost : true",
        "this.lost[0] in this.lost || 'x' in this.lost || has(this.lost.x)",
        "this.list.members.exists(m, m.user_id == this.lost)",
    ] {
        let found = compiled(text, Expected::Condition);
        assert!(found.is_ok(), "{text}: {found:?}");
    }
}

#[test]
fn what_the_database_computes_is_unknown_before_the_write() {
    refuses("new.search == ''", "search", "unknown in `new`", "`old`");
    refuses("this.search == ''", "search", "unknown in `this`", "`old`");
    assert!(compiled("old.search == '' && old.has_text", Expected::Condition).is_ok());
    assert!(compiled("this.search", Expected::Any).is_ok());
}

#[test]
fn limits_hold_before_and_after_the_parser() {
    let rows = [
        (
            format!("{}true{}", "(".repeat(40), ")".repeat(40)),
            "nested more than 32",
        ),
        (
            format!("{}1{} == 1", "[".repeat(200), "]".repeat(200)),
            "nested more than 32",
        ),
        (vec!["1"; 200].join("+") + " == 1", "nested more than 32"),
        (vec!["true"; 300].join("&&"), "more than 500 parts"),
        (format!("'{}' == ''", "x".repeat(2048)), "longer than 2048"),
        (
            format!("{}true", "true ? true : ".repeat(60)),
            "nested more than 32",
        ),
        (
            format!("this{}", ".parent".repeat(4) + ".title == ''"),
            "more than 3 relations",
        ),
        (
            "[1].exists(a, [1].exists(b, [1].exists(c, true)))".to_owned(),
            "more than 2 inside",
        ),
        (format!("'a'.matches('{}')", r"\\w{200}{200}"), "too large"),
        (
            vec!["this.list.can_edit"; 40].join("||"),
            "more than 500 parts",
        ),
    ];
    for (text, message) in rows {
        let faults = compiled(&text, Expected::Condition).expect_err(&text);
        assert!(faults[0].message.contains(message), "{text}: {faults:?}");
    }
    assert!(compiled(&vec!["true"; 200].join("&&"), Expected::Condition).is_ok());
}

#[test]
fn ordering_a_nullable_column_warns_unless_its_author_thought_of_null() {
    let warnings = |text| {
        compiled(text, Expected::Condition)
            .unwrap()
            .warnings()
            .len()
    };
    assert_eq!(warnings("this.due < request.time"), 1);
    assert_eq!(warnings("this.due != null && this.due < request.time"), 0);
    assert_eq!(warnings("this.due == null || this.due < request.time"), 0);
    assert_eq!(warnings("old.due != null && this.due < request.time"), 1);
    assert_eq!(warnings("this.rank < 3 && this.is_late"), 0);
    assert_eq!(warnings("this.id == 'x'"), 1);
}

#[test]
fn a_column_takes_what_it_can_store() {
    let column = |kind: &Kind| ColumnType {
        kind: kind.clone(),
        cast: "it".into(),
        domain: None,
    };
    let labels = Kind::Enum(["a".into(), "b".into()].into());
    let list = Kind::Array(Box::new(Kind::Uuid));
    let rows = [
        (Kind::Uuid, "auth.sub", true),
        (Kind::Uuid, "this.id", true),
        (Kind::Uuid, "'00000000-0000-0000-0000-00000000000a'", true),
        (Kind::Uuid, "'x'", false),
        (Kind::Uuid, "1", false),
        (Kind::Uuid, "null", true),
        (Kind::Text, "'x'", true),
        (Kind::Text, "this.id", true),
        (Kind::Text, "1", false),
        (Kind::Bool, "false", true),
        (Kind::Bool, "0", false),
        (Kind::Int4, "1", true),
        (Kind::Int4, "1.0", false),
        (Kind::Numeric(None), "0.1", true),
        (Kind::Timestamptz(6), "request.time", true),
        (Kind::Timestamptz(6), "1", false),
        (labels.clone(), "'a'", true),
        (labels, "'c'", false),
        (list.clone(), "[auth.sub]", true),
        (list, "[1]", false),
        (Kind::Jsonb, "{'a': [1, null]}", true),
        (Kind::Jsonb, "auth.app", true),
        (Kind::Bytea, "b'x'", true),
        (Kind::Bytea, "'x'", false),
        (Kind::Text, "this.at", false),
        (Kind::Text, "this.list", false),
    ];
    for (kind, text, is_taken) in rows {
        let ty = column(&kind);
        let found = compiled(text, Expected::Column(&ty));
        assert_eq!(found.is_ok(), is_taken, "{text} in {kind:?}: {found:?}");
    }
    assert!(compiled("'a' + this.title", Expected::Text).is_ok());
    assert!(compiled("this.rank", Expected::Text).is_err());
}
