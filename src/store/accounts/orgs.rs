//! Organizations and their members in the database.

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg, Org, Scope};
use crate::store::ids::{OrgId, UserId};
use crate::store::words::Role;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// An organization.
#[derive(Debug, Clone, FromRow)]
pub struct OrgRow {
    /// The organization's id in the database.
    pub id: OrgId,
    /// Unique on the server.
    pub name: String,
    /// When it was created.
    pub inserted_at: Micros,
    /// When it last changed.
    pub updated_at: Micros,
}

/// An organization of a person, and the person's role in it.
#[derive(Debug, Clone, FromRow)]
pub struct OwnOrg {
    #[sqlx(flatten)]
    pub org: OrgRow,
    pub role: Role,
}

/// A member of an organization.
#[derive(Debug, Clone, FromRow)]
pub struct Member {
    /// The person.
    pub user_id: UserId,
    /// Full name.
    pub name: String,
    /// Email address, the login name.
    pub email: String,
    /// `admin`, `manage`, or `view`.
    pub role: String,
}

/// Adds an organization; `None` when the name is taken.
pub async fn add(w: &mut Write, name: &str, now: Micros) -> Result<Option<OrgId>> {
    let row: Option<(OrgId,)> = fetch_optional!(
        w,
        sql!(
            "orgs.add",
            "INSERT INTO orgs (name, inserted_at, updated_at) VALUES ($1, $2, $2)
             ON CONFLICT (name) DO NOTHING RETURNING id"
        ),
        name,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// Where devices of an organization fetch firmware from, instead of this server itself.
pub async fn firmware_proxy(on: &mut impl On, org: OrgId) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> = fetch_optional!(
        on,
        sql!(
            "orgs.firmware_proxy",
            "SELECT firmware_proxy_url FROM orgs WHERE id = $1"
        ),
        org
    )?;
    Ok(row.and_then(|r| r.0))
}

/// Sets that address.
pub async fn set_firmware_proxy(
    w: &mut Write,
    org: OrgId,
    url: Option<&str>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "orgs.set_firmware_proxy",
            "UPDATE orgs SET firmware_proxy_url = $2, updated_at = $3 WHERE id = $1"
        ),
        org,
        url,
        now
    )?;
    Ok(())
}

/// Finds an organization by name. Only for the local command line, which needs no membership.
pub async fn by_name(on: &mut impl On, name: &str) -> Result<Option<OrgRow>> {
    fetch_optional!(
        on,
        sql!(
            "orgs.by_name",
            "SELECT id, name, inserted_at, updated_at FROM orgs WHERE name = $1"
        ),
        name
    )
}

/// A person's role in the organization of this name.
pub async fn role_of(on: &mut impl On, user: UserId, org: &str) -> Result<Option<(OrgId, String)>> {
    fetch_optional!(
        on,
        sql!(
            "orgs.role_of",
            "SELECT o.id, m.role FROM orgs o JOIN memberships m ON m.org_id = o.id
             WHERE o.name = $2 AND m.user_id = $1"
        ),
        user,
        org
    )
}

/// The organizations that a person belongs to, by name.
pub async fn of_user(on: &mut impl On, user: UserId) -> Result<Vec<OwnOrg>> {
    fetch_all!(
        on,
        sql!(
            "orgs.of_user",
            "SELECT o.id, o.name, o.inserted_at, o.updated_at, m.role
             FROM orgs o JOIN memberships m ON m.org_id = o.id
             WHERE m.user_id = $1 ORDER BY o.name LIMIT 10000"
        ),
        user
    )
}

/// Makes a person a member, or changes the role of a member.
pub async fn set_member(
    w: &mut Write,
    org: OrgId,
    user: UserId,
    role: &str,
    now: Micros,
) -> Result<()> {
    w.revokes();
    execute!(
        w,
        sql!(
            "orgs.set_member",
            "INSERT INTO memberships (org_id, user_id, role, inserted_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (org_id, user_id) DO UPDATE SET role = excluded.role"
        ),
        org,
        user,
        role,
        now
    )?;
    Ok(())
}

/// The members, ordered by the name of the role descending, then by email (docs/protocol/rest.md, "Members and
/// organizations").
pub async fn members(on: &mut impl On, scope: &Scope<Org>) -> Result<Vec<Member>> {
    fetch_all!(
        on,
        sql!(
            "orgs.members",
            "SELECT u.id AS user_id, u.name, u.email, m.role
             FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.org_id = $1 ORDER BY m.role DESC, u.email LIMIT 10000"
        ),
        scope.org().id
    )
}

