//! A bucket of a test's own: a server that speaks S3's language and checks its signatures, in the test's process, and that can be
//! away for a while.

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub const KEY: &str = "the-key";
pub const SECRET: &str = "the-secret";
/// The bucket's name.
pub const NAME: &str = "firmware";

pub struct Bucket {
    /// Where it is.
    pub endpoint: String,
    folder: TempDir,
    away: watch::Sender<bool>,
}

impl Bucket {
    /// An empty one.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(NAME)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (away, seen) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (service, mut seen) = (service.clone(), seen.clone());
                tokio::spawn(async move {
                    let server = http1::Builder::new();
                    let served = server.serve_connection(TokioIo::new(socket), service);
                    // What is open is cut, and what comes is closed at once: before anything is answered that came with it.
                    tokio::select! {
                        biased;
                        _ = seen.wait_for(|away| *away) => {}
                        _ = served => {}
                    }
                });
            }
        });
        Self {
            endpoint,
            folder,
            away,
        }
    }

    /// Cuts every connection and lets nobody in, or lets them in again.
    pub fn set_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    /// A file of credentials as AWS's tools write it.
    pub fn credentials(&self, key: &str, secret: &str) -> PathBuf {
        let path = self.folder.path().join("credentials");
        let text = format!(
            "[other]\naws_access_key_id = nobody\n[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The flags of a server that has its files below this prefix of it.
    pub fn flags(&self, prefix: &str) -> Vec<String> {
        let credentials = self.credentials(KEY, SECRET);
        let flags = [
            ("--bucket", format!("s3://{NAME}/{prefix}")),
            ("--bucket-endpoint", self.endpoint.clone()),
            ("--bucket-credentials", credentials.display().to_string()),
        ];
        flags.into_iter().flat_map(|(f, v)| [f.into(), v]).collect()
    }

    /// The files below a folder of a prefix.
    pub fn files(&self, prefix: &str, folder: &str) -> Vec<PathBuf> {
        let at = self.folder.path().join(NAME).join(prefix).join(folder);
        let all = std::fs::read_dir(at).into_iter().flatten();
        all.map(|f| f.unwrap().path())
            .filter(|p| p.is_file())
            .collect()
    }

    /// Where its files are on the test's disk.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
