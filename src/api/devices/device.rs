//! Devices (docs/protocol/rest.md, "Devices over REST").

use super::fields::{DeviceRow, Fields};
use super::filter::{FILTERS, filter, order};
use super::view::{DeviceView, view};
use crate::access::scope::{InOrg as _, Product, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent, in_product};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::{Error, Result};
use crate::api::http::extract::Name;
use crate::api::http::page::{Page, Paging};
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain;
use crate::domain::devices::{self, Device, DeviceFilter, DeviceForm, details, query, transfer};
use axum::extract::State;
use serde_json::Value;

/// What a list shows of each device.
const FIELDS: Field = optional_field(
    "fields",
    FieldType::Text,
    "Fields of a device with commas: each answers with these alone, and with `health`, `alarms`, `update`, `connected_since`, \
     `network` and `pinned` where they are named. Beyond NervesHub",
);

/// Fields of a device that people write.
const DEVICE: &[Field] = &[
    optional_field("description", FieldType::Text, "Free text"),
    optional_field("tags", FieldType::Tags, "Words without spaces"),
    optional_field(
        "updates_enabled",
        FieldType::Flag,
        "Whether it is updated by itself",
    ),
    optional_field(
        "connecting_code",
        FieldType::Text,
        "Code that it runs when it connects",
    ),
    optional_field(
        "time_zone",
        FieldType::Text,
        "Where its maintenance windows are, such as `Europe/Berlin`; null for the time zone of the window. Beyond NervesHub",
    ),
    optional_field(
        "extensions",
        FieldType::Map,
        "Booleans by name of an extension",
    ),
];

/// What can be said only of a device that exists.
const EXISTING: &[Field] = &[
    // `nh` sends it along; the original takes it and changes nothing.
    optional_field(
        "identifier",
        FieldType::Text,
        "Its own, which stays as it is",
    ),
    optional_field(
        "deleted_at",
        FieldType::Text,
        "Null, which restores a deleted device",
    ),
];

/// Where a device is to go.
const MOVE: &[Field] = &[
    required(
        "new_org_name",
        FieldType::Text,
        "The organization that it goes to",
    ),
    required(
        "new_product_name",
        FieldType::Text,
        "The product that it goes to",
    ),
];

pub(super) fn routes(contract: &mut Contract) {
    routes_by_identifier(contract);
    list_routes(contract);
    device_routes(contract);
}

fn routes_by_identifier(contract: &mut Contract) {
    contract.tag(Tag::DevicesByIdentifier);
    contract
        .get(
            "devices.show_by_identifier",
            "/devices/{device}",
            Auth::VIEW,
            show,
        )
        .summary("One device");
    contract
        .post(
            "devices.move_to_by_identifier",
            "/devices/{device}/move",
            Auth::MANAGE,
            move_to,
        )
        .summary("Move it to another product")
        .body_fields(MOVE);
}

fn list_routes(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    contract
        .get(
            "devices.list",
            "/orgs/{org}/products/{product}/devices",
            Auth::VIEW,
            list,
        )
        .summary("Devices, narrowed, ordered and paged")
        .query(&[FILTERS, &[FIELDS]].concat());
    contract
        .post(
            "devices.create",
            "/orgs/{org}/products/{product}/devices",
            Auth::MANAGE,
            create,
        )
        .summary("Register a device")
        .body_fields(
            &[
                &[required(
                    "identifier",
                    FieldType::Text,
                    "Unique on the whole server",
                )],
                DEVICE,
            ]
            .concat(),
        );
}

