//! The project's own files.

use std::fs;
use std::process::Command;

#[test]
fn no_file_names_a_path_of_some_machine() {
    let listed = Command::new("git").args(["ls-files"]).output().unwrap();
    let files = String::from_utf8(listed.stdout).unwrap();
    assert!(files.lines().count() > 30);
    let place = format!("{}work{}", '/', '/');
    for file in files.lines() {
        let text = fs::read_to_string(file).unwrap_or_default();
        assert!(!text.contains(&place), "{file}");
    }
}

/// The instructions of the Dockerfile, lines joined: word and rest.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string("Dockerfile").unwrap();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
        .collect();
    lines
        .join("\n")
        .replace("\\\n", " ")
        .lines()
        .map(|line| {
            let (word, rest) = line.trim().split_once(' ').unwrap();
            (word.to_owned(), rest.trim().to_owned())
        })
        .collect()
}

#[test]
fn the_image_is_built_in_two_stages_and_runs_as_nobody_in_particular() {
    let all = instructions();
    let known = [
        "FROM",
        "WORKDIR",
        "RUN",
        "COPY",
        "ARG",
        "USER",
        "EXPOSE",
        "HEALTHCHECK",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
    ];
    for (word, rest) in &all {
        assert!(known.contains(&word.as_str()), "{word} {rest}");
    }
    let stages: Vec<usize> = (0..all.len()).filter(|at| all[*at].0 == "FROM").collect();
    assert_eq!(stages.len(), 2);
    let last: Vec<&(String, String)> = all[stages[1]..].iter().collect();
    let of = |word: &str| {
        let found: Vec<&str> = last
            .iter()
            .filter(|(name, _)| name == word)
            .map(|(_, rest)| rest.as_str())
            .collect();
        assert_eq!(found.len(), 1, "{word}");
        found[0]
    };
    assert!(of("USER").parse::<u32>().unwrap() > 0);
    assert_eq!(of("EXPOSE"), "6060");
    for words in [
        of("CMD"),
        of("ENTRYPOINT"),
        of("HEALTHCHECK").rsplit_once("CMD ").unwrap().1,
    ] {
        let list: Vec<String> = serde_json::from_str(words).unwrap();
        assert!(!list.is_empty());
    }
}

#[test]
fn what_the_image_copies_is_there_and_reaches_the_engine() {
    let ignore = fs::read_to_string(".dockerignore").unwrap();
    assert!(ignore.lines().any(|line| line == "*"));
    let mut copied = 0;
    for (word, rest) in instructions() {
        let parts: Vec<&str> = rest.split_whitespace().collect();
        if word != "COPY" || parts[0].starts_with("--from") {
            continue;
        }
        for source in &parts[..parts.len() - 1] {
            copied += 1;
            assert!(fs::exists(source).unwrap(), "{source}");
            assert!(
                ignore.lines().any(|line| line == format!("!{source}")),
                "{source} is ignored"
            );
        }
    }
    assert!(copied >= 4);
}

#[test]
fn the_empty_program_of_the_image_has_every_target_that_cargo_asks_for() {
    let scratch = std::env::temp_dir().join(format!("rulegate-image-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let (_, run) = instructions()
        .into_iter()
        .find(|(word, rest)| word == "RUN" && rest.contains("src/lib.rs"))
        .unwrap();
    let (makes, _) = run.split_once("&& cargo build --release --locked").unwrap();
    let made = Command::new("sh")
        .args(["-ec", makes])
        .current_dir(&scratch)
        .status()
        .unwrap();
    assert!(made.success());
    let described = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .output()
        .unwrap();
    let described: serde_json::Value = serde_json::from_slice(&described.stdout).unwrap();
    let targets = described["packages"][0]["targets"].as_array().unwrap();
    assert!(targets.len() >= 4);
    let here = std::env::current_dir().unwrap();
    for target in targets {
        let path = target["src_path"].as_str().unwrap();
        let inside = std::path::Path::new(path).strip_prefix(&here).unwrap();
        assert!(scratch.join(inside).exists(), "{}", inside.display());
    }
    fs::remove_dir_all(&scratch).unwrap();
}

#[test]
fn the_image_names_commands_that_the_program_has() {
    for (word, rest) in instructions() {
        let list = match word.as_str() {
            "CMD" => rest.as_str(),
            "HEALTHCHECK" => rest.rsplit_once("CMD ").unwrap().1,
            _ => continue,
        };
        let words: Vec<String> = serde_json::from_str(list).unwrap();
        let command = words.iter().find(|word| *word != "rulegate").unwrap();
        let help = Command::new(env!("CARGO_BIN_EXE_rulegate"))
            .args([command, "--help"])
            .output()
            .unwrap();
        assert!(help.status.success(), "{command}");
    }
}

#[test]
fn the_readme_names_files_that_are_there() {
    let text = fs::read_to_string("README.md").unwrap();
    let links: Vec<&str> = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.starts_with("https://"))
        .collect();
    assert!(links.len() >= 4);
    for link in links {
        assert!(fs::exists(link).unwrap(), "{link}");
    }
    for script in ["scripts/test", "scripts/postgres"] {
        assert!(text.contains(&format!("./{script}")) && fs::exists(script).unwrap());
    }
}
