//! Devices with certificates that are not known, through the writer itself.

use super::*;
use crate::domain::devices::provisioning::{Bearer, Provisioned};
use crate::domain::devices::x509::CertificateInfo;
use crate::ingest::BearerWriter;
use crate::store::devices::certificates::{self, CaRow, NewCa};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair, SerialNumber};

both_engines! {
    bearers_are_let_in_by_the_set => by_the_set;
    of_bearers_with_one_name_or_one_key_the_first_gets_in => depending;
}

/// An authority that introduces devices of the world's product, as it is registered.
async fn authority(w: &mut Write, world: &World) -> CaRow {
    let ca = NewCa {
        serial: "17".into(),
        ski: vec![1, 2, 3],
        der: vec![4],
        not_before: NOW,
        not_after: later(1_000),
        description: None,
        check_expiration: false,
        jitp: Some((world.product, r#"["b","a"]"#.into(), "line 1".into())),
    };
    let added = certificates::add_ca(w, &world.org_scope, &ca, NOW).await;
    assert!(added.unwrap().is_some());
    let mut all = certificates::cas(w, &world.org_scope).await.unwrap();
    all.remove(0)
}

/// Somebody with a certificate for this name and key. Who signed it was looked at before, and is not any more.
fn bearer(ca: &CaRow, name: &str, key: &KeyPair, serial: u64) -> Bearer {
    let own = KeyPair::generate().unwrap();
    let issuer = Issuer::new(CertificateParams::default(), own);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(SerialNumber::from(serial));
    let made = params.signed_by(key, &issuer).unwrap();
    let facts = CertificateInfo::read(made.der()).unwrap();
    Bearer::new(vec![ca.clone()], facts, NOW).unwrap()
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// Writes them as one batch; how many statements that took.
async fn together(
    db: &Db,
    all: &[Bearer],
) -> (u64, Vec<std::result::Result<Provisioned, &'static str>>) {
    use crate::store::batch::Writer as _;
    let before = db.statements();
    let mut w = db.write().await.unwrap();
    let all: Vec<&Bearer> = all.iter().collect();
    let outcomes = BearerWriter.write(&mut w, &all).await.unwrap();
    w.commit().await.unwrap();
    let taken = db.statements() - before - FRAME;
    (taken, outcomes.into_iter().map(Result::unwrap).collect())
}

async fn by_the_set(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let ca = authority(&mut w, &world).await;
    let there = newcomers(&mut w, &world, 1).await[0];
    w.commit().await.unwrap();
    let keys: Vec<KeyPair> = (0..50).map(|_| key()).collect();
    let name = |n: usize| match n {
        0 => "newcomer0".to_owned(),
        n => format!("bearer{n}"),
    };
    let of = |serial: u64| -> Vec<Bearer> {
        let all = keys.iter().enumerate();
        all.map(|(n, key)| bearer(&ca, &name(n), key, serial))
            .collect()
    };
    // Keys, names, who has them, devices, tags, certificates, the audit log.
    let (taken, first) = together(db, &of(1)).await;
    assert!(taken <= 7, "{taken} statements");
    let first: Vec<Provisioned> = first.into_iter().map(|o| o.unwrap()).collect();
    assert_eq!(first[0].device, there);
    // Renewals add no devices.
    let (taken, again) = together(db, &of(2)).await;
    assert!(taken <= 6, "{taken} statements");
    let again: Vec<Provisioned> = again.into_iter().map(|o| o.unwrap()).collect();
    assert_eq!(first, again);
    let mut r = db.read().await.unwrap();
    for (n, own) in first.iter().enumerate() {
        assert_eq!((own.product, &own.identifier), (world.product, &name(n)));
        let row = crate::store::devices::row(&mut r, own.device)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.identifier, name(n));
        let tags = crate::store::devices::tags(&mut r, own.device).await;
        let tags = tags.unwrap();
        if n > 0 {
            assert_eq!(tags, ["b", "a"], "in the order that the profile has");
        }
        let certificates = certificates::of_device(&mut r, &world.scope, own.device).await;
        assert_eq!(certificates.unwrap().len(), 2);
    }
}

async fn depending(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let ca = authority(&mut w, &world).await;
    w.commit().await.unwrap();
    let (one, two) = (key(), key());
    let all = [
        bearer(&ca, "a", &one, 1),
        bearer(&ca, "a", &two, 2),
        bearer(&ca, "b", &one, 3),
        bearer(&ca, "a", &one, 4),
        bearer(&ca, "a", &one, 1),
    ];
    let all = [&all[..], &all[..1]].concat();
    let (_, outcomes) = together(db, &all).await;
    let refused: Vec<Option<&str>> = outcomes.iter().map(|o| o.as_ref().err().copied()).collect();
    assert_eq!(
        refused,
        [
            None,
            Some("the device has a certificate with another key"),
            Some("the common name is not the identifier of the key's device"),
            None,
            // Another signer may give the same number.
            None,
            // The very certificate that got in a moment ago.
            Some("the certificate cannot be stored for this device"),
        ]
    );
    let first = outcomes[0].as_ref().unwrap();
    assert_eq!(outcomes[3].as_ref().unwrap(), first);
}
