//! Reliability, *Limits*, as far as they lie on the sockets.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rulegate::vocabulary::limits::CONNECTIONS_OVERFLOW;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout};

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
async fn far_beyond_the_limit_connections_are_closed_without_a_word() {
    let served = Start::new()
        .limits(|limits| limits.connections_max = 1)
        .serve()
        .await;
    let mut open = Vec::new();
    for _ in 0..=CONNECTIONS_OVERFLOW {
        open.push(Connection::to(served.public).await);
    }
    let mut beyond = Connection::to(served.public).await;
    assert!(beyond.closed_after().await < Duration::from_secs(1));
    drop(open);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(served.get("/livez").await.status, 200);
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

/// A greedy phone has its share at work, as many of its requests wait, and the rest is turned away: the places are for the others.
#[tokio::test]
async fn a_greedy_subject_takes_no_place_from_polite_ones() {
    let served = Start::new()
        .limits(|limits| {
            limits.subject_requests_max = 2;
            limits.subject_wait_timeout = Duration::from_secs(8);
            limits.queue_max = 8;
        })
        .serve()
        .await;
    let greedy = served.head("greedy", 2);
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut connection = Connection::to(served.public).await;
        connection.send(&greedy).await;
        held.push(connection);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let polite = ["ann", "bob", "cat", "dan"].map(|who| served.head(who, 2) + "{}");
    for _ in 0..5 {
        let asked = polite.iter().map(|request| served.ask(request));
        let replies = futures_util::future::join_all(asked).await;
        assert!(
            replies.iter().all(|reply| reply.status == 400),
            "{replies:?}"
        );
    }
    let mut words = Vec::new();
    for mut connection in held {
        let _ = connection.stream.write_all(b"{}").await;
        words.push(connection.reply().await.unwrap().status);
    }
    let with = |status: u16| words.iter().filter(|word| **word == status).count();
    assert_eq!((with(400), with(503)), (4, 36), "{words:?}");
}

/// Bytes that are few as sent.
fn bomb(zeros: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; zeros]).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_gzip_expands_is_held_to_the_same_limits() {
    let served = Start::new()
        .limits(|limits| {
            limits.body_bytes_max = 8 << 20;
            limits.in_flight_bytes_max = 6 << 20;
        })
        .serve()
        .await;
    // 4 MiB out of 4 KiB; 7 MiB, of which the ratio is fine, where there is room for 6.
    let filler: Vec<u8> = (0_u32..1 << 20)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
        .collect();
    let padded = |zeros: usize, filler_bytes: usize| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![b' '; zeros]).unwrap();
        encoder.write_all(&filler[..filler_bytes]).unwrap();
        encoder.finish().unwrap()
    };
    let rows = [
        (bomb(4 << 20), 400, "gzip"),
        (padded(7 << 20, 60_000), 503, "room"),
        (padded(1 << 20, 60_000), 400, "UTF-8"),
    ];
    for (packed, status, words) in rows {
        let head = served
            .head("ann", packed.len())
            .replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
        let reply = served.ask([head.as_bytes(), &packed].concat()).await;
        assert_eq!(reply.status, status, "{words}: {reply:?}");
        assert!(reply.body.contains(words), "{words}: {reply:?}");
    }
    let small = Start::new()
        .limits(|limits| limits.body_bytes_max = 64 << 10)
        .serve()
        .await;
    let packed = bomb(100 << 10);
    let head = small
        .head("ann", packed.len())
        .replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
    let packed = [head.as_bytes(), &packed].concat();
    assert_eq!(small.ask(packed).await.status, 413);
}

/// Who asks and asks and never listens is let go of in `WRITE_TIMEOUT`.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_no_answer_is_cut_off() {
    let served = Start::new().serve().await;
    let mut deaf = Connection::to(served.public).await;
    let many = LIVE.repeat(1000);
    let began = Instant::now();
    // Both directions fill up, and then nothing moves until the gateway closes.
    let cut = async { while deaf.stream.write_all(many.as_bytes()).await.is_ok() {} };
    let cut = timeout(Duration::from_mins(1), cut).await;
    assert!(cut.is_ok(), "it was never cut off");
    assert!(
        began.elapsed() > Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(served.get("/livez").await.status, 200);
}

/// Many who send a little of a body each and then nothing: each is told in time, and others are served meanwhile.
#[tokio::test]
async fn a_crowd_of_slow_senders_keeps_nobody_waiting() {
    let served = Start::new()
        .limits(|limits| limits.body_read_timeout = Duration::from_secs(1))
        .serve()
        .await;
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut connection = Connection::to(served.public).await;
        let head = served.head(&format!("slow{n}"), 1000);
        connection.send(head + "{").await;
        slow.push(connection);
    }
    assert_eq!(served.ask(served.upload(JSON, "{}")).await.status, 400);
    for mut connection in slow {
        assert_eq!(connection.reply().await.unwrap().status, 408);
    }
    assert_eq!(served.ask(served.upload(JSON, "{}")).await.status, 400);
}
