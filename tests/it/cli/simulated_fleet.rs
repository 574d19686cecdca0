//! Large simulated fleets: several processes, several addresses, limits, and devices that come back, against a real server.

use super::{code, text};
use crate::support::server::BINARY;
use crate::support::sim::{Sim, command, command_to, url};
use crate::support::{Engine, Server, ca, readings};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

async fn server() -> Server {
    Server::start(Engine::Sqlite).await.unwrap()
}

/// Parent and state of a process, unless it is gone.
fn parent_and_state(pid: u32) -> Option<(u32, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit(") ").next()?.split(' ');
    let state = fields.next()?.to_owned();
    Some((fields.next()?.parse().ok()?, state))
}

/// The processes that this one has started, oldest first.
fn children(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut own: Vec<u32> = all
        .filter(|pid| parent_and_state(*pid).is_some_and(|(of, _)| of == parent))
        .collect();
    own.sort_unstable();
    own
}

fn kill(pid: u32) {
    let args = ["-KILL", &pid.to_string()];
    assert!(Command::new("kill").args(args).status().unwrap().success());
}

async fn until_gone(pids: &[u32]) {
    let runs = |pid: &u32| parent_and_state(*pid).is_some_and(|(_, state)| state != "Z");
    let gone = async {
        while pids.iter().any(runs) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(40), gone).await;
    in_time.expect("a process is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_a_fleet_and_their_counters_add_up() {
    let server = server().await;
    let api = server.api();
    api.register_key().await;
    let old = api.upload("good/rpi4-1.0.0.fw").await;
    let new = api.upload("good/rpi4-1.1.0.fw").await;
    let group = json!({"concurrent_updates": 20});
    api.group("g", old["uuid"].as_str().unwrap(), group).await;
    let flags = ["--processes", "2", "--rate", "100"];
    let mut sim = Sim::start(&server, 5, &flags);
    let joined = tokio::task::block_in_place(|| sim.joined());
    assert_eq!(
        (&joined["joined"], &joined["devices"]),
        (&json!(5), &json!(5))
    );
    let processes = children(sim.pid());
    assert_eq!(processes.len(), 2);
    let all = server.all_devices().await;
    let names: BTreeSet<&str> = all
        .iter()
        .map(|d| d["identifier"].as_str().unwrap())
        .collect();
    let wanted = (0..5).map(|n| format!("sim-{n:06}")).collect::<Vec<_>>();
    assert_eq!(names, wanted.iter().map(String::as_str).collect());
    server.until_devices(readings::ONLINE_IN_A_GROUP, 5).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    server.until_devices(readings::DONE, 5).await;
    let (report, status) = sim.end();
    for (key, wanted) in [
        ("devices", json!(5)),
        ("joined", json!(5)),
        ("updated", json!(5)),
        ("failed", json!(0)),
        ("versions", json!({"1.1.0": 5})),
        ("processes", json!(2)),
        ("lost", json!([])),
    ] {
        assert_eq!(report[key], wanted, "{key}: {report}");
    }
    assert_eq!(status.code(), Some(0));
    until_gone(&processes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_is_told_of_and_the_others_go_on() {
    let server = server().await;
    let mut sim = Sim::start(&server, 4, &["--processes", "2"]);
    tokio::task::block_in_place(|| sim.joined());
    kill(children(sim.pid())[1]);
    server.until_devices(readings::ONLINE, 2).await;
    let (report, status) = sim.end();
    let lost = json!([{"process": 2, "why": "signal: 9 (SIGKILL)"}]);
    assert_eq!(report["lost"], lost, "{report}");
    // What it told before counts.
    assert_eq!(report["joined"], 4, "{report}");
    assert_eq!(status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_ends_by_itself_when_all_its_processes_have_died() {
    let server = server().await;
    let mut sim = Sim::start(&server, 2, &["--processes", "2"]);
    tokio::task::block_in_place(|| sim.joined());
    children(sim.pid()).into_iter().for_each(kill);
    let report = tokio::task::block_in_place(|| sim.joined());
    assert_eq!(report["lost"].as_array().unwrap().len(), 2, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_process_outlives_the_one_that_started_it() {
    let server = server().await;
    let mut sim = Sim::start(&server, 2, &["--processes", "2"]);
    tokio::task::block_in_place(|| sim.joined());
    let processes = children(sim.pid());
    assert_eq!(processes.len(), 2);
    kill(sim.pid());
    until_gone(&processes).await;
    server.until_devices(readings::ONLINE, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_does_not_start_is_told_of_by_its_number() {
    let server = server().await;
    let flags = ["--processes", "3", "--server-ca", "/nowhere.pem"];
    let out = Command::new(BINARY)
        .args(["sim", "--url", &format!("wss://{}", server.devices)])
        .args(["--product-key", "nhp_k", "--product-secret", "s"])
        .args(flags)
        .output()
        .unwrap();
    let said = text(&out.stderr);
    assert_eq!(code(&out), 1, "{said}");
    let last = said.lines().last().unwrap();
    assert!(
        last.starts_with("error: process ") && last.contains("of 3 did not start"),
        "{said}"
    );
    assert!(last.contains("could not read /nowhere.pem"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_connect_from_several_addresses() {
    let server = server().await;
    let flags = ["--local-addresses", "127.0.1.1-127.0.1.2,127.0.2.0/24"];
    let sim = Sim::start(&server, 4, &flags);
    server.until_devices(readings::ONLINE, 4).await;
    let all = server.entries(readings::NEWEST_CONNECTION).await;
    let from: BTreeSet<&str> = all
        .iter()
        .map(|c| c["address"].as_str().unwrap())
        .map(|address| address.split(':').next().unwrap())
        .collect();
    let wanted = ["127.0.1.1", "127.0.1.2", "127.0.2.1", "127.0.2.2"];
    assert_eq!(from, wanted.into());
    assert_eq!(sim.finish()["refused"], 0);
}

/// The reasons why connections failed, as the report has them, once there are any.
async fn refusals(server: &Server, flags: &[&str]) -> String {
    for seconds in 1..10 {
        let sim = Sim::start(server, 1, flags);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let report = sim.finish();
        if report["refused"] != 0 {
            return report["refusals"].to_string();
        }
    }
    panic!("no connection failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_another_machine_is_said_to_be_one() {
    let server = server().await;
    let foreign = ["--local-addresses", "192.0.2.1"];
    let why = refusals(&server, &foreign).await;
    let wanted = "cannot connect from 192.0.2.1: it is no address of this machine";
    assert!(why.contains(wanted), "{why}");
    let other_kind = ["--local-addresses", "::1"];
    let why = refusals(&server, &other_kind).await;
    assert!(why.contains("one has IPv4, the other IPv6"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_servers_get_devices_in_turn_and_those_that_one_does_not_let_in() {
    let server = server().await;
    // Nobody listens at the second one.
    let sim = Sim::start(&server, 4, &["--url", "wss://127.0.0.1:1"]);
    server.until_devices(readings::ONLINE, 4).await;
    let report = sim.finish();
    assert_eq!(report["refused"], 2, "{report}");
    let why = report["refusals"].to_string();
    assert!(why.contains("Connection refused"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_turn_to_a_fallback_that_none_is_dealt_to() {
    let server = server().await;
    let flags = ["--fallback-url", &url(&server)];
    let sim = Sim::run(command_to("wss://127.0.0.1:1", &server, 3, &flags));
    server.until_devices(readings::ONLINE, 3).await;
    assert!(sim.finish()["refused"].as_i64().unwrap() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_open_files_are_told_before_anything_starts() {
    let server = server().await;
    for more in ["", "--processes 2"] {
        let more: Vec<_> = more.split_whitespace().collect();
        let sim = command(&server, 1_000, &more);
        let out = Command::new("sh")
            .args(["-c", "ulimit -n 300 && exec \"$@\"", "sh", BINARY])
            .args(sim.get_args())
            .output()
            .unwrap();
        let said = text(&out.stderr);
        assert_eq!(code(&out), 1, "{said}");
        for part in ["open files", "is 300", "ulimit -Hn", "--processes 23"] {
            assert!(said.contains(part), "{said}");
        }
    }
    assert_eq!(server.devices("").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_with_certificates_are_updated_and_come_back() {
    let server = server().await;
    let api = server.api();
    api.register_key().await;
    let old = api.upload("good/rpi4-1.0.0.fw").await;
    let new = api.upload("good/rpi4-1.1.0.fw").await;
    api.group("g", old["uuid"].as_str().unwrap(), json!({}))
        .await;
    let factory = ca::ca("factory");
    factory.register(&api, true).await;
    let at = |name: &str| server.folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (at("factory.pem"), at("factory.key"));
    std::fs::write(&cert, &factory.cert).unwrap();
    std::fs::write(&key, &factory.key).unwrap();
    let flags = [
        "--auth",
        "cert",
        "--client-ca",
        &cert,
        "--client-ca-key",
        &key,
    ];
    let sim = Sim::start(&server, 3, &flags);
    server.until_devices(readings::ONLINE_IN_A_GROUP, 3).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    // The reboot makes another connection with the same certificate.
    server.until_devices(readings::DONE, 3).await;
    let report = sim.finish();
    assert_eq!(
        (&report["updated"], &report["refused"]),
        (&json!(3), &json!(0)),
        "{report}"
    );
    server.until_devices(readings::ONLINE, 0).await;
    // Another run has the same keys, and polls by them as well.
    for more in [&[][..], &["--poll", "1"]] {
        let mut sim = Sim::start(&server, 3, &[&flags[..], more].concat());
        let joined = tokio::task::block_in_place(|| sim.joined());
        assert_eq!(joined["joined"], 3);
        let report: Value = sim.finish();
        assert_eq!(report["refused"], 0, "{report}");
    }
    assert_eq!(server.devices("").await, 3);
}