fn device_routes(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    contract
        .get(
            "devices.show",
            "/orgs/{org}/products/{product}/devices/{device}",
            Auth::VIEW,
            show,
        )
        .summary("One device, also one that was deleted");
    contract
        .put(
            "devices.update",
            "/orgs/{org}/products/{product}/devices/{device}",
            Auth::MANAGE,
            update,
        )
        .summary("Change a device; answers 201, as clients expect")
        .description("`deleted_at: null` restores a deleted device.")
        .body_fields(&[DEVICE, EXISTING].concat());
    contract
        .delete(
            "devices.delete",
            "/orgs/{org}/products/{product}/devices/{device}",
            Auth::MANAGE,
            delete,
        )
        .summary("Delete a device so that it can be restored");
    contract
        .delete(
            "devices.destroy",
            "/orgs/{org}/products/{product}/devices/{device}/destroy",
            Auth::MANAGE,
            destroy,
        )
        .summary("Destroy a deleted device; its identifier is free again. Beyond NervesHub")
        .error(409, "It was not deleted before");
    contract
        .post(
            "devices.move_to",
            "/orgs/{org}/products/{product}/devices/{device}/move",
            Auth::MANAGE,
            move_to,
        )
        .summary("Move it to another product, for which you need the role `manage` too")
        .body_fields(MOVE);
}

/// What a request narrows the devices to: by filters, and by a query.
pub(super) async fn narrowed(
    app: &App,
    scope: &Scope<Product>,
    p: &Params,
) -> domain::Result<DeviceFilter> {
    let mut filter = filter(p.map("filters"))?;
    if let Some(text) = p.text("query").filter(|q| !q.trim().is_empty()) {
        query::narrow(&app.db, scope, &mut filter, text).await?;
    }
    Ok(filter)
}

/// `GET /devices`.
async fn list(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Page<DeviceRow, 10>> {
    let at = Paging::of(&p)?;
    let order = order(&p)?;
    let fields = Fields::of(&p)?;
    let wanted = fields.wanted();
    let filter = narrowed(&app, &scope, &p).await?;
    let found = devices::list(&app, &scope, &filter, order, at.number, at.size).await?;
    let mut more = details::of_page(&app, &scope, &found, wanted).await?;
    let row = |device: &Device| {
        let mut shown = view(device);
        shown.add(device, &mut more, wanted);
        fields.row(shown)
    };
    let data: Vec<_> = found.devices.iter().map(row).collect();
    Ok(at.page(data, found.total))
}

fn form(p: &Params) -> domain::Result<DeviceForm> {
    Ok(DeviceForm {
        description: p.nullable("description"),
        tags: p.tags()?,
        updates_enabled: p.switch("updates_enabled")?,
        extensions: p.0.get("extensions").cloned(),
        connecting_code: p.nullable("connecting_code"),
        time_zone: p.nullable("time_zone"),
        restore: p.0.get("deleted_at").is_some_and(Value::is_null),
    })
}

/// `POST /devices`.
async fn create(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Created<DeviceView>> {
    let scope = scope.allow(Role::Manage)?;
    let device = devices::create(&app, &scope, p.text("identifier"), form(&p)?).await?;
    let location = in_product(&scope, &["devices", &device.view.identifier]);
    Ok(Created::at(location, view(&device)))
}

/// `GET /devices/:device`, long and short.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result<Data<DeviceView>> {
    Ok(Data(view(&devices::show(&app.db, &scope, &d).await?)))
}

/// `PUT /devices/:device`: 201, as clients expect.
async fn update(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Created<DeviceView>> {
    let scope = scope.allow(Role::Manage)?;
    let device = devices::update(&app, &scope, &d, form(&p)?).await?;
    tracing::debug!(org = %scope.org().name, device = %d, "device updated");
    Ok(Created::without_location(view(&device)))
}

/// `DELETE /devices/:device`.
async fn delete(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    devices::delete(&app, &scope, &d).await?;
    Ok(NoContent)
}

/// `DELETE …/destroy`.
async fn destroy(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    devices::destroy(&app, &scope, &d).await?;
    Ok(NoContent)
}

/// `POST …/move` with `new_org_name` and `new_product_name` (docs/protocol/rest.md, "Devices over REST").
async fn move_to(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Data<DeviceView>> {
    let scope = scope.allow(Role::Manage)?;
    let (Some(org), Some(product)) = (p.text("new_org_name"), p.text("new_product_name")) else {
        return Err(Error::Malformed);
    };
    let device = transfer::move_device(&app, &scope, &d, org, product).await?;
    Ok(Data(view(&device)))
}
