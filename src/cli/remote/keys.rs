//! `nervecenter key …` and `nervecenter ca …`: signing keys and CA certificates of an organization.

use super::{Ask, Client, part};
use crate::cli::exit::Code;
use crate::cli::output;
use crate::firmware::secure_boot::SecureBootKey;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use fwup::keys::PublicKey;
use rcgen::{CertificateParams, Issuer, KeyPair, SanType};
use reqwest::Method;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Public keys whose firmware an organization accepts; `nervecenter firmware keygen` makes a pair.
#[derive(Subcommand)]
pub(in crate::cli) enum Key {
    /// List the keys.
    List,
    /// Register a public key, made by `firmware keygen`, `fwup -g` or `nh`; or in PEM, for ESP-IDF images.
    Import {
        /// Its name.
        name: String,
        /// The file with the public key.
        #[arg(value_name = "KEY.pub")]
        file: PathBuf,
    },
    /// Delete a key that nothing was signed with.
    Delete {
        /// Its name.
        name: String,
    },
}

/// Certificate authorities whose devices may connect.
#[derive(Subcommand)]
pub(in crate::cli) enum Ca {
    /// List the authorities.
    List,
    /// Register an authority; its key proves here, without leaving this machine, that it is yours.
    Register {
        /// Its certificate.
        #[arg(value_name = "CA.pem")]
        cert: PathBuf,
        /// Its private key (PKCS #8 PEM).
        #[arg(long, value_name = "CA-key.pem")]
        key: PathBuf,
        /// Free text.
        #[arg(long)]
        description: Option<String>,
    },
    /// Forget an authority.
    Delete {
        /// Its decimal serial number.
        serial: String,
    },
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("could not read {}", path.display()))
}

impl Ask for Key {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
                let all = client
                    .get(&format!("{}/keys", client.in_org().await?))
                    .await?;
                client.table(
                    &all,
                    &[("NAME", "/name"), ("KEY", "/key"), ("SCHEME", "/scheme")],
                )?;
            }
            Self::Import { name, file } => {
                let text = read(&file)?;
                let shown = || file.display().to_string();
                let body = if text.starts_with(b"-----BEGIN") {
                    let pem = String::from_utf8_lossy(&text);
                    SecureBootKey::parse(&pem).with_context(shown)?;
                    json!({"name": name, "key": pem, "scheme": "secure_boot_v2_rsa"})
                } else {
                    let key = PublicKey::parse(&text).with_context(shown)?;
                    json!({"name": name, "key": key.text()})
                };
                let path = format!("{}/keys", client.in_org().await?);
                let made = client.send(Method::POST, &path, &body).await?;
                client.one(&made)?;
            }
            Self::Delete { name } => {
                let path = format!("{}/keys/{}", client.in_org().await?, part(&name));
                client.delete(&path).await?;
                client.done("deleted");
            }
        }
        Ok(Code::Done)
    }
}

impl Ask for Ca {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
                let path = format!("{}/ca_certificates", client.in_org().await?);
                let all = client.get(&path).await?;
                client.table(
                    &all,
                    &[
                        ("SERIAL", "/serial"),
                        ("UNTIL", "/not_after"),
                        ("DESCRIPTION", "/description"),
                    ],
                )?;
            }
            Self::Register {
                cert,
                key,
                description,
            } => {
                let path = format!("{}/ca_certificates", client.in_org().await?);
                let token = client.get(&format!("{path}/verification_token")).await?;
                let token = token["verification_token"].as_str();
                let token = token.context("the server gave no verification token")?;
                let pem = String::from_utf8(read(&cert)?)?;
                let proof = prove(&pem, &String::from_utf8(read(&key)?)?, token)?;
                let body = json!({
                    "cert": STANDARD.encode(pem), "verification_cert": STANDARD.encode(proof),
                    "description": description,
                });
                let made = client.send(Method::POST, &path, &body).await?;
                client.one(&made)?;
            }
            Self::Delete { serial } => {
                let org = client.in_org().await?;
                client
                    .delete(&format!("{org}/ca_certificates/{}", part(&serial)))
                    .await?;
                output::talk("deleted");
            }
        }
        Ok(Code::Done)
    }
}

/// Creates the proof of possession: a certificate, signed by the CA, that contains the token
/// (docs/protocol/rules.md, "Certificates").
fn prove(cert: &str, key: &str, token: &str) -> anyhow::Result<String> {
    let key = KeyPair::from_pem(key).context("--key is no private key in PKCS #8 PEM")?;
    let issuer = Issuer::from_ca_cert_pem(cert, key).context("not a CA certificate")?;
    let mut params = CertificateParams::new(Vec::new())?;
    let uri = format!("urn:nerveshub:verify:{token}");
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    let own = KeyPair::generate()?;
    Ok(params.signed_by(&own, &issuer)?.pem())
}
