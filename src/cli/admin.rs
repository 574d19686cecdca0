//! `nervecenter admin …`: works directly on a server's database and data folder, whether or not the server
//! runs.

use super::exit::Code;
use super::{output, runtime};
use crate::access;
use crate::access::credential::Credential;
use crate::access::password;
use crate::access::scope::{Grant, Person};
use crate::access::token_uses::TokenUses;
use crate::access::vault::Vault;
use crate::api;
use crate::config::{self, Options};
use crate::domain::accounts::scopes;
use crate::domain::devices::query;
use crate::node::{rotation, setup};
use crate::store;
use crate::store::devices::Order;
use crate::store::events::audit::chain;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Map, json};

/// Work on a server's own data.
#[derive(Subcommand)]
pub(super) enum Admin {
    /// Create or find a user, an organization, a product and its shared secret, and make an API token.
    Bootstrap(Bootstrap),
    /// Give a user a new password and print it.
    ResetPassword(ResetPassword),
    /// Bring the database's schema up to date.
    Migrate(Migrate),
    /// Show how the database finds the devices of a query: why a list is slow.
    ExplainDevices(Box<ExplainDevices>),
    /// Check that no entry of the audit log was altered or removed.
    VerifyAudit(VerifyAudit),
    /// Change the node key, and encrypt anew what it protects. The server must be stopped.
    RotateKey(RotateKey),
}

#[derive(Args)]
pub(super) struct VerifyAudit {
    #[command(flatten)]
    options: Options,
    /// The head that an earlier check printed: the log must still hold it.
    #[arg(long, value_name = "HEAD")]
    expect: Option<String>,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct RotateKey {
    #[command(flatten)]
    options: Options,
    /// The new node key, 64 hex digits; needed when the present one is given by --node-key. Random otherwise.
    #[arg(
        long,
        value_name = "KEY",
        env = "NERVECENTER_NEW_NODE_KEY",
        hide_env_values = true
    )]
    new_node_key: Option<String>,
}

#[derive(Args)]
pub(super) struct ExplainDevices {
    #[command(flatten)]
    options: Options,
    /// API token of a member.
    #[arg(long, env = "NERVECENTER_TOKEN", hide_env_values = true)]
    token: String,
    /// The organization's name.
    #[arg(long)]
    org: String,
    /// The product's name.
    #[arg(long)]
    product: String,
    /// Sorted by: identifier, inserted_at, connection_last_seen_at and others.
    #[arg(long, default_value = "identifier")]
    sort: String,
    /// A filter of the list, such as `platform=rpi4`; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    /// A query, as for `device list`.
    query: Option<String>,
}

