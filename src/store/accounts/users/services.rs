//! Service accounts in the database: members without a password.

use super::*;

/// Adds a service account of an organization; `None` when its address is taken.
pub async fn add_service(
    w: &mut Write,
    org: OrgId,
    email: &str,
    name: &str,
    now: Micros,
) -> Result<Option<UserId>> {
    let row: Option<(UserId,)> = fetch_optional!(
        w,
        sql!(
            "users.add_service",
            "INSERT INTO users (email, name, password_hash, service_of, inserted_at, updated_at)
             VALUES ($1, $2, '', $3, $4, $4) ON CONFLICT (email) DO NOTHING RETURNING id"
        ),
        email,
        name,
        org,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// The service accounts of an organization, by name.
pub async fn services(on: &mut impl On, scope: &Scope<Org>) -> Result<Vec<Service>> {
    fetch_all!(
        on,
        sql!(
            "users.services",
            "SELECT u.id, u.name, m.role, u.inserted_at
             FROM users u JOIN memberships m ON m.user_id = u.id AND m.org_id = u.service_of
             WHERE u.service_of = $1 ORDER BY u.name LIMIT 1000"
        ),
        scope.org().id
    )
}

/// A service account: a member without a password, for programs.
#[derive(Debug, Clone, FromRow)]
pub struct Service {
    /// The account's id in the database.
    pub id: UserId,
    /// Unique in the organization.
    pub name: String,
    /// The account's role.
    pub role: String,
    /// When it was created.
    pub inserted_at: Micros,
}

/// Frees the address of a deleted service account. Its row stays, because audit entries refer to it.
pub async fn retire_service(w: &mut Write, user: UserId, email: &str, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "users.retire_service",
            "UPDATE users SET email = $2, service_of = NULL, updated_at = $3 WHERE id = $1"
        ),
        user,
        email,
        now
    )?;
    Ok(())
}
