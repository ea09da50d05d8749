//! One condition before both judges, over every row; and the totals of all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use rulegate::expr::{
    Budget, Compiled, Expected, Fragment, Frame, Image, Known, Related, Rest, Scope, Stand,
    Variable, Written, compile,
};
use rulegate::request::differs;
use rulegate::vocabulary::names::FieldName;
use rulegate::vocabulary::operation::Op;
use rulegate::vocabulary::row::{ColumnId, Datum, Row};
use rulegate::vocabulary::value::{Timestamp, Value};
use serde_json::json;
use tokio_postgres::types::ToSql;

use super::dice::Dice;
use super::grammar::{FIELDS, Grammar};
use super::ground::{Ground, THINGS};

/// Steps that no condition here spends.
const STEPS: usize = 1_000_000;
/// A date beyond all timestamps.
const FAR: &str = "300000-01-01";
/// The last timestamp, which is subtracted in process.
const LAST: &str = "294276-12-31 23:59:59.999999+00";
/// How many disagreements are shown.
const SHOWN: usize = 5;

/// What happens to the row.
struct Scene {
    op: Op,
    /// What `this` means.
    this: Variable,
    /// What is set, as the app sends it.
    sent: BTreeMap<FieldName, ColumnId>,
    values: Row,
    auth: Value,
    time: Timestamp,
    metadata: Option<String>,
}

/// Both judges, and what they said.
pub struct Hearing {
    ground: Ground,
    expressions: usize,
    unloaded: BTreeMap<String, usize>,
    inside: usize,
    decided: usize,
    outside: BTreeMap<String, usize>,
    evaluations: usize,
    yes: usize,
    unfit: usize,
    found: Vec<String>,
    too_slow: usize,
    known: usize,
    slow: usize,
    is_stale: bool,
}

impl Hearing {
    pub fn new(ground: Ground) -> Self {
        Self {
            ground,
            expressions: 0,
            unloaded: BTreeMap::new(),
            inside: 0,
            decided: 0,
            outside: BTreeMap::new(),
            evaluations: 0,
            yes: 0,
            unfit: 0,
            found: Vec::new(),
            too_slow: 0,
            known: 0,
            slow: 0,
            is_stale: false,
        }
    }

    /// Goes on over other rows.
    pub async fn over_other_rows(self, dice: &mut Dice) -> Self {
        let ground = self.ground.again(dice).await;
        Self { ground, ..self }
    }

    /// Goes on over rows that the catalogue does not know: then a yes must be a yes, and no more.
    pub async fn over_stale_rows(mut self) -> Self {
        self.ground.grow_stale().await;
        self.is_stale = true;
        self
    }

    /// What was heard.
    pub fn totals(&self) -> String {
        let mut text = format!(
            "{} conditions: {} in SQL (of which {} read nothing), {} outside\n{} evaluations, {} of them true, {} known before the database is asked, {} true and not said so where that is right; {} with a value that has no parameter; {} disagreements\n",
            self.expressions,
            self.inside,
            self.decided,
            self.outside.values().sum::<usize>(),
            self.evaluations,
            self.yes,
            self.known,
            self.slow,
            self.unfit,
            self.found.len(),
        );
        for (why, count) in &self.outside {
            let _ = writeln!(text, "  outside {count:6}  {why}");
        }
        for (why, count) in &self.unloaded {
            let _ = writeln!(text, "  no rule {count:6}  {why}");
        }
        text
    }

