//! Imports the audit log of NervesHub. The entries keep their time and are marked as imported; the audit chain
//! covers them from then on.

use super::{Goods, ORPHAN, made_at, number, text};
use crate::domain::Result;
use crate::ids::{OrgId, ProductId};
use crate::store::events::audit::imported::{self, Actor, Imported};
use crate::store::events::audit::{self, Resource};
use serde_json::{Map, Value, json};

/// The columns of an entry that are kept in its details.
const KEPT: [&str; 9] = [
    "id",
    "action",
    "actor_type",
    "actor_id",
    "resource_type",
    "resource_id",
    "params",
    "changes",
    "reference_id",
];

/// The last part of a type name: older versions write `Elixir.NervesHub.Accounts.User`.
fn kind<'v>(row: &'v Value, key: &str) -> &'v str {
    text(row, key).rsplit('.').next().unwrap_or_default()
}

fn details(row: &Value) -> String {
    let filled = KEPT.iter().filter(|key| !row[**key].is_null());
    let kept: Map<String, Value> = filled
        .map(|key| ((*key).to_owned(), row[*key].clone()))
        .collect();
    json!({"imported": kept}).to_string()
}

impl Goods<'_> {
    /// Imports a slice of entries.
    pub(super) async fn audits(&mut self, rows: &[Value]) -> Result<()> {
        let commit = self.commits();
        let mut w = self.begin().await?;
        for row in rows {
            let resource = self.resource(row);
            let own = self.orgs.get(&number(row, "org_id")).map(|o| o.0);
            let Some(org) = own.or(resource.map(|r| r.0)) else {
                self.report.leave("audit_logs", 1, ORPHAN);
                continue;
            };
            let (product, resource) = match resource {
                Some((of, product, resource)) if of == org => (product, resource),
                _ => (None, Resource::Org(org)),
            };
            let entry = Imported {
                org,
                product,
                actor: self.actor(row),
                resource,
                description: &format!("Imported: {}", text(row, "description")),
                details: &details(row),
                at: made_at(row, self.now),
            };
            let made = imported::add(&mut w, &entry).await?;
            self.report.count("audit entries", made);
            if made {
                *self.entries.entry(number(row, "org_id")).or_default() += 1;
            }
        }
        self.end(w, commit).await
    }

    fn actor(&self, row: &Value) -> Actor {
        let id = number(row, "actor_id");
        let known = match kind(row, "actor_type") {
            "User" => self.users.get(&id).map(|u| Actor::Person(*u)),
            "Device" => self.devices.get(&id).map(|d| Actor::Device(d.id)),
            "DeploymentGroup" | "Deployment" => self.groups.get(&id).map(|g| Actor::Group(g.2)),
            _ => None,
        };
        known.unwrap_or(Actor::Unknown)
    }

    /// What an entry is about, if it was imported: the organization, the product if it belongs to one, and the
    /// resource itself.
    fn resource(&self, row: &Value) -> Option<(OrgId, Option<ProductId>, Resource)> {
        let id = number(row, "resource_id");
        Some(match kind(row, "resource_type") {
            "Device" => {
                let d = self.devices.get(&id)?;
                (d.org, Some(d.product), Resource::Device(d.id))
            }
            "DeploymentGroup" | "Deployment" => {
                let (org, product, group) = *self.groups.get(&id)?;
                (org, Some(product), Resource::Group(group))
            }
            "Product" => {
                let (org, product) = *self.products.get(&id)?;
                (org, Some(product), Resource::Product(product))
            }
            "Firmware" => {
                let (org, product) = *self.products_of_firmwares.get(&id)?;
                (org, Some(product), Resource::Product(product))
            }
            "Org" => {
                let org = self.orgs.get(&id)?.0;
                (org, None, Resource::Org(org))
            }
            _ => return None,
        })
    }

    /// Writes an entry of this server into each organization that says how many entries were imported.
    pub(super) async fn tell_of_entries(&mut self) -> Result<()> {
        let commit = self.commits();
        let mut w = self.begin().await?;
        for (org, scope) in &self.org_scopes {
            if let Some(n) = self.entries.get(org) {
                let text = format!("{n} entries of another server's audit log were imported");
                audit::in_org(&mut w, scope, &text, self.now).await?;
            }
        }
        self.end(w, commit).await
    }
}
