//! Cases as folders of data. `UPDATE_CASES=1` writes what is expected anew; look at the difference before you keep it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use rulegate::catalog::Catalog;
use rulegate::plan::{Plan, compile};
use rulegate::reload::{Loading, load};
use rulegate::rules::{Guard, RuleSet, TableRules};
use rulegate::settings::Flags;
use rulegate::vocabulary::limits::{RULE_FILE_BYTES_MAX, RULE_FILES_MAX};
use rulegate::vocabulary::problem::Problems;

/// The folders below `tests/cases/<kind>`.
pub fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/cases").join(kind);
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

/// Holds a text against a file of the case; a missing file expects nothing.
pub fn expect(case: &Path, file: &str, found: &str, differing: &mut Vec<String>) {
    let path = case.join(file);
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&path, found).unwrap();
    } else if fs::read_to_string(&path).unwrap_or_default() != found {
        differing.push(format!("{}:\n{found}", path.display()));
    }
}

/// One case of `load`: `rules/` and `environment` (`NAME=value` lines) → `problems.txt`, and where those files are there, `settings.txt` and `rules.txt`.
fn check(case: &Path, differing: &mut Vec<String>) {
    let environment = environment(case);
    let loading = load(
        &case.join("rules"),
        &|name| environment.get(name).cloned(),
        &Flags::default(),
    );
    assert!(has_cures(&loading), "{}", case.display());
    let shown = loading.problems.render(&loading.sources, false) + "\n";
    let shown = shown.replace(&format!("{}/", case.display()), "");
    expect(case, "problems.txt", &shown, differing);
    for (file, text) in [
        ("settings.txt", settings(&loading)),
        ("rules.txt", rules(&loading.rules)),
    ] {
        if case.join(file).exists() {
            expect(case, file, &text, differing);
        }
    }
    assert!(
        loading.settings.is_some() || loading.problems.has_errors(),
        "{}",
        case.display()
    );
}

/// Whether each problem says what to write.
fn has_cures(loading: &Loading) -> bool {
    uncured(&loading.problems).is_empty()
}

fn uncured(problems: &Problems) -> Vec<String> {
    let problems = problems.sorted().into_iter();
    problems
        .filter(|problem| problem.help.is_none())
        .map(|problem| problem.message.clone())
        .collect()
}

/// The problems and the plan of a folder held against a catalogue.
fn compiled(rules: &Path, environment: &BTreeMap<String, String>, catalog: &Catalog) -> Checked {
    let loading = load(
        rules,
        &|name| environment.get(name).cloned(),
        &Flags::default(),
    );
    let compilation = compile(&loading.rules, catalog);
    let mut problems = loading.problems.clone();
    problems.append(compilation.problems);
    Checked {
        shown: problems.render(&loading.sources, false) + "\n",
        plan: compilation.plan.filter(|_| !problems.has_errors()),
        problems,
    }
}

struct Checked {
    problems: Problems,
    shown: String,
    plan: Option<Plan>,
}

/// One case of `check`: `catalog.txt`, `environment` and `rules/`, or else the project's own → `problems.txt`, and `plan.txt` where that file is there.
fn check_against_catalog(case: &Path, differing: &mut Vec<String>) {
    let own = case.join("rules");
    let rules = if own.exists() { own } else { "rules".into() };
    let catalog = Catalog::parse(&fs::read_to_string(case.join("catalog.txt")).unwrap()).unwrap();
    let Checked {
        problems,
        shown,
        plan,
    } = compiled(&rules, &environment(case), &catalog);
    let shown = shown.replace(&format!("{}/", case.display()), "");
    expect(case, "problems.txt", &shown, differing);
    let uncured = uncured(&problems);
    if !uncured.is_empty() {
        differing.push(format!("{}: no cure for {uncured:?}", case.display()));
    }
    assert_eq!(plan.is_none(), problems.has_errors(), "{}", case.display());
    if case.join("plan.txt").exists() {
        let text = plan.as_ref().map_or("no plan", Plan::text);
        expect(case, "plan.txt", text, differing);
    }
}

