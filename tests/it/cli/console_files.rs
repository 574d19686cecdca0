//! Files that a device sends while somebody looks at its console: `nervecenter device console --files DIR` keeps new files in
//! that folder, and neither the device nor the server can make it write anything else.

use crate::support::server::BINARY;
use crate::support::{Engine, Server};
use crate::support_tools::terminals::console;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A folder for files that holds a file of its owner and links that lead out of it.
struct Kept {
    whole: TempDir,
    before: BTreeMap<PathBuf, String>,
}

impl Kept {
    fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        let (inside, outside) = (whole.path().join("inside"), whole.path().join("outside"));
        fs::create_dir(&inside).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "secret").unwrap();
        fs::write(inside.join("mine.txt"), "mine").unwrap();
        fs::create_dir(inside.join("folder")).unwrap();
        symlink(outside.join("secret"), inside.join("link")).unwrap();
        symlink(outside.join("made"), inside.join("dangling")).unwrap();
        symlink(&outside, inside.join("elsewhere")).unwrap();
        let mut kept = Self {
            whole,
            before: BTreeMap::new(),
        };
        kept.before = kept.files();
        kept
    }

    fn folder(&self) -> PathBuf {
        self.whole.path().join("inside")
    }

    /// Everything that is there, links as what they lead to.
    fn files(&self) -> BTreeMap<PathBuf, String> {
        let mut all = BTreeMap::new();
        walk(self.whole.path(), &mut all);
        all
    }

    /// What is there now that was not, or has changed.
    fn new_files(&self) -> BTreeMap<PathBuf, String> {
        let mut now = self.files();
        for (path, before) in &self.before {
            assert_eq!(now.remove(path).as_ref(), Some(before), "{path:?}");
        }
        now
    }

    /// Names that must come to nothing.
    fn bad_names(&self) -> Vec<String> {
        let absolute = self.whole.path().join("absolute");
        let mut names = vec![absolute.display().to_string()];
        let others = [
            "mine.txt",
            "link",
            "dangling",
            "elsewhere",
            "folder",
            ".bashrc",
            ".ssh",
            "../up",
            "folder/in",
            "elsewhere/in",
            "./dot",
            "slash/",
            "..",
            ".",
            "",
            "a\u{1b}[2Jb",
            "line\nbreak",
        ];
        names.extend(others.map(str::to_owned));
        names
    }
}

fn walk(folder: &Path, all: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_symlink() {
            let to = fs::read_link(&path).unwrap();
            all.insert(path, format!("leads to {}", to.display()));
        } else if path.is_dir() {
            walk(&path, all);
            all.insert(path, "a folder".into());
        } else {
            let content = fs::read_to_string(&path).unwrap();
            all.insert(path, content);
        }
    }
}

/// Looks at the console of the device `one`.
fn looks(server: &str, token: &str, kept: &Kept) -> Child {
    Command::new(BINARY)
        .args(["device", "console", "one", "--server", server, "--files"])
        .arg(kept.folder())
        .env("NERVECENTER_TOKEN", token)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends it; what it said.
fn left(mut shown: Child) -> String {
    drop(shown.stdin.take());
    let out = shown.wait_with_output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success(), "{said}");
    said
}

/// The three events of a file.
fn events(name: &str, content: &str) -> [(&'static str, Value); 3] {
    let data = STANDARD.encode(content);
    [
        ("file-data/start", json!({ "filename": name })),
        (
            "file-data",
            json!({"filename": name, "chunk": 0, "data": data}),
        ),
        ("file-data/stop", json!({ "filename": name })),
    ]
}

/// The one file that is new, with what was sent first under its name.
fn only_the_new_file(kept: &Kept, said: &str) {
    let path = kept.folder().join("new.txt");
    let one = BTreeMap::from([(path.clone(), "first".to_owned())]);
    assert_eq!(kept.new_files(), one, "{said}");
    assert!(
        said.contains(&format!("received {}", path.display())),
        "{said}"
    );
    assert!(said.contains("new.txt is not kept"), "{said}");
    assert!(said.contains("mine.txt is not kept"), "{said}");
    assert!(said.contains("link is not kept"), "{said}");
    assert!(said.contains("a hidden name or a path"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_makes_new_files_in_the_folder_and_nothing_else() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let mut device = console(&server, "one", "2.0.0").await;
    let kept = Kept::new();
    let at = format!("http://{}", server.web);
    let shown = looks(&at, server.login("token"), &kept);
    server.until_audited("opened the console", 1).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let bad = kept.bad_names();
    let bad = bad.iter().map(|name| (name.as_str(), "taken over"));
    let files = bad.chain([("new.txt", "first"), ("new.txt", "second")]);
    for (name, content) in files {
        for (event, payload) in events(name, content) {
            device.say("2", "console", event, payload).await;
        }
    }
    let said = tokio::task::spawn_blocking(|| left(shown)).await.unwrap();
    only_the_new_file(&kept, &said);
}

/// A server that lets a client join whatever it asks for.
async fn joined(listener: TcpListener) -> (WebSocketStream<TcpStream>, Value) {
    let (tcp, _) = listener.accept().await.unwrap();
    let mut socket = tokio_tungstenite::accept_async(tcp).await.unwrap();
    let join = socket.next().await.unwrap().unwrap();
    let join: Value = serde_json::from_str(join.to_text().unwrap()).unwrap();
    assert_eq!(join[3], "phx_join");
    (socket, join[2].clone())
}

/// The real server lets no name with a path through; a client does not rely on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_makes_new_files_in_the_folder_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let kept = Kept::new();
    let shown = looks(&at, "nhu_any", &kept);
    let (mut socket, topic) = joined(listener).await;
    let ok = json!({"status": "ok", "response": {}});
    let mut frames = vec![("phx_reply", ok), ("metadata", json!({"version": "2.0.0"}))];
    for name in kept.bad_names() {
        frames.extend(events(&name, "taken over"));
    }
    // A part of a file that was never begun, too.
    frames.push(events("unbegun", "taken over")[1].clone());
    frames.extend(events("new.txt", "first"));
    frames.extend(events("new.txt", "second"));
    for (event, payload) in frames {
        let frame = json!(["1", "1", topic, event, payload]).to_string();
        socket.send(Message::text(frame)).await.unwrap();
    }
    let said = tokio::task::spawn_blocking(|| left(shown)).await.unwrap();
    only_the_new_file(&kept, &said);
}
