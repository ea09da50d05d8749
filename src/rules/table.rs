//! The form of a table's file → [`TableRules`].

use std::collections::{BTreeMap, BTreeSet};

use crate::document::keys::Kind;
use crate::document::{Environment, Form, Node, read};
use crate::rules::allow::grants;
use crate::rules::keys::TABLE;
use crate::rules::{Check, ColumnRule, Guard, Preset, RelationRule, Sensitive, TableRules};
use crate::vocabulary::names::{ColumnName, FieldName, MemberName, TableName, Target};
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::{SourceText, Spanned};
use crate::vocabulary::problem::{Problem, Problems};

/// Words that CEL keeps for itself, so that `this.<word>` cannot be written.
pub const CEL_WORDS: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// Reads a table's file; `None` where it does not say which table it is about.
pub fn table(
    node: &Node,
    environment: &Environment<'_>,
    problems: &mut Problems,
) -> Option<TableRules> {
    let form = read(node, &Kind::Block(&TABLE), environment, &[], problems);
    let table: Spanned<TableName> = form.get("table")?.name()?;
    let mut rules = TableRules {
        place: form.place.clone(),
        target: target(&form, &table, problems),
        key: form
            .get("key")
            .and_then(Form::name)
            .unwrap_or_else(|| Spanned::new("id".into(), table.place.clone())),
        columns: columns(form.get("columns")),
        ignore: form.get("ignore").map(Form::names).unwrap_or_default(),
        presets: presets(form.get("presets")),
        schema: form.get("schema").and_then(Form::json).cloned(),
        relations: relations(form.get("relations"), problems),
        computed: computed(form.get("computed")),
        allow: grants(form.get("allow"), problems),
        public_reason: form
            .get("public_reason")
            .and_then(Form::text)
            .map(ToOwned::to_owned),
        checks: checks(form.get("check"), problems),
        guard: form.get("guard").and_then(guard),
        unread_keys: unread(&form),
        unread_members: unread_members(&form),
        table,
    };
    if rules.target.node.schema.is_empty() || rules.target.node.table.is_empty() {
        rules.unread_keys.insert("target".to_owned());
    }
    refuse_twins(&rules, problems);
    let unusable = refuse_member_names(&rules, problems);
    rules.unread_members.extend(unusable);
    Some(rules)
}

/// The keys whose value is of no use.
fn unread(form: &Form) -> BTreeSet<String> {
    let broken = form.map().iter().filter(|(_, form)| form.is_broken());
    broken.map(|(key, _)| key.node.clone()).collect()
}

fn unread_members(form: &Form) -> BTreeSet<MemberName> {
    let is_incomplete = |form: &Form| {
        let lacks = |key| form.get(key).is_none();
        form.is_broken() || !form.map().is_empty() && (lacks("table") || lacks("match"))
    };
    let of = |key| form.get(key).into_iter().flat_map(Form::map);
    let relations = of("relations").filter(|(_, form)| is_incomplete(form));
    let computed = of("computed").filter(|(_, form)| form.is_broken());
    relations
        .chain(computed)
        .map(|(name, _)| name.node.as_str().into())
        .collect()
}

fn target(form: &Form, table: &Spanned<TableName>, problems: &mut Problems) -> Spanned<Target> {
    let Some(written) = form.get("target").and_then(Form::source) else {
        let target = Target {
            schema: "public".into(),
            table: table.node.as_str().into(),
        };
        return Spanned::new(target, table.place.clone());
    };
    named_target(written, "target", table.node.as_str(), problems)
}

/// A table as the database names it, told where it is none.
pub(super) fn named_target(
    written: &SourceText,
    key: &str,
    example: &str,
    problems: &mut Problems,
) -> Spanned<Target> {
    let target = Target::parse(&written.text);
    if target.schema.is_empty() || target.table.is_empty() {
        let message = format!("`{key}` must be `table` or `schema.table`");
        problems.push(
            Problem::error(written.place.clone(), message)
                .help(format!("write it like `{key}: public.{example}`")),
        );
    }
    Spanned::new(target, written.place.clone())
}

