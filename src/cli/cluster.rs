//! A private Postgres for `rulegate dev`: its data stays, the server goes with us.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::ground::{Ground, Owner};
use crate::cli::home::{Home, write_private};
use crate::cli::installation;
use crate::cli::say::note;
use crate::cli::trouble::Trouble;

/// A running server. It is stopped when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    control: Control,
    /// How it is reached, password and all.
    pub uri: String,
    /// Which Postgres it is, and where its data lies, in one line.
    pub line: String,
    is_stopped: AtomicBool,
}

/// The server's programs and its data.
#[derive(Clone, Debug)]
pub struct Control {
    bin: PathBuf,
    data: PathBuf,
    owner: Option<Owner>,
}

impl Cluster {
    /// Starts it; makes it on the first run. Slow steps are said before they begin.
    /// `announce` hears how to kill it before it runs.
    pub fn start(home: &Home, announce: impl FnOnce(Control)) -> Result<Self, Trouble> {
        let installations = installation::find(home.folder());
        let link = home.folder().join("pg");
        let Ground { data, owner } = Ground::find(home, &link)?;
        let installation = installation::fitting(&installations, &data, &link)?;
        let control = Control {
            bin: installation.bin.clone(),
            data,
            owner,
        };
        if !control.is_made() {
            note(&format!(
                "making a database in {} (some seconds, the first time only)",
                link.display()
            ));
            control.make()?;
        }
        if fs::symlink_metadata(&link).is_err() {
            symlink(&control.data, &link).map_err(|error| Trouble::at(&link, &error))?;
        }
        announce(control.clone());
        let port = control.run(home)?;
        let password = fs::read_to_string(control.password_path())
            .map_err(|error| Trouble::at(&control.password_path(), &error))?;
        let uri = format!(
            "postgres://postgres:{}@127.0.0.1:{port}/postgres",
            password.trim()
        );
        let cluster = Self {
            line: format!(
                "Postgres {} of this machine ({}), started on port {port}, data in {}",
                installation.major,
                control.bin.display(),
                link.display()
            ),
            control,
            uri,
            is_stopped: AtomicBool::new(false),
        };
        home.keep_database_uri(&cluster.uri)?;
        Ok(cluster)
    }

    /// Stops it and waits: clients are cut, nothing that was committed is lost.
    pub fn stop(&self) {
        if self.is_stopped.swap(true, Ordering::SeqCst) {
            return;
        }
        let stopped = self
            .control
            .command("pg_ctl")
            .args(["-m", "fast", "-w", "stop", "-D"])
            .arg(&self.control.data)
            .output();
        if !stopped.is_ok_and(|output| output.status.success()) {
            note(&format!(
                "the database did not stop; the next `rulegate dev` finds it ({})",
                self.control.data.display()
            ));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Control {
    /// Kills the server without waiting. It recovers at the next start.
    pub fn kill(&self) {
        let _ = self
            .command("pg_ctl")
            .args(["-m", "immediate", "-W", "stop", "-D"])
            .arg(&self.data)
            .output();
    }

    fn is_made(&self) -> bool {
        self.data.join("PG_VERSION").is_file()
    }

    fn password_path(&self) -> PathBuf {
        self.data.join("rulegate.password")
    }

    fn log_path(&self) -> PathBuf {
        self.data.join("rulegate.log")
    }

    /// Makes the data in a draft beside its place, so that a run that was killed leaves nothing half made.
    fn make(&self) -> Result<(), Trouble> {
        let draft = self.data.with_extension("new");
        let secret = self.data.with_extension("password");
        self.prepare(&draft, &secret)
            .map_err(|error| Trouble::at(&draft, &error))?;
        let output = self
            .command("initdb")
            .args([
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C",
                "-A",
                "scram-sha-256",
            ])
            .arg("--pwfile")
            .arg(&secret)
            .arg("-D")
            .arg(&draft)
            .output()
            .map_err(|error| Trouble::at(&self.bin, &error))?;
        if !output.status.success() {
            return Err(Trouble::unable(format!(
                "no database could be made: {}",
                words(&output)
            )));
        }
        fs::rename(&secret, draft.join("rulegate.password"))
            .and_then(|()| fs::rename(&draft, &self.data))
            .map_err(|error| Trouble::at(&self.data, &error))
    }

    fn prepare(&self, draft: &Path, secret: &Path) -> io::Result<()> {
        if let Some(parent) = draft.parent() {
            fs::create_dir_all(parent)?;
        }
        if draft.exists() {
            fs::remove_dir_all(draft)?;
        }
        fs::create_dir(draft)?;
        write_private(secret, &format!("{}\n", uuid::Uuid::new_v4().simple()))?;
        if let Some(owner) = self.owner {
            chown(draft, Some(owner.uid), Some(owner.gid))?;
            chown(secret, Some(owner.uid), Some(owner.gid))?;
        }
        Ok(())
    }

    /// The port of the running server. One that a killed run left behind is taken over.
    fn run(&self, home: &Home) -> Result<u16, Trouble> {
        if let Some(port) = self.running() {
            return Ok(port);
        }
        let port = free_port(home)?;
        let options = format!(
            "-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c wal_level=logical"
        );
        let output = self
            .command("pg_ctl")
            .args(["-w", "-t", "60", "-D"])
            .arg(&self.data)
            .arg("-l")
            .arg(self.log_path())
            .arg("-o")
            .arg(options)
            .arg("start")
            .output()
            .map_err(|error| Trouble::at(&self.bin, &error))?;
        if output.status.success() {
            return Ok(port);
        }
        Err(Trouble::unable(format!(
            "the database in {} did not start: {}\n{}",
            self.data.display(),
            words(&output),
            last_lines(&self.log_path())
        )))
    }

    fn running(&self) -> Option<u16> {
        let status = self
            .command("pg_ctl")
            .args(["status", "-D"])
            .arg(&self.data)
            .output()
            .ok()?;
        if !status.status.success() {
            return None;
        }
        let text = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        text.lines().nth(3)?.trim().parse().ok()
    }

    /// One of the server's programs, run by its user, away from our terminal's Ctrl-C: we stop it in our own time.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.stdin(Stdio::null()).process_group(0);
        // The folder we are in may be closed to that user.
        command.current_dir("/");
        if let Some(owner) = self.owner {
            command.gid(owner.gid).uid(owner.uid);
        }
        command
    }
}

/// The port of the last run if nobody has taken it since, so that what was written into other settings still holds; else a free one.
fn free_port(home: &Home) -> Result<u16, Trouble> {
    let last = home.database_uri().and_then(|uri| {
        let (_, after) = uri.rsplit_once(':')?;
        after.split('/').next()?.parse::<u16>().ok()
    });
    last.into_iter()
        .chain([0])
        .find_map(|port| {
            let socket = TcpListener::bind(("127.0.0.1", port)).ok()?;
            Some(socket.local_addr().ok()?.port())
        })
        .ok_or_else(|| Trouble::unable("there is no free port on the loopback address"))
}

/// What a program said, in one line.
fn words(output: &Output) -> String {
    let text = if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    let text = String::from_utf8_lossy(text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn last_lines(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let count = lines.len();
    let last: Vec<&str> = lines.into_iter().skip(count.saturating_sub(5)).collect();
    last.join("\n")
}
