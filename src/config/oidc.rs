//! Settings of sign-in providers: tables `[[oidc]]` of the file, and one more by flags or the environment.

use super::{ConfigError, switch_word};
use crate::access::vault::Secret;
use crate::oidc::{CreateAccounts, Settings};
use clap::Args;
use serde::Deserialize;
use std::path::PathBuf;

/// A provider as it is given: a table of the file, or the flags `--oidc-…`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct OidcOptions {
    /// A sign-in provider (OpenID Connect): its name in addresses, such as google. The file may name several, as tables of oidc.
    #[arg(
        id = "oidc-name",
        long = "oidc-name",
        env = "NERVECENTER_OIDC_NAME",
        value_name = "NAME"
    )]
    pub name: Option<String>,
    /// What its button says [default: the name].
    #[arg(
        id = "oidc-label",
        long = "oidc-label",
        env = "NERVECENTER_OIDC_LABEL",
        value_name = "TEXT"
    )]
    pub label: Option<String>,
    /// Its issuer identifier, to the letter: `https://accounts.google.com`.
    #[arg(
        id = "oidc-issuer",
        long = "oidc-issuer",
        env = "NERVECENTER_OIDC_ISSUER",
        value_name = "URL"
    )]
    pub issuer: Option<String>,
    /// What it calls this server.
    #[arg(
        id = "oidc-client-id",
        long = "oidc-client-id",
        env = "NERVECENTER_OIDC_CLIENT_ID",
        value_name = "ID"
    )]
    pub client_id: Option<String>,
    /// What this server proves itself to it with.
    #[arg(
        id = "oidc-client-secret",
        long = "oidc-client-secret",
        env = "NERVECENTER_OIDC_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub client_secret: Option<String>,
    /// File that holds the secret, in place of the secret itself.
    #[arg(
        id = "oidc-client-secret-file",
        long = "oidc-client-secret-file",
        env = "NERVECENTER_OIDC_CLIENT_SECRET_FILE",
        value_name = "FILE"
    )]
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for [default: openid,email,profile].
    #[arg(
        id = "oidc-scopes",
        long = "oidc-scopes",
        env = "NERVECENTER_OIDC_SCOPES",
        value_name = "SCOPE",
        value_delimiter = ','
    )]
    pub scopes: Vec<String>,
    /// Domains that email addresses must have [default: any].
    #[arg(
        id = "oidc-domains",
        long = "oidc-domains",
        env = "NERVECENTER_OIDC_DOMAINS",
        value_name = "DOMAIN",
        value_delimiter = ','
    )]
    pub domains: Vec<String>,
    /// Whether unknown people get an account: never or allowed_domains [default: never].
    #[arg(
        id = "oidc-create",
        long = "oidc-create",
        env = "NERVECENTER_OIDC_CREATE",
        value_name = "never|allowed_domains"
    )]
    pub create: Option<String>,
    /// Whether accounts and invitations belong to whoever the provider says has verified their address: on or off [default: off].
    #[arg(
        id = "oidc-trusted-addresses",
        long = "oidc-trusted-addresses",
        env = "NERVECENTER_OIDC_TRUSTED_ADDRESSES",
        value_name = "ON|OFF"
    )]
    #[serde(deserialize_with = "switch_word")]
    pub trusted_addresses: Option<String>,
    /// Values of `acr` or `amr` with which the provider's second factor stands for the one here [default: none].
    #[arg(
        id = "oidc-second-factor",
        long = "oidc-second-factor",
        env = "NERVECENTER_OIDC_SECOND_FACTOR",
        value_name = "VALUE",
        value_delimiter = ','
    )]
    pub second_factor: Vec<String>,
}

/// Checks all providers: those of the file, and the one of the flags if there is any of them.
pub(super) fn providers(
    mut file: Vec<OidcOptions>,
    flags: OidcOptions,
    web: bool,
) -> Result<Vec<Settings>, ConfigError> {
    if flags != OidcOptions::default() {
        file.push(flags);
    }
    let mut all: Vec<Settings> = Vec::new();
    for (i, given) in file.into_iter().enumerate() {
        let name = given.name.clone();
        let provider = name.unwrap_or_else(|| format!("number {}", i + 1));
        let check = Check { provider };
        let settings = check.settings(given)?;
        if all.iter().any(|s| s.name == settings.name) {
            return check.bad("name", &settings.name, "is the name of another provider");
        }
        if all.iter().any(|s| s.issuer == settings.issuer) {
            let why = "is the issuer of another provider; people are known by issuer and subject";
            return check.bad("issuer", &settings.issuer, why);
        }
        if !web {
            let why = "needs web-url beside it, since the provider sends browsers back to it";
            return check.bad("issuer", &settings.issuer, why);
        }
        all.push(settings);
    }
    Ok(all)
}

