//! Users, tokens, and the wall between organizations.

use super::*;
use crate::access::credential::Credential;
use crate::store::devices;

both_engines! {
    names_and_tokens_are_unique_and_found => people;
    nothing_crosses_an_organization => tenants;
}

async fn people(db: &Db) {
    let mut w = db.write().await.unwrap();
    let id = users::add(&mut w, "a@x.org", "A", "h", NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        users::add(&mut w, "a@x.org", "B", "h", NOW).await.unwrap(),
        None
    );
    // The transaction goes on after the refused insert.
    let token = token::text([9; 32]);
    let hash = token::hash(&token).unwrap();
    let mut new = users::NewToken {
        user: id,
        hash: &hash,
        note: "ci",
        access: "full",
        product: None,
        expires_at: None,
        login: false,
    };
    users::add_token(&mut w, &new, NOW).await.unwrap();
    let ends = token::text([10; 32]);
    let hash_of_ends = token::hash(&ends).unwrap();
    new.hash = &hash_of_ends;
    new.access = "read";
    new.expires_at = Some(later(60));
    users::add_token(&mut w, &new, NOW).await.unwrap();
    w.commit().await.unwrap();
    let uses = access::token_uses::TokenUses::default();
    let person = access::by_credential(db, Credential::Token(&token), &uses, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((person.id, person.email.as_str()), (id, "a@x.org"));
    let narrow = access::by_credential(db, Credential::Token(&ends), &uses, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(narrow.grant.covers(access::scope::Act::Read));
    assert!(!narrow.grant.covers(access::scope::Act::Change));
    let late = access::by_credential(db, Credential::Token(&ends), &uses, later(60))
        .await
        .unwrap();
    assert_eq!(late, None, "it has ended");
    assert_eq!(
        access::by_credential(db, Credential::Token(&token::text([8; 32])), &uses, NOW)
            .await
            .unwrap(),
        None
    );
    let mut r = db.read().await.unwrap();
    assert!(users::any(&mut r).await.unwrap());
    let row = users::by_token(&mut r, &hash).await.unwrap().unwrap();
    assert_eq!(row.last_used_at, None, "who reads does not write");
    let noted = uses.take();
    assert!(noted.contains(&(row.token_id, NOW)));
    drop(r);
    let mut w = db.write().await.unwrap();
    for (token, at) in noted {
        users::token_used(&mut w, token, at).await.unwrap();
    }
    let row = users::by_token(&mut w, &hash).await.unwrap().unwrap();
    assert_eq!(row.last_used_at, Some(NOW));
}

async fn tenants(db: &Db) {
    let mut w = db.write().await.unwrap();
    let (a, b) = (world(&mut w, "a").await, world(&mut w, "b").await);
    let fw = firmware(&mut w, &a, "u", "1.0.0").await;
    devices::add(&mut w, a.org, a.product, "d", None, None, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(
        devices::view(&mut w, &a.scope, "d")
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        devices::view(&mut w, &b.scope, "d")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        devices::locate(&mut w, b.scope.person().id, "d")
            .await
            .unwrap(),
        None
    );
    assert_eq!(firmwares::list(&mut w, &b.scope).await.unwrap().len(), 0);
    assert!(
        firmwares::by_uuid(&mut w, b.product, "u")
            .await
            .unwrap()
            .is_none()
    );
    firmwares::delete(&mut w, &b.scope, fw).await.unwrap();
    assert!(firmwares::row(&mut w, fw).await.unwrap().is_some());
    assert!(
        keys::by_name(&mut w, &b.org_scope, "k")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        orgs::member(&mut w, &b.org_scope, "a@x.org")
            .await
            .unwrap()
            .is_none()
    );
    // The identifier is taken on the whole server.
    assert_eq!(
        devices::add(&mut w, b.org, b.product, "d", None, None, NOW)
            .await
            .unwrap(),
        None
    );
    let stranger = a.scope.person().clone();
    assert!(
        access::product_scope(&mut w, stranger, "b", "thermo")
            .await
            .unwrap()
            .is_none()
    );
}
