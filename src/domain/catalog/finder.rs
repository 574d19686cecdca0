//! What a person finds by a few letters, over everything that they may see: devices, groups, firmware, products, organizations.

use crate::access;
use crate::access::scope::{Person, Product, Scope};
use crate::domain::accounts::orgs;
use crate::domain::catalog::firmwares;
use crate::domain::deployments::groups;
use crate::domain::devices::{self, DeviceFilter, DeviceOrder, Pattern, Test};
use crate::domain::error::{BLANK, field};
use crate::domain::{Context, DomainError, Result};
use crate::limits::{FINDER_BYTES, FINDER_PRODUCTS};
use crate::store::fold::fold;

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub org: String,
    pub product: String,
}

/// What was found; at most so many of each as were asked for.
#[derive(Debug, Default)]
pub struct Found {
    /// Identifiers, and whether the device is online.
    pub devices: Vec<(Place, String, bool)>,
    /// Names of deployment groups.
    pub groups: Vec<(Place, String)>,
    /// Version, platform and uuid of firmware.
    pub firmwares: Vec<(Place, [String; 3])>,
    pub products: Vec<Place>,
    pub orgs: Vec<String>,
}

/// What is looked for, and where.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'r> {
    pub text: &'r str,
    /// The only organization.
    pub org: Option<&'r str>,
    /// The only product, of that organization.
    pub product: Option<&'r str>,
    /// How many of each kind.
    pub most: usize,
}

/// Finds what has the text in its name. Devices are found by three letters and more, or by their whole identifier. Beyond
/// [`FINDER_PRODUCTS`] products only their names are looked at.
///
/// # Errors
/// A validation error for a text that is empty or too long.
pub async fn find(context: &Context, person: &Person, wanted: Wanted<'_>) -> Result<Found> {
    let text = wanted.text.trim();
    if text.is_empty() {
        return Err(field("q", BLANK));
    }
    if text.len() > FINDER_BYTES {
        let text = format!("should be at most {FINDER_BYTES} bytes");
        return Err(field("q", &text));
    }
    let wanted = Wanted { text, ..wanted };
    let folded = fold(text);
    let has = |name: &str| fold(name).contains(&folded);
    let mut found = Found::default();
    let mut looked = 0;
    for org in orgs::of(&context.db, person, true).await? {
        if wanted.org.is_some_and(|only| only != org.name) {
            continue;
        }
        if has(&org.name) && found.orgs.len() < wanted.most {
            found.orgs.push(org.name.clone());
        }
        for product in org.products.unwrap_or_default() {
            if wanted.product.is_some_and(|only| only != product.name) {
                continue;
            }
            let place = Place {
                org: org.name.clone(),
                product: product.name,
            };
            if has(&place.product) && found.products.len() < wanted.most {
                found.products.push(place.clone());
            }
            looked += 1;
            if looked > FINDER_PRODUCTS {
                continue;
            }
            let Some(scope) = scope_of(context, person, &place).await? else {
                continue;
            };
            in_product(context, &scope, place, &wanted, &has, &mut found).await?;
        }
    }
    Ok(found)
}

async fn scope_of(
    context: &Context,
    person: &Person,
    place: &Place,
) -> Result<Option<Scope<Product>>> {
    let mut r = context.db.read().await?;
    Ok(access::product_scope(&mut r, person.clone(), &place.org, &place.product).await?)
}

/// Adds what is found in a product. `has` says whether a name has the text.
async fn in_product(
    context: &Context,
    scope: &Scope<Product>,
    place: Place,
    wanted: &Wanted<'_>,
    has: &impl Fn(&str) -> bool,
    found: &mut Found,
) -> Result<()> {
    let most = wanted.most;
    if found.devices.len() < most {
        for (identifier, online) in devices_of(context, scope, wanted.text, most).await? {
            found.devices.push((place.clone(), identifier, online));
        }
        found.devices.truncate(most);
    }
    if found.groups.len() < most {
        let all = groups::names(&context.db, scope).await?;
        let some = all.into_iter().filter(|name| has(name));
        found.groups.extend(some.map(|name| (place.clone(), name)));
        found.groups.truncate(most);
    }
    if found.firmwares.len() == most {
        return Ok(());
    }
    let begin = fold(wanted.text);
    // The highest versions are listed first.
    for f in firmwares::list(&context.db, scope).await? {
        let own = has(&f.version) || f.uuid.starts_with(&begin) || has(&f.platform);
        if own && found.firmwares.len() < most {
            let facts = [f.version, f.platform, f.uuid];
            found.firmwares.push((place.clone(), facts));
        }
    }
    Ok(())
}

async fn devices_of(
    context: &Context,
    scope: &Scope<Product>,
    text: &str,
    most: usize,
) -> Result<Vec<(String, bool)>> {
    let pattern = Pattern::part(text);
    if !pattern.is_indexed() {
        return match devices::show(&context.db, scope, text).await {
            // A name is looked up in the whole organization.
            Ok(device) if device.view.product_name != scope.product().name => Ok(Vec::new()),
            Ok(device) => Ok(vec![named(device)]),
            Err(DomainError::NotFound) => Ok(Vec::new()),
            Err(e) => Err(e),
        };
    }
    let mut filter = DeviceFilter::default();
    filter.and(Test::Identifier(pattern));
    let order = (DeviceOrder::Identifier, false);
    let most = u64::try_from(most).unwrap_or(1);
    let page = devices::list(context, scope, &filter, order, 1, most).await?;
    Ok(page.devices.into_iter().map(named).collect())
}

fn named(device: devices::Device) -> (String, bool) {
    let online = device.view.connection_status.as_deref() == Some("connected");
    (device.view.identifier, online)
}