fn columns(form: Option<&Form>) -> Vec<ColumnRule> {
    let entries = form.into_iter().flat_map(Form::map);
    entries.map(|(name, form)| column(name, form)).collect()
}

fn column(name: &Spanned<String>, form: &Form) -> ColumnRule {
    let field = Spanned::new(FieldName::from(name.node.as_str()), name.place.clone());
    let same = || Spanned::new(ColumnName::from(name.node.as_str()), name.place.clone());
    ColumnRule {
        field,
        column: form.get("column").and_then(Form::name).unwrap_or_else(same),
        is_immutable: form
            .get("immutable")
            .and_then(Form::flag)
            .unwrap_or_default(),
        default: form.get("default").and_then(Form::source).cloned(),
        schema: form.get("schema").and_then(Form::json).cloned(),
        sensitive: form.get("sensitive").and_then(sensitive),
    }
}

fn sensitive(form: &Form) -> Option<Spanned<Sensitive>> {
    let word = match form.text()? {
        "drop" => Sensitive::Drop,
        _ => Sensitive::Encrypt,
    };
    Some(Spanned::new(word, form.place.clone()))
}

/// The presets of a table or of a guard.
pub(super) fn presets(form: Option<&Form>) -> Vec<Preset> {
    let ops = [Op::Create, Op::Update].into_iter();
    ops.filter_map(|op| Some((op, form?.get(op.as_str())?)))
        .flat_map(|(op, form)| form.map().iter().map(move |entry| (op, entry)))
        .filter_map(|(op, (column, form))| {
            Some(Preset {
                op,
                column: Spanned::new(column.node.as_str().into(), column.place.clone()),
                value: form.source()?.clone(),
            })
        })
        .collect()
}

fn relations(form: Option<&Form>, problems: &mut Problems) -> Vec<RelationRule> {
    let entries = form.into_iter().flat_map(Form::map);
    entries
        .filter_map(|(name, form)| {
            let matches = form.get("match")?;
            if matches.map().is_empty() {
                let message = format!("relation `{}` matches no column", name.node);
                problems.push(
                    Problem::error(matches.place.clone(), message)
                        .help("write their column and yours, like `match: { id: list_id }`"),
                );
            }
            let pair = |(theirs, mine): &(Spanned<String>, Form)| {
                let theirs = Spanned::new(theirs.node.as_str().into(), theirs.place.clone());
                Some((theirs, mine.name()?))
            };
            Some(RelationRule {
                name: Spanned::new(name.node.as_str().into(), name.place.clone()),
                table: form.get("table")?.name()?,
                matches: matches.map().iter().filter_map(pair).collect(),
            })
        })
        .collect()
}

fn computed(form: Option<&Form>) -> Vec<(Spanned<MemberName>, SourceText)> {
    let entries = form.into_iter().flat_map(Form::map);
    entries
        .filter_map(|(name, form)| {
            let name = Spanned::new(name.node.as_str().into(), name.place.clone());
            Some((name, form.source()?.clone()))
        })
        .collect()
}

fn checks(form: Option<&Form>, problems: &mut Problems) -> Vec<Check> {
    let items = form.into_iter().flat_map(Form::list);
    items.filter_map(|form| check(form, problems)).collect()
}

