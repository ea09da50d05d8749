//! Random conditions, typed so that most of them load.

use rulegate::expr::TableId;

use super::dice::Dice;
use super::ground::{GROUPS, MEMBERS, THINGS};

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    Bool,
    Int,
    Double,
    Decimal,
    Text,
    Mood,
    Uuid,
    Time,
    Stretch,
    Bytes,
}

/// What a condition may name where it stands.
pub struct Grammar<'a> {
    pub dice: &'a mut Dice,
    /// `old`, `new`, `this`.
    pub images: Vec<&'static str>,
    /// Whether it may name `changed`.
    pub changed: bool,
    variables: Vec<Variable>,
    macros: usize,
}

#[derive(Clone)]
struct Variable {
    name: String,
    is: Is,
}

#[derive(Clone, Copy)]
enum Is {
    Row(TableId, usize),
    Element(Ty),
}

/// A row in reach: how it is written, its table, how many relations lead to it.
struct Found {
    text: String,
    table: TableId,
    depth: usize,
}

fn columns(table: TableId, ty: Ty) -> &'static [&'static str] {
    match (table, ty) {
        (THINGS, Ty::Bool) => &["b", "bn"],
        (THINGS, Ty::Int) => &["n", "nn", "i", "sm"],
        (THINGS, Ty::Double) => &["f", "fn", "f4"],
        (THINGS, Ty::Decimal) => &["d", "dn"],
        (THINGS, Ty::Text) => &["s", "sn", "v", "ci", "nd", "code", "la"],
        (THINGS, Ty::Mood) => &["e", "en"],
        (THINGS, Ty::Uuid) => &["u", "un", "id", "parent_id", "group_id"],
        (THINGS, Ty::Time) => &["t", "tn", "lo", "da"],
        (THINGS, Ty::Bytes) => &["by"],
        (GROUPS, Ty::Bool) => &["active"],
        (GROUPS, Ty::Int) => &["level"],
        (GROUPS, Ty::Decimal) => &["price"],
        (GROUPS, Ty::Text) => &["name", "code"],
        (GROUPS, Ty::Uuid) => &["id", "owner", "boss_id"],
        (GROUPS, Ty::Time) => &["opened"],
        (MEMBERS, Ty::Int) => &["score"],
        (MEMBERS, Ty::Mood) => &["mood"],
        (MEMBERS, Ty::Uuid) => &["id", "group_id", "user_id"],
        (MEMBERS, Ty::Time) => &["since"],
        _ => &[],
    }
}

fn to_one(table: TableId) -> &'static [(&'static str, TableId)] {
    match table {
        THINGS => &[
            ("group", GROUPS),
            ("parent", THINGS),
            ("coded", GROUPS),
            ("loosely", GROUPS),
            ("cited", GROUPS),
        ],
        GROUPS => &[("boss", GROUPS)],
        _ => &[("group", GROUPS)],
    }
}

fn to_many(table: TableId) -> &'static [(&'static str, TableId)] {
    match table {
        THINGS => &[
            ("children", THINGS),
            ("peers", MEMBERS),
            ("alike", MEMBERS),
            ("scored", MEMBERS),
            ("begun", MEMBERS),
            ("lettered", MEMBERS),
        ],
        GROUPS => &[("members", MEMBERS)],
        _ => &[],
    }
}

fn computed(table: TableId) -> &'static [&'static str] {
    match table {
        THINGS => &["is_late", "is_mine"],
        GROUPS => &["is_owner", "is_member", "is_rated", "always"],
        _ => &["counts"],
    }
}

const COMPARED: &[Ty] = &[
    Ty::Int,
    Ty::Int,
    Ty::Int,
    Ty::Int,
    Ty::Double,
    Ty::Decimal,
    Ty::Text,
    Ty::Text,
    Ty::Mood,
    Ty::Uuid,
    Ty::Uuid,
    Ty::Time,
    Ty::Time,
    Ty::Stretch,
    Ty::Bytes,
    Ty::Bool,
];

impl<'a> Grammar<'a> {
    pub fn new(dice: &'a mut Dice, images: Vec<&'static str>, changed: bool) -> Self {
        Self {
            dice,
            images,
            changed,
            variables: Vec::new(),
            macros: 0,
        }
    }

