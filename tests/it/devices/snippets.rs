//! The device configuration that the documents show: only options that the releases know which they are for, and use.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The snippets of `docs/devices.md`, by name.
fn snippets() -> Vec<(String, String)> {
    let all = text("docs/devices.md");
    let marked = all.split("<!-- snippet: ").skip(1);
    let read = |part: &str| {
        let (name, rest) = part.split_once(" -->").unwrap();
        let code = rest.split("```elixir\n").nth(1).unwrap();
        let code = code.split("```").next().unwrap();
        (name.to_owned(), code.to_owned())
    };
    marked.map(read).collect()
}

fn words(list: &Value) -> BTreeSet<String> {
    let all = list.as_array().into_iter().flatten();
    all.map(|w| w.as_str().unwrap().to_owned()).collect()
}

/// Keys of keyword lists, `key: value`.
fn keys(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in code.lines().filter(|l| !l.trim_start().starts_with('#')) {
        for part in line.split([' ', '[', '(', ',']) {
            let key = part.strip_suffix(':').unwrap_or_default();
            if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !key.is_empty() {
                found.insert(key.to_owned());
            }
        }
    }
    // `for … do: der` is Elixir's own.
    found.remove("do");
    found
}

#[test]
fn every_snippet_names_only_options_that_its_releases_know_and_use() {
    let known: Value = serde_json::from_str(&text("tests/it/golden/device_options.json")).unwrap();
    let shown = snippets();
    let names: BTreeSet<_> = shown.iter().map(|(name, _)| name.clone()).collect();
    let listed = known["snippets"].as_object().unwrap();
    assert_eq!(names, listed.keys().cloned().collect());
    for (name, code) in &shown {
        let entry = &listed[name];
        let options = words(&entry["options"]);
        let last = |o: &String| o.rsplit('.').next().unwrap().to_owned();
        let said: BTreeSet<String> = options.iter().map(last).collect();
        let unlisted: Vec<_> = keys(code).difference(&said).cloned().collect();
        assert!(unlisted.is_empty(), "{name}: {unlisted:?}");
        for option in &said {
            assert!(
                code.contains(option.as_str()),
                "{name}: {option} is not in it"
            );
        }
        for release in words(&entry["releases"]) {
            let has = words(&known["releases"][&release]);
            let gone: Vec<_> = options.difference(&has).collect();
            assert!(gone.is_empty(), "{name}: {release} has no {gone:?}");
            let unused = &known["unused"][&release];
            let by = entry["configurator"].as_str().unwrap_or("*");
            for by in [by, "*"] {
                let idle: Vec<_> = words(&unused[by]).intersection(&options).cloned().collect();
                assert!(idle.is_empty(), "{name}: {release} does not use {idle:?}");
            }
        }
    }
}

#[test]
fn the_readme_shows_the_snippet_of_the_newest_releases() {
    let (_, code) = snippets()
        .into_iter()
        .find(|(n, _)| n == "shared-secret")
        .unwrap();
    assert!(text("README.md").contains(&code));
}
