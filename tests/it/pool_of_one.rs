//! Everything works with a pool of one connection: the stories and the laws of uploads, once more, in gateways that have no second one.

use std::path::Path;
use std::process::Command;

use crate::gateway::{Gateway, POOL};
use crate::program::{CASE, schema};

/// What is told again.
const TOLD_AGAIN: [&str; 5] = [
    "uploads::",
    "contract::",
    "deferred::",
    "values::",
    "pool_of_one::the_pool",
];

#[test]
fn every_story_ends_as_it_does_with_many_connections() {
    let told = Command::new(std::env::current_exe().unwrap())
        .args(TOLD_AGAIN)
        .args(["--skip", "oracle::", "--test-threads", "4"])
        .env(POOL, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success(), "{said}");
    // A filter that finds nothing would pass as well.
    for part in TOLD_AGAIN {
        assert!(said.contains(&format!("test {part}")), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_is_as_small_as_it_is_said_to_be() {
    let gateway = Gateway::start(&schema(), &Path::new(CASE).join("rules")).await;
    let status = gateway.ask_admin("/status").await.body;
    if let Ok(pool) = std::env::var(POOL) {
        assert_eq!(status["database"]["pool"]["max"].to_string(), pool);
    }
}
