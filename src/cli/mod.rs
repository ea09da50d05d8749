//! Arguments → one of the rooms → exit code.

mod arguments;
mod check;
mod cluster;
mod completions;
mod dead_letters;
mod dev;
mod examine;
mod explain;
mod ground;
mod healthcheck;
mod hello;
mod home;
mod init;
mod installation;
mod listeners;
mod migrate;
mod say;
mod schema;
mod serve;
mod signals;
#[cfg(test)]
mod tests;
mod token;
mod trouble;
mod variables;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::arguments::{Arguments, Command};
use crate::cli::trouble::Trouble;
use crate::observe;

/// The whole program: reads the arguments, runs one command, says why it could not.
pub fn main() -> ExitCode {
    // One provider for everything that speaks TLS. It can be installed already only where a test calls this twice.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    observe::init(std::env::var("RULEGATE_LOG").ok().as_deref());
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            trouble.tell();
            trouble.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Trouble> {
    match command {
        Command::Dev(arguments) => runtime()?.block_on(dev::run(&arguments)),
        Command::Serve(arguments) => runtime()?.block_on(serve::run(&arguments)),
        Command::Check(arguments) => runtime()?.block_on(check::run(&arguments)),
        Command::Init(arguments) => runtime()?.block_on(init::run(&arguments)),
        Command::Explain(arguments) => runtime()?.block_on(explain::run(&arguments)),
        Command::Migrate(arguments) => runtime()?.block_on(migrate::run(&arguments)),
        Command::DeadLetters(arguments) => runtime()?.block_on(dead_letters::run(&arguments)),
        Command::Token(arguments) => token::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Completions(arguments) => {
            completions::run(&arguments);
            Ok(())
        }
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Trouble> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // A catalogue that is read again is compiled on these threads.
        .thread_stack_size(examine::STACK_BYTES)
        .build()
        .map_err(|error| Trouble::unable(format!("no threads could be started: {error}")))
}
