//! The command line as a client of a server, from the login to the rollback.

use crate::support::device::{Device, Pair};
use crate::support::server::BINARY;
use crate::support::{Api, Engine, Server, fixtures};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

struct Cli<'s> {
    server: &'s Server,
    home: &'s Path,
}

impl Cli<'_> {
    fn run(&self, args: &[&str], stdin: &str) -> Output {
        let mut child = Command::new(BINARY)
            .args(args)
            .env("NERVECENTER_CONFIG_DIR", self.home)
            .env_remove("NERVECENTER_TOKEN")
            .env("NERVECENTER_URL", format!("http://{}", self.server.web))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(stdin.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    /// What a success prints.
    #[track_caller]
    fn text(&self, args: &[&str]) -> String {
        let out = self.run(args, "");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {said}");
        String::from_utf8(out.stdout).unwrap()
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        serde_json::from_str(&self.text(&args)).unwrap()
    }

    /// The exit code of a failure and what it says.
    #[track_caller]
    fn fails(&self, args: &[&str]) -> (i32, String) {
        let out = self.run(args, "");
        assert!(!out.status.success(), "{args:?}");
        (
            out.status.code().unwrap(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_login_to_the_rollback() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let cli = Cli {
        server: &server,
        home: home.path(),
    };
    // Nobody is logged in.
    let (code, said) = cli.fails(&["whoami"]);
    assert!(
        code == 77 && said.contains("nervecenter login"),
        "{code} {said}"
    );
    let wrong = cli.run(&["login", "--email", server.login("email")], "wrong\n");
    assert_eq!(
        wrong.status.code(),
        Some(77),
        "{}",
        String::from_utf8_lossy(&wrong.stderr)
    );
    let right = format!("{}\n", server.login("password"));
    let login = cli.run(
        &["login", "--email", server.login("email"), "--note", "test"],
        &right,
    );
    assert!(
        login.status.success(),
        "{}",
        String::from_utf8_lossy(&login.stderr)
    );
    use std::os::unix::fs::PermissionsExt as _;
    let kept = std::fs::metadata(home.path().join("cli.toml")).unwrap();
    assert_eq!(kept.permissions().mode() & 0o777, 0o600);
    assert_eq!(cli.json(&["whoami"])["email"], server.login("email"));
    // A key, two firmwares, a group.
    let key = fixtures::path("keys/devkey.pub");
    cli.text(&["key", "import", "devkey", key.to_str().unwrap()]);
    assert!(cli.text(&["key", "list"]).contains("devkey"));
    let publish = |name: &str, more: &[&str]| {
        let file = fixtures::path(name);
        let mut args = vec!["firmware", "publish", file.to_str().unwrap()];
        args.extend(more);
        cli.json(&args)["uuid"].as_str().unwrap().to_owned()
    };
    let one = publish("good/rpi4-1.0.0.fw", &[]);
    let unsigned = fixtures::path("bad/bad-unsigned.fw");
    let (code, said) = cli.fails(&["firmware", "publish", unsigned.to_str().unwrap()]);
    assert!(code == 65 && said.contains("not signed"), "{code} {said}");
    let again = fixtures::path("good/rpi4-1.0.0.fw");
    let (code, said) = cli.fails(&["firmware", "publish", again.to_str().unwrap()]);
    assert!(
        code == 1 && said.contains("has already been taken"),
        "{code} {said}"
    );
    // With a group to release in, a repeated publish goes on with what is there, and a mistyped group costs no upload.
    let (code, said) = cli.fails(&[
        "firmware",
        "publish",
        again.to_str().unwrap(),
        "--deploy",
        "porod",
    ]);
    assert!(
        code == 1 && said.contains("no deployment group \"porod\" in acme/fixture-product"),
        "{code} {said}"
    );
    let (code, said) = cli.fails(&["deployment", "create", "prod", "--firmware", "9.9.9"]);
    assert!(
        code == 1 && said.contains("no firmware \"9.9.9\""),
        "{code} {said}"
    );
    cli.text(&[
        "deployment",
        "create",
        "prod",
        "--firmware",
        "1.0.0",
        "--tags",
        "a,b",
    ]);
    let repeated = publish("good/rpi4-1.0.0.fw", &["--deploy", "prod"]);
    assert_eq!(repeated, one);
    let group = cli.json(&["deployment", "activate", "prod"]);
    assert_eq!(
        (&group["state"], &group["conditions"]["tags"][1]),
        (&"on".into(), &"b".into())
    );
    let two = publish("good/rpi4-1.1.0.fw", &["--deploy", "prod"]);
    assert_eq!(
        cli.json(&["deployment", "show", "prod"])["firmware_uuid"],
        two.as_str()
    );
    let back = cli.json(&["deployment", "rollback", "prod", "--reason", "too slow"]);
    assert_eq!(
        (&back["release"], &back["takes_back"]),
        (&4.into(), &3.into())
    );
    assert_eq!(
        cli.json(&["deployment", "show", "prod"])["firmware_uuid"],
        one.as_str()
    );
    let (_, refused) = cli.fails(&["deployment", "rollback", "prod"]);
    assert!(refused.contains("takes back another one"), "{refused}");
    assert_eq!(
        cli.json(&["deployment", "releases", "prod"])
            .as_array()
            .unwrap()
            .len(),
        4
    );
    let updated = cli.json(&[
        "deployment",
        "update",
        "prod",
        "concurrent_updates=7",
        "notes=slow",
    ]);
    assert_eq!(updated["notes"], "slow");
    assert_eq!(cli.json(&["deployment", "status", "prod"])["devices"], 0);
    let paused = cli.json(&["deployment", "pause", "prod", "--reason", "lunch"]);
    assert_eq!(paused["sentence"], "A person paused it: lunch.");
    assert_eq!(
        cli.json(&["deployment", "resume", "prod"])["state"],
        "running"
    );
    let again = cli.text(&["deployment", "retry-failed", "prod"]);
    assert!(again.contains("Release 4"), "{again}");
    assert_eq!(
        cli.json(&["deployment", "failures", "prod"]),
        serde_json::json!([])
    );
    assert_eq!(
        cli.json(&["deployment", "inflight", "prod"]),
        serde_json::json!([])
    );
    assert_eq!(
        cli.json(&["deployment", "deltas", "prod"]),
        serde_json::json!([])
    );
    assert_eq!(
        cli.json(&["deployment", "retry-deltas", "prod"])["deltas"],
        0
    );
    let dry = cli.text(&["deployment", "dry-run", "prod"]);
    assert!(
        dry.contains("0 devices, 0 run it already")
            && dry.contains("! No device would be updated."),
        "{dry}"
    );
    let dry = cli.json(&["deployment", "dry-run", "prod", "--firmware", &two]);
    assert_eq!(dry["firmware"]["uuid"], two.as_str());
    let strays = cli.text(&["deployment", "strays", "prod"]);
    assert!(strays.contains("0 in it that it is not for"), "{strays}");
    let (_, refused) = cli.fails(&["deployment", "adopt", "prod", "nobody"]);
    assert!(
        refused.contains("nobody is not a device of this product"),
        "{refused}"
    );
    assert_eq!(cli.json(&["deployment", "expel", "prod"])["devices"], 0);
    let (code, _) = cli.fails(&["deployment", "failures", "prod", "--by", "moon"]);
    assert_eq!(code, 2);
    assert_eq!(
        cli.json(&["deployment", "deactivate", "prod"])["state"],
        "off"
    );
    let workflow = r#"workflow={"version": 1, "steps": [
        {"name": "Canary", "matching_conditions": {"match_limit": 20}, "failure_tolerance": {"devices": 1},
         "gate": {"validated_percent": 95, "soak_minutes": 60}},
        {"name": "Sign-off", "type": "approval_required"}]}"#;
    let updated = cli.json(&["deployment", "update", "prod", workflow]);
    assert_eq!(
        updated["settings"]["workflow"]["steps"][1]["name"],
        "Sign-off"
    );
    let progress = cli.text(&["deployment", "progress", "prod"]);
    assert!(
        progress.contains("The deployment group is off.") && progress.contains("Everyone else"),
        "{progress}"
    );
    let (_, refused) = cli.fails(&["deployment", "approve", "prod"]);
    assert!(refused.contains("not waiting for an approval"), "{refused}");
    let over = cli.json(&["deployment", "abort", "prod", "--reason", "wrong file"]);
    assert_eq!(over["sentence"], "A person ended it: wrong file.");
    let (_, refused) = cli.fails(&["deployment", "resume", "prod"]);
    assert!(refused.contains("aborted"), "{refused}");
    // The download is the file.
    let file = home.path().join("out.fw");
    cli.text(&["firmware", "download", &two, "-o", file.to_str().unwrap()]);
    assert_eq!(
        std::fs::read(&file).unwrap(),
        fixtures::bytes("good/rpi4-1.1.0.fw")
    );
    // Devices.
    cli.text(&[
        "device",
        "create",
        "d1",
        "--tags",
        "x,y",
        "--description",
        "first",
    ]);
    cli.text(&["device", "update", "d1", "--updates", "off"]);
    assert_eq!(
        cli.json(&["device", "show", "d1"])["updates_enabled"],
        false
    );
    let why = cli.text(&["device", "why", "d1"]);
    assert!(
        why.contains("in no deployment group") && why.contains("has_group"),
        "{why}"
    );
    assert_eq!(cli.json(&["device", "attempts", "d1"]), json!([]));
    let rows = home.path().join("rows.csv");
    std::fs::write(&rows, "identifier,tags\nd2,lab\nd3,\n").unwrap();
    cli.text(&["device", "import", rows.to_str().unwrap()]);
    let (_, said) = cli.fails(&["device", "import", rows.to_str().unwrap()]);
    assert!(
        said.contains("line 2") && said.contains("already been taken"),
        "{said}"
    );
    let found = cli.json(&["device", "list", "tags contains lab"]);
    assert_eq!(found[0]["identifier"], "d2");
    assert_eq!(cli.text(&["device", "list"]).lines().count(), 4);
    let facets = cli.text(&["device", "facets", "--by", "tags,connection"]);
    assert!(
        facets.contains("TAGS") && facets.contains("lab"),
        "{facets}"
    );
    let facets = cli.json(&["device", "facets", "--by", "tags", "tags contains lab"]);
    assert_eq!(facets, json!({"tags": [{"value": "lab", "count": 1}]}));
    let found = cli.text(&["find", "d2"]);
    assert!(
        found.contains("d2") && found.contains("acme/fixture-product"),
        "{found}"
    );
    assert_eq!(cli.json(&["find", "prod"])["groups"][0]["name"], "prod");
    let summary = cli.text(&["product", "summary"]);
    assert!(
        summary.contains("3 devices") && summary.contains("not_seen 3"),
        "{summary}"
    );
    let bulk = [
        "device",
        "bulk",
        "--query",
        "tags contains lab",
        "--tag-add",
        "seen,old",
    ];
    let shown = cli.text(&bulk);
    assert!(
        shown.contains("1 devices match, 1 would change") && shown.contains("among them: d2"),
        "{shown}"
    );
    assert_eq!(cli.json(&["job", "list"]), json!([]));
    let did = cli.text(&[&bulk[..], &["--yes"]].concat());
    assert!(did.contains("done, 1 of 1 devices changed"), "{did}");
    assert_eq!(
        cli.json(&["device", "show", "d2"])["tags"],
        json!(["lab", "seen", "old"])
    );
    let id = cli.json(&["job", "list"])[0]["id"].to_string();
    assert!(cli.text(&["job", "show", &id]).contains("tags_add"));
    let results = cli.json(&["job", "results", &id, "--outcome", "changed"]);
    assert_eq!(results[0]["device"], "d2");
    let (_, said) = cli.fails(&["job", "cancel", &id]);
    assert!(said.contains("has ended already"), "{said}");
    assert!(
        cli.text(&["job", "undo", &id])
            .contains("1 of 1 devices changed")
    );
    assert_eq!(cli.json(&["device", "show", "d2"])["tags"], json!(["lab"]));
    let run = ["device", "bulk", "--query", "", "--script", "uptime"];
    let (_, said) = cli.fails(&run);
    assert!(
        said.contains("is neither the name nor the number"),
        "{said}"
    );
    let code = home.path().join("uptime.exs");
    std::fs::write(&code, "uptime()").unwrap();
    cli.text(&["script", "create", "uptime", code.to_str().unwrap()]);
    let did = cli.text(&[&run[..], &["--timeout", "500", "--yes"]].concat());
    assert!(did.contains("done, 0 of 3 devices answered"), "{did}");
    let id = cli.json(&["job", "list"])[0]["id"].to_string();
    let file = cli.text(&["job", "results", &id, "--csv", "--outcome", "refused"]);
    assert!(
        file.starts_with("identifier,outcome,reason,output\r\n")
            && file.contains("d2,refused,is not connected,\r\n"),
        "{file}"
    );
    let (_, said) = cli.fails(&["job", "results", &id, "--csv", "--outcome", "good"]);
    assert!(said.contains("must be one of"), "{said}");
    let (code, said) = cli.fails(&["device", "bulk", "--query", "", "--reboot", "--delete"]);
    assert!(
        code == 2 && said.contains("cannot be used with"),
        "{code} {said}"
    );
    assert_eq!(cli.json(&["org", "create", "lab"])["role"], "admin");
    cli.text(&["org", "rename", "lab2", "--org", "lab"]);
    assert!(cli.text(&["org", "list"]).contains("lab2"));
    // Its only administrator cannot leave it.
    let (_, said) = cli.fails(&["org", "leave", "lab2"]);
    assert!(said.contains("admin"), "{said}");
    cli.text(&["org", "delete", "lab2"]);
    let fleets = cli.json(&["org", "summary"]);
    assert_eq!(fleets[0]["product"], fixtures::PRODUCT);
    assert!(cli.text(&["org", "summary"]).contains("CONNECTED"));
    let (_, said) = cli.fails(&["device", "list", "tags = lab"]);
    assert!(said.contains("at character 6"), "{said}");
    cli.text(&["device", "reboot", "d1"]);
    cli.text(&["device", "delete", "d1"]);
    cli.text(&["device", "restore", "d1"]);
    let (_, said) = cli.fails(&["device", "destroy", "d1"]);
    assert!(said.contains("not deleted"), "{said}");
    cli.text(&["device", "delete", "d1"]);
    cli.text(&["device", "destroy", "d1"]);
    assert!(
        cli.fails(&["device", "show", "d1"])
            .1
            .contains("no device \"d1\"")
    );
    cli.text(&["device", "create", "d1"]);
    let (code, said) = cli.fails(&["device", "show", "nobody"]);
    assert!(
        code == 1 && said.contains("no device \"nobody\""),
        "{code} {said}"
    );
    // An authority, with the proof that its key is here.
    let ca = crate::support::ca::ca("Line 1");
    let (cert, key) = (home.path().join("ca.pem"), home.path().join("ca-key.pem"));
    std::fs::write(&cert, &ca.cert).unwrap();
    std::fs::write(&key, &ca.key).unwrap();
    cli.text(&[
        "ca",
        "register",
        cert.to_str().unwrap(),
        "--key",
        key.to_str().unwrap(),
    ]);
    assert_eq!(cli.json(&["ca", "list"]).as_array().unwrap().len(), 1);
    // A device's certificate, made here; its authority lets it in.
    let into = home.path().to_str().unwrap();
    let factory = [
        "device",
        "cert",
        "create",
        "made-here-1",
        "--signer-cert",
        cert.to_str().unwrap(),
        "--signer-key",
        key.to_str().unwrap(),
        "--path",
        into,
    ];
    let made = cli.text(&factory);
    let files: Vec<_> = made
        .lines()
        .map(|l| std::fs::read_to_string(l).unwrap())
        .collect();
    let (_, der) = x509_parser::pem::parse_x509_pem(files[0].as_bytes()).unwrap();
    let parsed = der.parse_x509().unwrap();
    let years = (parsed.validity.not_after.timestamp() - parsed.validity.not_before.timestamp())
        / (365 * 86_400);
    assert_eq!(
        (parsed.subject.to_string().as_str(), years),
        ("CN=made-here-1", 31)
    );
    assert_eq!(parsed.raw_serial().len(), 20);
    let pair = Pair {
        cert: files[0].clone(),
        key: files[1].clone(),
    };
    cli.text(&["device", "create", "made-here-1"]);
    cli.text(&[
        "device",
        "cert",
        "import",
        "made-here-1",
        made.lines().next().unwrap(),
    ]);
    Device::certificate(&server, &pair).await.unwrap();
    let (code, said) = cli.fails(&factory);
    assert!(
        code == 1 && said.contains("could not write"),
        "{code} {said}"
    );
    // Tokens, and what a narrow one may not.
    let narrow = cli.text(&["token", "create", "ci", "--access", "publish"]);
    let out = Command::new(BINARY)
        .args([
            "device",
            "list",
            "--token",
            narrow.trim(),
            "--server",
            &format!("http://{}", server.web),
        ])
        .args(["--org", "acme", "--product", fixtures::PRODUCT])
        .env("NERVECENTER_CONFIG_DIR", home.path())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(77));
    assert!(cli.text(&["product", "list"]).contains(fixtures::PRODUCT));
    assert!(cli.text(&["org", "members"]).contains("admin"));
    cli.run(&["logout"], "");
    assert_eq!(cli.fails(&["device", "list"]).0, 77);
    // With a second factor the code comes behind the password, and the token ends when that is wanted.
    let api: Api = server.api();
    let password = json!({"current_password": server.login("password")});
    let made = api.post("/api/users/me/totp", password).await.data();
    let secret = totp_rs::Secret::try_from_base32(made["secret"].as_str().unwrap()).unwrap();
    let phone = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let at = |seconds: i64| {
        let now = server.now_ms() / 1_000 + seconds;
        phone.generate(u64::try_from(now).unwrap()).to_string()
    };
    api.put("/api/users/me/totp", json!({"code": at(0)}))
        .await
        .data();
    let login = ["login", "--email", server.login("email")];
    let refused = cli.run(&login, &right);
    assert_eq!(refused.status.code(), Some(77));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("second factor"));
    let done = cli.run(&login, &format!("{right}{}\n", at(30)));
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let kept = std::fs::read_to_string(home.path().join("cli.toml")).unwrap();
    let kept: toml::Table = kept.parse().unwrap();
    cli.run(&["logout", "--end-token"], "");
    let token = api.with_token(kept["token"].as_str().unwrap());
    assert_eq!(token.get("/api/users/me").await.status, 401);
    assert_eq!(api.get(&Api::product("/devices/d3")).await.status, 200);
}

#[test]
fn completions_and_the_manual_are_printed() {
    for (args, wanted) in [
        (vec!["completions", "bash"], "complete -F"),
        (vec!["completions", "zsh"], "#compdef nervecenter"),
        (vec!["man"], "EXIT STATUS"),
    ] {
        let out = Command::new(BINARY).args(&args).output().unwrap();
        assert!(out.status.success());
        assert!(
            String::from_utf8_lossy(&out.stdout).contains(wanted),
            "{args:?}"
        );
    }
}
