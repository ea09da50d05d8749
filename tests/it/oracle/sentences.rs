//! The sentences of *What happens to one operation*, *Presets* and the contract, each as a case by hand: for the oracle, and for the product.

use std::collections::BTreeMap;

use rulegate::vocabulary::operation::{Op, Verb};
use serde_json::{Value as Json, json};

use super::condition::{Comparison, Condition, Place, always, claim, int, new, old, text, this};
use super::gateway::{Gateway, agrees, difference};
use super::judge;
use super::meaning::NOW;
use super::model::{
    Answer, Check, Column, Field, Grant, Operation, Pool, ProjectGuard, Relation, Rules, Shape,
    State, Table, Ty, Upload, Val, World,
};
use super::tape::{key, org, user};

/// One case: what differs from [`world`], who asks for what, what is answered, and what a column then holds.
struct Sentence {
    name: &'static str,
    rules: fn(&mut World),
    user: usize,
    upload: Json,
    answers: &'static str,
    then: Vec<(&'static str, usize, &'static str, Option<Val>)>,
}

fn column(name: &str, ty: Ty, not_null: bool, default: Option<Val>) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        pool: Pool::Plain,
        not_null,
        default,
        is_unique: name == "code",
    }
}

fn field(column: &str) -> Field {
    Field {
        app: column.to_owned(),
        column: column.to_owned(),
        is_immutable: false,
        default: None,
        shape: None,
    }
}

fn grant(condition: Condition) -> Grant {
    Grant {
        condition,
        columns: None,
    }
}

fn some(condition: Condition, columns: &[&str]) -> Grant {
    let columns = columns.iter().map(|c| (*c).to_owned()).collect();
    Grant {
        condition,
        columns: Some(columns),
    }
}

fn check(rule: Condition, code: &str) -> Check {
    Check {
        rule,
        code: code.to_owned(),
        ops: None,
        is_deferred: false,
    }
}

fn deferred(rule: Condition, code: &str) -> Check {
    Check {
        is_deferred: true,
        ..check(rule, code)
    }
}

fn mine() -> Condition {
    this("owner").is(claim("sub"))
}

fn up(name: &str) -> Condition {
    Condition::Member(
        Place::One(Box::new(Place::This), "list".into()),
        name.into(),
    )
}

fn members(of: Place, body: Condition) -> Condition {
    Condition::Exists(of, "members".into(), "m".into(), Box::new(body))
}

fn m(name: &str) -> Condition {
    Condition::Member(Place::Variable("m".into()), name.into())
}

fn lists(world: &mut World) -> &mut Rules {
    world.tables[0].rules.as_mut().unwrap()
}

/// Lists with owners and members, tasks in lists. User 0 owns list 0, user 1 owns list 1, user 2 is an editor of list 1.
fn world() -> World {
    let lists = Table {
        app: "lists".into(),
        name: "t_lists".into(),
        columns: vec![
            column("id", Ty::Uuid, true, None),
            column("owner", Ty::Uuid, true, None),
            column("title", Ty::Text, false, None),
            column("rank", Ty::Int, false, None),
            column("done", Ty::Bool, true, Some(Val::Bool(false))),
            column("made", Ty::Time, false, None),
            column("secret", Ty::Text, false, None),
            column("touched", Ty::Int, false, None),
            column("code", Ty::Text, false, None),
        ],
        rules: Some(Rules {
            fields: ["title", "rank", "code"]
                .map(field)
                .into_iter()
                .chain([Field {
                    app: "app_done".into(),
                    ..field("done")
                }])
                .collect(),
            ignore: vec!["legacy".into()],
            create_presets: vec![
                ("owner".into(), claim("sub")),
                ("made".into(), Condition::Now),
            ],
            update_presets: vec![("touched".into(), int(7))],
            relations: vec![
                Relation {
                    name: "members".into(),
                    table: 2,
                    pairs: vec![("list".into(), "id".into())],
                },
                Relation {
                    name: "tasks".into(),
                    table: 1,
                    pairs: vec![("list_id".into(), "id".into())],
                },
            ],
            computed: vec![(
                "can_edit".into(),
                mine().or(members(
                    Place::This,
                    m("person")
                        .is(claim("sub"))
                        .and(m("role").is(text("editor"))),
                )),
            )],
            write: vec![grant(mine())],
            ..Rules::default()
        }),
    };
    let tasks = Table {
        app: "tasks".into(),
        name: "tasks".into(),
        columns: vec![
            column("id", Ty::Uuid, true, None),
            column("list_id", Ty::Uuid, false, None),
            column("title", Ty::Text, true, None),
            column("done", Ty::Bool, false, None),
        ],
        rules: Some(Rules {
            fields: ["list_id", "title", "done"].map(field).into(),
            relations: vec![Relation {
                name: "list".into(),
                table: 0,
                pairs: vec![("id".into(), "list_id".into())],
            }],
            write: vec![grant(up("can_edit"))],
            ..Rules::default()
        }),
    };
    let members = Table {
        app: "members".into(),
        name: "members".into(),
        columns: vec![
            column("id", Ty::Uuid, true, None),
            column("list", Ty::Uuid, false, None),
            column("person", Ty::Uuid, false, None),
            column("role", Ty::Text, false, None),
        ],
        rules: None,
    };
    World {
        tables: vec![lists, tasks, members],
        guards: Vec::new(),
        skips: false,
    }
}

