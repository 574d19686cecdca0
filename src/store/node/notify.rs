//! `LISTEN` and `NOTIFY` of PostgreSQL, which carry messages between nodes that share a database. They have connections of their own, so
//! that messages do not wait behind what devices write; behind PgBouncer they need a way around it, since a connection that listens
//! belongs to whoever listens.

use crate::limits::BUS_CONNECTION_WAIT;
use crate::store::{Error, Result};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::str::FromStr;

/// A way to tell all who listen. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Notify {
    pool: PgPool,
}

impl Notify {
    /// A way over this server, which need not answer yet: one connection that listens, and one that tells.
    ///
    /// # Errors
    /// The address cannot be read.
    pub fn new(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("nervecenter bus")
            // A message that a crash of the database loses is one that may be lost.
            .options([("synchronous_commit", "off")]);
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(BUS_CONNECTION_WAIT)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Sends texts, each to the channel before it, all together or none.
    ///
    /// # Errors
    /// The database does not answer, or a text is longer than `limits::NOTIFY_BYTES`.
    pub async fn send(&self, texts: &[(String, String)]) -> Result<()> {
        let channels: Vec<&str> = texts.iter().map(|(channel, _)| channel.as_str()).collect();
        let payloads: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        sqlx::query("SELECT pg_notify(t.channel, t.payload) FROM UNNEST($1::TEXT[], $2::TEXT[]) AS t(channel, payload)")
            .bind(channels)
            .bind(payloads)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Listens on channels from now on.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn listen(&self, channels: &[String]) -> Result<Listener> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener
            .listen_all(channels.iter().map(String::as_str))
            .await?;
        Ok(Listener(listener))
    }
}

/// A connection that listens.
pub struct Listener(PgListener);

impl Listener {
    /// The next text, behind the channel that it came by.
    ///
    /// # Errors
    /// The connection is lost, and with it what was told since.
    pub async fn next(&mut self) -> Result<(String, String)> {
        match self.0.try_recv().await? {
            Some(told) => Ok((told.channel().to_owned(), told.payload().to_owned())),
            None => Err(Error::from(sqlx::Error::Io(
                std::io::ErrorKind::ConnectionReset.into(),
            ))),
        }
    }
}
