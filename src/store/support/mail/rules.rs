//! Mail rules in the database.

use super::*;

/// A mail rule, with the outcome of its last mail.
#[derive(Debug, Clone, FromRow)]
pub struct RuleRow {
    /// The rule's id in the database.
    pub id: i64,
    /// Email address of the recipient.
    pub email: String,
    /// Event types, one for each line.
    pub events: String,
    /// Whether mails are sent.
    pub active: bool,
    /// When it was created.
    pub inserted_at: Micros,
    /// When it last changed.
    pub updated_at: Micros,
    /// `pending`, `sent`, or `failed`; absent before the first mail.
    pub last_status: Option<String>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When the last mail was sent or given up.
    pub last_at: Option<Micros>,
}

/// A rule whose next mail is due.
#[derive(Debug, Clone, FromRow)]
pub struct DueRule {
    /// The rule's id in the database.
    pub id: i64,
    /// When the mail became due.
    pub due_at: Micros,
    /// Email address of the recipient.
    pub email: String,
    /// Name of the organization.
    pub org: String,
    /// Name of the product.
    pub product: String,
}

/// An event that a rule has collected.
#[derive(Debug, Clone, FromRow)]
pub struct EventRow {
    /// The event's id in the database.
    pub id: i64,
    /// The event type.
    pub event: String,
    /// The event's details as JSON.
    pub data: String,
    /// When it happened.
    pub at: Micros,
}

/// Adds a rule for a member.
pub async fn add_rule(
    w: &mut Write,
    scope: &Scope<Product>,
    user: UserId,
    events: &str,
    active: bool,
    now: Micros,
) -> Result<i64> {
    let p = scope.product();
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!(
            "mails.add_rule",
            "INSERT INTO mail_rules (org_id, product_id, user_id, events, active, due_at,
                                     inserted_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $6) RETURNING id"
        ),
        p.org.id,
        p.id,
        user,
        events,
        active,
        now
    )?;
    w.wants().rule();
    row.map(|r| r.0).ok_or(Error::Missing("mail_rules"))
}

/// Writes the settings of a rule.
pub async fn set_rule(
    w: &mut Write,
    scope: &Scope<Product>,
    id: i64,
    events: &str,
    active: bool,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "mails.set_rule",
            "UPDATE mail_rules SET events = $3, active = $4, updated_at = $5
             WHERE product_id = $1 AND id = $2"
        ),
        scope.product().id,
        id,
        events,
        active,
        now
    )?;
    w.wants().rule();
    Ok(())
}

/// The product's rules, oldest first.
pub async fn rules(on: &mut impl On, scope: &Scope<Product>) -> Result<Vec<RuleRow>> {
    fetch_all!(
        on,
        sql!(
            "mails.rules",
            "SELECT r.id, u.email, r.events, r.active, r.inserted_at, r.updated_at,
                    m.status AS last_status, m.error AS last_error, m.ended_at AS last_at
             FROM mail_rules r JOIN users u ON u.id = r.user_id
             LEFT JOIN mails m ON m.id = (SELECT MAX(x.id) FROM mails x WHERE x.rule_id = r.id)
             WHERE r.product_id = $1 ORDER BY r.id LIMIT 100"
        ),
        scope.product().id
    )
}

/// Deletes a rule with its mails. Returns whether it was there.
pub async fn remove_rule(w: &mut Write, scope: &Scope<Product>, id: i64) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "mails.remove_rule",
            "DELETE FROM mail_rules WHERE product_id = $1 AND id = $2"
        ),
        scope.product().id,
        id
    )?;
    Ok(n > 0)
}

/// Deletes the rules of a person who leaves an organization.
pub async fn remove_rules_of(w: &mut Write, scope: &Scope<Org>, user: UserId) -> Result<()> {
    execute!(
        w,
        sql!(
            "mails.remove_rules_of",
            "DELETE FROM mail_rules WHERE org_id = $1 AND user_id = $2"
        ),
        scope.org().id,
        user
    )?;
    Ok(())
}

/// The addresses of the organization's administrators except one person.
pub async fn other_admins(on: &mut impl On, org: OrgId, but: UserId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = fetch_all!(
        on,
        sql!(
            "mails.other_admins",
            "SELECT u.email FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.org_id = $1 AND m.role = 'admin' AND u.id <> $2 AND u.service_of IS NULL
             ORDER BY u.id LIMIT 100"
        ),
        org,
        but
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// Rules with an event that has waited since before `since`, and whose pause is over.
pub async fn due_rules(on: &mut impl On, now: Micros, since: Micros) -> Result<Vec<DueRule>> {
    fetch_all!(
        on,
        sql!(
            "mails.due_rules",
            "SELECT r.id, r.due_at, u.email, o.name AS org, p.name AS product
             FROM mail_rules r JOIN users u ON u.id = r.user_id
             JOIN products p ON p.id = r.product_id JOIN orgs o ON o.id = r.org_id
             WHERE r.due_at <= $1
               AND (SELECT MIN(e.id) FROM mail_events e WHERE e.rule_id = r.id AND e.at <= $2)
                   IS NOT NULL
             ORDER BY r.due_at, r.id LIMIT 20"
        ),
        now,
        since
    )
}

/// Takes a rule to send its mail; false when another process has taken it.
pub async fn take_rule(w: &mut Write, rule: &DueRule, next: Micros) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "mails.take_rule",
            "UPDATE mail_rules SET due_at = $3 WHERE id = $1 AND due_at = $2"
        ),
        rule.id,
        rule.due_at,
        next
    )?;
    Ok(n == 1)
}

/// Removes and returns the events that a rule has collected, oldest first.
pub async fn take_events(w: &mut Write, rule: i64, most: i64) -> Result<Vec<EventRow>> {
    let rows: Vec<EventRow> = fetch_all!(
        w,
        sql!(
            "mails.events",
            "SELECT id, event, data, at FROM mail_events WHERE rule_id = $1
             ORDER BY id LIMIT $2"
        ),
        rule,
        most
    )?;
    if let Some(last) = rows.last() {
        execute!(
            w,
            sql!(
                "mails.forget_events",
                "DELETE FROM mail_events WHERE rule_id = $1 AND id <= $2"
            ),
            rule,
            last.id
        )?;
    }
    Ok(rows)
}
