use super::*;
use crate::document;
use crate::document::keys::Kind;
use crate::vocabulary::problem::Problems;

fn settings(
    text: &str,
    environment: &Environment<'_>,
    flags: &Flags,
) -> (Settings, Vec<Line>, Problems) {
    let (node, mut problems) = document::parse("rulegate.yaml", text);
    let kind = Kind::Block(&keys::FILE);
    let form = document::read(
        &node.unwrap(),
        &kind,
        environment,
        &flags.overridden(),
        &mut problems,
    );
    let (settings, lines) = read(&form, environment, flags, &mut problems);
    (settings, lines, problems)
}

fn origin(lines: &[Line], name: &str) -> Origin {
    lines.iter().find(|line| line.name == name).unwrap().origin
}

const FILE: &str = "\
version: 1
server: { listen: 127.0.0.1:1 }
database: { uri: !env MINE }
client_auth: { jwks_uri: !env KEYS, audience: [a] }
";

#[test]
fn a_flag_wins_over_the_file_that_over_the_environment_and_that_over_the_default() {
    let environment = |name: &str| Some(format!("https://{name}/"));
    let bare = "version: 1\nclient_auth: { jwks_uri: https://k/, audience: [a] }\n";
    let flags = Flags {
        listen: Some("127.0.0.1:2".parse().unwrap()),
        database: Some(Secret::new("from a flag".to_owned())),
        ..Flags::default()
    };
    let rows = [
        (
            FILE,
            &flags,
            "from a flag",
            Origin::Flag,
            "127.0.0.1:2",
            Origin::Flag,
        ),
        (
            FILE,
            &Flags::default(),
            "https://MINE/",
            Origin::Environment,
            "127.0.0.1:1",
            Origin::File,
        ),
        (
            bare,
            &Flags::default(),
            "https://DATABASE_URL/",
            Origin::Environment,
            "0.0.0.0:6060",
            Origin::Default,
        ),
    ];
    for (text, flags, uri, uri_origin, listen, listen_origin) in rows {
        let (settings, lines, problems) = settings(text, &environment, flags);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(settings.database.uri.unwrap().reveal(), uri);
        assert_eq!(origin(&lines, "database.uri"), uri_origin);
        assert_eq!(settings.server.listen.to_string(), listen);
        assert_eq!(origin(&lines, "server.listen"), listen_origin);
    }
}

#[test]
fn what_a_flag_says_needs_no_variable() {
    let text = "version: 1\ndatabase: { uri: !env MINE }\nserver: { listen: !env HERE, admin: !env THERE }\nclient_auth: { jwks_uri: https://k/, audience: [a] }\n";
    let flags = Flags {
        listen: Some("127.0.0.1:2".parse().unwrap()),
        admin: Some("127.0.0.1:3".parse().unwrap()),
        database: Some(Secret::new("x".to_owned())),
    };
    let (_, lines, problems) = settings(text, &|_| None, &flags);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(origin(&lines, "database.uri"), Origin::Flag);
    let (_, _, problems) = settings(text, &|_| None, &Flags::default());
    assert_eq!(problems.count(), "3 errors");
}

#[test]
fn no_secret_is_printed() {
    let text = "\
version: 1
database: { uri: postgres://u:hush@h/d }
client_auth: { jwks: { keys: [{ kty: oct, k: hush }] }, audience: [a] }
";
    let (settings, lines, problems) = settings(text, &|_| None, &Flags::default());
    assert!(problems.is_empty(), "{problems:?}");
    assert!(!format!("{lines:?}").contains("hush"));
    assert!(!format!("{:?}", settings.database).contains("hush"));
}

#[test]
fn nothing_private_is_asked_for_keys_unless_it_is_listed() {
    let rows = [
        ("https://login.example.com/keys", "", true),
        ("http://localhost:9000/keys", "", true),
        ("http://[::1]/keys", "", true),
        ("http://localhost/keys", ", block_local_jwks: true", false),
        ("http://login.example.com/keys", "", false),
        (
            "http://login.example.com/keys",
            ", jwks_allow_hosts: [LOGIN.example.com]",
            true,
        ),
        (
            "http://login.example.com/keys",
            ", jwks_allow_hosts: [example.com]",
            false,
        ),
        ("https://169.254.169.254/keys", "", false),
        ("https://[::ffff:192.168.0.1]/keys", "", false),
        (
            "https://192.168.0.1/keys",
            ", jwks_allow_hosts: [192.168.0.1]",
            true,
        ),
        ("login.example.com/keys", "", false),
    ];
    for (uri, more, is_fine) in rows {
        let text =
            format!("version: 1\nclient_auth: {{ jwks_uri: \"{uri}\", audience: [a]{more} }}\n");
        let (_, _, problems) = settings(&text, &|_| None, &Flags::default());
        assert_eq!(problems.is_empty(), is_fine, "{uri}{more}: {problems:?}");
    }
}

#[test]
fn there_is_no_way_to_ask_for_everybody() {
    let rows = [
        ("", "there is no source of keys"),
        ("client_auth: {}\n", "there is no source of keys"),
        (
            "client_auth: { jwks_uri: [], audience: [a] }\n",
            "there is no source of keys",
        ),
        (
            "client_auth: { jwks_uri: https://k/ }\n",
            "there is no audience",
        ),
        (
            "client_auth: { jwks_uri: https://k/, audience: [], issuer: x }\n",
            "there is no audience",
        ),
        (
            "client_auth: { jwks: { keys: [] }, authorized_parties: [] }\n",
            "there is no audience",
        ),
        (
            "client_auth: { jwks: {}, audience: [a] }\n",
            "must be a key set",
        ),
        (
            "client_auth: { jwks: 'no json', audience: [a] }\n",
            "must be a key set",
        ),
    ];
    for (text, wanted) in rows {
        let (_, _, problems) =
            settings(&format!("version: 1\n{text}"), &|_| None, &Flags::default());
        let found = problems.sorted();
        assert!(
            found.len() == 1 && found[0].message.contains(wanted),
            "{text}: {found:?}"
        );
        assert!(found[0].help.is_some());
    }
}
