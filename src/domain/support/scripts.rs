//! Support scripts: Elixir code that a product stores and that people run on its devices.

use crate::access::scope::{Product, Scope};
use crate::domain::Context;
use crate::domain::accounts::access_check::AccessCheck;
use crate::domain::devices::check_tags;
use crate::domain::error::{BLANK, Mistakes, field};
use crate::domain::{DomainError, Result};
use crate::limits::{SCRIPT_BYTES, SCRIPT_OUTPUT_CHARS, SCRIPT_TIME, SCRIPT_TIME_MOST};
use crate::store::events::audit::{self, Resource};
use crate::store::{self, Db, On};
use serde_json::json;
use std::time::Duration;

pub use crate::store::support::scripts::{ScriptFilter, ScriptRow};

/// The fields of a script. An outer `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct ScriptForm {
    /// The script's name.
    pub name: Option<String>,
    /// Elixir code.
    pub text: Option<String>,
    /// Tags; an inner `None` removes them.
    pub tags: Option<Option<Vec<String>>>,
}

impl ScriptForm {
    /// Refuses fields that could not be stored or run.
    pub fn check(&self) -> Result<()> {
        let mut errors = Mistakes::default();
        if let Some(tags) = self.tags.as_ref().and_then(Option::as_ref) {
            errors.take(check_tags(tags));
        }
        let mut refuse = |wrong: bool, key: &str, text: &str| {
            if wrong {
                errors.take(Err::<(), _>(field(key, text)));
            }
        };
        let (name, text) = (self.name.as_deref(), self.text.as_deref());
        for (key, value) in [("name", name), ("text", text)] {
            refuse(value.is_some_and(|v| v.trim().is_empty()), key, BLANK);
        }
        let long = name.is_some_and(|n| n.chars().count() > 255);
        refuse(long, "name", "should be at most 255 character(s)");
        let long = text.is_some_and(|t| t.len() > SCRIPT_BYTES);
        refuse(long, "text", "must be at most 65536 bytes");
        errors.none()
    }

    /// The tags as they are stored, one for each line.
    pub fn lines(&self) -> Option<String> {
        self.tags
            .as_ref()
            .and_then(Option::as_ref)
            .map(|t| t.join("\n"))
    }
}

/// A page of scripts, and the number of all. Pages count from 1.
pub async fn list(
    db: &Db,
    scope: &Scope<Product>,
    filter: &ScriptFilter,
    page: u64,
    size: u64,
) -> Result<(Vec<ScriptRow>, u64)> {
    let (offset, size) = crate::domain::limit_offset(page, size);
    let mut r = db.read().await?;
    let (rows, total) =
        crate::store::support::scripts::list(&mut r, scope, filter, offset, size).await?;
    Ok((rows, u64::try_from(total).unwrap_or(0)))
}

/// Finds a script.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such script.
pub async fn show(db: &Db, scope: &Scope<Product>, number: i64) -> Result<ScriptRow> {
    let mut r = db.read().await?;
    crate::store::support::scripts::by_id(&mut r, scope, number)
        .await?
        .ok_or(DomainError::NotFound)
}

/// Creates a script.
///
/// # Errors
/// A validation error for a blank name or text, or malformed tags.
pub async fn create(db: &Db, scope: &Scope<Product>, form: ScriptForm) -> Result<ScriptRow> {
    let mut errors = Mistakes::default();
    errors.take(form.check());
    let name = errors.take(form.name.as_deref().ok_or_else(|| field("name", BLANK)));
    let text = errors.take(form.text.as_deref().ok_or_else(|| field("text", BLANK)));
    let (Some(name), Some(text)) = (name, text) else {
        return Err(errors.refusal());
    };
    errors.none()?;
    let now = db.now();
    let mut w = db.write().await?;
    let tags = form.lines();
    let id = crate::store::support::scripts::add(&mut w, scope, name, text, tags.as_deref(), now)
        .await?;
    let product = scope.product();
    let entry = format!(
        "User {} created script named {name} with id {id} for product {}",
        scope.person().name,
        product.name
    );
    audit::on_product(&mut w, scope, &entry, now).await?;
    w.commit().await?;
    show(db, scope, id.number()).await
}

