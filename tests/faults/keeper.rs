//! The folder of a run, and who clears up after it however it ends: a shell that waits for our end of a pipe to close, which also happens when this
//! process is killed.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What stops the gateways and the server, and takes the folder away (unless `RULEGATE_FAULTS_KEEP` is set). `$1` is the folder, the rest a command
/// that stops the server.
const CLEAR_UP: &str = r#"
cat >/dev/null
folder=$1; shift
cat "$folder"/*.pid | xargs -r kill -9
cd "$folder/pg" && "$@"
cd / && [ -z "$RULEGATE_FAULTS_KEEP" ] && rm -rf "$folder"
"#;

/// A folder and its keeper.
pub struct Keeper {
    /// Where everything of this run lies.
    pub folder: PathBuf,
    shell: Option<Child>,
}

impl Keeper {
    /// A new folder. Whoever starts something in it says how it is stopped first.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rulegate-faults-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("pg")).unwrap();
        Self {
            folder,
            shell: None,
        }
    }

    /// From now on the folder goes when we go, and `stops` has been run before.
    pub fn watch(&mut self, stops: &[String]) {
        let shell = Command::new("sh")
            .args(["-c", CLEAR_UP, "sh"])
            .arg(&self.folder)
            .args(stops)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for us; it still has to clear up.
            .process_group(0)
            .spawn();
        self.shell = Some(shell.unwrap());
    }

    /// A file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Notes the process of this name, which is to be killed at the end; `None` once it is gone.
    pub fn note(&self, name: &str, pid: Option<u32>) {
        let text = pid.map(|pid| format!("{pid}\n")).unwrap_or_default();
        fs::write(self.path(&format!("{name}.pid")), text).unwrap();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(mut shell) = self.shell.take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }
}

/// Copies the files of a folder.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
