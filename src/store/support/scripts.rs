//! Support scripts of a product in the database.

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::fold::{fold, like};
use crate::store::ids::{ScriptId, UserId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A script with its author.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct ScriptRow {
    /// The script's id in the database.
    pub id: ScriptId,
    /// Several scripts may have the same name.
    pub name: String,
    /// Elixir code.
    pub text: String,
    /// Tags, one for each line; absent when they were never set.
    pub tags: Option<String>,
    /// The author.
    pub creator_id: UserId,
    /// Name of the author.
    pub creator_name: String,
    /// Email address of the author.
    pub creator_email: String,
    /// When it was created.
    pub inserted_at: Micros,
    /// When it last changed.
    pub updated_at: Micros,
}

/// Filters for a list of scripts. Absent ones match everything.
#[derive(Debug, Clone, Default)]
pub struct ScriptFilter {
    /// Part of the name.
    pub name: Option<String>,
    /// Part of a tag.
    pub tags: Option<String>,
    /// Part of the name or of a tag.
    pub search: Option<String>,
}

macro_rules! script_columns {
    () => {
        "SELECT s.id, s.name, s.text, s.tags, s.created_by AS creator_id, u.name AS creator_name,
                u.email AS creator_email, s.inserted_at, s.updated_at
         FROM scripts s JOIN users u ON u.id = s.created_by WHERE s.product_id = $1 "
    };
}

macro_rules! script_filter {
    () => {
        "AND s.folded_name LIKE $2 ESCAPE '\\' AND s.folded_tags LIKE $3 ESCAPE '\\'
         AND (s.folded_name LIKE $4 ESCAPE '\\' OR s.folded_tags LIKE $4 ESCAPE '\\') "
    };
}

/// Adds a script.
pub async fn add(
    w: &mut Write,
    scope: &Scope<Product>,
    name: &str,
    text: &str,
    tags: Option<&str>,
    now: Micros,
) -> Result<ScriptId> {
    let row: Option<(ScriptId,)> = fetch_optional!(
        w,
        sql!(
            "scripts.add",
            "INSERT INTO scripts (product_id, name, text, tags, created_by, inserted_at,
                                  updated_at, folded_name, folded_tags)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8) RETURNING id"
        ),
        scope.product().id,
        name,
        text,
        tags,
        scope.person().id,
        now,
        fold(name),
        fold(tags.unwrap_or_default())
    )?;
    row.map(|r| r.0)
        .ok_or(crate::store::Error::Missing("scripts"))
}

/// Finds a script of the product by id.
pub async fn by_id(
    on: &mut impl On,
    scope: &Scope<Product>,
    number: i64,
) -> Result<Option<ScriptRow>> {
    fetch_optional!(
        on,
        sql!("scripts.by_id", concat!(script_columns!(), "AND s.id = $2")),
        scope.product().id,
        number
    )
}

/// The product's first script with this name.
pub async fn by_name(
    on: &mut impl On,
    scope: &Scope<Product>,
    name: &str,
) -> Result<Option<ScriptRow>> {
    fetch_optional!(
        on,
        sql!(
            "scripts.by_name",
            concat!(script_columns!(), "AND s.name = $2 ORDER BY s.id LIMIT 1")
        ),
        scope.product().id,
        name
    )
}

/// A page of the product's scripts by name, and the number of all.
pub async fn list(
    on: &mut impl On,
    scope: &Scope<Product>,
    filter: &ScriptFilter,
    offset: i64,
    most: i64,
) -> Result<(Vec<ScriptRow>, i64)> {
    let pattern = |text: &Option<String>| like(text.as_deref().unwrap_or_default());
    let (name, tags) = (pattern(&filter.name), pattern(&filter.tags));
    let search = pattern(&filter.search);
    let rows = fetch_all!(
        on,
        sql!(
            "scripts.list",
            concat!(
                script_columns!(),
                script_filter!(),
                "ORDER BY s.name, s.id LIMIT $5 OFFSET $6"
            )
        ),
        scope.product().id,
        &name,
        &tags,
        &search,
        most,
        offset
    )?;
    let total: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "scripts.count",
            concat!(
                "SELECT COUNT(*) FROM scripts s WHERE s.product_id = $1 ",
                script_filter!()
            )
        ),
        scope.product().id,
        &name,
        &tags,
        &search
    )?;
    Ok((rows, total.map_or(0, |t| t.0)))
}

/// Changes a script; false when the product has no such script.
pub async fn set(
    w: &mut Write,
    scope: &Scope<Product>,
    id: ScriptId,
    name: &str,
    text: &str,
    tags: Option<&str>,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "scripts.set",
            "UPDATE scripts SET name = $3, text = $4, tags = $5, updated_at = $6,
               folded_name = $7, folded_tags = $8
             WHERE product_id = $1 AND id = $2"
        ),
        scope.product().id,
        id,
        name,
        text,
        tags,
        now,
        fold(name),
        fold(tags.unwrap_or_default())
    )?;
    Ok(n > 0)
}

/// Deletes a script; false when the product has no such script.
pub async fn delete(w: &mut Write, scope: &Scope<Product>, id: ScriptId) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "scripts.delete",
            "DELETE FROM scripts WHERE product_id = $1 AND id = $2"
        ),
        scope.product().id,
        id
    )?;
    Ok(n > 0)
}