    pub fn disagreements(&self) -> String {
        let mut shown: Vec<&String> = self.found.iter().collect();
        shown.sort_by_key(|text| text.len());
        shown.truncate(SHOWN);
        shown
            .into_iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// A run that met nearly nothing has shown nothing.
    pub fn is_worth_something(&self) -> bool {
        self.expressions < 100
            || (self.inside * 3 > self.expressions && self.yes * 50 > self.evaluations)
    }

    /// Hears a random condition.
    pub async fn hear(&mut self, dice: &mut Dice) {
        let op = *dice.of(&[&Op::Create, &Op::Update, &Op::Update, &Op::Delete]);
        let (variables, images, this) = match op {
            Op::Create => (vec![Variable::New], vec!["new", "this"], Variable::New),
            Op::Update if dice.chance(50) => (
                vec![Variable::New, Variable::Old],
                vec!["new", "old", "this"],
                Variable::Old,
            ),
            Op::Update => (
                vec![Variable::New, Variable::Old],
                vec!["new", "old", "this"],
                Variable::New,
            ),
            Op::Delete => (vec![Variable::Old], vec!["old", "this"], Variable::Old),
        };
        let depth = 1 + dice.below(4);
        let text = Grammar::new(dice, images, op != Op::Delete).condition(depth);
        self.hear_text(dice, &text, op, this, &variables).await;
    }

    /// Hears a condition over the stored row, which has to become SQL.
    pub async fn hear_corner(&mut self, dice: &mut Dice, text: &str) {
        let inside = self.inside;
        self.hear_text(dice, text, Op::Delete, Variable::Old, &[Variable::Old])
            .await;
        assert_eq!(self.inside, inside + 1, "{text}\n{}", self.totals());
    }

    async fn hear_text(
        &mut self,
        dice: &mut Dice,
        text: &str,
        op: Op,
        this: Variable,
        variables: &[Variable],
    ) {
        let fields: BTreeSet<FieldName> = FIELDS.iter().map(|name| (*name).into()).collect();
        let mut usable = vec![
            Variable::Auth,
            Variable::This,
            Variable::Op,
            Variable::Request,
            Variable::Metadata,
        ];
        usable.extend(variables);
        if op != Op::Delete {
            usable.push(Variable::Changed);
        }
        let compiled = compile(
            text,
            &Scope {
                world: &self.ground.world,
                table: Some(THINGS),
                defines: None,
                variables: &usable,
                fields: &fields,
                expected: Expected::Condition,
            },
        );
        match compiled {
            Ok(compiled) => self.judge(dice, &compiled, op, this).await,
            Err(faults) => {
                let said: String = faults[0]
                    .message
                    .chars()
                    .filter(|c| !c.is_ascii_digit())
                    .take(60)
                    .collect();
                *self.unloaded.entry(said).or_default() += 1;
            }
        }
    }

    async fn judge(&mut self, dice: &mut Dice, compiled: &Compiled, op: Op, this: Variable) {
        self.expressions += 1;
        let mut scene = self.scene(dice, op, this);
        let fragment = match self.fragment(compiled, &scene) {
            Ok(fragment) => fragment,
            Err(why) => {
                *self.outside.entry(why).or_default() += 1;
                return;
            }
        };
        self.inside += 1;
        self.decided += usize::from(fragment.is_decided());
        let sql = sql(&fragment, op);
        let statement = match self.ground.database.client.prepare(&sql).await {
            Ok(statement) => statement,
            Err(error) => {
                self.found.push(format!(
                    "{}\n  {sql}\n  does not prepare: {error:?}\n",
                    compiled.text()
                ));
                return;
            }
        };
        for round in 0..3 {
            if round > 0 {
                let other = self.scene(dice, op, this);
                // The columns that are sent are part of the text; their values are not.
                scene.values = other.all_values(&scene);
                scene.auth = other.auth;
                scene.metadata = other.metadata;
            }
            let mode = ["force_custom_plan", "force_generic_plan"][round % 2];
            let set = format!("SET plan_cache_mode = {mode}");
            self.ground
                .database
                .client
                .batch_execute(&set)
                .await
                .unwrap();
            let Some(parameters) = Self::parameters(&fragment, &scene) else {
                self.unfit += 1;
                continue;
            };
            let fills: Vec<Option<Arc<str>>> = parameters
                .iter()
                .map(|text| text.as_deref().map(Arc::from))
                .collect();
            let known = fragment.known(&fills);
            let parameters: Vec<&(dyn ToSql + Sync)> = parameters
                .iter()
                .map(|text| text as &(dyn ToSql + Sync))
                .collect();
            let answered = self
                .ground
                .database
                .client
                .query(&statement, &parameters)
                .await;
            let answered = match answered {
                Ok(rows) => rows,
                Err(error) => {
                    self.found.push(format!(
                        "{}\n  {sql}\n  {parameters:?}\n  raises under {mode}: {:?}\n",
                        compiled.text(),
                        error.as_db_error()
                    ));
                    return;
                }
            };
            let rows: Vec<Option<Row>> = if op == Op::Create {
                vec![None]
            } else {
                self.ground.rows.iter().cloned().map(Some).collect()
            };
            assert_eq!(rows.len(), answered.len());
            for (row, answer) in rows.iter().zip(&answered) {
                let said: Option<bool> = answer.get(0);
                let Some((holds, is_kept)) = self.evaluate(compiled, &scene, row.as_ref()).await
                else {
                    self.too_slow += 1;
                    continue;
                };
                self.evaluations += 1;
                self.yes += usize::from(holds);
                let is_known = match known {
                    Known::Open => said,
                    Known::Holds => Some(true),
                    Known::Fails | Known::Errs => Some(false),
                };
                self.known += usize::from(known != Known::Open);
                // JSON that means what is stored is not judged in SQL, a date beyond all timestamps is no time there, and the last of them are not
                // subtracted.
                let is_not_judged = self.is_stale
                    || (is_kept && compiled.text().contains(".j"))
                    || (compiled.text().contains(".da") && self.holds("da", FAR, &scene))
                    || (compiled.text().contains(" - ") && self.holds("t", LAST, &scene));
                if holds && said != Some(true) && is_not_judged {
                    self.slow += 1;
                    continue;
                }
                if holds != (said == Some(true)) || holds != (is_known == Some(true)) {
                    let shown = shown(&self.ground, row.as_ref().unwrap_or(&scene.values));
                    self.found.push(format!(
                        "{}\n  {op:?}, this is {this:?}: the evaluator says {holds}, SQL {said:?}, known is {known:?}\n  {sql}\n  {parameters:?}\n  auth {:?}\n  row {shown}\n  sent {:?}\n",
                        compiled.text(), scene.auth, scene.sent.keys().map(FieldName::as_str).collect::<Vec<_>>(),
                    ));
                    return;
                }
            }
        }
    }

    fn fragment(&self, compiled: &Compiled, scene: &Scene) -> Result<Fragment, String> {
        let tables: Vec<_> = (0..3)
            .map(|id| Some(self.ground.facts(rulegate::expr::TableId(id))))
            .collect();
        let written = Written {
            known: scene.sent.values().copied().collect(),
            derived: BTreeSet::new(),
            rest: if scene.op == Op::Create {
                Rest::Unknown
            } else {
                Rest::Stored
            },
        };
        let (old, new) = match scene.op {
            Op::Create => (Image::Absent, Image::Written(&written)),
            Op::Update => (Image::Stored, Image::Written(&written)),
            Op::Delete => (Image::Stored, Image::Absent),
        };
        let stand = Stand {
            world: &self.ground.world,
            tables: &tables,
            table: THINGS,
            old,
            new,
            this: if scene.this == Variable::Old {
                old
            } else {
                new
            },
            sent: (scene.op == Op::Update).then_some(&scene.sent),
        };
        compiled
            .fragment(&stand)
            .map_err(|outside| outside.to_string())
    }

    /// What fills the holes; `None` where something has no parameter.
    fn parameters(fragment: &Fragment, scene: &Scene) -> Option<Vec<Option<String>>> {
        let changed: BTreeSet<FieldName> = scene.sent.keys().cloned().collect();
        let nothing = Related::default();
        let frame = Frame {
            auth: &scene.auth,
            old: None,
            new: Some(&scene.values),
            this: Some(&scene.values),
            op: scene.op,
            changed: &changed,
            time: scene.time,
            request_id: "r1",
            metadata: scene.metadata.as_deref(),
            related: &nothing,
        };
        fragment
            .holes()
            .iter()
            .map(|hole| {
                let mut budget = Budget {
                    steps_max: STEPS,
                    steps_left: STEPS,
                };
                hole.fill(&frame, &mut budget)
                    .ok()
                    .map(|text| text.map(|text| text.to_string()))
            })
            .collect()
    }

    /// Whether some row has this in a column, or it is sent.
    fn holds(&self, column: &str, value: &str, scene: &Scene) -> bool {
        let (id, _) = self.ground.facts(THINGS).column(column).unwrap();
        let mut rows = self.ground.rows.iter().chain([&scene.values]);
        rows.any(|row| {
            let text = row.column(id).and_then(|datum| datum.text.as_deref());
            text == Some(value)
        })
    }

    /// Whether the evaluator says that it holds, with every related row that it asks for, and whether JSON that was sent means what is stored.
    /// `None` where it gives up.
    async fn evaluate(
        &mut self,
        compiled: &Compiled,
        scene: &Scene,
        old: Option<&Row>,
    ) -> Option<(bool, bool)> {
        let facts = self.ground.facts(THINGS);
        let mut new = old
            .cloned()
            .unwrap_or_else(|| Row::unread(facts.columns.len()));
        let mut changed = BTreeSet::new();
        for (name, column) in &scene.sent {
            let sent = scene.values.column(*column).unwrap();
            let stored = old.and_then(|old| old.column(*column));
            let kind = &facts.at(*column).unwrap().ty.kind;
            if stored.is_none_or(|stored| differs(stored, sent, kind)) {
                changed.insert(name.clone());
                new.set(*column, sent.clone());
            }
        }
        let is_kept = scene.sent.contains_key("j") && !changed.contains("j");
        let new = (scene.op != Op::Delete).then_some(new);
        loop {
            let frame = Frame {
                auth: &scene.auth,
                old,
                new: new.as_ref(),
                this: if scene.this == Variable::Old {
                    old
                } else {
                    new.as_ref()
                },
                op: scene.op,
                changed: &changed,
                time: scene.time,
                request_id: "r1",
                metadata: scene.metadata.as_deref(),
                related: &self.ground.related,
            };
            let mut budget = Budget {
                steps_max: STEPS,
                steps_left: STEPS,
            };
            let answer = compiled.evaluate(&frame, &mut budget);
            let missing = self.ground.related.missing();
            if missing.is_empty() {
                return match answer {
                    Err(rulegate::expr::EvalError::OutOfBudget(_)) => None,
                    answer => Some((answer == Ok(Value::Bool(true)), is_kept)),
                };
            }
            for need in missing {
                self.ground.fetch(&need).await;
            }
        }
    }

    /// A caller, and what is sent: values of some stored row or other.
    fn scene(&self, dice: &mut Dice, op: Op, this: Variable) -> Scene {
        let facts = self.ground.facts(THINGS);
        let mut values = Row::unread(facts.columns.len());
        let mut sent = BTreeMap::new();
        for (id, column) in facts.ids() {
            let datum = || self.ground.rows[0].column(id).cloned();
            let is_field = FIELDS.contains(&column.name.as_str());
            if op == Op::Create || (op == Op::Update && is_field && dice.chance(40)) {
                let at = dice.below(self.ground.rows.len());
                let datum = self.ground.rows[at]
                    .column(id)
                    .cloned()
                    .or_else(datum)
                    .unwrap_or(Datum::NULL);
                values.set(id, datum);
                sent.insert(FieldName::from(column.name.as_str()), id);
            }
        }
        Scene {
            op,
            this,
            sent,
            values,
            auth: claims(dice),
            time: Timestamp(1_767_225_600_000_000_000 + i128::from(dice.draw() % 3) * 1_000),
            metadata: dice
                .chance(50)
                .then(|| dice.of(&["a", "ab", ""]).to_owned()),
        }
    }
}

impl Scene {
    /// Other values for the columns of a scene.
    fn all_values(&self, scene: &Scene) -> Row {
        let mut values = scene.values.clone();
        for column in scene.sent.values() {
            if let Some(datum) = self.values.column(*column) {
                values.set(*column, datum.clone());
            }
        }
        values
    }
}

/// The statement that asks for every row; on create there is none.
fn sql(fragment: &Fragment, op: Op) -> String {
    let text = fragment.text(|at| format!("${}::text", at + 1));
    if op == Op::Create {
        format!("SELECT {text}")
    } else {
        format!("SELECT {text} FROM things r ORDER BY r.id")
    }
}

fn claims(dice: &mut Dice) -> Value {
    let mut claims = json!({ "sub": dice.of(&[
        "00000000-0000-0000-0000-00000000000a",
        "00000000-0000-0000-0000-00000000000B",
        "A0000000-0000-0000-0000-000000000000",
        "nobody",
    ]) });
    let optional = [
        (
            "org",
            vec![
                json!("a"),
                json!("e\u{301}"),
                json!("20000000-0000-0000-0000-000000000000"),
                json!("\u{0}"),
            ],
        ),
        ("role", vec![json!("sad"), json!("ok")]),
        (
            "level",
            vec![json!(0), json!(1), json!(i64::MAX), json!(2.0)],
        ),
        ("share", vec![json!(0.0), json!(2.5), json!(1)]),
        ("vip", vec![json!(true), json!(false)]),
        (
            "names",
            vec![
                json!([]),
                json!(["a"]),
                json!(["a", "_", "sad"]),
                json!(["\u{0}", "A"]),
            ],
        ),
        (
            "ids",
            vec![
                json!([]),
                json!(["A0000000-0000-0000-0000-000000000000"]),
                json!(["no", "00000000-0000-0000-0000-00000000000a"]),
            ],
        ),
        ("counts", vec![json!([]), json!([0]), json!([1, 2, 7])]),
        (
            "any",
            vec![
                json!("a"),
                json!(1),
                json!(1.5),
                json!([1]),
                json!({"a": 1}),
                json!(true),
            ],
        ),
    ];
    for (name, values) in optional {
        if dice.chance(75) {
            claims[name] = values[dice.below(values.len())].clone();
        }
    }
    Value::from_json(&claims)
}

fn shown(ground: &Ground, row: &Row) -> String {
    let facts = ground.facts(THINGS);
    let cells = facts.ids().filter_map(|(id, column)| {
        let text: &Option<Arc<str>> = &row.column(id)?.text;
        Some(format!(
            "{}={}",
            column.name,
            text.as_deref().unwrap_or("NULL")
        ))
    });
    cells.collect::<Vec<_>>().join(" ")
}
