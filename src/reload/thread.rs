//! Work beside the runtime: what recurses over a text, or takes its time.

use tokio::sync::oneshot;

/// Parsers recurse, and so does whoever walks what they made.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Runs work on a thread of its own, whose stack no nested text can spend. `None` where there is no thread, or where the work panicked.
pub(super) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new()
        .name("rules".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            // Whoever asked may have gone meanwhile.
            let _ = tell.send(work());
        })
        .ok()?;
    told.await.ok()
}
