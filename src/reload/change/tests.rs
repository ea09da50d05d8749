use std::sync::Arc;

use tokio::time::Instant;

use super::*;
use crate::catalog::Catalog;
use crate::document::Environment;
use crate::reload::folder::load;
use crate::settings::Flags;

const CATALOG: &str = "role login postgres writing postgres
server 150018
table public.todos ordinary
  column id uuid not_null
  column title text
  column done bool
  column note text
  column owner text
  index todos_pkey primary unique (id)
";

const PROJECT: &str = "version: 1
database: { uri: postgres://one@localhost/one }
client_auth: { jwks_uri: 'https://login.example.com/keys', audience: [powersync] }
";

const TODOS: &str = "version: 1
table: todos
columns:
  title:
  done: { default: \"false\" }
presets:
  create: { owner: auth.sub }
computed:
  is_mine: this.owner == auth.sub
allow:
  create: this.is_mine
  update:
    - this.is_mine
    - if: this.done
      columns: [done]
check:
  - { rule: new.title != '', code: NO_TITLE }
";

/// A folder with these files.
fn snapshot(project: &str, todos: &str, schema: &str) -> Snapshot {
    let folder = tempfolder();
    std::fs::create_dir_all(folder.join("schemas")).unwrap();
    std::fs::write(folder.join("rulegate.yaml"), project).unwrap();
    std::fs::write(folder.join("todos.yaml"), todos).unwrap();
    if !schema.is_empty() {
        std::fs::write(folder.join("schemas/todo.json"), schema).unwrap();
    }
    let environment: &Environment<'_> = &|_| None;
    let loading = load(&folder, environment, &Flags::default());
    std::fs::remove_dir_all(&folder).unwrap();
    let shown = loading.problems.render(&loading.sources, false);
    assert!(!loading.problems.has_errors(), "{shown}");
    let catalog = Catalog::parse(CATALOG).unwrap();
    let sources = loading.sources.clone();
    Snapshot::compile(Arc::new(Edition::of(loading)), &catalog, Instant::now())
        .unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)))
}

fn tempfolder() -> std::path::PathBuf {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    std::env::temp_dir().join(format!("rulegate-change-{}-{number}", std::process::id()))
}

/// What replacing text in a file comes to.
type Row = (&'static str, &'static str, &'static [&'static str]);