#[test]
fn each_folder_is_checked_as_its_case_says() {
    let mut differing = Vec::new();
    let cases = cases("check");
    assert!(cases.len() >= 12);
    for case in cases {
        check_against_catalog(&case, &mut differing);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[test]
fn the_command_ends_as_its_problems_say() {
    let check = |case: &str, rules: &str| {
        let case = Path::new("tests/cases/check").join(case);
        let output = Command::new(env!("CARGO_BIN_EXE_rulegate"))
            .args(["check", "--catalog"])
            .arg(case.join("catalog.txt"))
            .arg(if rules.is_empty() {
                case.join("rules")
            } else {
                rules.into()
            })
            .env("JWKS_URI", "https://login.example.com/keys")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, _, told) = check("ten_mistakes", "");
    assert_eq!(
        (code, told.trim_end().ends_with("10 errors")),
        (Some(1), true),
        "{told}"
    );
    let (code, said, told) = check("advice", "");
    assert_eq!(
        (code, told.contains("warning: trigger")),
        (Some(0), true),
        "{told}"
    );
    assert!(said.contains("It loads, with 4 warnings."), "{said}");
    let (code, said, told) = check("starter", "rules");
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert!(said.contains("No problems."), "{said}");
    assert_eq!(check("nothing", "rules").0, Some(2));
}

/// The starter rules as files, and the catalogue they fit.
fn starter() -> (Vec<(String, String)>, Catalog) {
    let names = [
        "rulegate.yaml",
        "list_members.yaml",
        "lists.yaml",
        "todos.yaml",
        "schemas/list.json",
        "schemas/todo.json",
    ];
    let read = |name: &str| fs::read_to_string(Path::new("rules").join(name)).unwrap();
    let catalog = fs::read_to_string("tests/cases/check/starter/catalog.txt").unwrap();
    (
        names.map(|name| (name.to_owned(), read(name))).into(),
        Catalog::parse(&catalog).unwrap(),
    )
}

fn compiled_files(files: &[(String, String)], catalog: &Catalog) -> Checked {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    let folder = Folder::with(&files);
    let set = [(
        "JWKS_URI".to_owned(),
        "https://login.example.com/keys".to_owned(),
    )];
    compiled(&folder.0, &set.into(), catalog)
}

#[test]
fn the_same_rules_and_catalogue_give_the_same_plan() {
    let (mut files, catalog) = starter();
    let plan = |files: &[(String, String)]| compiled_files(files, &catalog).plan.unwrap();
    let first = plan(&files);
    for name in ["lists", "list_members", "todos"] {
        assert!(first.table(name).is_some(), "{name}");
    }
    assert_eq!(first.tables().count(), 3);
    let second = plan(&files);
    assert_eq!(
        (first.text(), first.digest()),
        (second.text(), second.digest())
    );
    let schema = &mut files[5].1;
    *schema = schema.replace("500", "501");
    assert_ne!(first.digest(), plan(&files).digest());
}

/// The words of a text that mean something, and where they begin.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut before = 0;
    for line in text.split_inclusive('\n') {
        let meaning = line.split(" #").next().unwrap();
        if !line.starts_with('#') {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let mut rest = meaning;
            while let Some(start) = rest.find(is_word) {
                let end = rest[start..]
                    .find(|c| !is_word(c))
                    .map_or(rest.len(), |end| start + end);
                found.push((
                    before + meaning.len() - rest.len() + start,
                    &rest[start..end],
                ));
                rest = &rest[end..];
            }
        }
        before += line.len();
    }
    found
}

#[test]
fn a_misspelt_word_is_one_problem() {
    let (files, catalog) = starter();
    let mut many = Vec::new();
    for (position, (name, text)) in files.iter().enumerate() {
        for (at, word) in words(text).into_iter().filter(|(_, word)| word.len() > 2) {
            let mut files = files.clone();
            files[position].1.insert(at + word.len() / 2, 'x');
            let checked = compiled_files(&files, &catalog);
            let count = checked.problems.sorted().len();
            if count > 1 {
                many.push(format!("{name} {at} {word}: {}", checked.shown));
            }
        }
    }
    assert!(many.is_empty(), "{}\n{}", many.join("\n"), many.len());
}

#[test]
fn ten_mistakes_are_ten_errors() {
    let shown = fs::read_to_string("tests/cases/check/ten_mistakes/problems.txt").unwrap();
    assert_eq!(shown.lines().last(), Some("10 errors"));
}

fn environment(case: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(case.join("environment")).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn settings(loading: &Loading) -> String {
    let lines = loading.lines.iter();
    lines.fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{} = {} ({})", line.name, line.value, line.origin);
        text
    })
}

