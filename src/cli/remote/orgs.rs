//! `nervecenter org …`, `product …`.

use super::{Remote, part};
use crate::cli::exit::Code;
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

/// Organizations and their people.
#[derive(Subcommand)]
pub(in crate::cli) enum Org {
    /// List the organizations that you belong to.
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// List the members.
    Members {
        #[command(flatten)]
        remote: Remote,
    },
    /// Make a person a member, or invite one.
    Invite {
        #[command(flatten)]
        remote: Remote,
        /// The person's email.
        email: String,
        /// view, manage or admin.
        #[arg(default_value = "view")]
        role: String,
    },
    /// Take a member out.
    Remove {
        #[command(flatten)]
        remote: Remote,
        /// The person's email.
        email: String,
    },
}

/// Products.
#[derive(Subcommand)]
pub(in crate::cli) enum Product {
    /// List the products.
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Make a product.
    Create {
        #[command(flatten)]
        remote: Remote,
        /// Its name.
        name: String,
    },
    /// Delete an empty product.
    Delete {
        #[command(flatten)]
        remote: Remote,
        /// Its name.
        name: String,
    },
}

impl Org {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        match self {
            Self::List { remote } => {
                let client = remote.client()?;
                let all = client.get("orgs").await?;
                client.table(&all, &[("NAME", "/name"), ("SINCE", "/inserted_at")])?;
            }
            Self::Members { remote } => {
                let client = remote.client()?;
                let all = client
                    .get(&format!("{}/users", client.in_org().await?))
                    .await?;
                client.table(
                    &all,
                    &[("NAME", "/name"), ("EMAIL", "/email"), ("ROLE", "/role")],
                )?;
            }
            Self::Invite {
                remote,
                email,
                role,
            } => {
                let client = remote.client()?;
                let path = format!("{}/users/invite", client.in_org().await?);
                let body = json!({"email": email, "role": role});
                let made = client.send(Method::POST, &path, &body).await?;
                if made.is_object() {
                    client.done(&format!("{email} is a member now"));
                } else {
                    client.done(&format!("{email} has no account here; an invitation with a link waits (`GET /api/{path}`)").replace("users/invite", "invites"));
                }
            }
            Self::Remove { remote, email } => {
                let client = remote.client()?;
                let path = format!("{}/users/{}", client.in_org().await?, part(&email));
                client.delete(&path).await?;
                client.done("removed");
            }
        }
        Ok(Code::Done)
    }
}

impl Product {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        match self {
            Self::List { remote } => {
                let client = remote.client()?;
                let all = client
                    .get(&format!("{}/products", client.in_org().await?))
                    .await?;
                client.table(&all, &[("NAME", "/name")])?;
            }
            Self::Create { remote, name } => {
                let client = remote.client()?;
                let path = format!("{}/products", client.in_org().await?);
                let made = client
                    .send(Method::POST, &path, &json!({"name": name}))
                    .await?;
                client.one(&made)?;
            }
            Self::Delete { remote, name } => {
                let client = remote.client()?;
                let path = format!("{}/products/{}", client.in_org().await?, part(&name));
                client.delete(&path).await?;
                client.done("deleted");
            }
        }
        Ok(Code::Done)
    }
}
