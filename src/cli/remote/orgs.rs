//! `nervecenter org …` and `nervecenter product …`.

use super::{Ask, Client, part};
use crate::cli::exit::Code;
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

/// Organizations and their people.
#[derive(Subcommand)]
pub(in crate::cli) enum Org {
    /// List the organizations that you belong to.
    List,
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

/// Products.
#[derive(Subcommand)]
pub(in crate::cli) enum Product {
    /// List the products.
    List,
    /// Make a product.
    Create {
        /// Its name.
        name: String,
    },
    /// Delete an empty product.
    Delete {
        /// Its name.
        name: String,
    },
}

impl Ask for Org {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
                let all = client.get("orgs").await?;
                client.table(&all, &[("NAME", "/name"), ("SINCE", "/inserted_at")])?;
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

impl Ask for Product {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
                let all = client
                    .get(&format!("{}/products", client.in_org().await?))
                    .await?;
                client.table(&all, &[("NAME", "/name")])?;
            }
            Self::Create { name } => {
                let path = format!("{}/products", client.in_org().await?);
                let made = client
                    .send(Method::POST, &path, &json!({"name": name}))
                    .await?;
                client.one(&made)?;
            }
            Self::Delete { name } => {
                let path = format!("{}/products/{}", client.in_org().await?, part(&name));
                client.delete(&path).await?;
                client.done("deleted");
            }
        }
        Ok(Code::Done)
    }
}
