//! Stored files that are cut, changed or gone: noticed before a byte is sent, told, never served, and mended.

use crate::support::device::{Device, running};
use crate::support::{Api, Server, fixtures, inspect, readings};
use serde_json::{Value, json};
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

crate::both_engines_as_process! {
    a_damaged_firmware_is_offered_to_nobody_until_it_is_put_back
    a_damaged_delta_is_made_anew
    a_damaged_archive_is_not_told
    a_file_that_nothing_names_goes_after_a_day_and_no_other
}

const TOLD: &str = "Stored file damaged";

/// The only file of a folder of the file store.
fn only(server: &Server, folder: &str, with: &str) -> PathBuf {
    let files = fs::read_dir(server.data().join("blobs").join(folder)).unwrap();
    let mut found = files
        .map(|f| f.unwrap().path())
        .filter(|p| p.to_string_lossy().contains(with));
    found.next().expect("a stored file")
}

/// Changes a byte as a disk does that forgets: nothing else about the file changes.
fn rot(path: &Path) {
    let times = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(times))
        .unwrap();
}

/// Whether a link brings all of its file.
async fn whole(url: &str) -> bool {
    let answer = reqwest::get(url).await;
    match answer {
        Ok(answer) if answer.status() == 200 => answer.bytes().await.is_ok_and(|b| b.len() > 1),
        _ => false,
    }
}

/// Whether a link begins to bring its file and breaks off, which a device takes for a lost connection and tries again; any
/// status of 400 or above would be the end of its update.
async fn broken_off(url: &str) -> bool {
    let Ok(answer) = reqwest::get(url).await else {
        return true;
    };
    assert_eq!(answer.status(), 200);
    answer.bytes().await.is_err()
}

async fn link(api: &Api, kind: &str, uuid: &Value) -> String {
    let path = Api::product(&format!("/{kind}/{}/download", uuid.as_str().unwrap()));
    api.get(&path).await.header("location").to_owned()
}

async fn joined(server: &Server, name: &str, firmware: &Value) -> Device {
    let mut d = Device::secret(server, name).await.unwrap();
    d.join(running(firmware), json!({})).await;
    d
}

fn unknown() -> Value {
    json!({"uuid": "x", "product": "fixture-product", "version": "0.9.0", "platform": "rpi4", "architecture": "arm"})
}

async fn a_damaged_firmware_is_offered_to_nobody_until_it_is_put_back(mut server: Server) {
    let api = server.api();
    api.register_key().await;
    let new = api.upload("good/rpi4-1.1.0.fw").await;
    let url = link(&api, "firmwares", &new["uuid"]).await;
    assert!(whole(&url).await);
    rot(&only(&server, "firmware", ".fw"));
    server.crash_and_restart();
    // The first device that is to have it is told nothing, and its try does not count.
    let api = server.api();
    api.group("prod", new["uuid"].as_str().unwrap(), json!({}))
        .await;
    let mut d = joined(&server, "d", &unknown()).await;
    server.until_notified(TOLD, 1).await;
    server.until_devices(readings::UPDATING, 0).await;
    assert!(d.silent(500).await, "nothing to offer");
    let attempts = inspect::ATTEMPTS;
    assert_eq!(server.count(attempts).await, 0);
    let url = link(&api, "firmwares", &new["uuid"]).await;
    assert!(!whole(&url).await, "no byte of it is sent");
    assert_eq!(server.notified(TOLD).await, 1, "told once");
    // The same file mends it; another one with its uuid does not.
    let again = api
        .upload_bytes(fixtures::bytes("good/rpi4-1.1.0.fw"))
        .await;
    assert_eq!(again.status, 201, "{}", again.text);
    assert_eq!(again.data()["uuid"], new["uuid"]);
    assert_eq!(
        d.event("update").await["firmware_meta"]["uuid"],
        new["uuid"]
    );
    assert!(whole(&url).await, "a link made before is good again");
    let taken = api
        .upload_bytes(fixtures::bytes("good/rpi4-1.1.0.fw"))
        .await;
    assert_eq!(taken.status, 422, "{}", taken.text);
    // Gone altogether, and put back by hand.
    let path = only(&server, "firmware", ".fw");
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    assert!(broken_off(&url).await);
    let damaged = inspect::DAMAGED;
    assert_eq!(server.count(damaged).await, 1);
    fs::rename(&aside, &path).unwrap();
    assert!(whole(&url).await);
    assert_eq!(server.count(damaged).await, 0);
}

