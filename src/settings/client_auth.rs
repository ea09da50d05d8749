//! The `client_auth` block → [`ClientAuth`], with the load errors that keep strangers out.

use crate::document::Form;
use crate::settings::ClientAuth;
use crate::settings::lines::Lines;
use crate::settings::read::{text, texts, written};
use crate::settings::sources::Source;
use crate::vocabulary::place::Spanned;
use crate::vocabulary::problem::{Problem, Problems};

/// Reads the block.
pub(super) fn client_auth(file: &Form, lines: &mut Lines, problems: &mut Problems) -> ClientAuth {
    let block = file.get("client_auth");
    let uris = block.and_then(|block| block.get("jwks_uri"));
    let keys = block.and_then(|block| block.get("jwks"));
    let auth = ClientAuth {
        jwks_uris: uris.map(Form::names).unwrap_or_default(),
        jwks: keys
            .and_then(Form::json)
            .map(|keys| Spanned::new(keys.value.clone(), keys.place.clone())),
        jwks_allow_hosts: list(block, "jwks_allow_hosts", lines),
        audience: list(block, "audience", lines),
        authorized_parties: list(block, "authorized_parties", lines),
        issuer: lines.choose(
            "client_auth.issuer",
            None,
            written(block, "issuer", |form| Some(text(form))),
            || None,
        ),
    };
    list(block, "jwks_uri", lines);
    let keys = written(block, "jwks", |form| Some(Some(form.json()?.value.clone())));
    lines.choose("client_auth.jwks", None, keys, || None);
    let claims = written(block, "claims", |form| {
        form.json().map(|_| "a JSON Schema".to_owned())
    });
    lines.choose("client_auth.claims", None, claims, || "none".to_owned());
    let blocks_local = lines.choose(
        "client_auth.block_local_jwks",
        None,
        written(block, "block_local_jwks", Form::flag),
        || false,
    );
    for uri in &auth.jwks_uris {
        refuse_source(uri, &auth.jwks_allow_hosts, blocks_local, problems);
    }
    refuse_openness(file, problems);
    auth
}

fn list(block: Option<&Form>, name: &str, lines: &mut Lines) -> Vec<String> {
    let setting = format!("client_auth.{name}");
    lines.choose(&setting, None, written(block, name, texts), Vec::new)
}

/// Keys over plain http or at private addresses: whoever can answer there decides who everybody is.
fn refuse_source(
    uri: &Spanned<String>,
    allowed: &[String],
    blocks_local: bool,
    problems: &mut Problems,
) {
    let Some(source) = Source::parse(&uri.node) else {
        let message = "`client_auth.jwks_uri` must be an https URL without a user in it";
        let problem = Problem::error(uri.place.clone(), message);
        problems
            .push(problem.help("write it like `https://login.example.com/.well-known/jwks.json`"));
        return;
    };
    let is_listed = allowed
        .iter()
        .any(|host| host.eq_ignore_ascii_case(&source.host));
    let is_open = source.is_loopback() && !blocks_local;
    let reason = match source {
        _ if is_listed || is_open => return,
        Source { is_tls: false, .. } => {
            "keys are fetched over plain http only from this machine, and from hosts that are listed"
        }
        _ if source.is_loopback() || source.is_private() => {
            "keys are fetched from private addresses only where those are listed"
        }
        _ => return,
    };
    let problem = Problem::error(uri.place.clone(), reason);
    problems.push(problem.help(format!(
        "use a public https address, or add `jwks_allow_hosts: [\"{}\"]` under `client_auth`",
        source.host
    )));
}

/// No source of keys at all, or one whose tokens could have been made for anybody.
fn refuse_openness(file: &Form, problems: &mut Problems) {
    let entry = file.entry("client_auth");
    let is_written = |name| entry.is_some_and(|(_, block)| block.entry(name).is_some());
    let is_broken = entry.is_some() && file.get("client_auth").is_none();
    let place = entry.map_or_else(|| file.opening(), |(key, _)| key.place.clone());
    let later = ["provider", "issuers", "supabase", "supabase_jwt_secret"];
    if is_broken || later.into_iter().any(is_written) {
        return;
    }
    let auth = file.get("client_auth");
    let of_use = |name| auth.and_then(|block| block.get(name));
    let is_empty = |name| of_use(name).is_some_and(|form: &Form| form.list().is_empty());
    let fetches = is_written("jwks_uri") && !is_empty("jwks_uri");
    if !fetches && !is_written("jwks") {
        let message = "nobody could ask: there is no source of keys";
        problems.push(
            Problem::error(place, message)
                .help("add `jwks_uri: https://…/jwks.json` (where your login service publishes its keys) under `client_auth`"),
        );
        return;
    }
    let names_somebody = |name| is_written(name) && !is_empty(name);
    if !names_somebody("audience") && !names_somebody("authorized_parties") {
        let message = "tokens for any service would be accepted: there is no audience";
        problems.push(
            Problem::error(place, message)
                .help("add `audience: [powersync]` under `client_auth`, or `authorized_parties` where the provider sends no `aud`"),
        );
    }
}
