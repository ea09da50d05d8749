//! What can lie in a folder, and how it can come to lie there.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use rulegate::reload::Patience;
use tokio::time::sleep;

use crate::reload::folder::{Folder, table};
use crate::reload::{House, TOLD};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_piece_by_piece_is_read_when_it_is_whole() {
    let house = House::open("torn").await;
    for edition in 2..8 {
        let version = house.folder.mean(edition, 1);
        let text = table("apples", edition);
        let mut file = fs::File::create(house.folder.path("apples.yaml")).unwrap();
        for piece in text.as_bytes().chunks(text.len() / 4) {
            file.write_all(piece).unwrap();
            file.flush().unwrap();
            sleep(Duration::from_millis(15)).await;
        }
        drop(file);
        house.is_in_force(&version).await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_stays_half_written_is_explained_and_taken_when_it_is_finished() {
    let house = House::open("half").await;
    let text = table("apples", 2);
    let (half, rest) = text.split_at(text.find("allow").unwrap());
    house.folder.write("apples.yaml", half);
    house.fails_for("allow").await;
    let version = house.folder.mean(2, 1);
    let path = house.folder.path("apples.yaml");
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);
    house.is_in_force(&version).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_that_renames_is_followed_again_and_again() {
    let house = House::open("renames").await;
    for edition in 2..6 {
        let version = house.folder.mean(edition, 1);
        let (path, beside) = (
            house.folder.path("apples.yaml"),
            house.folder.path(".apples.yaml.swp"),
        );
        if edition % 2 == 0 {
            fs::write(&beside, table("apples", edition)).unwrap();
            fs::rename(&beside, &path).unwrap();
        } else {
            // The old file moves away first, as a backup.
            fs::rename(&path, house.folder.path("apples.yaml~")).unwrap();
            fs::write(&path, table("apples", edition)).unwrap();
        }
        house.is_in_force(&version).await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_exchanged_all_at_once_are_never_mixed() {
    let house = House::with(Folder::exchanged("exchanged"), TOLD, true).await;
    for edition in 2..8 {
        let version = house.folder.exchange(edition);
        if edition % 2 == 0 {
            house.is_in_force(&version).await;
        }
    }
    let version = house.folder.version();
    house.is_in_force(&version).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_finds_what_no_event_told() {
    let patience = Patience {
        poll: Duration::from_millis(100),
        ..TOLD
    };
    let house = House::with(Folder::new("poll"), patience, false).await;
    for edition in 2..4 {
        let version = house.folder.edit(edition, edition);
        house.is_in_force(&version).await;
    }
    house.close().await;
}

/// Each makes the folder bad; the folder says in which words.
type Breakage = (&'static str, fn(&Folder));

const BREAKAGES: [Breakage; 11] = [
    ("leads out of the rules folder", |folder| {
        let outside = folder.home.join("outside.yaml");
        fs::write(&outside, table("apples", 9)).unwrap();
        fs::remove_file(folder.path("apples.yaml")).unwrap();
        std::os::unix::fs::symlink(outside, folder.path("apples.yaml")).unwrap();
    }),
    ("no ordinary file", |folder| {
        fs::remove_file(folder.path("apples.yaml")).unwrap();
        let made = Command::new("mkfifo")
            .arg(folder.path("apples.yaml"))
            .status();
        assert!(made.unwrap().success());
    }),
    ("plums.yaml", |folder| {
        let made = Command::new("mkfifo")
            .arg(folder.path("plums.yaml"))
            .status();
        assert!(made.unwrap().success());
    }),
    ("longer than 1048576 bytes", |folder| {
        folder.write("apples.yaml", "# giant\n".repeat(200_000));
    }),
    ("nested deeper than", |folder| {
        folder.write("apples.yaml", "[".repeat(100) + &"]".repeat(100));
    }),
    ("this is not YAML", |folder| {
        folder.write("apples.yaml", "[".repeat(1_000_000));
    }),
    ("is not UTF-8", |folder| {
        folder.write("apples.yaml", b"version: 1\ntable: \xff\n");
    }),
    ("unknown key `alow`", |folder| {
        folder.write("apples.yaml", table("apples", 9).replace("allow", "alow"));
    }),
    ("apples.yaml` is gone", |folder| {
        fs::remove_file(folder.path("apples.yaml")).unwrap();
    }),
    ("has no rulegate.yaml", |folder| {
        for entry in fs::read_dir(&folder.rules).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        fs::create_dir(folder.path("schemas")).unwrap();
    }),
    ("there is no folder", |folder| {
        fs::remove_dir_all(&folder.rules).unwrap();
    }),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_the_folder_the_last_good_rules_stay_and_the_next_good_ones_come() {
    let patience = Patience {
        // A folder that went takes its watch with it.
        poll: Duration::from_millis(500),
        ..TOLD
    };
    let house = House::with(Folder::new("broken"), patience, true).await;
    let mut edition = 1;
    for (words, breaks) in BREAKAGES {
        breaks(&house.folder);
        house.fails_for(words).await;
        edition += 1;
        let _ = fs::remove_dir_all(&house.folder.rules);
        let again = Folder::new("again");
        fs::rename(&again.rules, &house.folder.rules).unwrap();
        let version = house.folder.edit(edition, edition);
        house.is_in_force(&version).await;
    }
    house.close().await;
}
