use super::*;

fn setting(name: &str) -> &'static PolicySetting {
    POLICY.iter().find(|s| s.field == name).unwrap()
}

fn refused(name: &str, value: Value) -> String {
    let mut policy = Policy::default();
    match set(&mut policy, setting(name), &value) {
        Err(DomainError::Fields(errors)) => errors[name][0].as_str().unwrap().to_owned(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn each_limit_is_checked_and_can_be_reset() {
    assert_eq!(
        refused("minimum_version", json!("1.2")),
        "must be a valid semantic version"
    );
    assert_eq!(
        refused("minimum_version", json!(7)),
        "must be a valid semantic version"
    );
    assert_eq!(
        refused("stop_when_worse", json!("yes")),
        "must be true or false"
    );
    assert!(refused("starts_at", json!("tomorrow")).starts_with("must be a time"));
    assert!(refused("bytes_per_second", json!(0)).ends_with("greater than 0"));
    assert!(refused("bytes_per_second", json!(1.5)).ends_with("greater than 0"));
    let window = |w: Value| refused("maintenance_window", w);
    assert!(window(json!({"from": "22:00"})).contains("to"));
    assert!(
        window(json!({"from": "22:00", "to": "5", "time_zone": "Mars"})).contains("to must be")
    );
    assert!(window(json!({"from": "22:00", "to": "05:00", "zone": "UTC"})).contains("zone"));
    assert!(window(json!({"from": "22:00", "to": "05:00", "days": ["Sun"]})).contains("Sun"));
    let mut policy = Policy::default();
    for (name, value) in [
        ("minimum_version", json!("1.2.0")),
        ("stop_when_worse", json!(false)),
        ("automatic_rollback", json!(true)),
        ("starts_at", json!("2026-12-01T22:00:00Z")),
        ("ends_at", json!("2026-12-02T22:00:00+01:00")),
        ("bytes_per_second", json!(1_000)),
        (
            "maintenance_window",
            json!({"from": "22:00", "to": "05:00", "days": ["sunday"]}),
        ),
    ] {
        set(&mut policy, setting(name), &value).unwrap();
    }
    assert_ne!(policy, Policy::default());
    for setting in &POLICY {
        set(&mut policy, setting, &Value::Null).unwrap();
    }
    assert_eq!(policy, Policy::default());
}
