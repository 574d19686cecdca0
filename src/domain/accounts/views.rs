//! Saved views of pages, which people may share.

use crate::access::scope::{Product, Role, Scope};
use crate::domain::error::{BLANK, TAKEN, field, name_of};
use crate::domain::{DomainError, Result};
use crate::ids::UserId;
use crate::limits::{VIEW_BYTES, VIEWS_A_PERSON};
use crate::store::Db;
use crate::store::accounts::views::{self as table, NewView, ViewRow};
use crate::store::events::audit;

/// A saved view.
#[derive(Debug)]
pub struct View {
    pub id: i64,
    /// The page of the console that it is of.
    pub page: String,
    pub name: String,
    /// What the page is narrowed to, as its address has it.
    pub search: String,
    /// Whether all members see it.
    pub shared: bool,
    /// Email address of the owner.
    pub owner: String,
    /// Whether it is the person's own.
    pub own: bool,
}

/// The request to save a view, or to change one; `None` stays as it is.
#[derive(Debug, Default)]
pub struct ViewForm<'r> {
    pub page: Option<&'r str>,
    pub name: Option<&'r str>,
    pub search: Option<&'r str>,
    pub shared: Option<bool>,
}

fn seen(row: ViewRow, person: UserId) -> View {
    View {
        own: row.user_id == person,
        id: row.id,
        page: row.page,
        name: row.name,
        search: row.search,
        shared: row.shared,
        owner: row.owner,
    }
}

/// The views that the person sees in a product: their own, and those that others share.
///
/// # Errors
/// The database fails.
pub async fn list(db: &Db, scope: &Scope<Product>) -> Result<Vec<View>> {
    let mut r = db.read().await?;
    let all = table::list(&mut r, scope).await?;
    let person = scope.person().id;
    Ok(all.into_iter().map(|row| seen(row, person)).collect())
}

fn page_of(page: Option<&str>) -> Result<&str> {
    let page = page.unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || matches!(c, '-' | '_' | '/');
    if page.is_empty() {
        return Err(field("page", BLANK));
    }
    if page.len() > 64 || !page.chars().all(plain) {
        let text = "may have 64 letters a to z, -, _ and / at most";
        return Err(field("page", text));
    }
    Ok(page)
}

fn search_of(search: Option<&str>) -> Result<&str> {
    let search = search.unwrap_or_default();
    if search.len() > VIEW_BYTES {
        let text = format!("should be at most {VIEW_BYTES} bytes");
        return Err(field("search", &text));
    }
    Ok(search)
}

/// Who may manage the product may share.
fn may_share(scope: &Scope<Product>, shared: bool) -> Result<()> {
    if shared && scope.role() < Role::Manage {
        return Err(DomainError::Denied(Role::Manage));
    }
    Ok(())
}

/// Saves a view.
///
/// # Errors
/// A validation error for a field, also for a name that the person has on the page already; [`DomainError::Denied`] to share without
/// the role for it.
pub async fn add(db: &Db, scope: &Scope<Product>, form: &ViewForm<'_>) -> Result<View> {
    let name = name_of(form.name)?;
    let shared = form.shared.unwrap_or_default();
    let new = NewView {
        page: page_of(form.page)?,
        name: &name,
        search: search_of(form.search)?,
        shared,
    };
    may_share(scope, shared)?;
    let now = db.now();
    let mut w = db.write().await?;
    if table::count(&mut w, scope).await? >= VIEWS_A_PERSON {
        let text =
            format!("You have {VIEWS_A_PERSON} views here; delete one that you do not need.");
        return Err(DomainError::Detail(text));
    }
    let id = table::add(&mut w, scope, &new, now).await?;
    let id = id.ok_or_else(|| field("name", TAKEN))?;
    if shared {
        let text = format!("{} shared the view {name}", scope.person().name);
        audit::on_product(&mut w, scope, &text, now).await?;
    }
    let row = table::find(&mut w, scope, id).await?;
    w.commit().await?;
    let row = row.ok_or(DomainError::NotFound)?;
    Ok(seen(row, scope.person().id))
}

/// Views may be changed by their owner, shared ones by administrators too.
fn require_own(scope: &Scope<Product>, row: &ViewRow) -> Result<()> {
    if row.user_id != scope.person().id && scope.role() < Role::Admin {
        return Err(DomainError::Denied(Role::Admin));
    }
    Ok(())
}

/// Changes a view.
///
/// # Errors
/// [`DomainError::NotFound`] for one that the person does not see; [`DomainError::Denied`] for one of somebody else; as [`add`].
pub async fn change(db: &Db, scope: &Scope<Product>, id: i64, form: &ViewForm<'_>) -> Result<View> {
    let now = db.now();
    let mut w = db.write().await?;
    let row = table::find(&mut w, scope, id).await?;
    let row = row.ok_or(DomainError::NotFound)?;
    require_own(scope, &row)?;
    let name = match form.name {
        Some(name) => name_of(Some(name))?,
        None => row.name.clone(),
    };
    let shared = form.shared.unwrap_or(row.shared);
    let new = NewView {
        page: page_of(form.page.or(Some(&row.page)))?,
        name: &name,
        search: search_of(form.search.or(Some(&row.search)))?,
        shared,
    };
    may_share(scope, shared)?;
    if !table::set(&mut w, scope, (id, row.user_id), &new, now).await? {
        return Err(field("name", TAKEN));
    }
    if shared || row.shared {
        let text = format!("{} changed the shared view {name}", scope.person().name);
        audit::on_product(&mut w, scope, &text, now).await?;
    }
    w.commit().await?;
    let changed = ViewRow {
        page: new.page.to_owned(),
        name: name.clone(),
        search: new.search.to_owned(),
        shared,
        ..row.clone()
    };
    Ok(seen(changed, scope.person().id))
}

/// Deletes a view.
///
/// # Errors
/// As [`change`].
pub async fn remove(db: &Db, scope: &Scope<Product>, id: i64) -> Result<()> {
    let mut w = db.write().await?;
    let row = table::find(&mut w, scope, id).await?;
    let row = row.ok_or(DomainError::NotFound)?;
    require_own(scope, &row)?;
    table::remove(&mut w, scope, id).await?;
    if row.shared {
        let text = format!(
            "{} deleted the shared view {}",
            scope.person().name,
            row.name
        );
        audit::on_product(&mut w, scope, &text, db.now()).await?;
    }
    w.commit().await?;
    Ok(())
}
