//! Keys on other networks by organization: those that people entered, and those that devices report.

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg as _, Org, Scope};
use crate::store::fold::{fold, like};
use crate::store::ids::{OrgId, UserId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A key.
#[derive(Debug, Clone, FromRow)]
pub struct Endpoint {
    /// The key.
    pub identifier: String,
    /// One of several of its owner.
    pub instance: String,
    /// `operator` or `device_reported`.
    pub source: String,
    /// JSON object.
    pub details: String,
    /// When a device last reported it.
    pub last_reported_at: Option<Micros>,
    /// When it was entered or first reported.
    pub inserted_at: Micros,
    /// When it last changed.
    pub updated_at: Micros,
    /// The device that reports it.
    pub device_identifier: Option<String>,
    /// The person whose it is.
    pub user_name: Option<String>,
    /// That person's address.
    pub user_email: Option<String>,
}

/// What a list is narrowed to; empty texts narrow nothing.
#[derive(Debug, Clone, Default)]
pub struct EndpointFilter {
    /// `device`, `user` or `none`.
    pub owner: String,
    /// Beginning of the key, or a part of a device's identifier or a member's name.
    pub search: String,
}

/// The organization's keys, newest first.
pub async fn list(
    on: &mut impl On,
    scope: &Scope<Org>,
    narrow: &EndpointFilter,
) -> Result<Vec<Endpoint>> {
    let within = like(&narrow.search);
    let begins = within.strip_prefix('%').unwrap_or(&within).to_owned();
    let mut found: Vec<Endpoint> = fetch_all!(
        on,
        sql!(
            "endpoints.list",
            "SELECT * FROM (
               SELECT e.identifier, e.instance, 'operator' AS source, e.details,
                      CAST(NULL AS BIGINT) AS last_reported_at, e.inserted_at, e.updated_at,
                      CAST(NULL AS TEXT) AS device_identifier, u.name AS user_name,
                      u.email AS user_email
               FROM endpoints e LEFT JOIN users u ON u.id = e.user_id
               WHERE e.org_id = $1 AND $2 <> 'device'
                 AND ($2 <> 'user' OR e.user_id IS NOT NULL)
                 AND ($2 <> 'none' OR e.user_id IS NULL)
               UNION ALL
               SELECT n.identifier, n.instance, 'device_reported', n.details, n.updated_at,
                      n.inserted_at, n.updated_at, d.identifier, NULL, NULL
               FROM network_identities n JOIN devices d ON d.id = n.device_id
               WHERE d.org_id = $1 AND n.service = 'iroh' AND ($2 = '' OR $2 = 'device')
                 AND (lower(n.identifier) LIKE $3 ESCAPE '\\' OR d.folded LIKE $4 ESCAPE '\\')
             ) x ORDER BY inserted_at DESC, identifier LIMIT 10000"
        ),
        scope.org().id,
        &narrow.owner,
        begins,
        within
    )?;
    // People are few: their keys and names are looked at here, in the one folding.
    let search = fold(&narrow.search);
    found.retain(|e| {
        let named = |name: &String| fold(name).contains(&search);
        e.source != "operator"
            || e.identifier.starts_with(&search)
            || e.user_name.as_ref().is_some_and(named)
    });
    Ok(found)
}

/// Whether any organization or device of the server has this key.
pub async fn known(on: &mut impl On, identifier: &str) -> Result<bool> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "endpoints.known",
            "SELECT id FROM endpoints WHERE identifier = $1
             UNION ALL
             SELECT id FROM network_identities WHERE service = 'iroh' AND identifier = $1 LIMIT 1"
        ),
        identifier
    )?;
    Ok(row.is_some())
}

/// Enters a key; false when its person has one for the instance already, or it is known.
pub async fn add(
    w: &mut Write,
    scope: &Scope<Org>,
    user: Option<UserId>,
    instance: &str,
    identifier: &str,
    details: &str,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "endpoints.add",
            "INSERT INTO endpoints
               (org_id, user_id, instance, identifier, details, inserted_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING"
        ),
        scope.org().id,
        user,
        instance,
        identifier,
        details,
        now
    )?;
    Ok(n == 1)
}

/// Takes a key away from whoever entered it; whether it was there.
pub async fn remove(w: &mut Write, org: OrgId, identifier: &str) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "endpoints.remove",
            "DELETE FROM endpoints WHERE org_id = $1 AND identifier = $2"
        ),
        org,
        identifier
    )?;
    Ok(n > 0)
}

/// Takes a key away from the device that reported it; whether it was there.
pub async fn remove_reported(w: &mut Write, org: OrgId, identifier: &str) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "endpoints.remove_reported",
            "DELETE FROM network_identities WHERE service = 'iroh' AND identifier = $2
               AND device_id IN (SELECT id FROM devices WHERE org_id = $1)"
        ),
        org,
        identifier
    )?;
    Ok(n > 0)
}

/// Whether another organization than this has entered the key; if it is this one's, its entry gives way to the device.
pub async fn give_way(w: &mut Write, org: OrgId, identifier: &str) -> Result<bool> {
    remove(w, org, identifier).await?;
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!(
            "endpoints.elsewhere",
            "SELECT id FROM endpoints WHERE identifier = $1"
        ),
        identifier
    )?;
    Ok(row.is_some())
}