    fn any<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.dice.below(among.len())]
    }

    /// A condition of a depth.
    pub fn condition(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.leaf(0);
        }
        match self.dice.weighted(&[8, 8, 5, 3, 14, 2]) {
            0 => format!(
                "({} && {})",
                self.condition(depth - 1),
                self.condition(depth - 1)
            ),
            1 => format!(
                "({} || {})",
                self.condition(depth - 1),
                self.condition(depth - 1)
            ),
            2 => format!("!({})", self.condition(depth - 1)),
            3 => format!(
                "({} ? {} : {})",
                self.condition(depth - 1),
                self.condition(depth - 1),
                self.condition(depth - 1)
            ),
            4 => self.leaf(depth - 1),
            _ => {
                let ty = self.any(COMPARED);
                let bound = self.value(ty, depth - 1);
                let name = format!("x{}", self.variables.len());
                self.variables.push(Variable {
                    name: name.clone(),
                    is: Is::Element(ty),
                });
                let body = self.condition(depth - 1);
                self.variables.pop();
                format!("cel.bind({name}, {bound}, {body})")
            }
        }
    }

    fn leaf(&mut self, depth: usize) -> String {
        match self
            .dice
            .weighted(&[12, 8, 5, 6, 4, 4, 8, 4, 4, 3, 3, 3, 2, 2])
        {
            0 => {
                let ty = self.any(COMPARED);
                let sign = self.any(&["==", "!="]);
                format!(
                    "({} {sign} {})",
                    self.value(ty, depth),
                    self.value(ty, depth)
                )
            }
            1 => {
                let ty = self.any(COMPARED);
                let ty = if ty == Ty::Mood { Ty::Text } else { ty };
                let sign = self.any(&["<", "<=", ">", ">="]);
                format!(
                    "({} {sign} {})",
                    self.value(ty, depth),
                    self.value(ty, depth)
                )
            }
            2 => {
                let ty = self.any(COMPARED);
                let sign = self.any(&["==", "!="]);
                format!("({} {sign} null)", self.value(ty, depth))
            }
            3 => self.among(depth),
            4 => self.value(Ty::Bool, depth),
            5 => {
                let test = self.any(&["contains", "startsWith", "endsWith"]);
                let (text, against) = (self.value(Ty::Text, depth), self.value(Ty::Text, depth));
                format!("{text}.{test}({against})")
            }
            6 => self.over_rows(depth),
            7 => self.absent(),
            8 => self.called(),
            9 => self.sized(depth),
            10 if self.changed => self.fields(),
            11 => self.over_list(depth),
            12 => self.odd_column(),
            13 => self.json(),
            _ => self.claims(),
        }
    }

    /// A row in reach that has columns of a type.
    fn row(&mut self) -> Option<Found> {
        let mut starts: Vec<Found> = self
            .images
            .iter()
            .map(|image| Found {
                text: (*image).to_owned(),
                table: THINGS,
                depth: 0,
            })
            .collect();
        for variable in &self.variables {
            if let Is::Row(table, depth) = variable.is {
                for _ in 0..3 {
                    starts.push(Found {
                        text: variable.name.clone(),
                        table,
                        depth,
                    });
                }
            }
        }
        let at = self.dice.below(starts.len());
        let mut found = starts.into_iter().nth(at)?;
        while found.depth < 3 && self.dice.chance(25) {
            let (name, table) = self.any(to_one(found.table));
            found = Found {
                text: format!("{}.{name}", found.text),
                table,
                depth: found.depth + 1,
            };
        }
        Some(found)
    }

    fn column(&mut self, ty: Ty) -> Option<String> {
        for _ in 0..8 {
            let found = self.row()?;
            let columns = columns(found.table, ty);
            if !columns.is_empty() {
                let column = self.any(columns);
                return Some(format!("{}.{column}", found.text));
            }
        }
        None
    }

    /// A value of a type.
    fn value(&mut self, ty: Ty, depth: usize) -> String {
        let elements: Vec<String> = self
            .variables
            .iter()
            .filter(|variable| matches!(variable.is, Is::Element(of) if of == ty))
            .map(|variable| variable.name.clone())
            .collect();
        if !elements.is_empty() && self.dice.chance(50) {
            let at = self.dice.below(elements.len());
            return elements[at].clone();
        }
        let weights = if depth == 0 {
            [10, 5, 4, 0, 0]
        } else {
            [10, 5, 4, 7, 3]
        };
        match self.dice.weighted(&weights) {
            0 => self.column(ty).unwrap_or_else(|| self.literal(ty)),
            1 => self.literal(ty),
            2 => self.claim(ty),
            3 => self.made(ty, depth - 1),
            _ => {
                let condition = self.condition(depth - 1);
                let null = if self.dice.chance(10) { "null" } else { "" };
                let (yes, no) = (self.value(ty, depth - 1), self.value(ty, depth - 1));
                let no = if null.is_empty() { no } else { null.to_owned() };
                format!("({condition} ? {yes} : {no})")
            }
        }
    }

    fn claim(&mut self, ty: Ty) -> String {
        let claims: &[&str] = match ty {
            Ty::Bool => &["auth.vip"],
            Ty::Int => &["auth.level", "auth.any"],
            Ty::Double => &["auth.share"],
            Ty::Decimal => &["auth.level"],
            Ty::Text => &["auth.org", "auth.sub", "auth.any", "metadata"],
            Ty::Mood => &["auth.role"],
            Ty::Uuid => &["auth.sub", "auth.sub", "auth.org"],
            Ty::Time => &["request.time"],
            Ty::Stretch | Ty::Bytes => return self.literal(ty),
        };
        self.dice.of(claims).to_owned()
    }

    fn literal(&mut self, ty: Ty) -> String {
        let texts: &[&str] = match ty {
            Ty::Bool => &["true", "false"],
            Ty::Int => &[
                "0",
                "1",
                "2",
                "-1",
                "7",
                "9223372036854775807",
                "-9223372036854775808",
            ],
            Ty::Double => &[
                "0.0",
                "-0.0",
                "1.0",
                "0.1",
                "2.5",
                "1e308",
                "(0.0 / 0.0)",
                "(1.0 / 0.0)",
            ],
            Ty::Decimal => &["1", "0", "2.5", "0.1", "1.00", "-1"],
            Ty::Text => &[
                "''",
                "'a'",
                "'A'",
                "'z'",
                "'_'",
                "'%'",
                "'ab'",
                "'é'",
                "'e\\u0301'",
                "'a '",
                "'💖'",
                "'\\u0000'",
                "'\\\\'",
            ],
            Ty::Mood => &["'sad'", "'ok'", "'glad'"],
            Ty::Uuid => &[
                "'00000000-0000-0000-0000-00000000000a'",
                "'A0000000-0000-0000-0000-000000000000'",
                "'10000000-0000-0000-0000-000000000000'",
                "'20000000-0000-0000-0000-000000000001'",
                "'none'",
            ],
            Ty::Time => &[
                "timestamp('2026-01-01T00:00:00Z')",
                "timestamp('2026-01-01T00:00:00.0000005Z')",
                "timestamp('2026-01-01T00:00:00.000001Z')",
                "timestamp('0001-01-01T00:00:00Z')",
                "timestamp('9999-12-31T23:59:59.999999Z')",
            ],
            Ty::Stretch => &[
                "duration('24h')",
                "duration('0')",
                "duration('-1us')",
                "duration('90m')",
                "duration('1ns')",
                "duration('2562047h')",
            ],
            Ty::Bytes => &["b''", "b'a'", "b'\\x00'", "b'\\xffa'"],
        };
        self.dice.of(texts).to_owned()
    }

    /// What is calculated.
    fn made(&mut self, ty: Ty, depth: usize) -> String {
        match ty {
            Ty::Bool => self.condition(depth),
            Ty::Int => match self.dice.below(4) {
                0 => {
                    let sign = self.any(&["+", "-", "*", "/", "%"]);
                    format!(
                        "({} {sign} {})",
                        self.value(ty, depth),
                        self.value(ty, depth)
                    )
                }
                1 => format!("(-{})", self.value(ty, depth)),
                2 => format!("size({})", self.value(Ty::Text, depth)),
                _ => match self.counted() {
                    Some(count) => count,
                    None => self.literal(ty),
                },
            },
            Ty::Text => match self.dice.below(4) {
                0 => format!("{}.lowerAscii()", self.value(ty, depth)),
                1 => format!("{}.upperAscii()", self.value(ty, depth)),
                2 => format!("string({})", self.value(Ty::Int, depth)),
                _ => format!("({} + {})", self.value(ty, depth), self.value(ty, depth)),
            },
            Ty::Time => {
                let sign = self.any(&["+", "-"]);
                format!(
                    "({} {sign} {})",
                    self.value(ty, depth),
                    self.value(Ty::Stretch, depth)
                )
            }
            Ty::Stretch => match self.dice.below(3) {
                0 => format!(
                    "({} - {})",
                    self.value(Ty::Time, depth),
                    self.value(Ty::Time, depth)
                ),
                1 => format!("({} + {})", self.value(ty, depth), self.value(ty, depth)),
                _ => format!("({} - {})", self.value(ty, depth), self.value(ty, depth)),
            },
            Ty::Decimal => {
                let sign = self.any(&["+", "-", "*"]);
                format!(
                    "({} {sign} {})",
                    self.value(ty, depth),
                    self.value(ty, depth)
                )
            }
            Ty::Double => format!("(-{})", self.value(ty, depth)),
            _ => self.literal(ty),
        }
    }

    fn counted(&mut self) -> Option<String> {
        let found = self.row()?;
        let relations = to_many(found.table);
        if relations.is_empty() || found.depth >= 3 {
            return None;
        }
        let (name, _) = self.any(relations);
        Some(format!("size({}.{name})", found.text))
    }

    fn among(&mut self, depth: usize) -> String {
        let (ty, lists): (Ty, &[&str]) = match self.dice.below(6) {
            0 => (
                Ty::Text,
                &[
                    "auth.names",
                    "TAGS",
                    "['a', 'A']",
                    "[]",
                    "auth.names.map(n, n + 'a')",
                ],
            ),
            1 => (
                Ty::Uuid,
                &[
                    "auth.ids",
                    "US",
                    "['A0000000-0000-0000-0000-000000000000', 'none']",
                ],
            ),
            2 => (
                Ty::Int,
                &["auth.counts", "NUMS", "[1, 2]", "[0, null]", "[1, 2.5]"],
            ),
            3 => (Ty::Mood, &["['sad', 'ok']", "ES", "auth.names"]),
            4 => (
                Ty::Double,
                &["[0.0, 2.5]", "auth.counts", "[0.0 / 0.0, 1.0]"],
            ),
            _ => (Ty::Text, &["[S, S]", "['a', S]"]),
        };
        let list = self.dice.of(lists).to_owned();
        let list = self.array(&list);
        let list = if list.contains('S') {
            let texts = (self.value(Ty::Text, 0), self.value(Ty::Text, 0));
            list.replacen('S', &texts.0, 1).replacen('S', &texts.1, 1)
        } else {
            list
        };
        format!("({} in {list})", self.value(ty, depth))
    }

    /// An array column in the place of a word that stands for one.
    fn array(&mut self, word: &str) -> String {
        if !matches!(word, "TAGS" | "US" | "NUMS" | "ES") {
            return word.to_owned();
        }
        let column = word.to_lowercase();
        for _ in 0..8 {
            if let Some(found) = self.row()
                && found.table == THINGS
            {
                return format!("{}.{column}", found.text);
            }
        }
        "[]".to_owned()
    }

    fn over_rows(&mut self, depth: usize) -> String {
        let Some(found) = self
            .row()
            .filter(|found| found.depth < 3 && self.macros < 2)
        else {
            return self.claims();
        };
        let relations = to_many(found.table);
        if relations.is_empty() {
            return self.claims();
        }
        let (name, table) = self.any(relations);
        let variable = format!("m{}", self.variables.len());
        self.variables.push(Variable {
            name: variable.clone(),
            is: Is::Row(table, found.depth + 1),
        });
        self.macros += 1;
        let body = self.condition(depth.min(1));
        self.macros -= 1;
        self.variables.pop();
        let word = self.any(&["exists", "all"]);
        format!("{}.{name}.{word}({variable}, {body})", found.text)
    }

    fn over_list(&mut self, depth: usize) -> String {
        if self.macros >= 2 {
            return self.claims();
        }
        let (ty, lists): (Ty, &[&str]) = match self.dice.below(3) {
            0 => (
                Ty::Text,
                &[
                    "auth.names",
                    "TAGS",
                    "['a', 'A']",
                    "auth.names.filter(n, n != 'a')",
                ],
            ),
            1 => (Ty::Uuid, &["US"]),
            _ => (
                Ty::Int,
                &["auth.counts", "NUMS", "[1, 2]", "auth.counts.map(n, n - 1)"],
            ),
        };
        let list = self.dice.of(lists).to_owned();
        let list = self.array(&list);
        let variable = format!("m{}", self.variables.len());
        self.variables.push(Variable {
            name: variable.clone(),
            is: Is::Element(ty),
        });
        self.macros += 1;
        let body = self.condition(depth.min(1));
        self.macros -= 1;
        self.variables.pop();
        let word = self.any(&["exists", "all", "exists_one"]);
        format!("{list}.{word}({variable}, {body})")
    }

    fn absent(&mut self) -> String {
        let sign = self.any(&["==", "!="]);
        match self.row().filter(|found| found.depth < 3) {
            Some(found) => {
                let (name, _) = self.any(to_one(found.table));
                format!("({}.{name} {sign} null)", found.text)
            }
            None => self.claims(),
        }
    }

    fn called(&mut self) -> String {
        match self.row().filter(|found| found.depth < 2) {
            Some(found) => {
                let name = self.any(computed(found.table));
                format!("{}.{name}", found.text)
            }
            None => self.claims(),
        }
    }

    fn sized(&mut self, depth: usize) -> String {
        let word = self.any(&["TAGS", "NUMS", "US"]);
        let of = match self.dice.below(3) {
            0 => self.array(word),
            1 => self.value(Ty::Bytes, depth),
            _ => self.value(Ty::Text, depth),
        };
        let sign = self.any(&["<", "==", ">="]);
        format!("(size({of}) {sign} {})", self.any(&[0, 1, 2]))
    }

    fn fields(&mut self) -> String {
        let loose = ["nd", "ci", "d", "f", "j"];
        let field = if self.dice.chance(50) {
            self.any(&loose)
        } else {
            self.any(FIELDS)
        };
        match self.dice.below(4) {
            0 => format!("changed.all(f, f in ['{field}', 's', 'n'])"),
            1 => format!("changed.exists(f, f == '{field}')"),
            2 => format!("!('{field}' in changed)"),
            _ => format!("('{field}' in changed)"),
        }
    }

    /// A column that compares with null only.
    fn odd_column(&mut self) -> String {
        let sign = self.any(&["==", "!="]);
        let column = self.any(&["j", "ch", "pair", "tags", "es"]);
        for _ in 0..8 {
            if let Some(found) = self.row()
                && found.table == THINGS
            {
                return format!("({}.{column} {sign} null)", found.text);
            }
        }
        self.claims()
    }

    /// JSON of the row itself, whose members have types that show only when they are read.
    fn json(&mut self) -> String {
        let image = self.dice.of(&self.images).to_owned();
        let asked = self.any(&[
            "IMAGE.j.k == 1",
            "IMAGE.j.k == 'a'",
            "has(IMAGE.j.k)",
            "IMAGE.j == 1",
            "string(IMAGE.j) == '1'",
            "IMAGE.j.k > 0",
            "size(IMAGE.j) == 2",
            "IMAGE.j.k in [1, 2.0]",
        ]);
        format!("({})", asked.replace("IMAGE", &image))
    }

    fn claims(&mut self) -> String {
        self.any(&[
            "has(auth.level)",
            "(auth.level > 1)",
            "auth.vip",
            "(auth.role == 'ok')",
            "(op == 'update')",
            "(auth.any == 1)",
            "true",
        ])
        .to_owned()
    }
}

/// The fields that may be sent.
pub const FIELDS: &[&str] = &[
    "la",
    "n",
    "nn",
    "f",
    "fn",
    "f4",
    "d",
    "dn",
    "bn",
    "s",
    "sn",
    "v",
    "ci",
    "nd",
    "u",
    "un",
    "e",
    "t",
    "tn",
    "lo",
    "da",
    "by",
    "tags",
    "nums",
    "us",
    "j",
    "ch",
    "group_id",
    "parent_id",
    "code",
];