/// Rules without their places.
fn rules(rules: &RuleSet) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "require_guard {}", rules.require_guard);
    if let Some(claims) = &rules.claims {
        let _ = writeln!(text, "claims {}", claims.value);
    }
    for guard in &rules.guards {
        let tables = guard
            .tables
            .as_ref()
            .map(|tables| names(tables.iter().map(|table| &table.node)));
        let having = names(guard.having.iter().map(|column| &column.node));
        let immutable = names(guard.immutable.iter().map(|column| &column.node));
        let rule = guard.rule.as_ref().map(|rule| &*rule.text);
        let _ = writeln!(
            text,
            "guard {tables:?} having {having} immutable {immutable} rule {rule:?}"
        );
        for preset in &guard.presets {
            let _ = writeln!(
                text,
                "  preset {} {} = {}",
                preset.op, preset.column.node, preset.value.text
            );
        }
    }
    for (path, schema) in &rules.schemas {
        let _ = writeln!(text, "schema {path} {}", schema.value);
    }
    for rules in &rules.tables {
        table(rules, &mut text);
    }
    text
}

fn table(rules: &TableRules, text: &mut String) {
    let _ = writeln!(
        text,
        "\ntable {} -> {} key {}",
        rules.table.node, rules.target.node, rules.key.node
    );
    for rule in &rules.columns {
        let default = rule.default.as_ref().map(|default| &*default.text);
        let schema = rule.schema.as_ref().map(|schema| schema.value.to_string());
        let _ = writeln!(
            text,
            "  column {} -> {} immutable {} default {default:?} schema {schema:?}",
            rule.field.node, rule.column.node, rule.is_immutable
        );
    }
    let _ = writeln!(
        text,
        "  ignore {}",
        names(rules.ignore.iter().map(|field| &field.node))
    );
    for preset in &rules.presets {
        let _ = writeln!(
            text,
            "  preset {} {} = {}",
            preset.op, preset.column.node, preset.value.text
        );
    }
    if let Some(schema) = &rules.schema {
        let _ = writeln!(text, "  schema {}", schema.value);
    }
    for relation in &rules.relations {
        let pairs = relation
            .matches
            .iter()
            .map(|(theirs, mine)| format!("{} = {}", theirs.node, mine.node));
        let _ = writeln!(
            text,
            "  relation {} -> {} where {}",
            relation.name.node,
            relation.table.node,
            names(pairs)
        );
    }
    for (name, source) in &rules.computed {
        let _ = writeln!(text, "  computed {} = {}", name.node, source.text);
    }
    for grant in &rules.allow {
        let fields = grant
            .fields
            .as_ref()
            .map(|fields| names(fields.iter().map(|field| &field.node)));
        let _ = writeln!(
            text,
            "  allow {} if {} fields {fields:?}",
            grant.op, grant.condition.text
        );
    }
    let _ = writeln!(text, "  public_reason {:?}", rules.public_reason);
    for check in &rules.checks {
        let field = check.field.as_ref().map(|field| field.node.to_string());
        let _ = writeln!(
            text,
            "  check {} as {} message {:?} field {field:?} ops {:?}",
            check.rule.text, check.code.node, check.message, check.ops
        );
        let computed = check.message_expression.as_ref().map(|text| &*text.text);
        let _ = writeln!(
            text,
            "    computed {computed:?} deferred {} client_handles {}",
            check.is_deferred, check.client_handles
        );
    }
    match &rules.guard {
        None => {}
        Some(Guard::None(_)) => text.push_str("  guard none\n"),
        Some(Guard::Condition(source)) => {
            let _ = writeln!(text, "  guard {}", source.text);
        }
    }
}