#[derive(Args)]
pub(super) struct Bootstrap {
    #[command(flatten)]
    options: Options,
    /// The user's email; administers the organization.
    #[arg(long)]
    email: String,
    /// The organization's name.
    #[arg(long)]
    org: String,
    /// The product's name.
    #[arg(long)]
    product: String,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct ResetPassword {
    #[command(flatten)]
    options: Options,
    /// The user's email.
    #[arg(long)]
    email: String,
    /// Remove the user's second factor and passkeys as well, for somebody who has lost them and the recovery codes.
    #[arg(long)]
    remove_second_factor: bool,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    options: Options,
}

impl Admin {
    pub(super) fn run(self) -> anyhow::Result<Code> {
        output::logs("warn");
        runtime()?.block_on(async move {
            match self {
                Self::Bootstrap(c) => c.run().await,
                Self::ResetPassword(c) => c.run().await,
                Self::Migrate(c) => c.run().await,
                Self::ExplainDevices(c) => c.run().await,
                Self::VerifyAudit(c) => c.run().await,
                Self::RotateKey(c) => c.run().await,
            }
        })
    }
}

macro_rules! config {
    ($options:expr) => {
        match $options.resolve() {
            Ok(config) => config,
            Err(e) => {
                output::error(&e.to_string());
                return Ok(Code::BadConfig);
            }
        }
    };
}

impl Bootstrap {
    async fn run(self) -> anyhow::Result<Code> {
        let config = config!(self.options);
        if config.database_url.is_none() && !config.data_dir.exists() {
            output::talk(&format!(
                "note: {} is not there, and is made now; a server that runs has another --data-dir",
                config.data_dir.display()
            ));
        }
        let db = setup::database(&config).await?;
        let vault = Vault::new(&setup::node_key(&config, &db).await?);
        let made = setup::bootstrap(&db, &vault, &self.email, &self.org, &self.product).await?;
        db.close().await;
        if self.json {
            output::json(&made)?;
            return Ok(Code::Done);
        }
        let password = made.password.as_deref().unwrap_or("(as before)");
        output::data(&format!(
            "email           {}\npassword        {password}\norg             {}\nproduct         {}\n\
             token           {}\nproduct key     {}\nproduct secret  {}",
            made.email, made.org, made.product, made.token, made.product_key, made.product_secret
        ));
        Ok(Code::Done)
    }
}

impl ResetPassword {
    async fn run(self) -> anyhow::Result<Code> {
        let config = config!(self.options);
        let db = setup::database(&config).await?;
        let new = password::generate();
        let hash = password::hash(&new);
        let mut w = db.write().await?;
        let user = crate::store::accounts::users::by_email(&mut w, &self.email)
            .await?
            .with_context(|| format!("--email {:?}: no such user", self.email))?;
        let now = db.now();
        crate::store::accounts::users::set_password(&mut w, user.id, &hash, now).await?;
        // Somebody who knew the old password may have created tokens with it.
        crate::store::accounts::users::delete_tokens(&mut w, user.id).await?;
        let person = Person {
            id: user.id,
            name: user.name,
            email: user.email,
            grant: Grant::default(),
            token: None,
            session: false,
        };
        let mut also = String::new();
        if self.remove_second_factor {
            // The passkeys first: recovery codes go with the last second factor.
            let keys = crate::store::accounts::passkeys::remove_all(&mut w, person.id).await?;
            if crate::store::accounts::second_factors::remove(&mut w, person.id).await? {
                also.push_str(", and the second factor was removed");
            }
            if keys > 0 {
                also.push_str(", and the passkeys were removed");
            }
        }
        let text = format!(
            "The password of {} was reset on the server{also}; all tokens of this person ended",
            person.email
        );
        crate::store::events::audit::of_person(&mut w, &person, &text, now).await?;
        w.commit().await?;
        db.close().await;
        if self.json {
            output::json(&json!({"email": self.email, "password": new}))?;
        } else {
            output::data(&new);
        }
        Ok(Code::Done)
    }
}

impl ExplainDevices {
    async fn run(self) -> anyhow::Result<Code> {
        let config = config!(self.options);
        let order = Order::parse(&self.sort)
            .with_context(|| format!("--sort {:?}: devices cannot be sorted by it", self.sort))?;
        let db = setup::database(&config).await?;
        let person = access::by_credential(
            &db,
            Credential::Token(&self.token),
            &TokenUses::default(),
            db.now(),
        )
        .await?;
        let person = person.context("--token: nobody has it")?;
        let scope = scopes::product(&db, person, &self.org, &self.product).await?;
        let mut filters = Map::new();
        for given in &self.filter {
            let (name, value) = given
                .split_once('=')
                .with_context(|| format!("--filter {given:?}: must be NAME=VALUE"))?;
            filters.insert(name.to_owned(), value.into());
        }
        let mut filter = api::device_filter(Some(&filters))?;
        if let Some(text) = &self.query {
            query::narrow(&db, &scope, &mut filter, text).await?;
        }
        let mut r = db.read().await?;
        let order = (order, false);
        let plan = store::devices::explain(&mut r, &scope, &filter, order, db.now()).await?;
        drop(r);
        db.close().await;
        plan.iter().for_each(|line| output::data(line));
        Ok(Code::Done)
    }
}

impl VerifyAudit {
    async fn run(self) -> anyhow::Result<Code> {
        let config = config!(self.options);
        let db = setup::database(&config).await?;
        let vault = Vault::new(&setup::node_key(&config, &db).await?);
        let mut r = db.read().await?;
        let expect = self.expect.as_deref();
        let found = chain::verify(&mut r, &|text| vault.chain(text), expect).await?;
        drop(r);
        db.close().await;
        if self.json {
            output::json(&json!({
                "sealed": found.sealed, "waiting": found.waiting, "head": found.head,
                "problems": found.problems,
            }))?;
        } else {
            for problem in &found.problems {
                output::error(problem);
            }
            output::talk(&format!(
                "{} entries checked, {} not sealed yet",
                found.sealed, found.waiting
            ));
            output::data(&found.head);
        }
        Ok(if found.problems.is_empty() {
            Code::Done
        } else {
            Code::Failed
        })
    }
}

impl RotateKey {
    async fn run(self) -> anyhow::Result<Code> {
        let config = config!(self.options);
        let new = match self.new_node_key.map(config::node_key).transpose() {
            Ok(new) => new,
            Err(_) => {
                output::error("--new-node-key must be 64 hex digits");
                return Ok(Code::BadConfig);
            }
        };
        let done = rotation::rotate(&config, new).await?;
        output::talk(&format!(
            "the node key is changed: {} secrets encrypted anew, {} entries of the audit log sealed anew. Links to files \
             that devices hold are not valid any more; they ask again. The head of the audit log is another one: \
             `nervecenter admin verify-audit` prints it. Make a new backup: an older one needs the old key",
            done.secrets, done.entries
        ));
        Ok(Code::Done)
    }
}

impl Migrate {
    async fn run(self) -> anyhow::Result<Code> {
        let config = config!(self.options);
        setup::database(&config).await?.close().await;
        output::talk("the schema is up to date");
        Ok(Code::Done)
    }
}
