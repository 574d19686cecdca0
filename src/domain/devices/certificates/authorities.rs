//! CA certificates of an organization, their proof of possession, and their just-in-time provisioning (JITP)
//! profiles.

use super::*;
use crate::clock::Micros;

/// The request to register a CA.
#[derive(Debug, Default)]
pub struct CaForm {
    /// Base64 of the CA certificate's PEM.
    pub cert: Option<String>,
    /// Base64 of the PEM of the verification certificate, which proves possession.
    pub verification: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Whether device certificates are refused once the CA has expired.
    pub check_expiration: bool,
    /// Profile for just-in-time provisioning of devices.
    pub jitp: Option<JitpForm>,
}

/// A just-in-time provisioning (JITP) profile: what a device that this CA vouches for is created with.
#[derive(Debug, Default)]
pub struct JitpForm {
    /// The product, by number or by name.
    pub product: Option<std::result::Result<i64, String>>,
    /// Tags for the devices.
    pub tags: Option<Vec<String>>,
    /// Description for the devices.
    pub description: Option<String>,
}

/// Creates the token that the verification certificate must carry. It is valid for an hour.
pub fn verification_token(vault: &Vault, scope: &Scope<Org>, now: Micros) -> String {
    vault.proof(
        &scope.org().name,
        now.after(Duration::from_secs(3600)).secs(),
    )
}

/// The organization's CAs.
pub async fn list_cas(db: &Db, scope: &Scope<Org>) -> Result<Vec<CaRow>> {
    let mut r = db.read().await?;
    Ok(table::cas(&mut r, scope).await?)
}

/// Finds a CA.
///
/// # Errors
/// [`DomainError::NotFound`] when the organization has no such CA.
pub async fn show_ca(db: &Db, scope: &Scope<Org>, name: &str) -> Result<CaRow> {
    named(&mut db.read().await?, scope, name).await
}

/// Finds a CA by its serial number or, in hex, by its key identifier.
pub(super) async fn named(on: &mut impl On, scope: &Scope<Org>, name: &str) -> Result<CaRow> {
    let ski = hex::decode(name.replace(':', "")).unwrap_or_default();
    let mut found = table::cas_named(on, scope, name, &ski).await?;
    if found.len() > 1 {
        let all: Vec<String> = found.iter().map(|ca| hex::encode_upper(&ca.ski)).collect();
        return Err(DomainError::Conflict(format!(
            "{} CA certificates have the serial number {name}, from different signers. Name one by its key identifier: {}.",
            all.len(),
            all.join(" or ")
        )));
    }
    found.pop().ok_or(DomainError::NotFound)
}

/// Registers a CA after the person proved possession of its private key.
///
/// # Errors
/// A validation error for a certificate that cannot be parsed, a missing or wrong proof, a CA that is
/// registered already, or an invalid profile.
pub async fn add_ca(context: &Context, scope: &Scope<Org>, form: CaForm) -> Result<CaRow> {
    let missing = || DomainError::Detail(CA_INCOMPLETE.into());
    let unreadable = |_| unreadable();
    let cert = der(form.cert.as_deref().ok_or_else(missing)?)?;
    let facts = CertificateInfo::read(&cert).map_err(unreadable)?;
    match &form.verification {
        Some(proof) => {
            let proof = der(proof)?;
            let proven = CertificateInfo::read(&proof).map_err(unreadable)?;
            verify_ownership(&context.vault, scope, &cert, &proof, &proven, context.now())?;
        }
        None if context.policy.unproven_cas => {}
        None => return Err(missing()),
    }
    let db = &context.db;
    let ski = facts.ski.clone().ok_or_else(|| field("ski", BLANK))?;
    let now = context.now();
    let mut w = db.write().await?;
    let ca = NewCa {
        serial: facts.serial.clone(),
        ski,
        der: cert,
        not_before: facts.not_before,
        not_after: facts.not_after,
        description: form.description,
        check_expiration: form.check_expiration,
        jitp: profile(&mut w, scope, form.jitp).await?,
    };
    let id = table::add_ca(&mut w, scope, &ca, now)
        .await?
        .ok_or_else(|| field("serial", TAKEN))?;
    audit::in_org(
        &mut w,
        scope,
        &format!(
            "{} registered CA certificate {}",
            scope.person().name,
            ca.serial
        ),
        context.now(),
    )
    .await?;
    w.commit().await?;
    let mut r = db.read().await?;
    table::ca(&mut r, scope, id)
        .await?
        .ok_or(DomainError::NotFound)
}

/// Checks the proof of possession: the CA signed it, and its only name is this organization's token.
pub(super) fn verify_ownership(
    vault: &Vault,
    scope: &Scope<Org>,
    ca: &[u8],
    proof: &[u8],
    facts: &CertificateInfo,
    now: Micros,
) -> Result<()> {
    let failed = || DomainError::Detail("CA Certificate ownership verification failed".into());
    let token = match facts.only_uris.as_deref() {
        Some([uri]) => uri.strip_prefix(PROOF).ok_or_else(failed)?,
        _ => return Err(failed()),
    };
    if !vault.proven(&scope.org().name, token, now.secs()) {
        return Err(failed());
    }
    match signed_by(ca, proof, now) {
        Ok(()) => Ok(()),
        // The fault is in the CA's own key or algorithm, so another proof would not help.
        Err(why @ (NotSigned::Weak(_) | NotSigned::Algorithm(_))) => {
            Err(field("cert", &why.to_string()))
        }
        Err(why) => {
            tracing::info!(org = %scope.org().name, %why, "the ownership of a CA was not proven");
            Err(failed())
        }
    }
}

pub(super) async fn profile(
    w: &mut Write,
    scope: &Scope<Org>,
    form: Option<JitpForm>,
) -> Result<Option<(ProductId, String, String)>> {
    let Some(form) = form else { return Ok(None) };
    let blank = |name: &str| DomainError::Fields(json!({"jitp": { name: [BLANK] }}));
    let product = match form.product.ok_or_else(|| blank("product_id"))? {
        Ok(id) => crate::store::catalog::products::by_id(w, scope, id).await?,
        Err(name) => crate::store::catalog::products::by_name(w, scope.org().id, &name).await?,
    };
    let product = product
        .ok_or_else(|| DomainError::Fields(json!({"jitp": {"product_id": ["does not exist"]}})))?;
    let tags = form.tags.ok_or_else(|| blank("tags"))?;
    crate::domain::devices::check_tags(&tags)?;
    let description = form.description.ok_or_else(|| blank("description"))?;
    Ok(Some((product.id, json!(tags).to_string(), description)))
}

/// Deletes a CA. Devices that are connected stay connected.
///
/// # Errors
/// [`DomainError::NotFound`] when the organization has no such CA.
pub async fn delete_ca(db: &Db, scope: &Scope<Org>, serial: &str) -> Result<()> {
    let mut w = db.write().await?;
    let ca = named(&mut w, scope, serial).await?;
    table::delete_ca(&mut w, scope, ca.id).await?;
    audit::in_org(
        &mut w,
        scope,
        &format!("{} removed CA certificate {serial}", scope.person().name),
        db.now(),
    )
    .await?;
    w.commit().await?;
    Ok(())
}