fn rows() -> State {
    let id = |n| Val::Uuid(key(n));
    let text = |t: &str| Val::Text(t.into());
    let list = |n: usize| {
        vec![
            id(n),
            Val::Uuid(user(n)),
            text("a"),
            Val::Int(1),
            Val::Bool(false),
            Val::Time(NOW - 1),
            Val::Null,
            Val::Null,
            Val::Null,
        ]
    };
    let task = |n: usize| vec![id(n), id(n), text("t"), Val::Null];
    let member = vec![id(0), id(1), Val::Uuid(user(2)), text("editor")];
    let table = |rows: Vec<Vec<Val>>| -> BTreeMap<String, Vec<Val>> {
        rows.into_iter()
            .enumerate()
            .map(|(n, row)| (key(n), row))
            .collect()
    };
    vec![
        table(vec![list(0), list(1)]),
        table(vec![task(0), task(1)]),
        table(vec![member]),
    ]
}

/// `[[["PATCH", "lists", 0, {…}], …], …]`: transactions of operations; a number is the key of a row.
fn transactions(upload: &Json) -> Vec<Vec<Operation>> {
    let operation = |json: &Json| Operation {
        verb: Verb::parse(json[0].as_str().unwrap()).unwrap(),
        table: json[1].as_str().unwrap().to_owned(),
        id: match &json[2] {
            Json::Number(n) => key(usize::try_from(n.as_u64().unwrap()).unwrap()),
            other => other.as_str().unwrap().to_owned(),
        },
        data: json[3]
            .as_object()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .collect(),
        metadata: json[4].as_str().map(ToOwned::to_owned),
    };
    let operations = |json: &Json| json.as_array().unwrap().iter().map(operation).collect();
    upload.as_array().unwrap().iter().map(operations).collect()
}

fn upload(sentence: &Sentence) -> Upload {
    let claims = [
        ("sub".to_owned(), json!(user(sentence.user))),
        ("org".to_owned(), json!(org(0))),
        ("role".to_owned(), json!("guest")),
    ];
    Upload {
        claims: claims.into(),
        transactions: transactions(&sentence.upload),
    }
}

/// `ok`, `0 UNAUTHORIZED` (operation 0), `-` (not attempted); one for each transaction.
fn shown(answers: &[Answer]) -> String {
    let shown: Vec<String> = answers
        .iter()
        .map(|answer| match answer {
            Answer::Applied => "ok".into(),
            Answer::NotAttempted => "-".into(),
            Answer::Refused(index, codes) => format!("{index} {}", codes[0]),
        })
        .collect();
    shown.join(", ")
}