/// Checks one provider.
struct Check {
    provider: String,
}

impl Check {
    fn bad<T>(&self, field: &'static str, value: &str, why: &str) -> Result<T, ConfigError> {
        Err(ConfigError::Provider {
            provider: self.provider.clone(),
            field,
            value: value.to_owned(),
            why: why.to_owned(),
        })
    }

    fn settings(&self, given: OidcOptions) -> Result<Settings, ConfigError> {
        let name = self.name(given.name)?;
        let label = given.label.unwrap_or_else(|| name.clone());
        if label.trim().is_empty() || label.chars().count() > 40 {
            return self.bad("label", &label, "must have 1 to 40 characters");
        }
        let issuer = self.issuer(given.issuer)?;
        let client_id = given.client_id.unwrap_or_default();
        if client_id.is_empty() {
            return self.bad("client-id", "", "is missing; the provider gives it");
        }
        let client_secret = self.secret(given.client_secret, given.client_secret_file)?;
        let scopes = match given.scopes {
            none if none.is_empty() => ["openid", "email", "profile"].map(str::to_owned).into(),
            given => given,
        };
        if !scopes.iter().any(|s| s == "openid") {
            return self.bad("scopes", &scopes.join(","), "must hold openid");
        }
        let is_domain = |d: &String| d.contains('.') && !d.contains('@') && !d.starts_with('.');
        if let Some(bad) = given.domains.iter().find(|d| !is_domain(d)) {
            return self.bad("domains", bad, "is no domain, such as example.com");
        }
        let create = match given.create.as_deref() {
            None | Some("never") => CreateAccounts::Never,
            Some("allowed_domains") if given.domains.is_empty() => {
                let why = "needs domains beside it: without them everybody in the world would get an account";
                return self.bad("create", "allowed_domains", why);
            }
            Some("allowed_domains") => CreateAccounts::AllowedDomains,
            Some(other) => return self.bad("create", other, "must be never or allowed_domains"),
        };
        let trusted_addresses = match given.trusted_addresses.as_deref() {
            None | Some("off") => false,
            Some("on") => true,
            Some(other) => return self.bad("trusted-addresses", other, "must be on or off"),
        };
        Ok(Settings {
            name,
            label,
            issuer,
            client_id,
            client_secret,
            scopes,
            domains: given.domains,
            create,
            trusted_addresses,
            second_factor: given.second_factor,
        })
    }