async fn a_damaged_delta_is_made_anew(server: Server) {
    let api = server.api();
    api.register_key().await;
    let old = api.upload("good/rpi4-1.0.0.fw").await;
    let new = api.upload("good/rpi4-1.1.0.fw").await;
    api.group("prod", new["uuid"].as_str().unwrap(), json!({}))
        .await;
    let mut d = joined(&server, "d", &old).await;
    let update = d.event("update").await;
    let url = update["firmware_url"].as_str().unwrap();
    assert!(whole(url).await);
    let path = only(&server, "deltas", ".fw");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1_000)
        .unwrap();
    assert!(broken_off(url).await, "cut short, and not sent");
    server.until_notified(TOLD, 1).await;
    server.until(inspect::DELTAS_MADE, 1).await;
    assert!(whole(url).await, "the same bytes under the same link");
    // While it is made, by somebody who takes his time, the device goes on trying.
    server
        .run("UPDATE deltas SET status = 'processing', taken_at = 4102444800000000, taken_by = 1")
        .await;
    assert!(broken_off(url).await, "it will be there again");
}

async fn a_damaged_archive_is_not_told(server: Server) {
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let bytes = || fixtures::bytes("good/archive-1.0.0.fw");
    let archive = api.archive(bytes()).await.data();
    let fw = firmware["uuid"].as_str().unwrap();
    api.group("prod", fw, json!({})).await;
    let release = json!({"deployment": {"firmware": fw, "archive": archive["uuid"]}});
    let made = api.put(&Api::product("/deployments/prod"), release).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let url = link(&api, "archives", &archive["uuid"]).await;
    assert!(whole(&url).await);
    fs::remove_file(only(&server, "archives", ".fw")).unwrap();
    assert!(broken_off(&url).await);
    server.until_notified(TOLD, 1).await;
    let mut d = joined(&server, "d", &firmware).await;
    assert!(d.silent(500).await, "no archive that cannot be had");
    assert_eq!(api.archive(bytes()).await.status, 201);
    assert!(whole(&url).await);
    let mut d = joined(&server, "d", &firmware).await;
    assert_eq!(d.event("archive").await["uuid"], archive["uuid"]);
}

/// A file that is stored already, and whose row is not written yet, looks like one that a crash left over.
async fn a_file_that_nothing_names_goes_after_a_day_and_no_other(mut server: Server) {
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let known = only(&server, "firmware", ".fw");
    let name = known.file_name().unwrap().to_str().unwrap();
    assert_eq!(name.len(), "0190163d-8694-739b-aea5-966c26f8ad91.fw".len());
    let beside = |name: &str| {
        let path = known.with_file_name(name);
        fs::write(&path, "left over").unwrap();
        path
    };
    let (old, new) = (beside("old.fw"), beside("new.fw"));
    let cut_short = beside("half.fw#1");
    // A part of an upload whose row was never written, of which there is none in the database either.
    let part = server.data().join("blobs/uploads/old.part");
    fs::write(&part, "left over").unwrap();
    for path in [&known, &old, &part] {
        let before = SystemTime::now() - Duration::from_secs(3 * 86_400);
        let file = File::options().write(true).open(path).unwrap();
        file.set_times(FileTimes::new().set_modified(before))
            .unwrap();
    }
    server.crash_and_restart();
    let began = Instant::now();
    while old.exists() || part.exists() {
        assert!(began.elapsed() < Duration::from_secs(30), "it stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!cut_short.exists());
    assert!(known.exists() && new.exists());
    let url = link(&server.api(), "firmwares", &firmware["uuid"]).await;
    assert!(whole(&url).await);
    // Deleting takes the file away at once.
    let path = Api::product(&format!(
        "/firmwares/{}",
        firmware["uuid"].as_str().unwrap()
    ));
    assert_eq!(server.api().delete(&path).await.status, 204);
    assert!(!known.exists());
}