/// Changes a script.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown script; a validation error for a blank name or text, or malformed
/// tags.
pub async fn update(
    db: &Db,
    scope: &Scope<Product>,
    number: i64,
    form: ScriptForm,
) -> Result<ScriptRow> {
    form.check()?;
    let now = db.now();
    let mut w = db.write().await?;
    let before = crate::store::support::scripts::by_id(&mut w, scope, number)
        .await?
        .ok_or(DomainError::NotFound)?;
    let tags = if form.tags.is_some() {
        form.lines()
    } else {
        before.tags
    };
    let (name, text) = (
        form.name.unwrap_or(before.name),
        form.text.unwrap_or(before.text),
    );
    if !crate::store::support::scripts::set(
        &mut w,
        scope,
        before.id,
        &name,
        &text,
        tags.as_deref(),
        now,
    )
    .await?
    {
        return Err(DomainError::NotFound);
    }
    let product = scope.product();
    let entry = format!(
        "User {} updated script named {name} with id {number} for product {}",
        scope.person().name,
        product.name
    );
    audit::on_product(&mut w, scope, &entry, now).await?;
    w.commit().await?;
    show(db, scope, number).await
}

/// Deletes a script.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such script.
pub async fn delete(db: &Db, scope: &Scope<Product>, number: i64) -> Result<()> {
    let now = db.now();
    let mut w = db.write().await?;
    let script = crate::store::support::scripts::by_id(&mut w, scope, number)
        .await?
        .ok_or(DomainError::NotFound)?;
    crate::store::support::scripts::delete(&mut w, scope, script.id).await?;
    let product = scope.product();
    let entry = format!(
        "User {} removed script named {} from product {}",
        scope.person().name,
        script.name,
        product.name
    );
    audit::on_product(&mut w, scope, &entry, now).await?;
    w.commit().await?;
    Ok(())
}

/// Finds a script by its name, or by its number when no script has that name.
///
/// # Errors
/// The database fails.
pub async fn by_name_or_number(
    on: &mut impl On,
    scope: &Scope<Product>,
    script: &str,
) -> store::Result<Option<ScriptRow>> {
    let named = crate::store::support::scripts::by_name(on, scope, script).await?;
    match script.parse() {
        Ok(number) if named.is_none() => {
            crate::store::support::scripts::by_id(on, scope, number).await
        }
        _ => Ok(named),
    }
}

/// Runs a script, given by name or number, on a device and waits for its output.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device or script; [`DomainError::Unavailable`] when the device is
/// offline, does not answer, or is too old to run scripts.
pub async fn run(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    script: &str,
    time: Option<Duration>,
) -> Result<String> {
    let time = time.unwrap_or(SCRIPT_TIME).min(SCRIPT_TIME_MOST);
    let mut w = context.db.write().await?;
    let device = store::devices::view(&mut w, scope, identifier)
        .await?
        .ok_or(DomainError::NotFound)?
        .id;
    let script = by_name_or_number(&mut w, scope, script).await?;
    let script = script.ok_or(DomainError::NotFound)?;
    let node = crate::store::devices::connections::node_of(&mut w, device)
        .await?
        .ok_or(DomainError::Unavailable)?;
    // The audit entry is written before the script runs, so that neither a crash of the server nor a client
    // that disconnects can hide who ran it.
    let name = &scope.person().name;
    let text = format!(
        "User {name} ran script {} on device {identifier}",
        script.name
    );
    let details = json!({"script": {"id": script.id, "name": script.name, "text": script.text}});
    let (resource, details) = (Resource::Device(device), details.to_string());
    audit::with_details(&mut w, scope, resource, &text, &details, context.now()).await?;
    w.commit().await?;
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut waiting = context
        .script_runs
        .begin(device, script.text.as_str(), millis)
        .ok_or(DomainError::Unavailable)?;
    context.signal_script(node, device, waiting.id);
    let mut standing = AccessCheck::begin(&context.db, scope).about(device);
    let answered = tokio::select! {
        answered = tokio::time::timeout(time, &mut waiting.output) => answered,
        () = standing.lost() => return Err(DomainError::NotFound),
    };
    let Ok(Ok(Some(output))) = answered else {
        return Err(DomainError::Unavailable);
    };
    if !standing.holds().await {
        return Err(DomainError::NotFound);
    }
    let kept: String = output.chars().take(SCRIPT_OUTPUT_CHARS).collect();
    let text = format!(
        "Device {identifier} answered script {} to {name}",
        script.name
    );
    let details = json!({"output_cut": kept.len() < output.len(), "output": kept}).to_string();
    let mut w = context.db.write().await?;
    audit::with_details(&mut w, scope, resource, &text, &details, context.now()).await?;
    w.commit().await?;
    Ok(output)
}
