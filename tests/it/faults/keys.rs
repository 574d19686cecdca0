//! The node key is changed, and everything that it protects goes on working.

use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::json;
use std::fs;

crate::both_engines! {
    a_new_node_key_opens_all_that_the_old_one_protected
}

async fn a_new_node_key_opens_all_that_the_old_one_protected(mut server: Server) {
    let api = server.api();
    let device = Api::product("/devices/own");
    api.post(&Api::product("/devices"), json!({"identifier": "own"}))
        .await
        .data();
    let own = api
        .post(&format!("{device}/shared_secrets"), json!({}))
        .await
        .data();
    let hook = json!({"url": "https://example.org/hook", "events": ["device.online"]});
    api.post(&Api::product("/webhooks"), hook).await.data();
    server
        .until("SELECT COUNT(*) FROM audit_logs WHERE seq IS NULL", 0)
        .await;
    let head = server.admin_of_all(&["verify-audit"]);
    let before = server
        .column::<Vec<u8>>("SELECT secret FROM webhooks")
        .await;
    // Not while a server runs: it would go on with the old key.
    let refused = server.admin_fails(&["rotate-key"]);
    assert!(refused.contains("another server"), "{refused}");
    assert_eq!(server.terminate(), Some(0));
    let key = server.data().join("node.key");
    let old = fs::read(&key).ok();
    server.admin_of_all(&["rotate-key"]);
    if let Some(old) = old {
        let new = fs::read(&key).unwrap();
        assert_ne!(new, old);
        // A crash before the file took its name: the next start does it.
        fs::rename(&key, server.data().join("node.key.new")).unwrap();
        fs::write(&key, old).unwrap();
        server.restart();
        assert_eq!(fs::read(&key).unwrap(), new);
    } else {
        server.restart();
    }
    let after = server
        .column::<Vec<u8>>("SELECT secret FROM webhooks")
        .await;
    assert_ne!(before, after, "encrypted anew");
    Device::secret(&server, "by-product").await.unwrap();
    let text = |name: &str| own[name].as_str().unwrap();
    Device::by_key(&server, text("key"), text("secret"), "own")
        .await
        .unwrap();
    let sealed = "SELECT COUNT(*) FROM audit_logs WHERE seq IS NULL";
    server.until(sealed, 0).await;
    assert_ne!(
        server.admin_of_all(&["verify-audit"]),
        head,
        "sealed by another key"
    );
    // An audit log that was altered is not sealed anew as if it were true.
    server.terminate();
    server
        .run("UPDATE audit_logs SET description = 'nothing happened' WHERE seq = 1")
        .await;
    let refused = server.admin_fails(&["rotate-key"]);
    assert!(refused.contains("does not verify"), "{refused}");
}
