//! A rules folder → settings and rules, with every problem of every file.

use std::path::Path;
use std::sync::Arc;

use crate::document::keys::Kind;
use crate::document::{self, Environment, Form};
use crate::plan;
use crate::reload::files::{Found, Reading};
use crate::reload::json;
use crate::rules::{self, RuleSet, Sensitive, TableRules, Unread};
use crate::settings::{self, Flags, Line, Settings};
use crate::vocabulary::place::{Place, SourceJson, Sources};
use crate::vocabulary::problem::{Problem, Problems};

/// What loading a folder came to.
#[derive(Clone, Debug)]
pub struct Loading {
    /// The settings; `None` where rulegate.yaml is missing or has errors. Other files may have errors all the same: ask `problems`.
    pub settings: Option<Settings>,
    /// Every setting with its source, for `rulegate check --settings`.
    pub lines: Vec<Line>,
    /// The rules as written, as far as they could be read. Not to be used where `problems` has errors.
    pub rules: RuleSet,
    /// 12 hex digits that name the rule set: a digest of the names and bytes of its files.
    pub version: Arc<str>,
    /// The texts of all files that were read.
    pub sources: Sources,
    /// Everything that is wrong or worth a look.
    pub problems: Problems,
}

/// Reads a folder.
pub fn load(folder: &Path, environment: &Environment<'_>, flags: &Flags) -> Loading {
    interpret(folder, Reading::of(folder), environment, flags)
}

/// Makes something of what was read.
pub(super) fn interpret(
    folder: &Path,
    reading: Reading,
    environment: &Environment<'_>,
    flags: &Flags,
) -> Loading {
    let version = reading.version();
    let Reading {
        names,
        files,
        problems,
    } = reading;
    let mut loader = Loader {
        environment,
        flags,
        problems,
        sources: Sources::default(),
        project: Project::default(),
        tables: Vec::new(),
        schemas: Vec::new(),
        unread: Unread::default(),
    };
    for file in &files {
        loader.file(file);
    }
    for name in &names {
        if !files.iter().any(|file| file.name == *name) {
            loader.note_unread(name, "");
        }
    }
    loader.refuse_absence(folder, &names);
    let Loader {
        mut problems,
        sources,
        project,
        tables,
        schemas,
        unread,
        ..
    } = loader;
    let form = project.form.as_ref();
    let rules = rules::gather(form, tables, schemas, unread, &mut problems);
    problems.append(plan::schema_problems(&rules));
    if let Some(settings) = &project.settings {
        refuse_unsealable(settings, &rules, &mut problems);
    }
    Loading {
        settings: project.settings,
        lines: project.lines,
        rules,
        version,
        sources,
        problems,
    }
}

/// Columns that letters are to keep encrypted, where there is no key to do it with.
fn refuse_unsealable(settings: &Settings, rules: &RuleSet, problems: &mut Problems) {
    let Some(trouble) = settings.dead_letters.keys.trouble() else {
        return;
    };
    let columns = rules.tables.iter().flat_map(|table| &table.columns);
    for column in columns {
        let Some(written) = &column.sensitive else {
            continue;
        };
        if written.node == Sensitive::Encrypt {
            let message = format!(
                "there is no key to encrypt `{}` with: {trouble}",
                column.field.node
            );
            let problem = Problem::error(written.place.clone(), message);
            problems.push(problem.help(format!(
                "{}; or write `sensitive: drop`",
                settings::KEY_CURE
            )));
        }
    }
}

/// What rulegate.yaml came to.
#[derive(Default)]
struct Project {
    form: Option<Form>,
    settings: Option<Settings>,
    lines: Vec<Line>,
}

struct Loader<'a> {
    environment: &'a Environment<'a>,
    flags: &'a Flags,
    problems: Problems,
    sources: Sources,
    project: Project,
    tables: Vec<TableRules>,
    schemas: Vec<(String, SourceJson)>,
    unread: Unread,
}

impl Loader<'_> {
    fn file(&mut self, file: &Found) {
        let text = match file.text() {
            Ok(text) => text,
            Err(problem) => {
                self.note_unread(&file.name, "");
                return self.problems.push(problem);
            }
        };
        self.sources.0.insert(file.shown.clone(), text.into());
        match file.name.as_str() {
            "rulegate.yaml" => self.project(file, text),
            "rulegate.yml" => self.problems.push(
                Problem::error(start(file), "the project's file is called `rulegate.yaml`")
                    .help("rename it"),
            ),
            name if name.starts_with("schemas/") => self.schema(file, text),
            _ => self.table(file, text),
        }
    }

    fn project(&mut self, file: &Found, text: &str) {
        let (node, mut problems) = document::parse(&file.shown, text);
        if let Some(node) = node {
            let kind = Kind::Block(&settings::keys::FILE);
            let overridden = self.flags.overridden();
            let form = document::read(&node, &kind, self.environment, &overridden, &mut problems);
            let (settings, lines) =
                settings::read(&form, self.environment, self.flags, &mut problems);
            self.project = Project {
                form: Some(form),
                settings: Some(settings).filter(|_| !problems.has_errors()),
                lines,
            };
        }
        self.problems.append(problems);
    }

    fn table(&mut self, file: &Found, text: &str) {
        let (node, problems) = document::parse(&file.shown, text);
        self.problems.append(problems);
        let rules = node.and_then(|node| rules::table(&node, self.environment, &mut self.problems));
        match rules {
            Some(rules) => self.tables.push(rules),
            None => self.note_unread(&file.name, text),
        }
    }

    /// Keeps in mind what a file would have been about, so that nobody who names it is blamed.
    fn note_unread(&mut self, name: &str, text: &str) {
        if name.starts_with("schemas/") {
            self.unread.schemas.insert(name.to_owned());
            return;
        }
        let written = text.lines().find_map(|line| line.strip_prefix("table:"));
        let word = written.and_then(|rest| rest.split_whitespace().next());
        let stem = name.split('.').next().unwrap_or_default();
        let table = word.map_or(stem, |word| word.trim_matches(['"', '\'']));
        self.unread.tables.insert(table.into());
    }

    fn schema(&mut self, file: &Found, text: &str) {
        match json::parse(&file.shown, text) {
            Ok(schema) => self.schemas.push((file.name.clone(), schema)),
            Err(problem) => {
                self.note_unread(&file.name, text);
                self.problems.push(problem);
            }
        }
    }

    /// A folder without a project or without tables: never "no rules".
    fn refuse_absence(&mut self, folder: &Path, names: &[String]) {
        if !folder.is_dir() {
            return;
        }
        let shown = folder.display();
        let is_project = |name: &str| name.starts_with("rulegate.y");
        if !names.iter().any(|name| is_project(name)) {
            self.problems.push(
                Problem::nowhere(format!("`{shown}` has no rulegate.yaml"))
                    .help(format!("write `{shown}/rulegate.yaml`: `version: 1`, `database: {{ uri: !env DATABASE_URL }}`, and a `client_auth` with `jwks_uri` and `audience`")),
            );
        }
        if !names
            .iter()
            .any(|name| !name.contains('/') && !is_project(name))
        {
            self.problems.push(
                Problem::nowhere(format!("`{shown}` has rules for no table"))
                    .help(format!("write one file per table, such as `{shown}/todos.yaml`: `version: 1`, `table: todos`, `columns`, `allow`")),
            );
        }
    }
}

fn start(file: &Found) -> Place {
    Place {
        file: file.shown.clone(),
        start: 0,
        end: 0,
    }
}
