use super::*;

#[test]
fn the_status_comes_of_three_metrics_and_text_that_is_no_number_is_skipped() {
    let status = |metrics: Value| judge(&json!({"metrics": metrics}), &[]);
    assert_eq!(status(json!({"load_1min": 99})).0, HealthState::Unknown);
    assert_eq!(judge(&json!({}), &[]).0, HealthState::Unknown);
    assert_eq!(
        status(json!({"cpu_usage_percent": 79.9})).0,
        HealthState::Healthy
    );
    let (status_now, reasons) =
        status(json!({"cpu_usage_percent": "80", "mem_used_percent": "much"}));
    assert_eq!(status_now, HealthState::Warning);
    assert_eq!(
        reasons,
        json!({"warning": {"cpu_usage_percent": {"value": 80.0, "threshold": 80.0}}})
    );
    let both = status(json!({"mem_used_percent": 80, "disk_used_percentage": 85}));
    assert_eq!(both.0, HealthState::Unhealthy);
    assert_eq!(both.1["warning"]["disk_used_percentage"]["value"], 85.0);
}

#[test]
fn a_limit_of_the_group_makes_a_device_unhealthy() {
    let limits = [HealthLimit {
        metric: "cpu_temp".into(),
        above: Some(80.0),
        below: None,
    }];
    let of = |metrics: Value| judge(&json!({"metrics": metrics}), &limits);
    let (hot, reasons) = of(json!({"cpu_temp": 80.5, "cpu_usage_percent": 3}));
    assert_eq!(hot, HealthState::Unhealthy);
    let reason = json!({"value": 80.5, "threshold": 80.0});
    assert_eq!(reasons, json!({"unhealthy": {"cpu_temp": reason}}));
    assert_eq!(of(json!({"cpu_temp": 80})).0, HealthState::Healthy);
    assert_eq!(of(json!({"cpu_temp": "hot"})).0, HealthState::Unknown);
}

#[test]
fn switches_name_what_is_wrong() {
    let none = Extensions::default();
    let on = changed(none, &json!({"health": true, "geo": false})).unwrap();
    assert_eq!(on.words(), ["health"]);
    for bad in [json!({"healt": true}), json!({"geo": 1}), json!([])] {
        assert!(changed(none, &bad).is_err());
    }
}
