//! Imports organizations, people, memberships, API tokens, and invitations.

use super::{ORPHAN, Rows, Someone, bytes, made_at, number, text, time};
use crate::access;
use crate::access::scope::{Grant, Org, Person, Role, Scope};
use crate::access::token;
use crate::domain::Result;
use crate::domain::accounts::org_settings::check_proxy;
use crate::ids::UserId;
use crate::limits::{IDENTITIES_A_PERSON, INVITE_LIFE};
use crate::store;
use crate::store::accounts::users::NewToken;
use crate::store::accounts::{identities, invites, orgs, users};
use serde_json::Value;

/// Who Google is in its ID tokens (docs/sign-in.md).
const GOOGLE_ISSUER: &str = "https://accounts.google.com";

impl Someone {
    pub(super) fn person(&self) -> Person {
        Person {
            id: self.id,
            name: self.name.clone(),
            email: self.email.clone(),
            grant: Grant::default(),
            token: None,
            session: false,
        }
    }
}

impl Rows<'_> {
    pub(super) async fn org(&mut self, row: &Value) -> Result<()> {
        let name = text(row, "name");
        let id = match orgs::by_name(&mut self.w, name).await? {
            Some(org) => {
                self.report.there("orgs");
                org.id
            }
            None => {
                self.report.made("orgs");
                let made = made_at(row, self.now);
                let id = orgs::add(&mut self.w, name, made).await?;
                let id = id.ok_or(store::Error::Missing("orgs"))?;
                let proxy = row["settings"]["firmware_proxy_url"].as_str();
                if let Some(url) = proxy {
                    if check_proxy(url).is_ok() {
                        orgs::set_firmware_proxy(&mut self.w, id, Some(url), made).await?;
                    } else {
                        self.report.skip(format!(
                            "organization {name}: its firmware_proxy_url is refused: {url}"
                        ));
                    }
                }
                id
            }
        };
        self.orgs.insert(number(row, "id"), (id, name.to_owned()));
        Ok(())
    }

    pub(super) async fn user(&mut self, row: &Value) -> Result<()> {
        let email = text(row, "email");
        let name = match text(row, "username") {
            "" => email,
            name => name,
        };
        let id = match users::by_email(&mut self.w, email).await? {
            Some(user) => {
                self.report.there("users");
                user.id
            }
            None => {
                self.report.made("users");
                // A bcrypt hash, which logins accept as well. A person without one gets a password from `admin
                // reset-password`.
                let (hash, made) = (text(row, "password_hash"), made_at(row, self.now));
                let id = users::add(&mut self.w, email, name, hash, made).await?;
                let id = id.ok_or(store::Error::Missing("users"))?;
                // Versions of NervesHub without this column count everybody as confirmed.
                if row.get("confirmed_at").is_some_and(Value::is_null) {
                    users::set_unconfirmed(&mut self.w, id).await?;
                }
                id
            }
        };
        self.google(row, id).await?;
        let someone = Someone {
            id,
            name: name.to_owned(),
            email: email.to_owned(),
        };
        self.users.insert(number(row, "id"), someone);
        Ok(())
    }

    /// Takes over the account at Google that a person signed in with. Google names people by the same number to every client, so that
    /// they come in here as soon as it is set up as a sign-in provider.
    async fn google(&mut self, row: &Value, user: UserId) -> Result<()> {
        let subject = text(row, "google_id");
        if subject.is_empty() {
            return Ok(());
        }
        let (email, most) = (text(row, "email"), IDENTITIES_A_PERSON);
        let known = identities::owner(&mut self.w, GOOGLE_ISSUER, subject).await?;
        if let Some(owner) = known {
            if owner.id == user {
                self.report.there("identities");
            } else {
                let why = "the account at Google belongs to somebody else here";
                self.report.leave("users.google_id", 1, why);
            }
            return Ok(());
        }
        let (w, made) = (&mut self.w, made_at(row, self.now));
        if identities::add(w, user, GOOGLE_ISSUER, subject, email, most, made).await? {
            self.report.made("identities");
        } else {
            let why = "the person has as many sign-in providers as may be";
            self.report.leave("users.google_id", 1, why);
        }
        Ok(())
    }

    pub(super) async fn member(&mut self, row: &Value) -> Result<()> {
        let org = self.orgs.get(&number(row, "org_id")).cloned();
        let user = self.users.get(&number(row, "user_id")).cloned();
        let (Some((org, org_name)), Some(user)) = (org, user) else {
            self.report.leave("org_users", 1, ORPHAN);
            return Ok(());
        };
        let role = Role::parse(text(row, "role")).unwrap_or(Role::View);
        let known = orgs::role_of(&mut self.w, user.id, &org_name).await?;
        if known.is_none() {
            let made = made_at(row, self.now);
            orgs::set_member(&mut self.w, org, user.id, role.word(), made).await?;
        }
        self.report.count("members", known.is_none());
        self.members_of_orgs.insert(number(row, "id"), user.id);
        let scope = access::org_scope(&mut self.w, user.person(), &org_name).await?;
        if let Some(scope) = scope {
            self.scopes.insert(number(row, "org_id"), scope);
        }
        Ok(())
    }

    pub(super) async fn token(&mut self, row: &Value) -> Result<()> {
        let Some(user) = self.users.get(&number(row, "user_id")).map(|u| u.id) else {
            self.report.leave("user_tokens", 1, ORPHAN);
            return Ok(());
        };
        if text(row, "context") != "api" {
            let why = "sessions of browsers and links that were mailed end with the old server";
            self.report.leave("user_tokens", 1, why);
            return Ok(());
        }
        let old = row["old_token"].as_str().and_then(token::hash);
        let Some(hash) = old.or_else(|| bytes(row, "token")) else {
            let why = "it is no token that anybody could use";
            self.report.leave("user_tokens", 1, why);
            return Ok(());
        };
        if users::by_token(&mut self.w, &hash).await?.is_some() {
            self.report.there("tokens");
            return Ok(());
        }
        let new = NewToken {
            user,
            hash: &hash,
            note: text(row, "note"),
            access: "full",
            product: None,
            expires_at: None,
            login: false,
        };
        let made = made_at(row, self.now);
        let id = users::add_token(&mut self.w, &new, made).await?;
        if let Some(used) = time(&row["last_used"]) {
            users::token_used(&mut self.w, id, used).await?;
        }
        self.report.made("tokens");
        Ok(())
    }

    /// Imports an open invitation. It can be accepted until the time at which it would have expired there, by a
    /// new link.
    pub(super) async fn invite(&mut self, row: &Value) -> Result<()> {
        let made = made_at(row, self.now);
        let over = match (row["accepted"] == true, self.now.since(made) > INVITE_LIFE) {
            (true, _) => Some("who accepted an invitation is a member"),
            (false, true) => Some("invitations end after two days"),
            (false, false) => None,
        };
        let scope = self.scopes.get(&number(row, "org_id")).cloned();
        let (None, Some(scope)) = (over, scope) else {
            self.report.leave("invites", 1, over.unwrap_or(ORPHAN));
            return Ok(());
        };
        let email = text(row, "email");
        let open = invites::list(&mut self.w, &scope, self.now.before(INVITE_LIFE)).await?;
        let known = open.iter().any(|i| i.email == email)
            || orgs::member(&mut self.w, &scope, email).await?.is_some();
        if !known {
            let scope = self.inviter(row, scope).await?;
            let role = Role::parse(text(row, "role")).unwrap_or(Role::View);
            invites::add(&mut self.w, &scope, email, role.word(), made).await?;
        }
        self.report.count("invitations", !known);
        Ok(())
    }

    /// The scope of the person who invited, or of another member if that person is not one.
    async fn inviter(&mut self, row: &Value, other: Scope<Org>) -> Result<Scope<Org>> {
        let by = self.users.get(&number(row, "invited_by_id")).cloned();
        let own = match &by {
            Some(by) => access::org_scope(&mut self.w, by.person(), &other.at().name).await?,
            None => None,
        };
        if own.is_none() {
            let why = "a member stands for somebody who is none";
            self.report.leave("invites.invited_by_id", 1, why);
        }
        Ok(own.unwrap_or(other))
    }
}
