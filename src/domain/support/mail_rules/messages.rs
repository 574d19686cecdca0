//! The texts of the server's mails: invitations, changes of members, and digests of events.

use super::*;

/// Queues a mail, if this server sends any.
pub(super) async fn file(
    context: &Context,
    w: &mut Write,
    rule: Option<i64>,
    to: &str,
    subject: &str,
    text: String,
) -> store::Result<()> {
    if !context.policy.mail {
        return Ok(());
    }
    let mail = NewMail {
        rule,
        recipient: to,
        subject: &line(subject, MAIL_SUBJECT_CHARS),
        body: &context.vault.seal(&Secret::new(text), LABEL),
    };
    mail::file(w, &mail, context.now()).await
}

/// Reduces a text to one line of at most `most` characters, because names that people and devices chose go into
/// subjects.
pub(super) fn line(text: &str, most: usize) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(most).collect()
}

pub(super) fn address(context: &Context, path: &str) -> String {
    format!(
        "{}{path}",
        context.policy.web_url.as_deref().unwrap_or_default()
    )
}

/// Mails somebody the link of their invitation.
pub async fn invited(
    context: &Context,
    w: &mut Write,
    scope: &Scope<Org>,
    email: &str,
    link: &str,
) -> store::Result<()> {
    let (by, org) = (&scope.person().name, &scope.org().name);
    let text = format!(
        "{by} invites you to the organization {org}, whose devices are updated by\n{}\n\n\
         Open this link within 48 hours to join:\n\n{}\n\n\
         Whoever has the link can join in your place: pass it to nobody.\n",
        address(context, "/"),
        address(context, link)
    );
    file(
        context,
        w,
        None,
        email,
        &format!("{by} invites you to {org}"),
        text,
    )
    .await
}

/// Mails somebody the link for a new password.
pub async fn password_reset(
    context: &Context,
    w: &mut Write,
    email: &str,
    link: &str,
) -> store::Result<()> {
    let text = format!(
        "Somebody, probably you, asked for a new password at\n{}\n\n\
         Open this link within a day to set one:\n\n{}\n\n\
         If it was not you, do nothing: the password stays as it is.\n",
        address(context, "/"),
        address(context, link)
    );
    file(context, w, None, email, "A new password", text).await
}

/// Mails somebody the link that makes their account.
pub async fn registration(
    context: &Context,
    w: &mut Write,
    email: &str,
    link: &str,
) -> store::Result<()> {
    let text = format!(
        "Somebody, probably you, wants an account at\n{}\n\n\
         Open this link within a day and choose a password:\n\n{}\n\n\
         If it was not you, do nothing: no account is made.\n",
        address(context, "/"),
        address(context, link)
    );
    file(context, w, None, email, "Your account", text).await
}

/// Mails somebody that their address has an account, to who asked for one or wants the address for another one.
pub async fn account_exists(context: &Context, w: &mut Write, email: &str) -> store::Result<()> {
    let text = format!(
        "Somebody, probably you, gave this address for an account at\n{}\n\n\
         It has one already. If you have lost its password, ask for a new one:\n\n{}\n\n\
         If it was not you, do nothing: your account stays as it is.\n",
        address(context, "/"),
        address(context, "/forgotten")
    );
    file(context, w, None, email, "You have an account already", text).await
}

/// Mails the link that makes an address that of an account.
pub async fn new_address(
    context: &Context,
    w: &mut Write,
    email: &str,
    link: &str,
) -> store::Result<()> {
    let text = format!(
        "Somebody, probably you, wants to log in with this address at\n{}\n\n\
         Open this link within a day to confirm it:\n\n{}\n\n\
         If it was not you, do nothing.\n",
        address(context, "/"),
        address(context, link)
    );
    file(context, w, None, email, "Confirm your new address", text).await
}

/// Tells a person's address that another one is wanted in its place.
pub async fn address_wanted(
    context: &Context,
    w: &mut Write,
    email: &str,
    new: &str,
) -> store::Result<()> {
    let text = format!(
        "You, or somebody who knows your password, wants to log in with {new} in place of this address at\n{}\n\n\
         It counts once a mail to the new address was answered. If it was not you, ask for a new password now, \
         which ends the change and all logins:\n\n{}\n",
        address(context, "/"),
        address(context, "/forgotten")
    );
    let subject = "Your address is to be changed";
    file(context, w, None, email, subject, text).await
}

