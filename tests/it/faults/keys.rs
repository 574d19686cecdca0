//! The node key is changed, and everything that it protects goes on working; what is secret is for its owner alone.

use crate::support::device::Device;
use crate::support::{Api, Server, inspect};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

crate::both_engines_as_process! {
    data_and_keys_are_for_their_owner_alone
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
    server.until_sealed().await;
    let head = server.admin_of_all(&["verify-audit"]);
    let before = server.column::<Vec<u8>>(inspect::SEALED_SECRETS).await;
    // Not while a server runs: it would go on with the old key.
    let password = json!({"current_password": server.login("password")});
    let factor = api.post("/api/users/me/totp", password).await.data();
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
    let after = server.column::<Vec<u8>>(inspect::SEALED_SECRETS).await;
    assert_ne!(before, after, "encrypted anew");
    Device::secret(&server, "by-product").await.unwrap();
    let text = |name: &str| own[name].as_str().unwrap();
    Device::by_key(&server, text("key"), text("secret"), "own")
        .await
        .unwrap();
    let secret = totp_rs::Secret::try_from_base32(factor["secret"].as_str().unwrap()).unwrap();
    let phone = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let code = json!({"code": phone.generate_current().to_string()});
    let on = api.put("/api/users/me/totp", code).await;
    assert_eq!(on.status, 200, "{}", on.text);
    server.until_sealed().await;
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

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The files of the database and all keys that are there.
fn secret_files(server: &Server) -> Vec<std::path::PathBuf> {
    let data = server.data();
    let all = [&data, &data.join("tls")].map(|f| fs::read_dir(f).unwrap());
    let all = all.into_iter().flatten().map(|e| e.unwrap().path());
    let secret = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("nervecenter.db") || name.ends_with(".key")
    };
    all.filter(secret).collect()
}

async fn data_and_keys_are_for_their_owner_alone(mut server: Server) {
    let expected = if server.is_sqlite() { 4 } else { 2 };
    let check = |server: &Server| {
        assert_eq!(mode(&server.data()), 0o700);
        let files = secret_files(server);
        assert!(files.len() >= expected, "{files:?}");
        for file in files {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    };
    check(&server);
    // A folder that an earlier version made, or that was copied, is closed at the next start.
    server.terminate();
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set(&server.data(), 0o755).unwrap();
    if server.is_sqlite() {
        set(&server.data().join("nervecenter.db"), 0o644).unwrap();
    }
    server.restart();
    check(&server);
    server.terminate();
    server.admin_of_all(&["rotate-key"]);
    check(&server);
    server.restart();
    check(&server);
}
