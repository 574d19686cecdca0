//! Several nodes on one database and one bucket: what each of them needs, what happens when one ends, and who may not be among them.

mod bus;
mod ends;
mod overload;
mod starts;

use crate::support::bucket::Bucket;
use crate::support::{Engine, Server, inspect};

/// A node of its own process, and the bucket that it shares with those that [`Server::node_beside`] starts. `None` when PostgreSQL is
/// not installed.
async fn first() -> Option<(Server, Bucket)> {
    let bucket = Bucket::start().await;
    let flags = bucket.flags("cluster");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::inside(Engine::Postgres, folder, &flags).await?;
    Some((server, bucket))
}

/// Another one beside it, with nothing but the addresses of the database and the bucket.
fn beside(first: &Server, bucket: &Bucket, more: &[&str]) -> Server {
    let flags = bucket.flags("cluster");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    first.node_beside(&[flags, more.to_vec()].concat())
}

/// The nodes that the database knows.
async fn nodes(server: &Server) -> Vec<i64> {
    let mut all = server.column::<i64>(inspect::NODE_NUMBERS).await;
    all.sort_unstable();
    all
}