fn check(form: &Form, problems: &mut Problems) -> Option<Check> {
    let rule = form.get("rule")?.source()?.clone();
    let written = form.get("code").and_then(Form::name);
    let code: Spanned<String> =
        written.unwrap_or_else(|| Spanned::new("unread".to_owned(), form.place.clone()));
    let starts = code.node.starts_with(|c: char| c.is_ascii_alphabetic());
    if !starts
        || !code
            .node
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        let message = format!(
            "`{}` is no code: it has letters, digits and `_` only, a letter first",
            code.node
        );
        problems.push(
            Problem::error(code.place.clone(), message)
                .help("write it like `code: completed_at_mismatch`"),
        );
    }
    let ops = form.get("ops").map(|form| (ops(form), form));
    if let Some((ops, form)) = &ops
        && form.list().is_empty()
        && ops.is_empty()
    {
        let problem = Problem::error(
            form.place.clone(),
            "this check is never asked: `ops` is empty",
        );
        problems.push(problem.help("name its operations, or take `ops` out"));
    }
    let flag = |name| form.get(name).and_then(Form::flag).unwrap_or_default();
    Some(Check {
        place: form.place.clone(),
        rule,
        code,
        message: form
            .get("message")
            .and_then(Form::text)
            .map(ToOwned::to_owned),
        message_expression: form
            .get("message_expression")
            .and_then(Form::source)
            .cloned(),
        field: form.get("field").and_then(Form::name),
        ops: ops.map(|(ops, _)| ops),
        is_deferred: flag("deferred"),
        client_handles: flag("client_handles"),
    })
}

fn ops(form: &Form) -> Vec<Op> {
    let words = form.list().iter().filter_map(Form::text);
    words
        .filter_map(|word| Op::ALL.into_iter().find(|op| op.as_str() == word))
        .collect()
}

fn guard(form: &Form) -> Option<Guard> {
    let source = form.source()?;
    Some(match source.text.trim() {
        "none" => Guard::None(source.place.clone()),
        _ => Guard::Condition(source.clone()),
    })
}

/// One database column under two fields, and one field in two places.
fn refuse_twins(rules: &TableRules, problems: &mut Problems) {
    let mut seen: BTreeMap<&ColumnName, &FieldName> = BTreeMap::new();
    for rule in &rules.columns {
        if let Some(other) = seen.insert(&rule.column.node, &rule.field.node) {
            let message = format!(
                "`{}` and `{other}` are both the database's column `{}`",
                rule.field.node, rule.column.node
            );
            problems.push(
                Problem::error(rule.column.place.clone(), message)
                    .help("keep one of them: the app has one name for a column"),
            );
        }
    }
    let written: BTreeSet<&FieldName> = rules.columns.iter().map(|rule| &rule.field.node).collect();
    let mut ignored: BTreeSet<&FieldName> = BTreeSet::new();
    for field in &rules.ignore {
        let (message, help) = if written.contains(&field.node) {
            (
                "is both written and ignored",
                "take it out of `columns` or out of `ignore`",
            )
        } else if ignored.insert(&field.node) {
            continue;
        } else {
            ("stands twice", "keep one of them")
        };
        let message = format!("`{}` {message}", field.node);
        problems.push(Problem::error(field.place.clone(), message).help(help));
    }
}

/// Relations and computed values are reached as `this.name`: one name, one meaning, and a word that CEL can say.
///
/// Gives the names that cannot be used.
fn refuse_member_names(rules: &TableRules, problems: &mut Problems) -> BTreeSet<MemberName> {
    let mut unusable = BTreeSet::new();
    let relations = rules.relations.iter().map(|relation| &relation.name);
    let computed = rules.computed.iter().map(|(name, _)| name);
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for name in relations.chain(computed) {
        let word = name.node.as_str();
        let starts = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_word = starts && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_word || CEL_WORDS.contains(&word) {
            unusable.insert(name.node.clone());
            let message = format!("`{word}` cannot be written after a dot in an expression");
            problems.push(
                Problem::error(name.place.clone(), message)
                    .help("use letters, digits and `_`, a letter first, and no word of CEL's own"),
            );
        }
        if !seen.insert(word) {
            unusable.insert(name.node.clone());
            let message = format!("`{word}` is both a relation and a computed value");
            problems.push(Problem::error(name.place.clone(), message).help("rename one of them"));
        }
    }
    unusable
}
