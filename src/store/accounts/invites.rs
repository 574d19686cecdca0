//! Invitations to join an organization.

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg as _, Org, Scope};
use crate::store::ids::OrgId;
use crate::store::{Error, On, Result, Write};
use sqlx::FromRow;

/// An invitation.
#[derive(Debug, Clone, FromRow)]
pub struct Invite {
    /// The invitation's id in the database.
    pub id: i64,
    /// The organization.
    pub org_id: OrgId,
    /// The organization's name.
    pub org: String,
    /// Email address of the invited person.
    pub email: String,
    /// The role that the person will have.
    pub role: String,
    /// Name of the person who invited.
    pub invited_by: String,
    /// When the invitation was last sent.
    pub inserted_at: Micros,
}

macro_rules! columns {
    () => {
        "SELECT i.id, i.org_id, o.name AS org, i.email, i.role, u.name AS invited_by, i.inserted_at
         FROM invites i JOIN orgs o ON o.id = i.org_id JOIN users u ON u.id = i.invited_by"
    };
}

/// Adds an invitation, or renews an existing one.
pub async fn add(
    w: &mut Write,
    scope: &Scope<Org>,
    email: &str,
    role: &str,
    now: Micros,
) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!(
            "invites.add",
            "INSERT INTO invites (org_id, email, role, invited_by, inserted_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (org_id, email) DO UPDATE SET role = excluded.role,
               invited_by = excluded.invited_by, inserted_at = excluded.inserted_at
             RETURNING id"
        ),
        scope.org().id,
        email,
        role,
        scope.person().id,
        now
    )?;
    row.map(|r| r.0).ok_or(Error::Missing("invites"))
}

/// The organization's invitations since an instant, newest first.
pub async fn list(on: &mut impl On, scope: &Scope<Org>, since: Micros) -> Result<Vec<Invite>> {
    fetch_all!(
        on,
        sql!(
            "invites.list",
            concat!(
                columns!(),
                " WHERE i.org_id = $1 AND i.inserted_at > $2 ORDER BY i.id DESC LIMIT 1000"
            )
        ),
        scope.org().id,
        since
    )
}

/// Finds an invitation by id. The caller has checked the signed link, so no scope is needed.
pub async fn find(on: &mut impl On, id: i64, since: Micros) -> Result<Option<Invite>> {
    fetch_optional!(
        on,
        sql!(
            "invites.find",
            concat!(columns!(), " WHERE i.id = $1 AND i.inserted_at > $2")
        ),
        id,
        since
    )
}

/// The open invitations of an address, in all organizations. A sign-in provider has verified that it is the person's.
pub async fn of_address(on: &mut impl On, email: &str, since: Micros) -> Result<Vec<Invite>> {
    fetch_all!(
        on,
        sql!(
            "invites.of_address",
            concat!(
                columns!(),
                " WHERE i.email = $1 AND i.inserted_at > $2 ORDER BY i.id LIMIT 100"
            )
        ),
        email,
        since
    )
}

/// Deletes an invitation that was revoked or accepted. Returns whether it was there.
pub async fn remove(w: &mut Write, org: OrgId, email: &str) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "invites.remove",
            "DELETE FROM invites WHERE org_id = $1 AND email = $2"
        ),
        org,
        email
    )?;
    Ok(n > 0)
}