#[test]
fn an_edit_of_a_table_is_told_in_words() {
    let rows: [Row; 21] = [
        (
            "    - this.is_mine\n",
            "    - this.is_mine\n    - auth.sub == 'admin'\n",
            &["todos: update now also for `auth.sub == 'admin'`"],
        ),
        (
            "    - this.is_mine\n",
            "",
            &["todos: update no longer for `this.is_mine`"],
        ),
        (
            "create: this.is_mine",
            "create: this.done",
            &["todos: create now for `this.done` instead of `this.is_mine`"],
        ),
        (
            "columns: [done]",
            "columns: [done, title]",
            &["todos: update for `this.done` now covers done, title"],
        ),
        (
            "  create: this.is_mine\n",
            "",
            &[
                "todos: create no longer for `this.is_mine`",
                "todos: create now for nobody",
            ],
        ),
        (
            "  create: this.is_mine\n",
            "  create: this.is_mine\n  delete: this.is_mine\n",
            &["todos: delete now for `this.is_mine`"],
        ),
        (
            "  create: this.is_mine\n",
            "  write: this.is_mine\n",
            &["todos: delete now for `this.is_mine`"],
        ),
        (
            "  title:\n",
            "  title: { immutable: true }\n",
            &["todos: column `title` now immutable"],
        ),
        (
            "  title:\n",
            "  title:\n  note:\n",
            &["todos: column `note` new"],
        ),
        (
            "  title:\n",
            "",
            &["todos: column `title` no longer open to apps"],
        ),
        (
            "\"false\"",
            "\"true\"",
            &["todos: column `done` now has `default: true`"],
        ),
        (
            " { default: \"false\" }",
            "",
            &["todos: column `done` no longer has `default`"],
        ),
        (
            "  title:\n",
            "  title: { schema: { type: string } }\n",
            &["todos: column `title` now has a schema"],
        ),
        (
            "owner: auth.sub }",
            "owner: \"'nobody'\" }",
            &["todos: `owner` now preset on create to `'nobody'`"],
        ),
        (
            "presets:\n",
            "presets:\n  update: { note: auth.sub }\n",
            &["todos: `note` now preset on update to `auth.sub`"],
        ),
        (
            "this.owner == auth.sub\n",
            "this.owner != auth.sub\n",
            &["todos: computed `is_mine` now `this.owner != auth.sub`"],
        ),
        (
            "new.title != ''",
            "new.title != ' '",
            &["todos: check `NO_TITLE` now `new.title != ' '`"],
        ),
        (
            "code: NO_TITLE",
            "code: NO_TITLE, field: title",
            &["todos: check `NO_TITLE` changed"],
        ),
        (
            "code: NO_TITLE",
            "code: NAMELESS",
            &[
                "todos: check `NAMELESS` new",
                "todos: check `NO_TITLE` gone",
            ],
        ),
        (
            "allow:\n",
            "ignore: [legacy]\nguard: this.owner != ''\nallow:\n",
            &[
                "todos: `legacy` now ignored",
                "todos: its own guard now `this.owner != ''`",
            ],
        ),
        (
            "version: 1\n",
            "version: 1 # the first\n",
            &["nothing but layout and comments changed"],
        ),
    ];
    let before = snapshot(PROJECT, TODOS, "");
    for (old, new, wanted) in rows {
        assert!(TODOS.contains(old), "{old}");
        let text = TODOS.replacen(old, new, 1);
        let after = snapshot(PROJECT, &text, "");
        let changes = between(Some(&before), &after);
        assert_eq!(changes.plain, wanted, "{new}");
        assert_eq!(changes.warnings, [""; 0], "{new}");
    }
}

#[test]
fn an_edit_of_the_project_says_what_waits_for_a_restart() {
    let rows: [Row; 5] = [
        (
            "/one }",
            "/two }",
            &["`database.uri` changed to `***` in the files: that needs a restart"],
        ),
        (
            "/one }",
            "/one, pool: 3 }",
            &["`database.pool` changed to `3` in the files: that needs a restart"],
        ),
        (
            "version: 1\n",
            "version: 1\nbatch: { on_fatal_error: skip }\n",
            &["`batch.on_fatal_error` now `skip`"],
        ),
        (
            "version: 1\n",
            "version: 1\nguards: [{ tables: '*', rule: auth.sub != '' }]\n",
            &[
                "rulegate.yaml: `guards` changed",
                "todos: now guarded by `auth.sub != ''`",
            ],
        ),
        (
            "version: 1\n",
            "version: 1\nserver: { cors_origins: ['https://app.example.com'] }\n",
            &["`server.cors_origins` now `[https://app.example.com]`"],
        ),
    ];
    let before = snapshot(PROJECT, TODOS, "");
    for (old, new, wanted) in rows {
        let after = snapshot(&PROJECT.replacen(old, new, 1), TODOS, "");
        let told = between(Some(&before), &after).words();
        let told: Vec<&String> = told
            .iter()
            .filter(|line| !line.contains("`require_guard`"))
            .collect();
        assert_eq!(told, wanted, "{new}");
    }
}

#[test]
fn tables_and_schemas_come_and_go() {
    let before = snapshot(PROJECT, TODOS, "");
    let renamed = TODOS.replace("table: todos", "table: tasks\ntarget: todos");
    let after = snapshot(PROJECT, &renamed, "{\"type\": \"object\"}");
    let told = between(Some(&before), &after).plain;
    let wanted = [
        "tasks: new table, create, update allowed to some",
        "todos: no longer open to uploads, its rules are gone",
        "schemas/todo.json: new schema",
    ];
    assert_eq!(told, wanted);
    let again = snapshot(PROJECT, &renamed, "{\"type\": \"array\"}");
    assert_eq!(
        between(Some(&after), &again).plain,
        ["schemas/todo.json: changed"]
    );
}
