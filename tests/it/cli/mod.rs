//! The command line: outputs, exit codes, offline tools, the demo.

mod console_files;
mod remote;
mod simulated_fleet;
mod simulator;
mod watch;

use crate::support::server::BINARY;
use crate::support::{fixtures, postgres};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    Command::new(BINARY)
        .args(args)
        .env_remove("NERVECENTER_DATABASE_URL")
        .output()
        .unwrap()
}

fn code(out: &Output) -> i32 {
    out.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(out: &Output) -> Value {
    serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}{}", text(&out.stdout), text(&out.stderr)))
}

#[test]
fn bad_settings_end_with_64_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    for (args, word) in [
        (["--device-listen", "4001"], "--device-listen"),
        (["--database-url", "mysql://x"], "postgres://"),
        (["--config", "/nowhere.toml"], "/nowhere.toml"),
    ] {
        let out = run(&["serve", "--data-dir", data, args[0], args[1]]);
        assert_eq!(code(&out), 64, "{}", text(&out.stderr));
        assert!(text(&out.stderr).contains(word), "{}", text(&out.stderr));
    }
    assert!(!Path::new(data).exists());
    let out = run(&["serve", "--data-dir", data, "--print-config"]);
    assert_eq!(code(&out), 0);
    assert!(
        text(&out.stdout).contains("device-listen = \"0.0.0.0:4001\""),
        "{}",
        text(&out.stdout)
    );
    assert!(!Path::new(data).exists());
    assert_eq!(code(&run(&["serve", "--no-such-flag"])), 2);
}

#[test]
fn the_help_is_what_is_documented() {
    let out = run(&["--help"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/help.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &out.stdout).unwrap();
    }
    assert_eq!(
        text(&out.stdout),
        std::fs::read_to_string(path).unwrap(),
        "UPDATE_GOLDEN=1 writes it anew"
    );
}

#[test]
fn bootstrap_creates_once_and_finds_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let args = [
        "admin",
        "bootstrap",
        "--data-dir",
        data,
        "--email",
        "a@b.org",
        "--org",
        "acme",
        "--product",
        "thermo",
        "--json",
    ];
    let (first, second) = (json(&run(&args)), json(&run(&args)));
    let keys: Vec<&str> = first
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "email",
            "org",
            "password",
            "product",
            "product_key",
            "product_secret",
            "token"
        ]
    );
    for key in ["email", "org", "product", "product_key", "product_secret"] {
        assert_eq!(first[key], second[key]);
    }
    assert!(first["password"].is_string() && second["password"].is_null());
    assert_ne!(first["token"], second["token"]);
    let mut bad = args;
    bad[5] = "no-email";
    let out = run(&bad);
    assert_eq!(code(&out), 1);
    assert!(
        text(&out.stderr).contains("--email"),
        "{}",
        text(&out.stderr)
    );
    let out = run(&[
        "admin",
        "reset-password",
        "--data-dir",
        data,
        "--email",
        "a@b.org",
        "--json",
    ]);
    assert_ne!(json(&out)["password"], first["password"]);
}

#[test]
fn two_servers_do_not_share_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let ports = [
        "--web-listen",
        "127.0.0.1:0",
        "--device-listen",
        "127.0.0.1:0",
        "--download-listen",
        "127.0.0.1:0",
    ];
    let mut first = Command::new(BINARY)
        .args(["serve", "--json", "--data-dir", data])
        .args(ports)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(first.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    let out = Command::new(BINARY)
        .args(["serve", "--data-dir", data])
        .args(ports)
        .output()
        .unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(code(&out), 1);
    assert!(
        text(&out.stderr).contains("--data-dir"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn firmware_files_are_inspected_checked_signed_and_compared_offline() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let fixture = |name: &str| fixtures::path(name).to_str().unwrap().to_owned();
    let seen = json(&run(&[
        "firmware",
        "inspect",
        &fixture("good/rpi4-1.1.0.fw"),
        "--json",
    ]));
    assert_eq!(seen["uuid"], "f9299fc4-5039-5f67-ac18-2492ae6aa0a6");
    assert_eq!(seen["meta"]["vcs-identifier"], "0123abc");
    assert_eq!(seen["delta_fwup_version"], "1.6.0");
    let (good, other) = (fixture("keys/devkey.pub"), fixture("keys/otherkey.pub"));
    let file = fixture("good/rpi4-1.0.0.fw");
    assert_eq!(
        code(&run(&[
            "firmware", "verify", &file, "-k", &other, "-k", &good
        ])),
        0
    );
    let wrong = run(&["firmware", "verify", &file, "-k", &other]);
    assert_eq!(code(&wrong), 65);
    assert!(
        text(&wrong.stderr).contains("signature"),
        "{}",
        text(&wrong.stderr)
    );
    for entry in std::fs::read_dir(fixtures::path("bad")).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("bad-other-product.fw") {
            continue;
        }
        let out = run(&["firmware", "verify", path.to_str().unwrap(), "-k", &good]);
        assert_eq!(code(&out), 65, "{}", path.display());
    }
    let prefix = at("my");
    assert_eq!(code(&run(&["firmware", "keygen", "-o", &prefix])), 0);
    assert_eq!(
        code(&run(&["firmware", "keygen", "-o", &prefix])),
        1,
        "never over an old key"
    );
    assert_eq!(std::fs::read(at("my.pub")).unwrap().len(), 44);
    assert_eq!(std::fs::read(at("my.priv")).unwrap().len(), 88);
    let signed = at("signed.fw");
    let out = run(&[
        "firmware",
        "sign",
        &fixture("bad/bad-unsigned.fw"),
        "-k",
        &at("my.priv"),
        "-o",
        &signed,
    ]);
    assert_eq!(code(&out), 0, "{}", text(&out.stderr));
    assert_eq!(
        code(&run(&["firmware", "verify", &signed, "-k", &at("my.pub")])),
        0
    );
    let delta = at("d.fw");
    let made = json(&run(&[
        "delta",
        &file,
        &fixture("good/rpi4-1.1.0.fw"),
        "-o",
        &delta,
        "--json",
    ]));
    assert_eq!(made["size"], std::fs::metadata(&delta).unwrap().len());
    assert_eq!(made["resources"][0]["name"], "rootfs.img");
    let same = run(&[
        "delta",
        &file,
        &fixture("bad/bad-truncated.fw"),
        "-o",
        &delta,
    ]);
    assert_eq!(code(&same), 65);
}

fn demo(more: &[&str]) {
    let out = Command::new(BINARY)
        .args(["demo", "--once", "--json", "--devices", "60"])
        .args(more)
        .output()
        .unwrap();
    let report = json(&out);
    assert_eq!(code(&out), 0, "{report}");
    let number = |key: &str| report[key].as_u64().unwrap();
    assert_eq!(
        (
            number("devices"),
            number("updated"),
            number("failed"),
            number("delta_updates")
        ),
        (60, 60, 0, 60)
    );
    assert!(number("sent_bytes") * 3 < number("full_bytes"), "{report}");
    assert!(report["seconds"].is_f64());
}

#[test]
fn the_demo_updates_its_fleet_by_delta() {
    demo(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_does_so_on_postgres() {
    let Some(url) = postgres::database().await else {
        return;
    };
    tokio::task::spawn_blocking(move || demo(&["--database-url", &url]))
        .await
        .unwrap();
}
