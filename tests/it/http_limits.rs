//! Reliability, *Limits*, as far as they lie on the sockets.

use std::time::Duration;

use crate::http_served::{Connection, Start};

const JSON: &str = "content-type: application/json\r\n";
const LIVE: &str = "GET /livez HTTP/1.1\r\nhost: g\r\n\r\n";

fn short(limits: &mut rulegate::vocabulary::limits::Limits) {
    limits.header_read_timeout = Duration::from_millis(300);
    limits.keep_alive_timeout = Duration::from_millis(900);
    limits.body_read_timeout = Duration::from_millis(300);
}

#[tokio::test]
async fn a_header_that_trickles_in_is_cut_off() {
    let served = Start::new().limits(short).serve().await;
    let mut silent = Connection::to(served.public).await;
    assert!(silent.closed_after().await < Duration::from_millis(800));
    let mut slow = Connection::to(served.public).await;
    for byte in LIVE.as_bytes().chunks(4).take(4) {
        slow.send(byte).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(slow.closed_after().await < Duration::from_millis(500));
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_longer_than_a_header_may_take() {
    let served = Start::new().limits(short).serve().await;
    let mut connection = Connection::to(served.public).await;
    for _ in 0..2 {
        connection.send(LIVE).await;
        assert_eq!(connection.reply().await.unwrap().status, 200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // The second half of the idle time: what began at the last answer ends now.
    let after = connection.closed_after().await;
    assert!(after < Duration::from_millis(700), "{after:?}");
}

#[tokio::test]
async fn the_second_header_of_a_connection_is_timed_too() {
    let served = Start::new().limits(short).serve().await;
    let mut connection = Connection::to(served.public).await;
    connection.send(LIVE).await;
    assert_eq!(connection.reply().await.unwrap().status, 200);
    connection.send("GET /li").await;
    let after = connection.closed_after().await;
    assert!(after < Duration::from_millis(600), "{after:?}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_and_the_connection_closed() {
    let served = Start::new().limits(short).serve().await;
    let mut connection = Connection::to(served.public).await;
    let head = served.head("ann", 10);
    connection.send(head + "{").await;
    let reply = connection.reply().await.unwrap();
    assert_eq!(reply.status, 408);
    assert_eq!(reply.header("connection"), Some("close"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn a_body_in_chunks_is_cut_at_the_cap_and_its_sender_reads_the_answer() {
    let served = Start::new()
        .limits(|limits| limits.body_bytes_max = 1000)
        .serve()
        .await;
    let head = served
        .upload(&format!("{JSON}transfer-encoding: chunked\r\n"), "")
        .replace("content-length: 0\r\n", "");
    let mut connection = Connection::to(served.public).await;
    connection.send(head).await;
    let chunk = format!("{:x}\r\n{}\r\n", 60_000, " ".repeat(60_000));
    for _ in 0..5 {
        connection.send(&chunk).await;
    }
    let reply = connection.reply().await.unwrap();
    assert_eq!(reply.status, 413);
    assert_eq!(reply.header("connection"), Some("close"));
}

#[tokio::test]
async fn body_bytes_in_flight_are_limited_and_come_back() {
    let served = Start::new()
        .limits(|limits| limits.in_flight_bytes_max = 1000)
        .serve()
        .await;
    let head = served.head("ann", 800);
    let mut first = Connection::to(served.public).await;
    first.send(&head).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let refused = served.ask(&head).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("2"));
    first.send(" ".repeat(800)).await;
    assert_eq!(first.reply().await.unwrap().status, 400);
    assert_eq!(served.ask(head + &" ".repeat(800)).await.status, 400);
}

#[tokio::test]
async fn one_subject_has_its_share_and_others_have_theirs() {
    let served = Start::new()
        .limits(|limits| {
            limits.subject_requests_max = 2;
            limits.subject_wait_timeout = Duration::from_millis(200);
        })
        .serve()
        .await;
    let head = served.head("ann", 2);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::to(served.public).await;
        connection.send(&head).await;
        held.push(connection);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(served.ask(head.clone() + "{}").await.status, 503);
    let other = served.head("bob", 2);
    assert_eq!(served.ask(other + "{}").await.status, 400);
    for mut connection in held {
        connection.send("{}").await;
        assert_eq!(connection.reply().await.unwrap().status, 400);
    }
    assert_eq!(served.ask(head + "{}").await.status, 400);
}

#[tokio::test]
async fn the_queue_is_limited() {
    let served = Start::new()
        .limits(|limits| limits.queue_max = 0)
        .serve()
        .await;
    let head = served.head("ann", 2);
    let mut held = Vec::new();
    // Two for each connection of the pool.
    for _ in 0..2 {
        let mut connection = Connection::to(served.public).await;
        connection.send(&head).await;
        held.push(connection);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(served.ask(head.clone() + "{}").await.status, 503);
    assert_eq!(served.get("/livez").await.status, 200);
    drop(held);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(served.ask(head + "{}").await.status, 400);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so() {
    let served = Start::new()
        .limits(|limits| limits.connections_max = 1)
        .serve()
        .await;
    let mut first = Connection::to(served.public).await;
    first.send(LIVE).await;
    assert_eq!(first.reply().await.unwrap().status, 200);
    let refused = served.ask(served.upload(JSON, "{}")).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("connection"), Some("close"));
    drop(first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(served.ask(served.upload(JSON, "{}")).await.status, 400);
}

#[tokio::test]
async fn http2_is_spoken_only_where_it_is_switched_on() {
    for is_on in [false, true] {
        let served = Start::new()
            .with(|settings| settings.server.http2 = is_on)
            .serve()
            .await;
        let stream = tokio::net::TcpStream::connect(served.public).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = hyper::Request::get("http://g/livez")
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .unwrap();
        let status = sender
            .send_request(request)
            .await
            .map(|reply| reply.status().as_u16());
        assert_eq!(status.ok(), is_on.then_some(200));
        // The other version is spoken either way.
        assert_eq!(served.get("/livez").await.status, 200);
    }
}
