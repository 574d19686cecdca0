//! What a build says where the console cannot be built: two lines, with what is missing and how to go on. The build script is
//! compiled and run as cargo does it, in a tree and with a `PATH` of its own.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The build script, compiled once.
fn script() -> &'static Path {
    static SCRIPT: OnceLock<PathBuf> = OnceLock::new();
    SCRIPT.get_or_init(|| {
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("build-script");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut compile = Command::new(rustc);
        compile
            .args(["--edition", "2024", "-o"])
            .arg(&made)
            .arg(source);
        let done = compile.output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        made
    })
}

/// A tree with what a build of the console reads, and a `PATH` with nothing in it.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        for folder in ["crates/console-assets", "src/console/web", "out", "bin"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("src/console/web/package-lock.json"), "{}").unwrap();
        Self(root)
    }

    /// A program that prints a line and ends well.
    fn program(&self, name: &str, prints: &str) {
        let path = self.0.join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\necho {prints}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs the build script; answers whether it went well, and its errors as cargo shows them.
    fn build(&self, console: Option<&str>) -> (bool, Vec<String>) {
        let mut run = Command::new(script());
        run.env_clear()
            .env("PATH", self.0.join("bin"))
            .env("CARGO_MANIFEST_DIR", self.0.join("crates/console-assets"))
            .env("CARGO_FEATURE_EMBED", "1")
            .env("OUT_DIR", self.0.join("out"));
        if let Some(console) = console {
            run.env("NERVECENTER_CONSOLE", console);
        }
        let done = run.output().unwrap();
        let printed = String::from_utf8(done.stdout).unwrap();
        let errors = printed
            .lines()
            .filter_map(|line| line.strip_prefix("cargo::error="));
        (done.status.success(), errors.map(str::to_owned).collect())
    }

    fn refused(&self, console: Option<&str>, why: &str) {
        let (well, errors) = self.build(console);
        assert!(!well);
        let how = "install Node.js 20.19 or newer with npm, or build the server without its console: NERVECENTER_CONSOLE=off cargo build";
        assert_eq!(
            errors,
            [
                format!("the web console was not built: {why}"),
                how.to_owned()
            ]
        );
    }
}

#[test]
fn without_node_two_lines_say_what_is_missing_and_how_to_go_on() {
    Tree::new("no-node").refused(None, "there is no Node.js");
}

#[test]
fn a_node_that_is_too_old_is_named() {
    let tree = Tree::new("old-node");
    for version in ["v18.19.0", "v20.18.3", "nonsense"] {
        tree.program("node", version);
        tree.refused(None, &format!("the Node.js found here is {version}"));
    }
}

#[test]
fn a_node_without_npm_says_which_command_was_not_there() {
    let tree = Tree::new("no-npm");
    tree.program("node", "v22.1.0");
    tree.refused(
        None,
        "`npm ci` cannot be run (No such file or directory (os error 2))",
    );
}

#[test]
fn a_folder_that_is_none_or_has_no_console_is_named() {
    let tree = Tree::new("folder");
    tree.refused(
        Some("/nowhere"),
        "NERVECENTER_CONSOLE=/nowhere is no folder",
    );
    tree.refused(Some("dist"), "NERVECENTER_CONSOLE=dist is not a whole path");
    let empty = tree.0.join("out").display().to_string();
    let why = format!("{empty} has no index.html.br, so it is not what `npm run build` made");
    tree.refused(Some(&empty), &why);
}

#[test]
fn off_and_a_folder_that_was_built_elsewhere_need_no_node() {
    let tree = Tree::new("built");
    assert_eq!(tree.build(Some("off")), (true, Vec::new()));
    let files = tree.0.join("out/files.rs");
    assert!(!fs::read_to_string(&files).unwrap().contains("index.html"));
    let dist = tree.0.join("dist");
    fs::create_dir(&dist).unwrap();
    fs::write(dist.join("index.html.br"), "").unwrap();
    let (well, errors) = tree.build(Some(&dist.display().to_string()));
    assert!(well && errors.is_empty(), "{errors:?}");
    assert!(
        fs::read_to_string(&files)
            .unwrap()
            .contains(r#"path: "index.html""#)
    );
}
