//! ESP-IDF images (docs/protocol/firmware.md, "ESP-IDF images"): taken where server and product say so, and brought to devices whole or as a patch.

use crate::support::device::Device;
use crate::support::server::BINARY;
use crate::support::{Api, Engine, Server, fixtures};
use serde_json::{Value, json};
use std::process::{Command, Output};

/// A server that may take them; the product says nothing yet.
async fn server(engine: Engine) -> Option<Server> {
    Server::with(engine, &["--esp-idf", "on"]).await
}

/// The organization's key, and a product that takes images.
async fn ready(api: &Api) {
    tools(api).await;
    key(api).await;
}

async fn tools(api: &Api) {
    let tools = json!({"allowed_update_tools": ["fwup", "esp-idf"]});
    let set = api.put(&Api::product(""), tools.clone()).await;
    assert_eq!(
        set.data()["allowed_update_tools"],
        tools["allowed_update_tools"]
    );
}

async fn key(api: &Api) {
    let key = json!({
        "name": "boot", "scheme": "secure_boot_v2_rsa", "key": fixtures::text("esp-idf/esp.pub"),
    });
    assert_eq!(api.post("/api/orgs/acme/keys", key).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_taken_where_server_and_product_say_so_on_sqlite() {
    taken(server(Engine::Sqlite).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_taken_where_server_and_product_say_so_on_postgres() {
    if let Some(server) = server(Engine::Postgres).await {
        taken(server).await;
    }
}

async fn taken(server: Server) {
    let api = server.api();
    let image = || fixtures::bytes("esp-idf/app-1.0.0.bin");
    let refused = async |file: &str| {
        let answer = api
            .upload_bytes(fixtures::bytes(&format!("esp-idf/{file}")))
            .await;
        assert_eq!(answer.status, 422, "{file}: {}", answer.text);
        answer.json()["errors"]["detail"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let view = api.get(&Api::product("")).await.data();
    assert_eq!(
        (
            &view["allowed_update_tools"],
            &view["allow_unsigned_esp_idf_firmware"]
        ),
        (&json!(["fwup"]), &json!(false))
    );
    let says = refused("app-1.0.0.bin").await;
    assert!(says.contains("does not take esp-idf firmware"), "{says}");
    let unknown = api
        .put(
            &Api::product(""),
            json!({"allowed_update_tools": ["fwup", "foo", "bar"]}),
        )
        .await;
    assert_eq!(
        (unknown.status, &unknown.errors()["allowed_update_tools"]),
        (422, &json!(["unknown update tool(s): foo, bar"]))
    );
    let wrong = api
        .put(
            &Api::product(""),
            json!({"allowed_update_tools": "esp-idf"}),
        )
        .await;
    assert_eq!(
        (wrong.status, &wrong.errors()["allowed_update_tools"]),
        (422, &json!(["is invalid"]))
    );
    tools(&api).await;
    let says = refused("app-1.0.0.bin").await;
    assert!(says.contains("secure_boot_v2_rsa"), "{says}");
    key(&api).await;
    for (file, words) in [
        (
            "app-unknown-key.bin",
            "none of the organization's 1 secure_boot_v2_rsa keys",
        ),
        ("app-ecdsa.bin", "ECDSA"),
        ("app-unsigned.bin", "is not signed"),
    ] {
        let says = refused(file).await.to_lowercase();
        assert!(says.contains(&words.to_lowercase()), "{file}: {says}");
    }
    // The answer of the API, and nothing twice.
    let made = api.upload_bytes(image()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let uuid = made.data()["uuid"].as_str().unwrap().to_owned();
    let elf = hex::encode(&image()[0xB0..0xC0]);
    assert_eq!(uuid.replace('-', ""), elf);
    let mut view = made.data();
    for more in ["inserted_at", "sha256"] {
        assert!(view.as_object_mut().unwrap().remove(more).is_some());
    }
    assert_eq!(
        view,
        json!({
            "uuid": uuid, "version": "1.0.0", "architecture": "xtensa", "platform": "esp32s3",
            "product": fixtures::PRODUCT, "author": null, "tool": "esp-idf",
            "description": "ESP-IDF v5.4.1", "misc": null, "vcs_identifier": null,
            "size": image().len(), "signed_by": "boot", "damaged": false,
        })
    );
    let again = api.upload_bytes(image()).await;
    assert_eq!(
        (again.status, &again.errors()["uuid"]),
        (422, &json!(["has already been taken"]))
    );
    // A signing key that an image needs stays.
    let key = api.delete("/api/orgs/acme/keys/boot").await;
    assert_eq!(key.status, 409, "{}", key.text);
    // Unsigned ones are excused of a signature where the product says so, bad ones never.
    let allow = json!({"allow_unsigned_esp_idf_firmware": true});
    let view = api.put(&Api::product(""), allow).await.data();
    assert_eq!(view["allow_unsigned_esp_idf_firmware"], true);
    refused("app-unknown-key.bin").await;
    let unsigned = api
        .upload_bytes(fixtures::bytes("esp-idf/app-unsigned.bin"))
        .await;
    assert_eq!(unsigned.status, 201, "{}", unsigned.text);
    assert_eq!(
        (&unsigned.data()["version"], &unsigned.data()["platform"]),
        (&json!("1.2.3+4"), &json!("esp32c3"))
    );
    let mut cut = fixtures::bytes("esp-idf/app-unsigned.bin");
    cut.truncate(3_000);
    let cut = api.upload_bytes(cut).await;
    assert!(cut.text.contains("damaged or cut"), "{}", cut.text);
    // The product is compared, as with every firmware.
    let path = "/api/orgs/acme/products/other/firmwares";
    api.post("/api/orgs/acme/products", json!({"name": "other"}))
        .await
        .data();
    let tools = json!({"allowed_update_tools": ["esp-idf"]});
    api.put("/api/orgs/acme/products/other", tools).await.data();
    let foreign = api.upload_to(path, image()).await;
    assert!(
        foreign.text.contains("built for the product"),
        "{}",
        foreign.text
    );
    // And this one takes no fwup archives any more.
    let fwup = api
        .upload_to(path, fixtures::bytes("good/rpi4-1.0.0.fw"))
        .await;
    assert!(
        fwup.text.contains("does not take fwup firmware"),
        "{}",
        fwup.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_take_images_says_so() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    let set = api
        .put(
            &Api::product(""),
            json!({"allowed_update_tools": ["esp-idf"]}),
        )
        .await;
    assert_eq!(
        (set.status, &set.errors()["allowed_update_tools"]),
        (
            422,
            &json!(["not enabled on this NervesHub instance: esp-idf"])
        )
    );
    let answer = api
        .upload_bytes(fixtures::bytes("esp-idf/app-1.0.0.bin"))
        .await;
    assert_eq!(answer.status, 422);
    assert!(
        answer.text.contains("Unrecognised firmware format"),
        "{}",
        answer.text
    );
}

/// What such a device says of itself when it joins; it sends no uuid.
fn running(image: &[u8], version: &str) -> Value {
    json!({
        "device_api_version": "2.2.0", "update_tool": "esp-idf",
        "esp_idf_project_name": fixtures::PRODUCT, "esp_idf_version": version,
        "esp_idf_app_elf_sha256": hex::encode(&image[0xB0..0xD0]), "esp_idf_ver": "v5.4.1",
        "esp_idf_chip_id": 9,
    })
}

async fn fetched(url: &str) -> Vec<u8> {
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_known_by_its_image_and_gets_a_patch_that_gives_the_next_one() {
    let server = server(Engine::Sqlite).await.unwrap();
    let api = server.api();
    ready(&api).await;
    let old = fixtures::bytes("esp-idf/app-1.0.0.bin");
    let new = fixtures::bytes("esp-idf/app-1.1.0.bin");
    let first = api.upload_bytes(old.clone()).await.data();
    let second = api.upload_bytes(new.clone()).await.data();
    let uuid = |f: &Value| f["uuid"].as_str().unwrap().to_owned();
    api.group("esp", &uuid(&first), json!({"delta_updatable": true}))
        .await;
    let mut d = Device::secret(&server, "esp-1").await.unwrap();
    d.join(json!({}), running(&old, "v1.0.0")).await;
    let shown = api.get("/api/devices/esp-1").await.data();
    let says = &shown["firmware_metadata"];
    assert_eq!(
        (
            &says["uuid"],
            &says["version"],
            &says["platform"],
            &says["architecture"]
        ),
        (
            &first["uuid"],
            &json!("1.0.0"),
            &json!("esp32s3"),
            &json!("xtensa")
        )
    );
    assert_eq!(shown["deployment_group"]["name"], "esp");
    api.release("esp", &uuid(&second)).await;
    let update = d.event("update").await;
    let url = update["firmware_url"].as_str().unwrap();
    assert!(url.contains(".delta.bin?"), "{url}");
    assert_eq!(update["firmware_meta"]["description"], "ESP-IDF v5.4.1");
    let patch = fetched(url).await;
    assert_eq!(update["size"], patch.len());
    assert!(patch.len() * 10 < new.len(), "{}", patch.len());
    assert!(detools::apply(&old, &patch).unwrap() == new);
    // It comes back with the new image, as far as its uuid and version say.
    drop(d);
    let mut d = Device::secret(&server, "esp-1").await.unwrap();
    d.join(json!({}), running(&new, "1.1")).await;
    let says = api.get("/api/devices/esp-1").await.data()["firmware_metadata"].take();
    assert_eq!(
        (&says["uuid"], &says["version"]),
        (&second["uuid"], &json!("1.1.0"))
    );
    server.until_updates_of_kind("delta", 1).await;
    // An image that the server does not know cannot be patched: the whole one, under its own name.
    let mut stranger = Device::secret(&server, "esp-2").await.unwrap();
    stranger
        .join(json!({}), running(&vec![7; 4_096], "0.9"))
        .await;
    let update = stranger.event("update").await;
    let url = update["firmware_url"].as_str().unwrap();
    let (path, _) = url.split_once('?').unwrap();
    assert!(
        path.contains(&uuid(&second)) && path.ends_with(".bin"),
        "{url}"
    );
    assert!(fetched(url).await == new);
    assert!(stranger.silent(50).await);
}

fn cli(server: &Server, args: &[&str]) -> Output {
    Command::new(BINARY)
        .args(args)
        .env("NERVECENTER_URL", format!("http://{}", server.web))
        .env("NERVECENTER_TOKEN", server.login("token"))
        .env("NERVECENTER_CONFIG_DIR", server.folder.path())
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_reads_checks_publishes_and_fetches_images() {
    let server = server(Engine::Sqlite).await.unwrap();
    tools(&server.api()).await;
    let path = |name: &str| {
        fixtures::path(&format!("esp-idf/{name}"))
            .display()
            .to_string()
    };
    let (image, key) = (path("app-1.1.0.bin"), path("esp.pub"));
    let json = |args: &[&str]| -> Value {
        let out = cli(&server, args);
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {said}");
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let held = json(&["key", "import", "--json", "--org", "acme", "boot", &key]);
    assert_eq!(held["scheme"], "secure_boot_v2_rsa");
    let seen = json(&["firmware", "inspect", "--json", &image]);
    assert_eq!(
        (&seen["version"], &seen["project_version"]),
        (&json!("1.1.0"), &json!("1.1"))
    );
    let good = json(&["firmware", "verify", "--json", "-k", &key, &image]);
    assert_eq!((&good["uuid"], &good["key"]), (&seen["uuid"], &json!(key)));
    for (args, words) in [
        (
            vec!["firmware", "verify", "-k", &path("other.pub"), &image],
            "none of",
        ),
        (
            vec!["firmware", "sign", "-k", "any", "-o", "any", &image],
            "espsecure",
        ),
    ] {
        let out = cli(&server, &args);
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(
            !out.status.success() && said.contains(words),
            "{args:?}: {said}"
        );
    }
    let made = json(&["firmware", "publish", "--json", "--org", "acme", &image]);
    assert_eq!(
        (&made["uuid"], &made["tool"]),
        (&seen["uuid"], &json!("esp-idf"))
    );
    let folder = tempfile::tempdir().unwrap();
    let uuid = made["uuid"].as_str().unwrap();
    let out = Command::new(BINARY)
        .current_dir(folder.path())
        .args([
            "firmware",
            "download",
            "--org",
            "acme",
            "--product",
            fixtures::PRODUCT,
            uuid,
        ])
        .env("NERVECENTER_URL", format!("http://{}", server.web))
        .env("NERVECENTER_TOKEN", server.login("token"))
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let fetched = std::fs::read(folder.path().join(format!("{uuid}.bin"))).unwrap();
    assert!(fetched == std::fs::read(&image).unwrap());
    let patch = folder.path().join("patch").display().to_string();
    let made = json(&[
        "delta",
        "--json",
        &path("app-1.0.0.bin"),
        &image,
        "-o",
        &patch,
    ]);
    let patch = std::fs::read(patch).unwrap();
    assert_eq!(made["size"], patch.len());
    let old = fixtures::bytes("esp-idf/app-1.0.0.bin");
    assert!(detools::apply(&old, &patch).unwrap() == fetched);
}
