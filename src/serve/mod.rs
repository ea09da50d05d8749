//! The public listener: limits, keys, the main road on one screen.

mod body;
mod cors;
mod descriptors;
mod fetch;
mod gateway;
mod head;
mod keys;
mod listen;
mod prober;
mod road;
mod seats;
mod upkeep;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;

pub use gateway::{Gateway, Phase};
pub use keys::{Keys, SourceStatus};
pub use listen::{Answer, Door, Listener};
pub use road::to_response;
pub use seats::{Seat, Seats};

use crate::observe::{Event, tell};

/// Time for what is sent last.
const FAREWELL: Duration = Duration::from_millis(50);

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything that ran was finished.
    Drained,
    /// Something was still running.
    Cut,
}

/// Serves the public listener until `stop`; then stops as a load balancer needs it: red first, then closed, then what runs is finished.
/// `now` cuts all of that short.
pub async fn run(
    gateway: Arc<Gateway>,
    public: TcpListener,
    stop: impl Future<Output = ()>,
    now: impl Future<Output = ()>,
) -> Ending {
    if let Some(warning) = descriptors::warning(&gateway.settings) {
        tell(&Event::Warning(&warning));
    }
    let prober = tokio::spawn(prober::watch(gateway.clone()));
    let upkeep = tokio::spawn(upkeep::keep(gateway.clone()));
    let fetching = gateway.clone();
    let keys = tokio::spawn(async move { fetching.keys.keep_fresh().await });
    tokio::select! {
        () = serve(&gateway, public, stop) => {}
        () = now => tell(&Event::Warning("stopping at once")),
    }
    gateway.enter(Phase::Stopped);
    prober.abort();
    upkeep.abort();
    keys.abort();
    gateway.road.store.close();
    if gateway.is_quiet() {
        // The database hears a goodbye on each connection.
        sleep(FAREWELL).await;
        Ending::Drained
    } else {
        Ending::Cut
    }
}

async fn serve(gateway: &Arc<Gateway>, public: TcpListener, stop: impl Future<Output = ()>) {
    let settings = &gateway.settings;
    let limits = &settings.limits;
    let listener = Listener::new(limits, settings.server.http2);
    let serving = listener.serve(public, gateway.clone(), gateway.reached(Phase::Draining));
    let stopping = async {
        stop.await;
        tell(&Event::Note("stopping: not ready from now on"));
        gateway.enter(Phase::Leaving);
        sleep(limits.drain_notice).await;
        tell(&Event::Note("stopping: finishing what runs"));
        gateway.road.store.leave();
        gateway.enter(Phase::Draining);
        // A transaction whose client hung up has no connection that would be waited for.
        gateway.quiet().await;
    };
    let out_of_patience = async {
        gateway.reached(Phase::Draining).await;
        sleep(limits.drain_timeout).await;
    };
    tokio::select! {
        _ = async { tokio::join!(serving, stopping) } => {}
        () = out_of_patience => tell(&Event::Warning("stopping: some requests did not finish in time")),
    }
}
