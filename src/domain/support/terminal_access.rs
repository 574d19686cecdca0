//! People's access to a device's console or shell: who may open it, and what they may send
//! (docs/protocol/device.md, "Remote console").

use super::terminals::{Blocked, Seat};
use crate::access::scope::{Person, Product, Role, Scope};
use crate::domain::Context;
use crate::domain::accounts::scopes;
use crate::domain::{DomainError, Result, devices};
use crate::ids::{DeviceId, ProductId, UserId};
use crate::limits::TERMINAL_OPEN_TIME;
use crate::store::events::audit::{self, Resource};
use crate::store::{self, On};
use device_protocol::terminal::{TerminalInput, TerminalKind};
use serde_json::{Map, Value, json};

/// A person's session at a device's terminal.
pub struct TerminalSession {
    identifier: Box<str>,
    /// The device whose terminal is open.
    device: DeviceId,
    /// The device's product when the session began.
    product: ProductId,
    kind: TerminalKind,
    person: UserId,
    /// Receives the device's output and what other viewers say.
    pub seat: Seat,
}

/// The person's scope in the device's product, if the person's role is sufficient.
async fn allowed(
    context: &Context,
    person: Person,
    identifier: &str,
    role: Role,
) -> Result<Scope<Product>> {
    let (org, product) = devices::locate(&context.db, &person, identifier).await?;
    Ok(scopes::product(&context.db, person, &org, &product)
        .await?
        .allow(role)?)
}

/// Finds the device whose updates a person wants to watch.
///
/// # Errors
/// [`DomainError::NotFound`] when there is no such device or the person may not see it.
pub async fn watched(context: &Context, person: Person, identifier: &str) -> Result<DeviceId> {
    let scope = allowed(context, person, identifier, Role::View).await?;
    let mut r = context.db.read().await?;
    live(&mut r, &scope, identifier).await
}

/// Finds a device that is not deleted.
async fn live(on: &mut impl On, scope: &Scope<Product>, identifier: &str) -> Result<DeviceId> {
    let device = store::devices::view(on, scope, identifier).await?;
    let device = device.filter(|d| d.deleted_at.is_none());
    Ok(device.ok_or(DomainError::NotFound)?.id)
}

/// Opens a device's terminal for a person.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device; [`DomainError::Denied`] below the role `manage`;
/// a refusal for too many open terminals.
pub async fn open(
    context: &Context,
    person: Person,
    identifier: &str,
    kind: TerminalKind,
) -> Result<TerminalSession> {
    let scope = allowed(context, person, identifier, Role::Manage).await?;
    let mut w = context.db.write().await?;
    let device = live(&mut w, &scope, identifier).await?;
    let name = &scope.person().name;
    let what = match kind {
        TerminalKind::Console => "console",
        TerminalKind::Shell => "shell",
    };
    let text = format!("User {name} opened the {what} of device {identifier}");
    audit::in_product(
        &mut w,
        &scope,
        Resource::Device(device),
        &text,
        context.now(),
    )
    .await?;
    w.commit().await?;
    let seat = context.terminals.watch(device, kind, name);
    let seat = seat.ok_or_else(|| {
        DomainError::Detail("Too many terminals are open on this server; close some first.".into())
    })?;
    let nudge = || context.signal_terminal(device, kind);
    // A device that is offline now opens its terminal when it connects.
    let terminals = &context.terminals;
    terminals
        .opened(device, kind, TERMINAL_OPEN_TIME, nudge)
        .await;
    Ok(TerminalSession {
        identifier: identifier.into(),
        device,
        product: scope.product().id,
        kind,
        person: scope.person().id,
        seat,
    })
}

impl TerminalSession {
    /// Whether the person may keep the session. Roles change, people leave, and devices are moved, deleted, or
    /// have their identifier taken over. When the database fails, the session goes on.
    pub async fn still_allowed(&self, context: &Context, person: Person) -> bool {
        match self.sits(context, person).await {
            Ok(sits) => sits,
            Err(e) => matches!(e, DomainError::Store(_)),
        }
    }

    async fn sits(&self, context: &Context, person: Person) -> Result<bool> {
        let scope = allowed(context, person, &self.identifier, Role::Manage).await?;
        if scope.product().id != self.product {
            return Ok(false);
        }
        let mut r = context.db.read().await?;
        Ok(live(&mut r, &scope, &self.identifier).await? == self.device)
    }

    /// Translates a viewer's event into terminal input; `None` for events that must not reach the device.
    pub fn read(&self, event: &str, payload: &Map<String, Value>) -> Option<TerminalInput> {
        let text = |key: &str| payload.get(key).and_then(Value::as_str);
        let size = |key: &str| {
            let n = payload.get(key).and_then(Value::as_u64);
            n.filter(|n| (1..=10_000).contains(n))
        };
        let typed = match (self.kind, event) {
            (TerminalKind::Console, "dn") => {
                TerminalInput::Event("dn", json!({"data": text("data")?}))
            }
            (TerminalKind::Console, "window_size") => {
                let window = json!({"height": size("height")?, "width": size("width")?});
                TerminalInput::Event("window_size", window)
            }
            (TerminalKind::Console, "restart") => TerminalInput::Event("restart", json!({})),
            (TerminalKind::Console, "file-data/start") => {
                let start = json!({"filename": text("filename")?, "uploaded_by": self.person});
                TerminalInput::Event("file-data/start", start)
            }
            (TerminalKind::Console, "file-data") => {
                let chunk = payload.get("chunk").and_then(Value::as_u64).unwrap_or(0);
                let data =
                    json!({"filename": text("filename")?, "chunk": chunk, "data": text("data")?});
                TerminalInput::Event("file-data", data)
            }
            (TerminalKind::Console, "file-data/stop") => {
                let stop = json!({"filename": text("filename")?, "uploaded_by": self.person});
                TerminalInput::Event("file-data/stop", stop)
            }
            (TerminalKind::Shell, "input") => {
                TerminalInput::Event("shell_input", json!({"data": text("data")?}))
            }
            (TerminalKind::Shell, "window_size") => TerminalInput::Event(
                "window_size",
                json!({"rows": size("rows")?, "cols": size("cols")?}),
            ),
            (TerminalKind::Shell, "restart") => TerminalInput::Event("request_shell", json!({})),
            (TerminalKind::Shell, "kill") => {
                let signal = payload.get("signal").and_then(Value::as_u64).unwrap_or(15);
                TerminalInput::Event("kill_shell", json!({"signal": signal.min(64)}))
            }
            _ => return None,
        };
        Some(typed)
    }

    /// Queues input. The device receives it in order.
    ///
    /// # Errors
    /// See [`Blocked`]. After [`Blocked::Full`] the caller may try again soon.
    pub fn type_in(
        &self,
        context: &Context,
        typed: &TerminalInput,
    ) -> std::result::Result<(), Blocked> {
        let done = context
            .terminals
            .type_in(self.device, self.kind, typed.clone());
        if matches!(done, Ok(()) | Err(Blocked::Full)) {
            context.signal_terminal(self.device, self.kind);
        }
        done
    }
}
