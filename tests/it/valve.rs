//! A road to the database that can fall silent: connections stay, and nothing comes through.

use std::net::SocketAddr;

use rulegate::settings::{Secret, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A proxy of the server that `TEST_DATABASE_URL` names, gone when it is dropped.
pub struct Valve {
    address: SocketAddr,
    far: String,
    is_open: watch::Sender<bool>,
    traffic: JoinSet<()>,
}

impl Valve {
    /// One that lets everything through, or nothing yet.
    pub async fn start(is_open: bool) -> Self {
        let server = std::env::var("TEST_DATABASE_URL").unwrap();
        let far = server
            .rsplit('@')
            .next()
            .unwrap()
            .split('/')
            .next()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let valve = Self {
            address: listener.local_addr().unwrap(),
            far: far.to_owned(),
            is_open: watch::Sender::new(is_open),
            traffic: JoinSet::new(),
        };
        valve.serve(listener)
    }

    fn serve(mut self, listener: TcpListener) -> Self {
        let (open, far) = (self.is_open.clone(), self.far.clone());
        self.traffic.spawn(async move {
            let mut lanes = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (open, far) = (open.clone(), far.clone());
                lanes.spawn(async move { pass(near, &far, open).await });
            }
        });
        self
    }

    /// The database's URI by this road.
    pub fn uri(&self, uri: &str) -> String {
        uri.replace(&self.far, &self.address.to_string())
    }

    /// Settings whose database is reached by this road.
    pub fn lead(&self, settings: &mut Settings) {
        let uri = settings.database.uri.take().unwrap();
        settings.database.uri = Some(Secret::new(self.uri(uri.reveal())));
    }

    /// Nothing comes through any more, and nobody is told.
    pub fn close(&self) {
        self.is_open.send_replace(false);
    }

    /// What was kept back comes through, and all that follows.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }
}

async fn pass(near: TcpStream, far: &str, open: watch::Sender<bool>) {
    let _ = open.subscribe().wait_for(|is_open| *is_open).await;
    let far = TcpStream::connect(far).await.unwrap();
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = flow(near_in, far_out, open.subscribe()) => {}
        () = flow(far_in, near_out, open.subscribe()) => {}
    }
}

async fn flow(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut open: watch::Receiver<bool>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut bytes).await {
        if open.wait_for(|is_open| *is_open).await.is_err() || read == 0 {
            return;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