fn names(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

#[test]
fn each_folder_loads_as_its_case_says() {
    let mut differing = Vec::new();
    let cases = cases("load");
    assert!(cases.len() >= 8);
    for case in cases {
        check(&case, &mut differing);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

const PROJECT: &str = include_str!("../cases/load/example/rules/rulegate.yaml");
const TABLE: &str = include_str!("../cases/load/example/rules/todos.yaml");
const SCHEMA: &str = include_str!("../cases/load/example/rules/schemas/todo.json");

/// A rules folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "rulegate-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(folder.0.join("schemas")).unwrap();
        for (name, bytes) in files {
            fs::write(folder.0.join(name), bytes).unwrap();
        }
        folder
    }

    fn load(&self) -> Loading {
        load(&self.0, &|name| Some(name.to_owned()), &Flags::default())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn standing() -> Folder {
    Folder::with(&[
        ("rulegate.yaml", PROJECT.as_bytes()),
        ("todos.yaml", TABLE.as_bytes()),
        ("schemas/todo.json", SCHEMA.as_bytes()),
    ])
}

#[test]
fn the_version_names_what_the_folder_says() {
    let standing = standing();
    let version = standing.load().version;
    assert!(version.len() == 12 && version.chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(version, self::standing().load().version);
    fs::write(standing.0.join("notes.txt"), "not a rule").unwrap();
    assert_eq!(version, standing.load().version);
    fs::rename(standing.0.join("todos.yaml"), standing.0.join("tasks.yaml")).unwrap();
    let renamed = standing.load().version;
    assert_ne!(version, renamed);
    fs::write(
        standing.0.join("tasks.yaml"),
        format!("{TABLE}# a comment\n"),
    )
    .unwrap();
    assert_ne!(renamed, standing.load().version);
}

#[test]
fn a_file_loads_with_the_line_ends_and_the_mark_of_other_editors() {
    let windows = format!("\u{feff}{}", TABLE.replace('\n', "\r\n"));
    let folder = Folder::with(&[
        ("rulegate.yaml", PROJECT.as_bytes()),
        ("todos.yaml", windows.as_bytes()),
        ("schemas/todo.json", SCHEMA.as_bytes()),
    ]);
    let loading = folder.load();
    assert!(
        loading.problems.is_empty(),
        "{}",
        loading.problems.render(&loading.sources, false)
    );
    assert_eq!(rules(&loading.rules), rules(&standing().load().rules));
}

#[test]
fn folders_beyond_a_limit_are_refused() {
    let long = vec![b'#'; RULE_FILE_BYTES_MAX + 1];
    let message = |folder: &Folder| folder.load().problems.sorted()[0].message.clone();
    let folder = standing();
    fs::write(folder.0.join("long.yaml"), &long).unwrap();
    assert_eq!(message(&folder), "the file is longer than 1048576 bytes");
    let names: Vec<String> = (0..9).map(|number| format!("{number}.yaml")).collect();
    let large = vec![b'#'; RULE_FILE_BYTES_MAX];
    let folder = standing();
    for name in &names {
        fs::write(folder.0.join(name), &large).unwrap();
    }
    let problems = folder.load().problems;
    assert!(
        problems
            .sorted()
            .iter()
            .any(|problem| problem.message == "the folder has more than 8388608 bytes of rules")
    );
    let folder = standing();
    for number in 0..=RULE_FILES_MAX {
        fs::write(folder.0.join(format!("{number}.yaml")), "x").unwrap();
    }
    assert_eq!(message(&folder), "the folder has more than 1256 files");
}

#[test]
fn a_file_is_no_folder() {
    let folder = standing();
    let loading = load(&folder.0.join("todos.yaml"), &|_| None, &Flags::default());
    let problems = loading.problems.sorted();
    assert!(
        problems.len() == 1 && problems[0].message.contains("cannot be read"),
        "{problems:?}"
    );
    assert!(loading.settings.is_none());
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = standing();
    let made = std::process::Command::new("mkfifo")
        .arg(folder.0.join("pipe.yaml"))
        .status();
    assert!(made.unwrap().success());
    let problems = folder.load().problems;
    assert_eq!(
        problems.sorted()[0].message,
        "this is no ordinary file, and a file is expected"
    );
}

/// A text with a stretch of it replaced.
fn spliced(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let word = "([a-z_]{1,8}: |- |\\[|\\]|\\{|\\}|\"|'|!env |&a |\\*a|\n|  |[0-9]{1,3}|#|true|~|,|\\||é|\t){0,6}";
    let raw = proptest::collection::vec(any::<u8>(), 0..4);
    (
        0..=text.len(),
        0_usize..60,
        word,
        prop::option::weighted(0.1, raw),
    )
        .prop_map(move |(start, length, word, raw)| {
            let bytes = text.as_bytes();
            let end = (start + length).min(bytes.len());
            let middle = raw.unwrap_or_else(|| word.into_bytes());
            [&bytes[..start], &middle, &bytes[end..]].concat()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_makes_the_loader_panic(project in spliced(PROJECT), table in spliced(TABLE), schema in spliced(SCHEMA)) {
        let folder = Folder::with(&[("rulegate.yaml", &project), ("todos.yaml", &table), ("schemas/todo.json", &schema)]);
        let loading = folder.load();
        for problem in loading.problems.sorted() {
            let place = problem.place.clone().unwrap();
            if let Some(text) = loading.sources.0.get(&place.file) {
                prop_assert!(text.get(place.start..place.end).is_some(), "{problem:?}");
            }
        }
        prop_assert!(has_cures(&loading));
        prop_assert!(loading.settings.is_some() || loading.problems.has_errors());
        let _ = loading.problems.render(&loading.sources, false);
    }
}
