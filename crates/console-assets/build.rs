//! Builds the web console with npm, and writes the list of its files.
//!
//! `NERVECENTER_CONSOLE=off` leaves the console out; a folder there, which holds what `npm run build` made, takes the place of the
//! build: for packagers, and where there is no Node.js. npm runs only when the lock file or a source changed, and never a script
//! of a package.
#![allow(clippy::print_stderr)]

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `vite build` needs, said in one place: `package.json` has it as `engines` too.
const NODE: (u32, u32) = (20, 19);

const SOURCES: [&str; 7] = [
    "src",
    "public",
    "index.html",
    "vite.config.ts",
    "package.json",
    "package-lock.json",
    ".npmrc",
];

fn main() {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let web = manifest.join("../../src/console/web");
    for source in SOURCES {
        let path = web.join(source);
        println!("cargo::rerun-if-changed={}", path.display());
    }
    for name in ["NERVECENTER_CONSOLE", "DOCS_RS"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let out = PathBuf::from(variable("OUT_DIR"));
    let wanted = std::env::var_os("NERVECENTER_CONSOLE").filter(|v| !v.is_empty());
    let off = std::env::var_os("CARGO_FEATURE_EMBED").is_none()
        || std::env::var_os("DOCS_RS").is_some()
        || wanted.as_ref().is_some_and(|v| v == "off");
    let mut files = Vec::new();
    if !off {
        let dist = match wanted {
            Some(folder) => given(folder),
            None => build(&web, &out),
        };
        collect(&dist, &dist, &mut files);
        files.sort();
    }
    let text = list(&files);
    fs::write(out.join("files.rs"), text).unwrap_or_else(|e| fail(&e.to_string()));
}

fn variable(name: &str) -> OsString {
    std::env::var_os(name).unwrap_or_else(|| fail(&format!("cargo did not set {name}")))
}

/// The folder that somebody built elsewhere.
fn given(folder: OsString) -> PathBuf {
    let dist = PathBuf::from(folder);
    println!("cargo::rerun-if-changed={}", dist.display());
    if !dist.is_absolute() {
        fail(&format!(
            "NERVECENTER_CONSOLE={} is not a whole path",
            dist.display()
        ));
    }
    if !dist.is_dir() {
        fail(&format!(
            "NERVECENTER_CONSOLE={} is no folder",
            dist.display()
        ));
    }
    if !dist.join("index.html.br").is_file() {
        fail(&format!(
            "{} has no index.html.br, so it is not what `npm run build` made",
            dist.display()
        ));
    }
    dist
}

/// Installs what the lock file names when it is not there yet, and builds.
fn build(web: &Path, out: &Path) -> PathBuf {
    check_node();
    // Two profiles may be built at once, and both would install into the same folder.
    let lock = web.join("node_modules.lock");
    let held =
        fs::File::create(&lock).unwrap_or_else(|e| fail(&format!("{}: {e}", lock.display())));
    held.lock()
        .unwrap_or_else(|e| fail(&format!("{}: {e}", lock.display())));
    install(web);
    let dist = out.join("dist");
    let mut vite = npm(web);
    vite.args(["exec", "--offline", "--", "vite", "build"]);
    vite.args(["--logLevel", "warn", "--emptyOutDir", "--outDir"]);
    vite.arg(&dist);
    run(vite, "vite build");
    dist
}

fn install(web: &Path) {
    let lock = fs::read(web.join("package-lock.json"))
        .unwrap_or_else(|e| fail(&format!("package-lock.json: {e}")));
    let mark = web.join("node_modules/.from-lock");
    if fs::read(&mark).is_ok_and(|installed| installed == lock) {
        return;
    }
    let mut ci = npm(web);
    ci.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    // Whoever works on the console has the tests' packages as well, and does not lose them by a build.
    if !web.join("node_modules/typescript").exists() {
        ci.arg("--omit=dev");
    }
    run(ci, "npm ci");
    fs::write(mark, lock).unwrap_or_else(|e| fail(&e.to_string()));
}

fn npm(web: &Path) -> Command {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.current_dir(web);
    npm.env("npm_config_update_notifier", "false");
    npm
}

fn check_node() {
    let Ok(told) = Command::new("node").arg("--version").output() else {
        fail("there is no Node.js");
    };
    let text = String::from_utf8_lossy(&told.stdout);
    let text = text.trim();
    let mut numbers = text.trim_start_matches('v').split('.');
    let mut next = || numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    if (next(), next()) < NODE {
        fail(&format!("the Node.js found here is {text}"));
    }
}

fn run(mut command: Command, what: &str) {
    match command.output() {
        Ok(done) if done.status.success() => {}
        Ok(done) => {
            eprintln!("{}", String::from_utf8_lossy(&done.stdout));
            eprintln!("{}", String::from_utf8_lossy(&done.stderr));
            fail(&format!("`{what}` failed; its messages are above"));
        }
        Err(e) => fail(&format!("`{what}` cannot be run ({e})")),
    }
}

/// All compressed files below a folder, by the path without the ending.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| fail(&e.to_string()));
    for entry in entries {
        let path = entry.unwrap_or_else(|e| fail(&e.to_string())).path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|e| e == "br") {
            let plain = path.with_extension("");
            let below = plain.strip_prefix(root).unwrap_or(&plain);
            let name = below.to_string_lossy().replace('\\', "/");
            files.push((name, plain));
        }
    }
}

fn list(files: &[(String, PathBuf)]) -> String {
    let mut text = String::from(
        "/// All files, sorted by path. Empty in a server that was built without its console.\n\
         pub static FILES: &[Asset] = &[\n",
    );
    for (name, path) in files {
        let path = path.display().to_string();
        let (brotli, gzip) = (format!("{path}.br"), format!("{path}.gz"));
        let written = writeln!(
            text,
            "    Asset {{ path: {name:?}, brotli: include_bytes!({brotli:?}), gzip: include_bytes!({gzip:?}) }},"
        );
        written.unwrap_or_else(|e| fail(&e.to_string()));
    }
    text.push_str("];\n");
    text
}

/// Ends the build with what is wrong and how to go on, in two lines.
fn fail(why: &str) -> ! {
    println!("cargo::error=the web console was not built: {why}");
    println!(
        "cargo::error=install Node.js {}.{} or newer with npm, or build the server without its console: NERVECENTER_CONSOLE=off cargo build",
        NODE.0, NODE.1
    );
    std::process::exit(1)
}
