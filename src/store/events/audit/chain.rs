//! The audit chain: a sealed entry has a sequence number and a MAC over its content and the previous MAC, so
//! that an altered or removed entry is detected. Entries are sealed shortly after they are written, in a
//! separate transaction, because a chain inside each change would serialize all changes.

use crate::clock::Micros;
use crate::limits::CHAIN_PROBLEMS;
use crate::store::node::nodes;
use crate::store::{Error, On, Result, Write};
use sqlx::FromRow;

/// The content that the MAC of an entry covers.
#[derive(Debug, FromRow)]
struct ChainLink {
    id: i64,
    org_id: i64,
    product_id: Option<i64>,
    actor_type: String,
    actor_id: i64,
    resource_type: String,
    resource_id: i64,
    description: String,
    details: Option<String>,
    at: Micros,
    seq: Option<i64>,
    mac: Option<Vec<u8>>,
}

/// Computes a MAC. It is passed in, because the store has no access to the keys.
pub type Mac<'m> = dyn Fn(&[u8]) -> Vec<u8> + Sync + 'm;

impl ChainLink {
    fn seal(&self, mac: &Mac<'_>, seq: i64, before: &[u8]) -> Result<Vec<u8>> {
        let content = (
            (seq, self.id, self.org_id, self.product_id, self.at.0),
            (&self.actor_type, self.actor_id),
            (&self.resource_type, self.resource_id),
            (&self.description, &self.details),
        );
        let mut text = before.to_vec();
        serde_json::to_writer(&mut text, &content).map_err(|_| Error::Missing("audit_logs"))?;
        Ok(mac(&text))
    }
}

/// The setting that holds the end of the chain.
const HEAD: &str = "audit.head";

fn head_text(seq: i64, last: &[u8], mac: &Mac<'_>) -> String {
    let proof = mac(&[format!("head {seq} ").as_bytes(), last].concat());
    format!("{seq}:{}:{}", hex::encode(last), hex::encode(&proof[..8]))
}

/// Whether any entry is not sealed yet.
pub async fn waits(on: &mut impl On) -> Result<bool> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "audit.waits",
            "SELECT id FROM audit_logs WHERE seq IS NULL ORDER BY id LIMIT 1"
        )
    )?;
    Ok(row.is_some())
}

