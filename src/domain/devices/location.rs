//! Where a device is. What a person has set counts more than what the device reports, until it is taken away
//! (docs/protocol/rules.md, "Health, position and identities").

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::devices::{self, require_device};
use crate::domain::error::{Mistakes, field};
use crate::domain::{Context, DomainError, Result};
use crate::store::Db;
use crate::store::devices::locations::{self, ShownLocation};
use crate::store::events::audit::{self, Resource};

/// Where a device is.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// When it was reported or set.
    pub at: Micros,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres.
    pub accuracy: Option<i64>,
    /// How the device knows, or `manual`.
    pub source: String,
    /// Whether a person has set it.
    pub manual: bool,
}

impl From<ShownLocation> for Position {
    fn from(shown: ShownLocation) -> Self {
        let ShownLocation { location, manual } = shown;
        Self {
            at: location.at,
            latitude: location.latitude,
            longitude: location.longitude,
            accuracy: location.accuracy,
            source: location.source,
            manual,
        }
    }
}

/// Where a device is; `None` when it has never said and nobody has set it.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn of(db: &Db, scope: &Scope<Product>, identifier: &str) -> Result<Option<Position>> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    Ok(locations::get(&mut r, device).await?.map(Position::from))
}

/// A number of degrees from `-most` to `most`.
fn degrees(name: &str, given: Option<f64>, most: f64) -> Result<f64> {
    let within = given.filter(|d| (-most..=most).contains(d));
    within.ok_or_else(|| field(name, &format!("must be degrees from -{most} to {most}")))
}

/// Sets where a device is, whatever it reports.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device; a validation error that names each coordinate that is none, or
/// `deleted_at` for a deleted device.
pub async fn set(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    latitude: Option<f64>,
    longitude: Option<f64>,
) -> Result<Position> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    let mut mistakes = Mistakes::default();
    let latitude = mistakes.take(degrees("latitude", latitude, 90.0));
    let longitude = mistakes.take(degrees("longitude", longitude, 180.0));
    let (Some(latitude), Some(longitude)) = (latitude, longitude) else {
        return Err(mistakes.refusal());
    };
    if device.deleted_at.is_some() {
        return Err(field("deleted_at", "cannot update while marked as deleted"));
    }
    locations::set_manual(&mut w, device.id, (latitude, longitude), now).await?;
    let text = format!(
        "User {} set the location of device {identifier}",
        scope.person().name
    );
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    let set = locations::get(&mut w, device.id).await?;
    w.commit().await?;
    set.map(Position::from).ok_or(DomainError::NotFound)
}

/// Takes away what a person has set, so that the device is where it last reported. Nothing happens when nobody has set anything.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn clear(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    if locations::clear_manual(&mut w, device.id).await? {
        let text = format!(
            "User {} took the location away that was set for device {identifier}",
            scope.person().name
        );
        let resource = Resource::Device(device.id);
        audit::in_product(&mut w, scope, resource, &text, context.now()).await?;
        w.commit().await?;
    }
    Ok(())
}
