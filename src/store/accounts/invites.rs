//! People who were asked to join an organization.

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg as _, Org, Scope};
use crate::store::ids::OrgId;
use crate::store::{Error, On, Result, Write};
use sqlx::FromRow;

/// An invitation.
#[derive(Debug, Clone, FromRow)]
pub struct Invite {
    /// Row.
    pub id: i64,
    /// Organization.
    pub org_id: OrgId,
    /// Its name.
    pub org: String,
    /// Who is invited.
    pub email: String,
    /// The role that they will have.
    pub role: String,
    /// Who invited them.
    pub invited_by: String,
    /// When, for the last time.
    pub inserted_at: Micros,
}

macro_rules! columns {
    () => {
        "SELECT i.id, i.org_id, o.name AS org, i.email, i.role, u.name AS invited_by, i.inserted_at
         FROM invites i JOIN orgs o ON o.id = i.org_id JOIN users u ON u.id = i.invited_by"
    };
}

/// Invites somebody, or once more.
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

/// Those of the organization since then, newest first.
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

/// One by its row; its signed link is the authority.
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

/// Takes an invitation back, or away when it is accepted; whether it was there.
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