/// Seals up to `most` entries. Returns how many.
pub async fn seal(w: &mut Write, mac: &Mac<'_>, most: i64) -> Result<i64> {
    // The lock on this row until the commit lets only one node seal at a time.
    execute!(
        w,
        sql!(
            "audit.lock",
            "INSERT INTO settings (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = settings.value"
        ),
        HEAD,
        Vec::<u8>::new()
    )?;
    let end: Option<(i64, Vec<u8>)> = fetch_optional!(
        w,
        sql!(
            "audit.end",
            "SELECT seq, mac FROM audit_logs WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1"
        )
    )?;
    let (mut seq, mut last) = end.unwrap_or_default();
    let open: Vec<ChainLink> = fetch_all!(
        w,
        sql!(
            "audit.open",
            "SELECT id, org_id, product_id, actor_type, actor_id, resource_type, resource_id,
                    description, details, at, seq, mac
             FROM audit_logs WHERE seq IS NULL ORDER BY id LIMIT $1"
        ),
        most
    )?;
    let mut sealed = Vec::with_capacity(open.len());
    for link in &open {
        seq += 1;
        last = link.seal(mac, seq, &last)?;
        sealed.push((link.id, seq, last.clone()));
    }
    let count = execute_rows!(
        w,
        "audit.seal",
        &sealed,
        |s| [id BIGINT = s.0, seq BIGINT = s.1, mac BYTEA = s.2.as_slice()],
        "UPDATE audit_logs SET seq = x.seq, mac = x.mac FROM ",
        " WHERE audit_logs.id = x.id",
    )?;
    nodes::set(w, HEAD, head_text(seq, &last, mac).as_bytes()).await?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

/// The next thousand sealed entries after a sequence number.
async fn behind(on: &mut impl On, seq: i64) -> Result<Vec<ChainLink>> {
    fetch_all!(
        on,
        sql!(
            "audit.walk",
            "SELECT id, org_id, product_id, actor_type, actor_id, resource_type, resource_id,
                    description, details, at, seq, mac
             FROM audit_logs WHERE seq > $1 ORDER BY seq LIMIT 1000"
        ),
        seq
    )
}

/// The result of a verification.
#[derive(Debug, Default)]
pub struct Found {
    /// Entries in the chain.
    pub sealed: i64,
    /// Entries that are not sealed yet.
    pub waiting: i64,
    /// The end of the chain. It can be kept elsewhere and compared later, to detect that entries were cut off.
    pub head: String,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// Verifies the whole chain.
pub async fn verify(on: &mut impl On, mac: &Mac<'_>, expect: Option<&str>) -> Result<Found> {
    let mut found = Found::default();
    let (mut last, mut expected) = (Vec::new(), expect.map(|_| false));
    loop {
        let links = behind(on, found.sealed).await?;
        if links.is_empty() {
            break;
        }
        for link in links {
            let (seq, kept) = (link.seq.unwrap_or(0), link.mac.clone().unwrap_or_default());
            let missing = seq - found.sealed - 1;
            if missing > 0 {
                let first = found.sealed + 1;
                found.problems.push(format!(
                    "{missing} entries were removed before entry {} (chain number {first} and on)",
                    link.id
                ));
            } else if link.seal(mac, seq, &last)? != kept {
                let text = format!("entry {} was altered: {:?}", link.id, link.description);
                found.problems.push(text);
            }
            found.sealed = seq;
            last = kept;
            if expect.is_some_and(|e| e == head_text(seq, &last, mac)) {
                expected = Some(true);
            }
        }
        if found.problems.len() > CHAIN_PROBLEMS {
            found.problems.truncate(CHAIN_PROBLEMS);
            found.problems.push("and more".into());
            break;
        }
    }
    found.head = head_text(found.sealed, &last, mac);
    let kept: Option<(Vec<u8>,)> = fetch_optional!(
        on,
        sql!(
            "audit.head",
            "SELECT value FROM settings WHERE name = $1 AND length(value) > 0"
        ),
        HEAD
    )?;
    let kept = kept.map(|k| String::from_utf8_lossy(&k.0).into_owned());
    if kept.as_deref().is_some_and(|k| k != found.head) && found.problems.is_empty() {
        let text = "the end of the log is not where it was: entries were removed from its end";
        found.problems.push(text.into());
    }
    if expected == Some(false) {
        let text = "the log does not hold the expected head any more";
        found.problems.push(text.into());
    }
    let waiting: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "audit.count_open",
            "SELECT COUNT(*) FROM audit_logs WHERE seq IS NULL"
        )
    )?;
    found.waiting = waiting.unwrap_or_default().0;
    Ok(found)
}

/// Recomputes the chain with another key. The caller has verified the old chain before; otherwise altered
/// entries would be sealed as genuine.
pub async fn remake(w: &mut Write, mac: &Mac<'_>) -> Result<i64> {
    let (mut seq, mut last) = (0, Vec::new());
    loop {
        let links = behind(w, seq).await?;
        if links.is_empty() {
            break;
        }
        let mut sealed = Vec::with_capacity(links.len());
        for link in links {
            seq = link.seq.unwrap_or(seq);
            last = link.seal(mac, seq, &last)?;
            sealed.push((link.id, last.clone()));
        }
        execute_rows!(
            w,
            "audit.reseal",
            &sealed,
            |s| [id BIGINT = s.0, mac BYTEA = s.1.as_slice()],
            "UPDATE audit_logs SET mac = x.mac FROM ",
            " WHERE audit_logs.id = x.id",
        )?;
    }
    if seq > 0 {
        nodes::set(w, HEAD, head_text(seq, &last, mac).as_bytes()).await?;
    }
    Ok(seq)
}
