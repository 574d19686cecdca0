//! Every ciphertext of the node key, in whichever table it is, for the rotation of that key.

use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// The columns that hold ciphertexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// Shared secrets of products; the label is the key's name.
    ProductSecrets,
    /// Shared secrets of devices; the label is the key's name.
    DeviceSecrets,
    /// Secrets of webhooks.
    Webhooks,
    /// Queued mails.
    Mails,
    /// Second factors of people.
    SecondFactors,
}

impl Sealed {
    /// Every variant.
    pub const ALL: [Self; 5] = [
        Self::ProductSecrets,
        Self::DeviceSecrets,
        Self::Webhooks,
        Self::Mails,
        Self::SecondFactors,
    ];
}

/// A ciphertext.
#[derive(Debug, Clone, FromRow)]
pub struct SealedRow {
    /// The row's id in its table.
    pub id: i64,
    /// The label that the ciphertext is bound to, if each row has its own; otherwise empty.
    pub label: String,
    /// The ciphertext.
    pub sealed: Vec<u8>,
}

/// The next thousand ciphertexts after a row, by id.
pub async fn behind(on: &mut impl On, kind: Sealed, after: i64) -> Result<Vec<SealedRow>> {
    match kind {
        Sealed::ProductSecrets => fetch_all!(
            on,
            sql!(
                "sealed.product_secrets",
                "SELECT id, key AS label, secret AS sealed FROM product_secrets
                 WHERE id > $1 ORDER BY id LIMIT 1000"
            ),
            after
        ),
        Sealed::DeviceSecrets => fetch_all!(
            on,
            sql!(
                "sealed.device_secrets",
                "SELECT id, key AS label, secret AS sealed FROM device_secrets
                 WHERE id > $1 ORDER BY id LIMIT 1000"
            ),
            after
        ),
        Sealed::Webhooks => fetch_all!(
            on,
            sql!(
                "sealed.webhooks",
                "SELECT id, '' AS label, secret AS sealed FROM webhooks
                 WHERE id > $1 ORDER BY id LIMIT 1000"
            ),
            after
        ),
        Sealed::Mails => fetch_all!(
            on,
            sql!(
                "sealed.mails",
                "SELECT id, '' AS label, body AS sealed FROM mails
                 WHERE id > $1 AND status = 'pending' ORDER BY id LIMIT 1000"
            ),
            after
        ),
        Sealed::SecondFactors => fetch_all!(
            on,
            sql!(
                "sealed.second_factors",
                "SELECT user_id AS id, '' AS label, secret AS sealed FROM second_factors
                 WHERE user_id > $1 ORDER BY user_id LIMIT 1000"
            ),
            after
        ),
    }
}

/// Replaces a ciphertext.
pub async fn replace(w: &mut Write, kind: Sealed, id: i64, sealed: &[u8]) -> Result<()> {
    match kind {
        Sealed::ProductSecrets => execute!(
            w,
            sql!(
                "sealed.replace_product_secret",
                "UPDATE product_secrets SET secret = $2 WHERE id = $1"
            ),
            id,
            sealed
        )?,
        Sealed::DeviceSecrets => execute!(
            w,
            sql!(
                "sealed.replace_device_secret",
                "UPDATE device_secrets SET secret = $2 WHERE id = $1"
            ),
            id,
            sealed
        )?,
        Sealed::Webhooks => execute!(
            w,
            sql!(
                "sealed.replace_webhook",
                "UPDATE webhooks SET secret = $2 WHERE id = $1"
            ),
            id,
            sealed
        )?,
        Sealed::SecondFactors => execute!(
            w,
            sql!(
                "sealed.replace_second_factor",
                "UPDATE second_factors SET secret = $2 WHERE user_id = $1"
            ),
            id,
            sealed
        )?,
        Sealed::Mails => {
            crate::store::support::mail::set_body(w, id, sealed).await?;
            0
        }
    };
    Ok(())
}

/// Deletes pending command-line logins. Their ciphertexts are bound to a code that only the command line knows,
/// so they cannot be encrypted again; the command line has to begin a new login.
pub async fn end_logins(w: &mut Write) -> Result<()> {
    execute!(w, sql!("sealed.end_logins", "DELETE FROM cli_sessions"))?;
    Ok(())
}
