//! `nervecenter org …`.

use super::{Ask, Client, part};
use crate::cli::exit::Code;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

/// Organizations and their people.
#[derive(Subcommand)]
pub(in crate::cli) enum Org {
    /// List the organizations that you belong to.
    List,
    /// Make an organization; you are its administrator.
    Create {
        /// Letters A to Z, digits, - and _.
        name: String,
    },
    /// Give the organization another name; its addresses change with it.
    Rename {
        /// The new name.
        name: String,
    },
    /// Delete an organization that has no products any more.
    Delete {
        /// Its name.
        name: String,
    },
    /// Say how the fleets of the organization's products are.
    Summary,
    /// End your own membership of the organization.
    Leave {
        /// Its name.
        name: String,
    },
    /// List the members.
    Members,
    /// Make a person a member, or invite one.
    Invite {
        /// The person's email.
        email: String,
        /// view, manage or admin.
        #[arg(default_value = "view")]
        role: String,
    },
    /// Take a member out.
    Remove {
        /// The person's email.
        email: String,
    },
}

impl Ask for Org {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
                let all = client.get("orgs").await?;
                let columns = [
                    ("NAME", "/name"),
                    ("ROLE", "/role"),
                    ("SINCE", "/inserted_at"),
                ];
                client.table(&all, &columns)?;
            }
            Self::Create { name } => {
                let body = json!({ "name": name });
                client.one(&client.send(Method::POST, "orgs", &body).await?)?;
            }
            Self::Rename { name } => {
                let (path, body) = (client.in_org().await?, json!({ "name": name }));
                client.one(&client.send(Method::PUT, &path, &body).await?)?;
            }
            Self::Delete { name } => {
                client.delete(&format!("orgs/{}", part(&name))).await?;
                client.done("deleted");
            }
            Self::Summary => {
                let path = format!("{}/summary", client.in_org().await?);
                let all = Value::Array(client.all(&path, &[]).await?);
                client.table(
                    &all,
                    &[
                        ("PRODUCT", "/product"),
                        ("DEVICES", "/devices"),
                        ("CONNECTED", "/connection/connected"),
                        ("UNHEALTHY", "/health/unhealthy"),
                        ("UPDATING", "/inflight"),
                        ("RUNNING", "/rollouts/running"),
                        ("STOPPED", "/rollouts/stopped"),
                        ("ERRORS", "/attention/error"),
                    ],
                )?;
            }
            Self::Leave { name } => {
                client
                    .delete(&format!("orgs/{}/membership", part(&name)))
                    .await?;
                client.done(&format!("you are no member of {name} any more"));
            }
            Self::Members => {
                let all = client
                    .get(&format!("{}/users", client.in_org().await?))
                    .await?;
                client.table(
                    &all,
                    &[("NAME", "/name"), ("EMAIL", "/email"), ("ROLE", "/role")],
                )?;
            }
            Self::Invite { email, role } => {
                let org = client.in_org().await?;
                let path = format!("{org}/users/invite");
                let body = json!({"email": email, "role": role});
                let made = client.send(Method::POST, &path, &body).await?;
                if made.is_object() {
                    client.done(&format!("{email} is a member now"));
                } else {
                    client.done(&format!(
                        "{email} has no account here, so an invitation was made. A server with mail has sent the link; `POST /api/{org}/invites` shows it once"
                    ));
                }
            }
            Self::Remove { email } => {
                let path = format!("{}/users/{}", client.in_org().await?, part(&email));
                client.delete(&path).await?;
                client.done("removed");
            }
        }
        Ok(Code::Done)
    }
}
