//! People before a device's console or shell: who may sit there, and what they may type (device-protocol 4.1).

use super::terminals::{Blocked, Seat};
use super::{Refusal, Result, devices, scopes};
use crate::access::scope::{Person, Product, Role, Scope};
use crate::app::App;
use crate::bus::Nudge;
use crate::clock;
use crate::ids::{DeviceId, ProductId, UserId};
use crate::store::audit::{self, Resource};
use crate::store::{self, On};
use crate::terminal::{Kind, Typed};
use serde_json::{Map, Value, json};

/// A person's place before a device's terminal.
pub struct Place {
    identifier: Box<str>,
    /// The device.
    device: DeviceId,
    /// The product that it is in.
    product: ProductId,
    kind: Kind,
    person: UserId,
    /// What the device prints, and what others say.
    pub seat: Seat,
}

/// The person's scope in the product that a device is in, if its role is enough.
async fn allowed(
    app: &App,
    person: Person,
    identifier: &str,
    role: Role,
) -> Result<Scope<Product>> {
    let (org, product) = devices::place(&app.db, &person, identifier).await?;
    Ok(scopes::product(&app.db, person, &org, &product)
        .await?
        .allow(role)?)
}

/// The device whose updates a person may watch.
///
/// # Errors
/// [`Refusal::NotFound`].
pub async fn watched(app: &App, person: Person, identifier: &str) -> Result<DeviceId> {
    let scope = allowed(app, person, identifier, Role::View).await?;
    let mut r = app.db.read().await?;
    live(&mut r, &scope, identifier).await
}

/// A device that is not deleted.
async fn live(on: &mut impl On, scope: &Scope<Product>, identifier: &str) -> Result<DeviceId> {
    let device = store::devices::view(on, scope, identifier).await?;
    let device = device.filter(|d| d.deleted_at.is_none());
    Ok(device.ok_or(Refusal::NotFound)?.id)
}

/// Sits down before a device's terminal, if the person may.
///
/// # Errors
/// [`Refusal::NotFound`], [`Refusal::Denied`] below `manage`, or too many open terminals.
pub async fn open(app: &App, person: Person, identifier: &str, kind: Kind) -> Result<Place> {
    let scope = allowed(app, person, identifier, Role::Manage).await?;
    let mut w = app.db.write().await?;
    let device = live(&mut w, &scope, identifier).await?;
    let name = &scope.person().name;
    let what = match kind {
        Kind::Console => "console",
        Kind::Shell => "shell",
    };
    let text = format!("User {name} opened the {what} of device {identifier}");
    audit::in_product(
        &mut w,
        &scope,
        Resource::Device(device),
        &text,
        clock::now(),
    )
    .await?;
    w.commit().await?;
    let seat = app.terminals.watch(device, kind, name);
    let seat = seat.ok_or_else(|| {
        Refusal::Detail("Too many terminals are open on this server; close some first.".into())
    })?;
    let nudge = || app.nudge(app.node, device, Nudge::Terminal(kind));
    // A device that is not there now says so when it comes.
    app.terminals.opened(device, kind, nudge).await;
    Ok(Place {
        identifier: identifier.into(),
        device,
        product: scope.product().id,
        kind,
        person: scope.person().id,
        seat,
    })
}

impl Place {
    /// Whether the person may still sit here: roles change, people leave, devices move, are deleted, or give their name to
    /// another one. A fault of the store lets it be.
    pub async fn still_allowed(&self, app: &App, person: Person) -> bool {
        match self.sits(app, person).await {
            Ok(sits) => sits,
            Err(e) => matches!(e, Refusal::Store(_)),
        }
    }

    async fn sits(&self, app: &App, person: Person) -> Result<bool> {
        let scope = allowed(app, person, &self.identifier, Role::Manage).await?;
        if scope.product().id != self.product {
            return Ok(false);
        }
        let mut r = app.db.read().await?;
        Ok(live(&mut r, &scope, &self.identifier).await? == self.device)
    }

    /// What an event of a viewer becomes on the device; `None` for events that no device should get.
    pub fn read(&self, event: &str, payload: &Map<String, Value>) -> Option<Typed> {
        let text = |key: &str| payload.get(key).and_then(Value::as_str);
        let size = |key: &str| {
            let n = payload.get(key).and_then(Value::as_u64);
            n.filter(|n| (1..=10_000).contains(n))
        };
        let typed = match (self.kind, event) {
            (Kind::Console, "dn") => Typed::Event("dn", json!({"data": text("data")?})),
            (Kind::Console, "window_size") => {
                let window = json!({"height": size("height")?, "width": size("width")?});
                Typed::Event("window_size", window)
            }
            (Kind::Console, "restart") => Typed::Event("restart", json!({})),
            (Kind::Console, "file-data/start") => {
                let start = json!({"filename": text("filename")?, "uploaded_by": self.person});
                Typed::Event("file-data/start", start)
            }
            (Kind::Console, "file-data") => {
                let chunk = payload.get("chunk").and_then(Value::as_u64).unwrap_or(0);
                let data =
                    json!({"filename": text("filename")?, "chunk": chunk, "data": text("data")?});
                Typed::Event("file-data", data)
            }
            (Kind::Console, "file-data/stop") => {
                let stop = json!({"filename": text("filename")?, "uploaded_by": self.person});
                Typed::Event("file-data/stop", stop)
            }
            (Kind::Shell, "input") => Typed::Event("shell_input", json!({"data": text("data")?})),
            (Kind::Shell, "window_size") => Typed::Event(
                "window_size",
                json!({"rows": size("rows")?, "cols": size("cols")?}),
            ),
            (Kind::Shell, "restart") => Typed::Event("request_shell", json!({})),
            (Kind::Shell, "kill") => {
                let signal = payload.get("signal").and_then(Value::as_u64).unwrap_or(15);
                Typed::Event("kill_shell", json!({"signal": signal.min(64)}))
            }
            _ => return None,
        };
        Some(typed)
    }

    /// Types; the device gets it in order.
    ///
    /// # Errors
    /// See [`Blocked`]; [`Blocked::Full`] may be tried again in a moment.
    pub fn type_in(&self, app: &App, typed: &Typed) -> std::result::Result<(), Blocked> {
        let done = app.terminals.type_in(self.device, self.kind, typed.clone());
        if matches!(done, Ok(()) | Err(Blocked::Full)) {
            app.nudge(app.node, self.device, Nudge::Terminal(self.kind));
        }
        done
    }
}
