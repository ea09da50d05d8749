//! Reliability, *Stopping*.

use std::time::Duration;

use rulegate::serve::Ending;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::http_served::{Connection, Served, Start};

async fn served() -> Served {
    Start::new()
        .limits(|limits| {
            limits.drain_notice = Duration::from_millis(300);
            limits.drain_timeout = Duration::from_millis(900);
        })
        .serve()
        .await
}

/// A request whose body is not all there yet.
async fn unfinished(served: &Served) -> Connection {
    let head = served.head("ann", 2);
    let mut connection = Connection::to(served.public).await;
    connection.send(head).await;
    sleep(Duration::from_millis(50)).await;
    connection
}

#[tokio::test]
async fn stopping_is_told_first_then_closes_and_finishes_what_runs() {
    let mut served = served().await;
    let mut idle = Connection::to(served.public).await;
    let mut running = unfinished(&served).await;
    served.stop();
    sleep(Duration::from_millis(100)).await;
    let ready = served.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["reasons"][0], "stopping");
    assert_eq!(served.get("/livez").await.status, 200);
    sleep(Duration::from_millis(400)).await;
    assert!(TcpStream::connect(served.public).await.is_err());
    assert!(idle.closed_after().await < Duration::from_millis(100));
    running.send("{}").await;
    assert_eq!(running.reply().await.unwrap().status, 400);
    assert_eq!(served.ended().await, Ending::Drained);
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_left() {
    let mut served = served().await;
    let _running = unfinished(&served).await;
    served.stop();
    assert_eq!(served.ended().await, Ending::Cut);
}

#[tokio::test]
async fn a_second_signal_stops_now() {
    let mut served = served().await;
    let _running = unfinished(&served).await;
    served.stop();
    sleep(Duration::from_millis(50)).await;
    served.cut();
    let began = std::time::Instant::now();
    assert_eq!(served.ended().await, Ending::Cut);
    assert!(began.elapsed() < Duration::from_millis(250));
}
