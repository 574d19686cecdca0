use super::print::without_passwords;
use super::*;

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.toml");
    std::fs::write(
        &path,
        "web-listen = \"0.0.0.0:1\"\ndevice-listen = \"0.0.0.0:2\"\n",
    )
    .unwrap();
    let options = Options {
        config: Some(path.clone()),
        web_listen: Some("0.0.0.0:9".into()),
        ..Options::default()
    };
    let c = options.resolve().unwrap();
    let ports = [c.web_listen, c.device_listen, c.download_listen].map(|a| a.port());
    assert_eq!(ports, [9, 2, 4002]);
    std::fs::write(&path, "web-lisen = 1").unwrap();
    let bad = Options {
        config: Some(path),
        ..Options::default()
    }
    .resolve()
    .unwrap_err();
    assert!(bad.to_string().contains("web-lisen"), "{bad}");
}

#[test]
fn a_switch_of_a_file_is_a_word_or_a_boolean() {
    let read = |text: &str| toml::from_str::<Options>(text);
    for (text, on) in [
        ("esp-idf = true", true),
        ("esp-idf = false", false),
        ("esp-idf = \"on\"", true),
    ] {
        assert_eq!(read(text).unwrap().resolve().unwrap().esp_idf, on, "{text}");
    }
    let wrong = read("esp-idf = 1").unwrap_err().to_string();
    assert!(wrong.contains("must be \"on\" or \"off\""), "{wrong}");
    let word = read("esp-idf = \"yes\"").unwrap().resolve().unwrap_err();
    assert!(word.to_string().contains("--esp-idf"), "{word}");
}

#[test]
fn what_is_printed_can_be_read_again() {
    let all = Options {
        smtp_url: Some("smtps://u:hunter2@mail.example.org".into()),
        mail_from: Some("Nervecenter <ota@example.org>".into()),
        web_url: Some("https://updates.example.org".into()),
        esp_idf: Some("on".into()),
        disk_reserve_mib: Some(7),
        bucket: Some("s3://firmware/production".into()),
        bucket_region: Some("eu-central-1".into()),
        bucket_downloads: Some("on".into()),
        tls_name: vec!["updates.example.org".into()],
        ..Options::default()
    };
    for given in [Options::default(), all] {
        let printed = toml::to_string(&given.resolve().unwrap()).unwrap();
        assert!(!printed.contains("hunter2"), "{printed}");
        let read: Options = toml::from_str(&printed).unwrap();
        let again = toml::to_string(&read.resolve().unwrap()).unwrap();
        assert_eq!(printed, again);
    }
}

#[test]
fn a_bad_value_names_its_flag_and_the_fix() {
    let of = |o: Options| o.resolve().unwrap_err().to_string();
    let web = of(Options {
        web_listen: Some("4000".into()),
        ..Options::default()
    });
    assert!(
        web.starts_with("--web-listen \"4000\": ") && web.contains("0.0.0.0:4001"),
        "{web}"
    );
    let db = of(Options {
        database_url: Some("mysql://u:p@h/d".into()),
        ..Options::default()
    });
    assert!(db.contains("postgres://") && !db.contains(":p@"), "{db}");
    let key = of(Options {
        node_key: Some("zz".into()),
        ..Options::default()
    });
    assert!(key.contains("openssl rand") && !key.contains("zz"), "{key}");
    let secrets = of(Options {
        shared_secrets: Some("no".into()),
        ..Options::default()
    });
    assert!(secrets.starts_with("--shared-secrets \"no\""), "{secrets}");
    let bucket = of(Options {
        bucket: Some("s3://key:hunter2@firmware".into()),
        ..Options::default()
    });
    assert!(
        bucket.contains("no bucket") && !bucket.contains("hunter2"),
        "{bucket}"
    );
    let rate = of(Options {
        connect_rate: Some(0),
        ..Options::default()
    });
    assert!(rate.starts_with("--connect-rate \"0\""), "{rate}");
    let open = of(Options {
        open_for_registrations: Some("on".into()),
        ..Options::default()
    });
    assert!(
        open.starts_with("--open-for-registrations") && open.contains("--smtp-url"),
        "{open}"
    );
    let smtp = |url: &str, from: Option<&str>, web: Option<&str>| {
        of(Options {
            smtp_url: Some(url.into()),
            mail_from: from.map(str::to_owned),
            web_url: web.map(str::to_owned),
            ..Options::default()
        })
    };
    let web = Some("https://n.org");
    for (text, flag, fix) in [
        (
            smtp("imap://u:hunter2@h", None, web),
            "--smtp-url",
            "smtps://",
        ),
        (
            smtp("smtps://u:hunter2@h", None, web),
            "--smtp-url",
            "--mail-from",
        ),
        (
            smtp("smtps://u:hunter2@h", Some("a@b.c"), None),
            "--smtp-url",
            "--web-url",
        ),
        (
            smtp("smtps://u:hunter2@h", Some("me"), web),
            "--mail-from",
            "ota@",
        ),
    ] {
        assert!(
            text.starts_with(flag) && text.contains(fix) && !text.contains("hunter2"),
            "{text}"
        );
    }
    for bad in ["http://x", "https://", "https://x/path", "https://x\r\ny"] {
        let away = of(Options {
            redirect_devices: Some(bad.into()),
            ..Options::default()
        });
        assert!(away.starts_with("--redirect-devices"), "{away}");
    }
    assert!(
        of(Options {
            tls_name: vec!["https://x".into()],
            ..Options::default()
        })
        .contains("--tls-name")
    );
}

#[test]
fn every_spelling_of_a_password_is_masked() {
    for url in [
        "postgres://u:hunter2@h/db",
        "postgres://u:hun@hunter2@h/db",
        "postgres://:hunter2@h/db",
        "postgres://h/db?user=u&password=hunter2",
        "postgres://h/db?PASSWORD=hunter2&sslmode=require",
        "postgres://h/db?%70assword=hunter2",
        "postgres://u:hunter2@h/db?sslpassword=hunter2",
    ] {
        let masked = without_passwords(url);
        assert!(!masked.contains("hunter2"), "{masked}");
        assert!(masked.contains("@h/db") || masked.contains("//h/db"));
    }
    let plain = "postgres://u@h/db?sslmode=require";
    assert!(without_passwords(plain).ends_with("?sslmode=require"));
}

#[test]
fn printed_settings_hide_the_password() {
    let url = Some("postgres://u:hunter2@h/d".to_owned());
    let c = Options {
        database_url: url,
        ..Options::default()
    }
    .resolve()
    .unwrap();
    let text = toml::to_string(&c).unwrap();
    assert!(
        text.contains("postgres://u:***@h/d") && !text.contains("hunter2"),
        "{text}"
    );
}
