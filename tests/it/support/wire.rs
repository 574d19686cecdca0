//! A wire to a service of this machine, which a test can cut: what is open breaks, and nobody gets through until it is mended.

use std::path::PathBuf;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

pub struct Wire {
    /// Its end on this side.
    pub port: u16,
    cut: watch::Sender<bool>,
}

impl Wire {
    /// A wire to a Unix socket.
    pub async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, seen) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let (socket, mut seen) = (socket.clone(), seen.clone());
                tokio::spawn(async move {
                    let through = async {
                        let mut far = UnixStream::connect(socket).await?;
                        copy_bidirectional(&mut near, &mut far).await
                    };
                    tokio::select! {
                        _ = through => {}
                        _ = seen.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { port, cut }
    }

    /// A wire to the PostgreSQL of an address like `postgres://nc@FOLDER/NAME`, whose socket is in the folder.
    pub async fn to_postgres(url: &str) -> Self {
        let (folder, _) = parts(url);
        Self::to(format!("{folder}/.s.PGSQL.5432").into()).await
    }

    /// The address of that database by way of the wire.
    pub fn url(&self, url: &str) -> String {
        let (_, name) = parts(url);
        format!("postgres://nc@127.0.0.1:{}/{name}", self.port)
    }

    pub fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

/// The folder and the name of a database.
fn parts(url: &str) -> (String, &str) {
    let (_, place) = url.split_once('@').unwrap();
    let (folder, name) = place.split_once('/').unwrap();
    (folder.replace("%2F", "/"), name)
}
