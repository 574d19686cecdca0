//! Client certificates (docs/protocol/device.md, "Client certificates"): known, renewed, or new under a registered CA.

use super::{KnownDevice, Refused};
use crate::app::App;
use crate::clock::Micros;
use crate::domain::devices::certificate_signature::{NotSigned, signed_by};
use crate::domain::devices::provisioning::{Bearer, NOT_KEPT};
use crate::domain::devices::x509::CertificateInfo;
use crate::domain::support::notifications;
use crate::limits::CHAIN_CERTIFICATES;
use crate::store::devices::certificates::{self, CaRow};
use crate::store::{Error, Read, devices};
use rustls::pki_types::CertificateDer;

/// Decides who a certificate connection is.
///
/// # Errors
/// See [`Refused`].
pub async fn decide(
    app: &App,
    chain: &[CertificateDer<'_>],
    now: Micros,
) -> Result<KnownDevice, Refused> {
    let (leaf, others) = chain
        .split_first()
        .ok_or(Refused::No("an empty certificate chain"))?;
    if others.len() >= CHAIN_CERTIFICATES {
        return Err(Refused::No("a certificate chain that is too long"));
    }
    let facts = CertificateInfo::read(leaf)
        .map_err(|_| Refused::No("a certificate that cannot be read"))?;
    let mut r = app.db.read().await?;
    let fingerprint = facts.fingerprint.clone();
    let known = |id, identifier, product| KnownDevice {
        id,
        identifier,
        product,
        fingerprint: Some(fingerprint),
        secret: None,
    };
    if let Some(holder) = certificates::holder(&mut r, &facts.fingerprint).await? {
        if holder.deleted_at.is_some() {
            return Err(Refused::No("the device is deleted"));
        }
        return Ok(known(
            holder.device_id,
            holder.identifier,
            holder.product_id,
        ));
    }
    let judged = judge(&mut r, &facts, leaf, others, now).await;
    let signers = match judged {
        Ok(signers) => signers,
        Err(why) => {
            drop(r);
            tell(app, &facts, &why, now).await?;
            return Err(why);
        }
    };
    drop(r);
    let bearer = Bearer::new(signers, facts, now).map_err(Refused::No)?;
    match app.bearers.write(bearer).await {
        Ok(Ok(own)) => Ok(known(own.device, own.identifier, own.product)),
        Ok(Err(why)) => Err(Refused::No(why)),
        Err(Error::Taken(_)) => Err(Refused::No(NOT_KEPT)),
        Err(e) => Err(e.into()),
    }
}

/// The registered CAs that vouch for a certificate which is not known; whatever else comes along has to be known, too.
async fn judge(
    r: &mut Read,
    facts: &CertificateInfo,
    leaf: &[u8],
    others: &[CertificateDer<'_>],
    now: Micros,
) -> Result<Vec<CaRow>, Refused> {
    for other in others {
        companion(r, other).await?;
    }
    signers(r, facts, leaf, now).await
}

/// Tells the people of a registered device, once a day, that a certificate with its name was refused.
async fn tell(
    app: &App,
    facts: &CertificateInfo,
    why: &Refused,
    now: Micros,
) -> Result<(), Refused> {
    let Some(name) = facts.common_name.as_deref() else {
        return Ok(());
    };
    let known = devices::by_identifier(&mut app.db.read().await?, name).await?;
    let Some(device) = known.filter(|_| {
        app.certificate_notice_limiter
            .count(&name.to_owned())
            .is_ok()
    }) else {
        return Ok(());
    };
    let why = why.to_string();
    notifications::certificate_refused(&app.db, device.product_id, name, &why, now).await?;
    Ok(())
}

/// Any other certificate of the chain must be a root, or a CA that is registered.
async fn companion(r: &mut Read, der: &[u8]) -> Result<(), Refused> {
    let unknown = Refused::No("an unknown intermediate certificate");
    let facts =
        CertificateInfo::read(der).map_err(|_| Refused::No("a certificate that cannot be read"))?;
    let root = facts.self_issued && (facts.aki.is_none() || facts.aki == facts.ski);
    if root {
        return Ok(());
    }
    let Some(ski) = facts.ski else {
        return Err(unknown);
    };
    if certificates::cas_by_ski(r, &ski).await?.is_empty() {
        return Err(unknown);
    }
    Ok(())
}

/// The registered CAs that signed the leaf: more than one when several organizations registered the same.
async fn signers(
    r: &mut Read,
    facts: &CertificateInfo,
    leaf: &[u8],
    now: Micros,
) -> Result<Vec<CaRow>, Refused> {
    let aki = facts
        .aki
        .as_ref()
        .ok_or(Refused::No("the certificate names no signer"))?;
    let mut all = certificates::cas_by_ski(r, aki).await?;
    if all.is_empty() {
        return Err(Refused::No("an unknown signer"));
    }
    let mut why = None;
    all.retain(|ca| match signed_by(&ca.der, leaf, now) {
        Ok(()) => true,
        Err(mistake) => {
            keep_likelier(&mut why, mistake);
            false
        }
    });
    if let (true, Some(why)) = (all.is_empty(), why) {
        return Err(Refused::Signer(why));
    }
    all.retain(|ca| !ca.check_expiration || now <= ca.not_after);
    if all.is_empty() {
        return Err(Refused::No("the signer has expired, and its expiry counts"));
    }
    Ok(all)
}

/// Keeps the mistake that is worth telling: of several signers with one key identifier the one is meant whose signature is right.
fn keep_likelier(told: &mut Option<NotSigned>, mistake: NotSigned) {
    let signature_right = |m: &NotSigned| matches!(m, NotSigned::NotYet(_) | NotSigned::Expired(_));
    if told.as_ref().is_none_or(|_| signature_right(&mistake)) {
        *told = Some(mistake);
    }
}