/// Finds a member by email.
pub async fn member(on: &mut impl On, scope: &impl InOrg, email: &str) -> Result<Option<Member>> {
    fetch_optional!(
        on,
        sql!(
            "orgs.member",
            "SELECT u.id AS user_id, u.name, u.email, m.role
             FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.org_id = $1 AND u.email = $2"
        ),
        scope.org().id,
        email
    )
}

/// Removes a member.
pub async fn remove_member(w: &mut Write, scope: &Scope<Org>, user: UserId) -> Result<()> {
    w.revokes();
    execute!(
        w,
        sql!(
            "orgs.remove_member",
            "DELETE FROM memberships WHERE org_id = $1 AND user_id = $2"
        ),
        scope.org().id,
        user
    )?;
    Ok(())
}

/// Locks an organization until the transaction ends.
pub async fn lock(w: &mut Write, scope: &Scope<Org>) -> Result<()> {
    execute!(
        w,
        sql!(
            "orgs.lock",
            "UPDATE orgs SET updated_at = updated_at WHERE id = $1"
        ),
        scope.org().id
    )?;
    Ok(())
}

/// Gives an organization another name; `false` when that is taken.
pub async fn rename(w: &mut Write, org: OrgId, name: &str, now: Micros) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "orgs.rename",
            "UPDATE orgs SET name = $2, updated_at = $3
             WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM orgs o WHERE o.name = $2 AND o.id <> $1)"
        ),
        org,
        name,
        now
    )?;
    if n > 0 {
        // Scopes that were made before hold the old name.
        w.revokes();
    }
    Ok(n > 0)
}

/// Locks the organizations that a person administers until the transaction ends.
pub async fn lock_those_of(w: &mut Write, user: UserId) -> Result<()> {
    execute!(
        w,
        sql!(
            "orgs.lock_those_of",
            "UPDATE orgs SET updated_at = updated_at
             WHERE id IN (SELECT org_id FROM memberships WHERE user_id = $1 AND role = 'admin')"
        ),
        user
    )?;
    Ok(())
}

/// The names of the organizations that would have no administrator without this person. Service accounts do not count.
pub async fn only_admin_of(on: &mut impl On, user: UserId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = fetch_all!(
        on,
        sql!(
            "orgs.only_admin_of",
            "SELECT o.name FROM memberships m JOIN orgs o ON o.id = m.org_id
             WHERE m.user_id = $1 AND m.role = 'admin' AND NOT EXISTS (
               SELECT 1 FROM memberships x JOIN users u ON u.id = x.user_id
               WHERE x.org_id = m.org_id AND x.role = 'admin' AND x.user_id <> $1 AND u.service_of IS NULL)
             ORDER BY o.name LIMIT 1000"
        ),
        user
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// Takes everything from an organization without products that lets somebody act in it, and frees its name. A name with a dot can
/// be given to no other.
pub async fn retire(w: &mut Write, scope: &Scope<Org>, now: Micros) -> Result<()> {
    let org = scope.org().id;
    w.revokes();
    for statement in [
        sql!(
            "orgs.retire_tokens",
            "DELETE FROM tokens WHERE user_id IN (SELECT id FROM users WHERE service_of = $1)"
        ),
        sql!(
            "orgs.retire_members",
            "DELETE FROM memberships WHERE org_id = $1"
        ),
        sql!(
            "orgs.retire_services",
            "UPDATE users SET email = CAST(id AS TEXT) || '@retired.service.invalid', service_of = NULL
             WHERE service_of = $1"
        ),
        sql!(
            "orgs.retire_invites",
            "DELETE FROM invites WHERE org_id = $1"
        ),
        sql!("orgs.retire_keys", "DELETE FROM org_keys WHERE org_id = $1"),
        sql!(
            "orgs.retire_authorities",
            "DELETE FROM ca_certificates WHERE org_id = $1"
        ),
        sql!(
            "orgs.retire_endpoints",
            "DELETE FROM endpoints WHERE org_id = $1"
        ),
    ] {
        execute!(w, statement, org)?;
    }
    let name = format!("{}.deleted.{}", scope.org().name, org.0);
    execute!(
        w,
        sql!(
            "orgs.retire",
            "UPDATE orgs SET name = $2, updated_at = $3 WHERE id = $1"
        ),
        org,
        name,
        now
    )?;
    Ok(())
}