    fn name(&self, given: Option<String>) -> Result<String, ConfigError> {
        let name = given.unwrap_or_default();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=32).contains(&name.len()) || !name.chars().all(plain) {
            let why =
                "must have 1 to 32 small letters, digits and dashes: it is part of an address";
            return self.bad("name", &name, why);
        }
        Ok(name)
    }

    /// An issuer is https. One on this machine may do without, for tests and for trying things out.
    fn issuer(&self, given: Option<String>) -> Result<String, ConfigError> {
        let issuer = given.unwrap_or_default();
        let Ok(url) = reqwest::Url::parse(&issuer) else {
            let why = "is no address, such as https://accounts.google.com";
            return self.bad("issuer", &issuer, why);
        };
        let host = url.host_str().unwrap_or_default();
        let here = matches!(host, "127.0.0.1" | "[::1]" | "localhost");
        if !(url.scheme() == "https" || url.scheme() == "http" && here) {
            return self.bad("issuer", &issuer, "must begin with https://");
        }
        let bare = url.username().is_empty() && url.password().is_none();
        if !bare || url.query().is_some() || url.fragment().is_some() {
            let why = "must be an address without user, query and fragment";
            return self.bad("issuer", host, why);
        }
        Ok(issuer)
    }

    fn secret(&self, text: Option<String>, file: Option<PathBuf>) -> Result<Secret, ConfigError> {
        let secret = match (text, file) {
            (Some(_), Some(_)) => {
                let why = "stands beside client-secret-file; give one of them";
                return self.bad("client-secret", "…", why);
            }
            (Some(text), None) => text,
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => text.trim_end().to_owned(),
                Err(e) => {
                    let path = path.display().to_string();
                    return self.bad("client-secret-file", &path, &format!("cannot be read: {e}"));
                }
            },
            (None, None) => String::new(),
        };
        if secret.is_empty() {
            let why =
                "is missing; the provider gives it, and client-secret-file names a file with it";
            return self.bad("client-secret", "", why);
        }
        Ok(Secret::new(secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn google() -> OidcOptions {
        OidcOptions {
            name: Some("google".into()),
            issuer: Some("https://accounts.google.com".into()),
            client_id: Some("id".into()),
            client_secret: Some("hunter2".into()),
            ..OidcOptions::default()
        }
    }

    fn of(file: &[OidcOptions]) -> Result<Vec<Settings>, String> {
        let checked = providers(file.to_vec(), OidcOptions::default(), true);
        checked.map_err(|e| e.to_string())
    }

    #[test]
    fn a_provider_needs_little_and_trusts_nobody_by_default() {
        let all = of(&[google()]).unwrap();
        let settings = &all[0];
        assert_eq!(settings.label, "google");
        assert_eq!(settings.scopes, ["openid", "email", "profile"]);
        assert!(!settings.trusted_addresses && settings.second_factor.is_empty());
        assert_eq!(settings.create, CreateAccounts::Never);
        assert!(!toml::to_string(settings).unwrap().contains("hunter2"));
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(of(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_bad_field_is_named_with_its_provider() {
        let changed = |change: fn(&mut OidcOptions)| {
            let mut given = google();
            change(&mut given);
            of(&[given]).unwrap_err()
        };
        type Case = (&'static str, fn(&mut OidcOptions));
        let cases: [Case; 14] = [
            ("name", |g| g.name = Some("Google!".into())),
            ("name", |g| g.name = None),
            ("label", |g| g.label = Some(" ".into())),
            ("issuer", |g| g.issuer = None),
            ("issuer", |g| g.issuer = Some("http://sso.example".into())),
            ("issuer", |g| {
                g.issuer = Some("https://u:hunter2@x.org".into())
            }),
            ("issuer", |g| {
                g.issuer = Some("https://x.org/?a=hunter2".into())
            }),
            ("client-id", |g| g.client_id = None),
            ("client-secret", |g| g.client_secret = None),
            ("client-secret", |g| {
                g.client_secret_file = Some("/x".into())
            }),
            ("scopes", |g| g.scopes = vec!["email".into()]),
            ("domains", |g| g.domains = vec!["a@x.org".into()]),
            ("create", |g| g.create = Some("allowed_domains".into())),
            ("trusted-addresses", |g| {
                g.trusted_addresses = Some("yes".into())
            }),
        ];
        for (field, change) in cases {
            let text = changed(change);
            let named = text.starts_with("[[oidc]] ") && text.contains(&format!(" {field} "));
            assert!(named && text.contains(&format!("--oidc-{field}")), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        let file = changed(|g| {
            g.client_secret = None;
            g.client_secret_file = Some("/nowhere/secret".into());
        });
        assert!(file.contains("/nowhere/secret"), "{file}");
        assert!(
            of(&[google(), google()])
                .unwrap_err()
                .contains("another provider")
        );
        let mut other = google();
        other.name = Some("other".into());
        assert!(of(&[google(), other]).unwrap_err().contains("issuer"));
        let alone = providers(vec![google()], OidcOptions::default(), false);
        assert!(alone.unwrap_err().to_string().contains("web-url"));
    }

    #[test]
    fn flags_are_one_more_provider() {
        let mut flags = google();
        flags.name = Some("by-flag".into());
        flags.issuer = Some("http://127.0.0.1:8080/realms/a".into());
        let all = providers(vec![google()], flags, true).unwrap();
        let names: Vec<_> = all.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["google", "by-flag"]);
    }

    #[test]
    fn a_secret_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "from a file\n").unwrap();
        let mut given = google();
        given.client_secret = None;
        given.client_secret_file = Some(path);
        let all = of(&[given]).unwrap();
        assert_eq!(all[0].client_secret.reveal(), "from a file");
    }
}
