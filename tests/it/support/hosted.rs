//! A server in the test's own process, on a clock that the test moves. It has a runtime of its own, so that a test that
//! waits for a program does not keep it from answering.

use super::statement_log;
use clap::Parser;
use nervecenter::{Clock, Node, Options};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{LazyLock, Mutex, Once};
use tokio::runtime::{Builder, Runtime};

/// Panics of servers in this process. Tests panic in their own files.
static PANICS: LazyLock<Mutex<Vec<String>>> = LazyLock::new(Mutex::default);

fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let own = |l: &std::panic::Location<'_>| l.file().starts_with("src/");
            // Paths of the server's sources begin so, and those of the tests with `tests/`.
            if info.location().is_some_and(own) {
                PANICS.lock().unwrap().push(info.to_string());
            }
            before(info);
        }));
    });
}

/// The flags of `serve`.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    options: Options,
}

/// The server; stopped when dropped, as a killed process is.
pub struct Hosted {
    runtime: Option<Runtime>,
    _node: Node,
    clock: Clock,
}

impl Hosted {
    /// Starts one with these flags, and says where it listens, as `serve --json` does.
    pub async fn start(engine: &'static str, data: &Path, flags: &[&str]) -> (Self, Value) {
        note_panics();
        statement_log::subscribe();
        let data = data.to_str().unwrap();
        let own = [
            "serve",
            "--web-listen",
            "127.0.0.1:0",
            "--device-listen",
            "127.0.0.1:0",
            "--download-listen",
            "127.0.0.1:0",
            "--data-dir",
            data,
        ];
        let flags = Flags::try_parse_from(own.iter().chain(flags)).unwrap();
        let config = flags.options.resolve().unwrap();
        let clock = Clock::movable();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name(engine)
            .enable_all()
            .build()
            .unwrap();
        let starts = runtime.spawn({
            let clock = clock.clone();
            async move { Node::start(&config, clock).await }
        });
        let node = starts.await.unwrap().unwrap();
        let ready = json!({
            "web": node.web,
            "devices": node.devices,
            "downloads": node.downloads,
            "ca": node.ca_file,
        });
        let hosted = Self {
            runtime: Some(runtime),
            _node: node,
            clock,
        };
        (hosted, ready)
    }

    /// The server's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let panics = PANICS.lock().unwrap();
        if !panics.is_empty() && !std::thread::panicking() {
            let all = panics.join("\n");
            drop(panics);
            panic!("a server of this process panicked:\n{all}");
        }
    }
}