#[rustfmt::skip] // A table: one sentence a line.
fn sentences() -> Vec<Sentence> {
    let mut all = Vec::new();
    let mut say = |name,
                   rules: fn(&mut World),
                   user,
                   upload,
                   answers,
                   then: &[(&'static str, usize, &'static str, Option<Val>)]| {
        all.push(Sentence {
            name,
            rules,
            user,
            upload,
            answers,
            then: then.to_vec(),
        });
    };
    let as_is: fn(&mut World) = |_| {};
    let t = |text: &str| Some(Val::Text(text.into()));
    let owner = |n| Some(Val::Uuid(user(n)));

    // 1. Known?
    say("no rule file is UNAUTHORIZED, whatever the operation", as_is, 0, json!([[["DELETE", "members", 5]]]), "0 UNAUTHORIZED", &[]);
    say("a table nobody knows is UNAUTHORIZED", as_is, 0, json!([[["PUT", "nowhere", 5, {}]]]), "0 UNAUTHORIZED", &[]);
    say("a column that the database has and the rules do not open", as_is, 0, json!([[["PATCH", "lists", 0, {"secret": "x"}]]]), "0 UNAUTHORIZED", &[("lists", 0, "secret", Some(Val::Null))]);
    say("a database name is no app name", as_is, 0, json!([[["PATCH", "lists", 0, {"done": 1}]]]), "0 UNAUTHORIZED", &[]);
    say("a column that neither has", as_is, 0, json!([[["PATCH", "lists", 0, {"unheard_of": 1}]]]), "0 SCHEMA_MISMATCH", &[]);
    say("neither needs a row", as_is, 0, json!([[["PATCH", "lists", 6, {"unheard_of": 1}]]]), "0 SCHEMA_MISMATCH", &[]);
    say("the table is looked at before its columns", as_is, 0, json!([[["PATCH", "members", 0, {"unheard_of": 1}]]]), "0 UNAUTHORIZED", &[]);
    say("the data of a DELETE is ignored", as_is, 0, json!([[["DELETE", "lists", 0, {"unheard_of": 1, "title": true}]]]), "ok", &[("lists", 0, "id", None)]);
    say("ignored columns are dropped on purpose", as_is, 0, json!([[["PATCH", "lists", 0, {"legacy": [1], "title": "b"}]]]), "ok", &[("lists", 0, "title", t("b"))]);
    say("`id` inside the data is ignored", as_is, 0, json!([[["PATCH", "lists", 0, {"id": key(1), "title": "b"}]]]), "ok", &[("lists", 0, "title", t("b")), ("lists", 1, "title", t("a"))]);
    say("a PATCH of nothing but ignored columns does not look at the row", as_is, 0, json!([[["PATCH", "lists", 1, {"legacy": 1, "id": "x"}]]]), "ok", &[]);
    say("an empty PATCH does not look at the row", as_is, 0, json!([[["PATCH", "lists", 1, {}]]]), "ok", &[]);
    say("but its table has to be known", as_is, 0, json!([[["PATCH", "members", 0, {}]]]), "0 UNAUTHORIZED", &[]);
    say("a preset column that is dropped still counts as carried", as_is, 0, json!([[["PATCH", "lists", 1, {"touched": 1}]]]), "0 UNAUTHORIZED", &[]);

    // 2. Convert.
    say("a value that cannot be stored", as_is, 0, json!([[["PATCH", "lists", 0, {"rank": "x"}]]]), "0 INVALID_DATA", &[]);
    say("every column is known before any value is converted", as_is, 0, json!([[["PATCH", "lists", 0, {"rank": "x", "unheard_of": 1}]]]), "0 SCHEMA_MISMATCH", &[]);
    say("also where the row is absent", as_is, 0, json!([[["PATCH", "lists", 6, {"rank": "x"}]]]), "0 INVALID_DATA", &[]);
    say("a value that is dropped is not looked at", as_is, 0, json!([[["PATCH", "lists", 0, {"touched": "x", "title": "b"}]]]), "ok", &[("lists", 0, "touched", Some(Val::Int(7)))]);
    say("a malformed id", as_is, 0, json!([[["DELETE", "lists", "x"]]]), "0 INVALID_DATA", &[]);
    say("two spellings of one key are one row", as_is, 0, json!([[["PATCH", "lists", key(0).to_uppercase(), {"title": "b"}]]]), "ok", &[("lists", 0, "title", t("b"))]);

    // 3. Which op.
    say("PUT on an absent row is create", as_is, 0, json!([[["PUT", "lists", 6, {"title": "b"}]]]), "ok", &[("lists", 6, "title", t("b")), ("lists", 6, "owner", owner(0)), ("lists", 6, "made", Some(Val::Time(NOW))), ("lists", 6, "done", Some(Val::Bool(false))), ("lists", 6, "touched", Some(Val::Null))]);
    say("PUT on a present row is update: what is not sent keeps its value", as_is, 0, json!([[["PUT", "lists", 0, {"rank": 5}]]]), "ok", &[("lists", 0, "title", t("a")), ("lists", 0, "rank", Some(Val::Int(5))), ("lists", 0, "touched", Some(Val::Int(7)))]);
    say("a PUT with somebody else's id changes nothing", as_is, 0, json!([[["PUT", "lists", 1, {"title": "b"}]]]), "0 UNAUTHORIZED", &[("lists", 1, "title", t("a"))]);
    say("PATCH and DELETE of an absent row are done already", as_is, 0, json!([[["PATCH", "lists", 6, {"title": "b"}], ["DELETE", "lists", 6]]]), "ok", &[("lists", 6, "id", None)]);
    say("DELETE by a stranger", as_is, 0, json!([[["DELETE", "lists", 1]]]), "0 UNAUTHORIZED", &[("lists", 1, "title", t("a"))]);

    // 4. `new`.
    say("a default stands where the app sends none", |w| lists(w).fields[0].default = Some(text("d")), 0, json!([[["PUT", "lists", 6, {}]]]), "ok", &[("lists", 6, "title", t("d"))]);
    say("an explicit null counts as sent", |w| lists(w).fields[0].default = Some(text("d")), 0, json!([[["PUT", "lists", 6, {"title": null}]]]), "ok", &[("lists", 6, "title", Some(Val::Null))]);
    say("a PUT on a present row takes no default", |w| lists(w).fields[0].default = Some(text("d")), 0, json!([[["PUT", "lists", 0, {"rank": 2}]]]), "ok", &[("lists", 0, "title", t("a"))]);
    say("a default that errors refuses", |w| lists(w).fields[0].default = Some(claim("name")), 0, json!([[["PUT", "lists", 6, {}]]]), "0 UNAUTHORIZED", &[("lists", 6, "id", None)]);
    say("a default that is not needed does not", |w| lists(w).fields[0].default = Some(claim("name")), 0, json!([[["PUT", "lists", 6, {"title": "b"}]]]), "ok", &[]);
    say("a preset that errors refuses", |w| lists(w).update_presets = vec![("touched".into(), claim("level"))], 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("an update preset reads `old`", |w| { lists(w).update_presets = vec![("touched".into(), Condition::Plus(Box::new(old("rank")), Box::new(int(1))))] }, 0, json!([[["PATCH", "lists", 0, {"rank": 5}]]]), "ok", &[("lists", 0, "touched", Some(Val::Int(2)))]);

    // Presets.
    say("create: the sent value is dropped, the preset stands", as_is, 0, json!([[["PUT", "lists", 6, {"owner": user(1), "made": "x"}]]]), "ok", &[("lists", 6, "owner", owner(0))]);
    say("create: a column that only updates preset is dropped", as_is, 0, json!([[["PUT", "lists", 6, {"touched": 9}]]]), "ok", &[("lists", 6, "touched", Some(Val::Null))]);
    say("PUT on a present row: a column that only creates preset is dropped", as_is, 0, json!([[["PUT", "lists", 0, {"owner": user(1), "title": "b"}]]]), "ok", &[("lists", 0, "owner", owner(0)), ("lists", 0, "title", t("b"))]);
    say("PATCH: the same, equal to the stored value, is dropped", as_is, 0, json!([[["PATCH", "lists", 0, {"owner": user(0).to_uppercase(), "title": "b"}]]]), "ok", &[("lists", 0, "title", t("b"))]);
    say("PATCH: else UNAUTHORIZED", as_is, 0, json!([[["PATCH", "lists", 0, {"owner": user(1), "title": "b"}]]]), "0 UNAUTHORIZED", &[("lists", 0, "owner", owner(0)), ("lists", 0, "title", t("a"))]);
    say("PATCH: where it does not convert, UNAUTHORIZED", as_is, 0, json!([[["PATCH", "lists", 0, {"owner": "x"}]]]), "0 UNAUTHORIZED", &[]);
    say("PATCH of an absent row: nothing is compared", as_is, 0, json!([[["PATCH", "lists", 6, {"owner": "x"}]]]), "ok", &[]);
    say("a column that is preset and listed follows the preset where the op has one", |w| lists(w).create_presets.push(("title".into(), text("p"))), 0, json!([[["PUT", "lists", 6, {"title": "b"}]]]), "ok", &[("lists", 6, "title", t("p"))]);
    say("and `columns` where it has none", |w| lists(w).create_presets.push(("title".into(), text("p"))), 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "ok", &[("lists", 0, "title", t("b"))]);
    say("presets need no cover", |w| lists(w).write = Vec::new().into_iter().chain([grant(mine())]).collect(), 0, json!([[["PATCH", "lists", 0, {"touched": 1, "title": "b"}]]]), "ok", &[("lists", 0, "touched", Some(Val::Int(7)))]);

    // 5. Guards, `allow`, `this`.
    say("`allow: {}` lets no app write", |w| lists(w).write.clear(), 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("a guard stands before every grant", |w| lists(w).guard = Some(this("rank").compare(Comparison::Greater, int(1))), 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("nobody takes a row over", |w| lists(w).fields.push(field("owner")), 0, json!([[["PATCH", "lists", 1, {"owner": user(0)}]]]), "0 UNAUTHORIZED", &[("lists", 1, "owner", owner(1))]);
    say("nobody gives one away", |w| lists(w).fields.push(field("owner")), 0, json!([[["PATCH", "lists", 0, {"owner": user(1)}]]]), "0 UNAUTHORIZED", &[("lists", 0, "owner", owner(0))]);
    say("`new` alone means one image", |w| { lists(w).fields.push(field("owner")); lists(w).write.clear(); lists(w).update.push(grant(new("owner").is(claim("sub")))) }, 0, json!([[["PATCH", "lists", 1, {"owner": user(0)}]]]), "ok", &[("lists", 1, "owner", owner(0))]);
    say("every changed column is covered", |w| { lists(w).write.clear(); lists(w).update = vec![some(mine(), &["title"]), some(always(true), &["rank"])] }, 0, json!([[["PATCH", "lists", 0, {"title": "b", "rank": 5}]]]), "ok", &[]);
    say("by a grant that is true", |w| { lists(w).write.clear(); lists(w).update = vec![some(mine(), &["title"]), some(always(true), &["rank"])] }, 0, json!([[["PATCH", "lists", 1, {"title": "b", "rank": 5}]]]), "0 UNAUTHORIZED", &[]);
    say("a column sent unchanged needs no cover", |w| { lists(w).write.clear(); lists(w).update = vec![some(always(true), &["rank"])] }, 0, json!([[["PATCH", "lists", 0, {"title": "a", "rank": 5}]]]), "ok", &[("lists", 0, "rank", Some(Val::Int(5)))]);
    say("at least one grant is true, even when nothing changed", as_is, 0, json!([[["PUT", "lists", 1, {"title": "a"}]]]), "0 UNAUTHORIZED", &[]);
    say("an update with nothing changed writes nothing, presets included", as_is, 0, json!([[["PATCH", "lists", 0, {"title": "a"}]]]), "ok", &[("lists", 0, "touched", Some(Val::Null))]);
    say("on create everything sent counts as changed, explicit nulls too", |w| { lists(w).write.clear(); lists(w).create = vec![some(always(true), &["title"])] }, 0, json!([[["PUT", "lists", 6, {"title": "b", "rank": null}]]]), "0 UNAUTHORIZED", &[]);
    say("defaults need no cover", |w| { lists(w).write.clear(); lists(w).fields[1].default = Some(int(3)); lists(w).create = vec![some(always(true), &["title"])] }, 0, json!([[["PUT", "lists", 6, {"title": "b"}]]]), "ok", &[("lists", 6, "rank", Some(Val::Int(3)))]);
    say("`changed` names what differs", |w| { lists(w).write.clear(); lists(w).update = vec![grant(Condition::Changed("rank".into()).not())] }, 0, json!([[["PATCH", "lists", 1, {"title": "b", "rank": 1}]]]), "ok", &[]);
    say("a relation with a computed value", as_is, 2, json!([[["PATCH", "tasks", 1, {"title": "b"}]]]), "ok", &[]);
    say("of somebody else's list", as_is, 2, json!([[["PATCH", "tasks", 0, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("a task cannot be moved out of a list", as_is, 1, json!([[["PATCH", "tasks", 1, {"list_id": key(0)}]]]), "0 UNAUTHORIZED", &[]);
    say("nor into one", as_is, 0, json!([[["PATCH", "tasks", 1, {"list_id": key(0)}]]]), "0 UNAUTHORIZED", &[]);
    say("a null matches nothing, and a member of null is an error", as_is, 0, json!([[["PUT", "tasks", 6, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("nor has null a computed value, whatever that reads", |w| lists(w).computed[0].1 = always(true), 0, json!([[["PUT", "tasks", 6, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("nobody authorises himself with the row he is writing", |w| { lists(w).write = vec![grant(Condition::Count(Place::This, "peers".into()).compare(Comparison::AtLeast, int(1)))]; lists(w).relations.push(Relation { name: "peers".into(), table: 0, pairs: vec![("owner".into(), "owner".into())], }) }, 2, json!([[["PUT", "lists", 6, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("but with what an earlier operation wrote", |w| lists(w).write.push(grant(mine())), 2, json!([[["PUT", "lists", 6, {"title": "b"}], ["PUT", "tasks", 6, {"title": "b", "list_id": key(6)}]]]), "ok", &[("tasks", 6, "title", t("b"))]);
    say("and no longer with what one removed", as_is, 0, json!([[["DELETE", "lists", 0], ["PATCH", "tasks", 0, {"title": "b"}]]]), "1 UNAUTHORIZED", &[("lists", 0, "title", t("a"))]);
    say("two operations that would launder ownership", |w| lists(w).fields.push(field("owner")), 0, json!([[["PATCH", "lists", 1, {"title": "b"}], ["PATCH", "lists", 1, {"owner": user(0)}]]]), "0 UNAUTHORIZED", &[]);
    say("a project guard presets and guards", |w| { w.guards = vec![ProjectGuard { having: vec!["secret".into()], rule: this("secret").is(claim("role")), create_presets: vec![("secret".into(), claim("role"))], immutable: Vec::new(), }] }, 0, json!([[["PUT", "lists", 6, {"secret": "x"}]], [["PATCH", "lists", 6, {"title": "b"}]], [["PATCH", "lists", 0, {"title": "b"}]]]), "ok, ok, 0 UNAUTHORIZED", &[("lists", 6, "secret", t("guest"))]);

    // Null, errors, doubt.
    say("an error in a grant means that it does not hold", |w| lists(w).write = vec![grant(claim("level").is(int(1)))], 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("the negation of an error does not hold either", |w| lists(w).write = vec![grant(claim("level").is(int(1)).not())], 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("`||` absorbs it", |w| lists(w).write = vec![grant(claim("level").is(int(1)).or(mine()))], 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "ok", &[]);
    say("`!` of `&&` with a false side is true", |w| lists(w).write = vec![grant(claim("level").is(int(1)).and(always(false)).not())], 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "ok", &[]);
    say("`has` asks", |w| lists(w).write = vec![grant(Condition::Has("level".into()).not())], 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "ok", &[]);
    say("`==` with null answers", |w| lists(w).write = vec![grant(this("secret").is(Condition::Literal(Val::Null)))], 1, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "ok", &[]);
    say("`<` with null is an error", |w| { lists(w).write = vec![grant(this("touched").compare(Comparison::Less, int(1)).not())] }, 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("`exists` of no rows is false, `all` is true", |w| { lists(w).write = vec![grant(members(Place::This, always(true)).not().and(Condition::All(Place::This, "members".into(), "m".into(), Box::new(always(false)))))] }, 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "ok", &[]);

    // 6. `immutable`, 7. JSON Schema, 8. `check`, 9. constraints.
    say("an immutable column would change", |w| lists(w).fields[0].is_immutable = true, 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "0 DOCUMENT_VALIDATION_FAILURE", &[]);
    say("sent unchanged it is fine", |w| lists(w).fields[0].is_immutable = true, 0, json!([[["PATCH", "lists", 0, {"title": "a", "rank": 2}]]]), "ok", &[]);
    say("it may be set on create", |w| lists(w).fields[0].is_immutable = true, 0, json!([[["PUT", "lists", 6, {"title": "b"}]]]), "ok", &[]);
    say("a stranger learns only UNAUTHORIZED", |w| lists(w).fields[0].is_immutable = true, 0, json!([[["PATCH", "lists", 1, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("a column's schema", |w| lists(w).fields[0].shape = Some(Shape::Length(1, 2)), 0, json!([[["PATCH", "lists", 0, {"title": "long"}]]]), "0 DOCUMENT_VALIDATION_FAILURE", &[]);
    say("null included", |w| lists(w).fields[0].shape = Some(Shape::Length(1, 2)), 0, json!([[["PUT", "lists", 6, {}]]]), "0 DOCUMENT_VALIDATION_FAILURE", &[]);
    say("the row's schema sees what no app may write", |w| lists(w).row = vec![("touched".into(), Shape::Range(0, 5))], 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "0 DOCUMENT_VALIDATION_FAILURE", &[]);
    say("the row's schema says the app's names", |w| { lists(w).row = vec![("done".into(), Shape::Range(0, 5))]; }, 0, json!([[["PATCH", "lists", 0, {"app_done": 1}]]]), "0 DOCUMENT_VALIDATION_FAILURE", &[]);
    say("values the database will make are absent from it", |w| { lists(w).row = vec![("done".into(), Shape::Range(0, 5))]; }, 0, json!([[["PUT", "lists", 6, {"title": "b"}]]]), "ok", &[]);
    say("an old bad row stays editable", |w| lists(w).fields[1].shape = Some(Shape::Range(2, 5)), 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "ok", &[]);
    say("the first check that is not true gives its code", |w| { lists(w).checks = vec![check(always(true), "FIRST"), check(new("title").is(text("b")).not(), "SECOND"), check(always(false), "THIRD")] }, 0, json!([[["PATCH", "lists", 0, {"title": "b"}]]]), "0 SECOND", &[]);
    say("a check that names `old` is not asked on create", |w| lists(w).checks = vec![check(old("rank").is(int(9)), "OLD")], 0, json!([[["PUT", "lists", 6, {"title": "b"}]], [["DELETE", "lists", 6]]]), "ok, 0 OLD", &[]);
    say("`ops` narrows it", |w| { lists(w).checks = vec![Check { ops: Some(vec![Op::Create]),..check(always(false), "NEVER") }] }, 0, json!([[["PATCH", "lists", 0, {"title": "b"}]], [["PUT", "lists", 6, {}]]]), "ok, 0 NEVER", &[]);
    say("an error in a check is a no", |w| { lists(w).checks = vec![check(new("touched").compare(Comparison::Less, int(1)), "ERRS")] }, 0, json!([[["PUT", "lists", 6, {}]]]), "0 ERRS", &[]);
    say("allow comes before check", |w| lists(w).checks = vec![check(always(false), "NEVER")], 0, json!([[["PATCH", "lists", 1, {"title": "b"}]]]), "0 UNAUTHORIZED", &[]);
    say("NOT NULL", as_is, 0, json!([[["PUT", "tasks", 6, {"list_id": key(0)}]]]), "0 NOT_NULL_VIOLATION", &[]);
    say("an explicit null is not the database's default", as_is, 0, json!([[["PUT", "lists", 6, {"app_done": null}]]]), "0 NOT_NULL_VIOLATION", &[]);
    say("unique", as_is, 0, json!([[["PATCH", "lists", 0, {"code": "x"}], ["PUT", "lists", 6, {"code": "x"}]]]), "1 UNIQUE_VIOLATION", &[("lists", 0, "code", Some(Val::Null))]);
    say("a constraint tells a stranger nothing", as_is, 0, json!([[["PATCH", "tasks", 1, {"title": null}]]]), "0 UNAUTHORIZED", &[]);

    // The end of the transaction.
    say("a deferred check is asked at the end, of the row as it is then", |w| lists(w).checks = vec![deferred(new("rank").is(int(2)), "END")], 0, json!([[["PATCH", "lists", 0, {"rank": 1}], ["PATCH", "lists", 0, {"rank": 2}]], [["PATCH", "lists", 0, {"rank": 3}]]]), "ok, 0 END", &[("lists", 0, "rank", Some(Val::Int(2)))]);
    say("`old` is the row before the transaction", |w| lists(w).checks = vec![deferred(old("title").is(text("a")), "END")], 0, json!([[["PATCH", "lists", 0, {"title": "b"}], ["PATCH", "lists", 0, {"title": "c"}]], [["PATCH", "lists", 0, {"title": "a"}]]]), "ok, 0 END", &[("lists", 0, "title", t("c"))]);
    say("deleted and made anew is an update", |w| lists(w).checks = vec![Check { ops: Some(vec![Op::Update]), ..deferred(always(false), "END") }], 0, json!([[["DELETE", "lists", 0]], [["PUT", "lists", 0, {}]], [["DELETE", "lists", 0], ["PUT", "lists", 0, {}]]]), "ok, ok, 1 END", &[]);
    say("created and deleted in between is skipped", |w| lists(w).checks = vec![deferred(always(false), "END")], 0, json!([[["PUT", "lists", 6, {}], ["DELETE", "lists", 6]]]), "ok", &[]);
    say("it is asked even where nothing differs", |w| lists(w).checks = vec![deferred(always(false), "END")], 0, json!([[["PATCH", "lists", 0, {"title": "a"}]]]), "0 END", &[]);
    say("the last operation on the row is named", |w| lists(w).checks = vec![deferred(always(false), "END")], 0, json!([[["PATCH", "lists", 0, {"title": "b"}], ["PUT", "tasks", 6, {"title": "x", "list_id": key(0)}], ["PATCH", "lists", 0, {"title": "c"}], ["PATCH", "tasks", 6, {"title": "y"}]]]), "2 END", &[]);
    say("relations are read at the end", |w| lists(w).checks = vec![deferred(members(Place::This, m("role").is(text("editor"))), "END")], 0, json!([[["PUT", "lists", 6, {}]]]), "0 END", &[]);
    say("`changed` on update is what differs between before and after", |w| lists(w).checks = vec![deferred(Condition::Changed("title".into()).and(Condition::Changed("rank".into()).not()), "END")], 0, json!([[["PATCH", "lists", 0, {"title": "b", "rank": 7}], ["PATCH", "lists", 0, {"rank": 1}]], [["PATCH", "lists", 0, {"title": "c"}], ["PATCH", "lists", 0, {"title": "b"}]]]), "ok, 1 END", &[]);

    // Transactions and batches.
    say("one refused operation refuses its whole transaction", as_is, 0, json!([[["PATCH", "lists", 0, {"title": "b"}], ["PATCH", "lists", 1, {"title": "b"}]]]), "1 UNAUTHORIZED", &[("lists", 0, "title", t("a"))]);
    say("a batch stops at a refusal", as_is, 0, json!([[["PATCH", "lists", 0, {"title": "b"}]], [["PATCH", "lists", 1, {"title": "b"}]], [["PATCH", "lists", 0, {"title": "c"}]]]), "ok, 0 UNAUTHORIZED, -", &[("lists", 0, "title", t("b"))]);
    say("or skips it", |w| w.skips = true, 0, json!([[["PATCH", "lists", 1, {"title": "b"}]], [["PATCH", "lists", 0, {"title": "c"}]]]), "0 UNAUTHORIZED, ok", &[("lists", 0, "title", t("c"))]);
    say("an empty transaction is a success", as_is, 0, json!([[]]), "ok", &[]);
    say("operations on one row apply in order", as_is, 0, json!([[["PUT", "lists", 6, {"title": "b"}], ["PATCH", "lists", 6, {"title": "c"}], ["DELETE", "lists", 6], ["PATCH", "lists", 6, {"title": "d"}], ["PUT", "lists", 6, {"rank": 1}]]]), "ok", &[("lists", 6, "title", Some(Val::Null)), ("lists", 6, "rank", Some(Val::Int(1)))]);
    say("a row deleted and made anew is the maker's", as_is, 0, json!([[["DELETE", "lists", 0]], [["PUT", "lists", 0, {"owner": user(1)}]]]), "ok, ok", &[("lists", 0, "owner", owner(0))]);
    say("`changed` is what differs from what the earlier operation wrote", |w| { lists(w).write.clear(); lists(w).update = vec![some(mine().and(old("title").is(text("b"))), &["rank"]), some(mine(), &["title"])] }, 0, json!([[["PATCH", "lists", 0, {"title": "b"}], ["PATCH", "lists", 0, {"title": "b", "rank": 2}]]]), "ok", &[("lists", 0, "rank", Some(Val::Int(2)))]);
    all
}

#[test]
fn the_oracle_says_what_the_pages_say() {
    for sentence in sentences() {
        let mut world = world();
        (sentence.rules)(&mut world);
        let mut state = rows();
        let answers = judge::upload(&world, &mut state, &upload(&sentence));
        assert_eq!(shown(&answers), sentence.answers, "{}", sentence.name);
        for (table, row, column, wanted) in &sentence.then {
            let at = world.tables.iter().position(|t| t.app == *table).unwrap();
            let column = world.tables[at].position(column).unwrap();
            let found = state[at].get(&key(*row)).map(|row| &row[column]);
            assert_eq!(found, wanted.as_ref(), "{}: {table} {row}", sentence.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_says_what_the_pages_say() {
    let mut gateway = Gateway::open().await;
    let mut wrong = Vec::new();
    for sentence in sentences() {
        let mut world = world();
        (sentence.rules)(&mut world);
        let mut wanted = rows();
        let upload = upload(&sentence);
        let answers = judge::upload(&world, &mut wanted, &upload);
        let house = match gateway.house(&world).await {
            Ok(house) => house,
            Err(problems) => {
                wrong.push(format!(
                    "{}: the rules do not load\n{problems}",
                    sentence.name
                ));
                continue;
            }
        };
        gateway.fill(&house, &world, &rows()).await;
        let outcomes = gateway.send(&house, &upload).await;
        let found = gateway.rows(&house, &world).await;
        if !agrees(&answers, &outcomes) || found != wanted {
            let rows = difference(&world, &wanted, &found);
            wrong.push(format!(
                "{}: {} expected\n{outcomes:?}\n{rows}",
                sentence.name, sentence.answers
            ));
        }
        gateway.leave(house).await;
    }
    assert!(
        wrong.is_empty(),
        "{} sentences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
