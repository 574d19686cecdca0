//! `nervecenter login`, `logout`, `whoami`, and `token …`.

use super::{Ask, Client, Kept, Remote};
use crate::cli::exit::Code;
use crate::cli::output;
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

/// Log in to a server, through a browser unless a token or an email is given.
#[derive(Args)]
pub(in crate::cli) struct Login {
    #[command(flatten)]
    remote: Remote,
    /// Log in with this email; the password is read from stdin, and the code of a second factor behind it.
    #[arg(long)]
    email: Option<String>,
    /// What the token is for, as the server lists it [default: the name of this machine].
    #[arg(long)]
    note: Option<String>,
}

/// Forget the login.
#[derive(Args)]
pub(in crate::cli) struct Logout {
    #[command(flatten)]
    remote: Remote,
    /// End the token on the server as well.
    #[arg(long)]
    end_token: bool,
}

/// Say who is logged in, and where.
#[derive(Args)]
pub(in crate::cli) struct Whoami {
    #[command(flatten)]
    remote: Remote,
}

/// API tokens.
#[derive(Subcommand)]
pub(in crate::cli) enum Token {
    /// List your tokens.
    List,
    /// Make a token and print it.
    Create {
        /// What it is for.
        note: String,
        /// full, read, or publish: firmware only.
        #[arg(long, default_value = "full")]
        access: String,
        /// The one product that it is for.
        #[arg(long, value_name = "ORG/PRODUCT")]
        only: Option<String>,
        /// Days that it is good for [default: for ever].
        #[arg(long, value_name = "DAYS")]
        expires: Option<u32>,
    },
    /// Delete a token by its number.
    Delete {
        /// Its number.
        id: i64,
    },
}

impl Login {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let kept = Kept::read();
        let base = self.remote.server_url(&kept);
        let note = self.note.clone().unwrap_or_else(machine);
        let token = match (&self.remote.token, &self.email) {
            (Some(token), _) => token.clone(),
            (None, Some(email)) => self.by_password(&base, email, &note).await?,
            (None, None) => self.by_browser(&base, &note).await?,
        };
        let mut remote = self.remote.clone();
        remote.token = Some(token.clone());
        remote.server = Some(base.clone());
        let client = remote.client()?;
        let me = client.get("users/me").await?;
        let kept = Kept {
            server: Some(base.clone()),
            token: Some(token),
            org: self.remote.org.or(kept.org),
            product: self.remote.product.or(kept.product),
        };
        let path = kept.write()?;
        let email = me["email"].as_str().unwrap_or_default();
        client.done(&format!(
            "logged in to {base} as {email}; kept in {}",
            path.display()
        ));
        if client.json() {
            client.one(&me)?;
        }
        Ok(Code::Done)
    }

    async fn by_password(&self, base: &str, email: &str, note: &str) -> anyhow::Result<String> {
        if std::io::stdin().is_terminal() {
            output::talk("password (it is shown; pipe it in to hide it):");
        }
        let password = line()?;
        let mut body = json!({"email": email, "password": password, "note": note});
        let answer = match self.post(base, "users/login", &body).await {
            // Said of an account with a second factor, and only when the password is right.
            Err(e) if e.to_string().contains("second factor") => {
                if std::io::stdin().is_terminal() {
                    output::talk("code of your second factor:");
                }
                let code = line()?;
                if code.is_empty() {
                    return Err(e);
                }
                body["code"] = code.into();
                self.post(base, "users/login", &body).await?
            }
            answer => answer?,
        };
        let token = answer["data"]["token"].as_str().map(str::to_owned);
        token.context("the server gave no token")
    }

    async fn by_browser(&self, base: &str, note: &str) -> anyhow::Result<String> {
        let begun = self
            .post(base, "auth/cli_session", &json!({"note": note}))
            .await?;
        let data = &begun["data"];
        let (url, session) = (data["url"].as_str(), data["token"].as_str());
        let (Some(url), Some(session)) = (url, session) else {
            bail!("the server began no login");
        };
        output::talk(&format!(
            "open {url}\nand confirm there when it shows the code {}",
            data["confirmation_code"]
        ));
        let http = self.remote.http()?;
        // The server keeps a pending login for five minutes and allows 30 polls a minute.
        for _ in 0..150 {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            let path = format!("{base}/api/auth/cli_session/{session}");
            let answer = http.get(path).send().await?;
            if answer.status() == 404 {
                break;
            }
            let body: Value = answer.json().await.unwrap_or_default();
            if let Some(token) = body["data"]["user_token"].as_str() {
                return Ok(token.to_owned());
            }
        }
        bail!("nobody confirmed the login in time; try again")
    }

    async fn post(&self, base: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self
            .remote
            .http()?
            .request(Method::POST, format!("{base}/api/{path}"));
        let answer = request
            .json(body)
            .send()
            .await
            .with_context(|| format!("could not reach {base}"))?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let said = body["errors"]["detail"]
            .as_str()
            .unwrap_or("the server refuses the login");
        Err(super::Unauthorized(said.to_owned()).into())
    }
}

/// The next line of stdin, without its end.
fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The host name of this machine.
fn machine() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "command line".into()
    } else {
        name.to_owned()
    }
}

impl Logout {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        if self.end_token {
            self.remote.client()?.delete("session").await?;
        }
        let kept = Kept {
            token: None,
            ..Kept::read()
        };
        kept.write()?;
        output::talk(if self.end_token {
            "logged out; the token has ended"
        } else {
            "logged out here; the token itself is good until it ends on the server (--end-token)"
        });
        Ok(Code::Done)
    }
}

impl Whoami {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let mut me = client.get("users/me").await?;
        if let Value::Object(map) = &mut me {
            map.insert("server".into(), client.base.as_str().into());
        }
        client.one(&me)?;
        Ok(Code::Done)
    }
}

impl Ask for Token {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
                let all = client.get("users/me/tokens").await?;
                client.table(
                    &all,
                    &[
                        ("ID", "/id"),
                        ("NOTE", "/note"),
                        ("ACCESS", "/access"),
                        ("PRODUCT", "/product"),
                        ("LAST USED", "/last_used_at"),
                        ("EXPIRES", "/expires_at"),
                    ],
                )?;
            }
            Self::Create {
                note,
                access,
                only,
                expires,
            } => {
                let body = json!({"note": note, "access": access, "product": only, "expires_in_days": expires});
                let made = client.send(Method::POST, "users/me/tokens", &body).await?;
                if client.json() {
                    client.one(&made)?;
                } else {
                    output::data(made["token"].as_str().unwrap_or_default());
                }
            }
            Self::Delete { id } => {
                client.delete(&format!("users/me/tokens/{id}")).await?;
                client.done("deleted");
            }
        }
        Ok(Code::Done)
    }
}
