//! Compares `config.example.toml` with the settings of the program, so that neither can change alone.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use toml::Value;

/// A setting of the example: its line without the leading `#`, and the comment above it.
struct Entry {
    line: String,
    comment: String,
}

fn example() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.toml")).unwrap()
}

/// The settings by name. A comment begins with `# `; a setting that is switched off begins with `#` and its
/// name.
fn entries() -> BTreeMap<String, Entry> {
    let mut all = BTreeMap::new();
    let mut comment = String::new();
    for line in example().lines() {
        if let Some(text) = line.strip_prefix("# ") {
            comment = format!("{comment} {text}").trim_start().to_owned();
        } else if let Some(setting) = line.strip_prefix('#')
            && setting.starts_with(|c: char| c.is_ascii_lowercase())
        {
            let (name, _) = setting.split_once(" = ").expect("`name = value`");
            let entry = Entry {
                line: setting.to_owned(),
                comment: std::mem::take(&mut comment),
            };
            let twice = all.insert(name.to_owned(), entry);
            assert!(twice.is_none(), "{name} stands twice in the example");
        } else {
            comment.clear();
        }
    }
    all
}

fn table<'a>(lines: impl Iterator<Item = &'a Entry>) -> toml::Table {
    let text: String = lines.map(|e| format!("{}\n", e.line)).collect();
    toml::from_str(&text).unwrap()
}

/// The configuration that results from a file with these settings.
fn from_file(settings: &toml::Table) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nervecenter.toml");
    std::fs::write(&path, toml::to_string(settings).unwrap()).unwrap();
    let options = Options {
        config: Some(path),
        ..Options::default()
    };
    options.resolve().unwrap()
}

/// The settings as `--print-config` prints them.
fn printed(config: &Config) -> toml::Table {
    toml::from_str(&toml::to_string(config).unwrap()).unwrap()
}

/// Another valid value of the same setting.
fn changed(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(match text.as_str() {
            "on" => "off".into(),
            "off" => "on".into(),
            "all" => "web".into(),
            "memory" => "postgres".into(),
            // A key and a sender would be invalid with one more letter.
            text if text.len() == 64 || text.ends_with('>') => text.into(),
            text => match text.parse::<SocketAddr>() {
                Ok(address) => SocketAddr::new(address.ip(), address.port() + 1).to_string(),
                Err(_) => format!("{text}x"),
            },
        }),
        Value::Integer(number) => Value::Integer(number + 1),
        other => other.clone(),
    }
}

#[test]
fn the_example_as_it_is_changes_nothing() {
    let as_it_is = from_file(&toml::from_str(&example()).unwrap());
    let defaults = Options::default().resolve().unwrap();
    assert_eq!(printed(&as_it_is), printed(&defaults));
}

#[test]
fn the_example_has_each_setting_once_under_the_name_of_its_flag_and_variable() {
    let command = Options::augment_args(clap::Command::new("serve"));
    let mut expected = BTreeSet::new();
    for flag in command.get_arguments() {
        let name = flag.get_long().unwrap().to_owned();
        let variable = format!("NERVECENTER_{}", name.to_uppercase().replace('-', "_"));
        assert_eq!(flag.get_env(), Some(variable.as_ref()), "--{name}");
        // The setting `config` names the file itself, so it has no meaning inside the file. A provider is a table there.
        if name != "config" && !name.starts_with("oidc-") {
            expected.insert(name);
        }
    }
    let entries = entries();
    assert_eq!(entries.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (name, entry) in &entries {
        assert!(!entry.comment.is_empty(), "{name} has no comment");
    }
}

#[test]
fn each_default_in_the_example_is_that_of_the_program() {
    let entries = entries();
    let (without, with): (Vec<_>, Vec<_>) = entries
        .iter()
        .partition(|(_, e)| e.comment.contains("No default"));
    let defaults = printed(&Options::default().resolve().unwrap());
    let shown = table(with.into_iter().map(|(_, e)| e));
    assert_eq!(printed(&from_file(&shown)), defaults);
    for (name, _) in without {
        let value = defaults.get(name);
        let empty = value.is_none_or(|v| v.as_array().is_some_and(Vec::is_empty));
        assert!(empty, "{name} has the default {value:?}");
    }
}

#[test]
fn each_setting_of_a_file_arrives() {
    let mut settings = table(entries().values());
    for (_, value) in &mut settings {
        *value = changed(value);
    }
    let arrived = from_file(&settings);
    let given: Options = settings.clone().try_into().unwrap();
    let given = given.resolve().unwrap();
    assert_eq!(printed(&arrived), printed(&given));
    assert_eq!(arrived.node_key, given.node_key);
    let defaults = printed(&Options::default().resolve().unwrap());
    for (name, value) in printed(&arrived) {
        assert_ne!(
            defaults.get(&name),
            Some(&value),
            "{name} keeps its default"
        );
    }
    assert!(arrived.node_key.is_some() && arrived.mail.is_some());
}

#[test]
fn the_example_of_a_provider_has_each_setting_and_is_valid() {
    let example = example();
    let lines = example.lines().filter_map(|l| l.strip_prefix("#   "));
    let table: toml::Table = toml::from_str(&lines.collect::<Vec<_>>().join("\n")).unwrap();
    let provider = table["oidc"][0].as_table().unwrap();
    let shown: BTreeSet<_> = provider.keys().map(|k| format!("oidc-{k}")).collect();
    let command = Options::augment_args(clap::Command::new("serve"));
    let flags = command.get_arguments().filter_map(clap::Arg::get_long);
    let mut flags: BTreeSet<_> = flags
        .filter(|f| f.starts_with("oidc-"))
        .map(str::to_owned)
        .collect();
    // One of the two is enough, and both are refused.
    assert!(flags.remove("oidc-client-secret"));
    assert_eq!(shown, flags);
    let mut given: Options = table.try_into().unwrap();
    given.web_url = Some("https://updates.example.com".into());
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "hunter2").unwrap();
    given.oidc[0].client_secret_file = Some(secret);
    let printed = printed(&given.resolve().unwrap());
    assert_eq!(printed["oidc"][0]["label"].as_str(), Some("Google"));
    assert_eq!(printed["oidc"][0]["client-secret"].as_str(), Some("***"));
}