/// Tells the old address of an account that it has another one, with the link that takes it back.
pub async fn address_changed(
    context: &Context,
    w: &mut Write,
    email: &str,
    new: &str,
    link: &str,
) -> store::Result<()> {
    let text = format!(
        "Your account at\n{}\n\nhas the address {new} now, in place of this one.\n\n\
         If it was not you, open this link within a week: this address counts again, and all logins and the password end.\n\n{}\n",
        address(context, "/"),
        address(context, link)
    );
    file(context, w, None, email, "Your address was changed", text).await
}

/// Mails a new member about the membership, and the other administrators about the change.
pub async fn members_changed(
    context: &Context,
    w: &mut Write,
    scope: &Scope<Org>,
    added: Option<&str>,
    what: &str,
) -> store::Result<()> {
    if !context.policy.mail {
        return Ok(());
    }
    let (by, org) = (scope.person(), scope.org());
    let web = address(context, "/");
    if let Some(email) = added {
        let subject = format!("You are a member of {}", org.name);
        let text = format!(
            "{} made you a member of the organization {}, whose devices are updated by\n{web}\n",
            by.name, org.name
        );
        file(context, w, None, email, &subject, text).await?;
    }
    for email in mail::other_admins(w, org.id, by.id).await? {
        if Some(email.as_str()) == added {
            continue;
        }
        let subject = format!("[{}] Members changed", org.name);
        let text = format!(
            "{what}.\n\nYou are told as an administrator of {} at\n{web}\n",
            org.name
        );
        file(context, w, None, &email, &subject, text).await?;
    }
    Ok(())
}

/// Turns events that waited long enough into digest mails: at most one for each rule, and not soon after its
/// last.
pub async fn gather(context: &Context, now: Micros) -> store::Result<()> {
    let mut r = context.db.read().await?;
    let due = mail::due_rules(&mut r, now, now.before(MAIL_GATHER)).await?;
    drop(r);
    if due.is_empty() {
        return Ok(());
    }
    let mut w = context.db.write().await?;
    for rule in due {
        if !mail::take_rule(&mut w, &rule, now.after(MAIL_PAUSE)).await? {
            continue;
        }
        let events = mail::take_events(&mut w, rule.id, MAIL_EVENTS).await?;
        let (subject, text) = digest(&rule, &events, &address(context, "/"));
        file(context, &mut w, Some(rule.id), &rule.email, &subject, text).await?;
    }
    w.commit().await
}

/// Subject and text of a digest of events.
pub(super) fn digest(rule: &DueRule, events: &[EventRow], web: &str) -> (String, String) {
    let told: Vec<String> = events.iter().map(|e| sentence(&e.event, &e.data)).collect();
    let place = format!("{}/{}", rule.org, rule.product);
    let subject = match told.as_slice() {
        [one] => format!("[{place}] {one}"),
        all => format!("[{place}] {} events", all.len()),
    };
    let mut text = String::new();
    for (event, sentence) in events.iter().zip(&told) {
        text.push_str(&format!("{}  {sentence}\n", event.at.zulu()));
    }
    if told.len() as i64 >= MAIL_EVENTS {
        text.push_str("There may be more: a mail tells of the first ");
        text.push_str(&format!("{MAIL_EVENTS} only.\n"));
    }
    let pause = MAIL_PAUSE.as_secs() / 60;
    text.push_str(&format!(
        "\nSent by a mail rule of {place} at\n{web}\nat most once in {pause} minutes. Whoever manages the product can change the rule.\n"
    ));
    (subject, text)
}

/// Describes an event in words.
pub(super) fn sentence(event: &str, data: &str) -> String {
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    let of = |key: &str| line(data[key].as_str().unwrap_or("?"), 255);
    match event {
        "device.online" => format!("{} is online", of("device")),
        "device.offline" => format!("{} is offline", of("device")),
        "update.completed" => format!("{} was updated to {}", of("device"), of("version")),
        "update.failed" => format!("{} was not updated: {}", of("device"), of("reason")),
        "firmware.published" => format!(
            "Firmware {} for {} was published by {}",
            of("version"),
            of("platform"),
            of("by")
        ),
        "release.created" => format!("{} got a release by {}", of("deployment_group"), of("by")),
        _ => format!("{}: {}", of("title"), of("message")),
    }
}
