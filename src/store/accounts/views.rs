//! Saved views of people, in the database.

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg as _, Org, Product, Scope};
use crate::store::ids::UserId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A saved view with its owner.
#[derive(Debug, Clone, FromRow)]
pub struct ViewRow {
    pub id: i64,
    /// The page of the console that it is of.
    pub page: String,
    pub name: String,
    /// What the page is narrowed to, as its address has it.
    pub search: String,
    /// Whether all members see it.
    pub shared: bool,
    pub user_id: UserId,
    /// Email address of the owner.
    pub owner: String,
}

macro_rules! view_columns {
    () => {
        "SELECT v.id, v.page, v.name, v.search, v.shared, v.user_id, u.email AS owner
         FROM views v JOIN users u ON u.id = v.user_id WHERE v.product_id = $1 "
    };
}

/// The views of a product that the person sees: their own, and those that others share. By page and name.
pub async fn list(on: &mut impl On, scope: &Scope<Product>) -> Result<Vec<ViewRow>> {
    fetch_all!(
        on,
        sql!(
            "views.list",
            concat!(
                view_columns!(),
                "AND (v.user_id = $2 OR v.shared) ORDER BY v.page, v.name, v.id LIMIT 2000"
            )
        ),
        scope.product().id,
        scope.person().id
    )
}

/// A view of a product that the person sees.
pub async fn find(on: &mut impl On, scope: &Scope<Product>, id: i64) -> Result<Option<ViewRow>> {
    fetch_optional!(
        on,
        sql!(
            "views.find",
            concat!(
                view_columns!(),
                "AND v.id = $3 AND (v.user_id = $2 OR v.shared)"
            )
        ),
        scope.product().id,
        scope.person().id,
        id
    )
}

/// How many views the person has in a product.
pub async fn count(on: &mut impl On, scope: &Scope<Product>) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "views.count",
            "SELECT COUNT(*) FROM views WHERE product_id = $1 AND user_id = $2"
        ),
        scope.product().id,
        scope.person().id
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// What a view is.
pub struct NewView<'v> {
    pub page: &'v str,
    pub name: &'v str,
    pub search: &'v str,
    pub shared: bool,
}

/// Adds a view of the person; `None` when the person has one of this name on the page.
pub async fn add(
    w: &mut Write,
    scope: &Scope<Product>,
    new: &NewView<'_>,
    now: Micros,
) -> Result<Option<i64>> {
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!(
            "views.add",
            "INSERT INTO views (product_id, user_id, page, name, search, shared, inserted_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
             ON CONFLICT (product_id, user_id, page, name) DO NOTHING RETURNING id"
        ),
        scope.product().id,
        scope.person().id,
        new.page,
        new.name,
        new.search,
        new.shared,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// Changes a view; `false` when its owner has another one of this name on the page.
pub async fn set(
    w: &mut Write,
    scope: &Scope<Product>,
    (id, owner): (i64, UserId),
    new: &NewView<'_>,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "views.set",
            "UPDATE views SET page = $3, name = $4, search = $5, shared = $6, updated_at = $7
             WHERE id = $2 AND product_id = $1 AND NOT EXISTS (
               SELECT 1 FROM views o WHERE o.product_id = $1 AND o.user_id = $8 AND o.page = $3 AND o.name = $4
                 AND o.id <> $2)"
        ),
        scope.product().id,
        id,
        new.page,
        new.name,
        new.search,
        new.shared,
        now,
        owner
    )?;
    Ok(n > 0)
}

/// Deletes a view.
pub async fn remove(w: &mut Write, scope: &Scope<Product>, id: i64) -> Result<()> {
    execute!(
        w,
        sql!(
            "views.remove",
            "DELETE FROM views WHERE product_id = $1 AND id = $2"
        ),
        scope.product().id,
        id
    )?;
    Ok(())
}

/// Removes the views of a person who leaves an organization.
pub async fn forget(w: &mut Write, scope: &Scope<Org>, user: UserId) -> Result<()> {
    execute!(
        w,
        sql!(
            "views.forget",
            "DELETE FROM views WHERE user_id = $2 AND product_id IN (SELECT id FROM products WHERE org_id = $1)"
        ),
        scope.org().id,
        user
    )?;
    Ok(())
}
