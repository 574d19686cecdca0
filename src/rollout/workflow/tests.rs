use super::*;
use serde_json::json;

#[test]
fn a_workflow_of_nerves_hub_is_read_as_it_is() {
    let workflow = read(&json!({
        "version": 1,
        "steps": [
            {
                "name": "Canary", "description": "canaries on wifi or ethernet",
                "matching_conditions": {"tags": ["canary"], "network_interfaces": ["wifi", "ethernet"], "match_limit": 20},
                "concurrent_updates": 10, "failure_tolerance": {"devices": 1},
            },
            {"name": "Product sign-off", "type": "approval_required"},
        ],
    }))
    .unwrap();
    let names: Vec<&str> = workflow.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["Canary", "Product sign-off", "Everyone else"]);
    let canary = StepKind::Devices(DeviceStep {
        tags: vec!["canary".into()],
        interfaces: vec!["wifi".into(), "ethernet".into()],
        match_limit: Some(20),
        concurrent_updates: Some(10),
        tolerated_failures: Some(1),
        ..DeviceStep::default()
    });
    assert_eq!(workflow.steps[0].kind, canary);
    assert_eq!(workflow.steps[1].kind, StepKind::Approval(1));
    assert_eq!(workflow.steps[2], catch_all());
}

#[test]
fn shares_gates_and_a_last_step_of_ones_own() {
    let workflow = read(&json!({
        "version": 1,
        "steps": [
            {"name": "a", "matching_conditions": {"match_percent": 0.5}, "gate": {"validated_percent": 95, "soak_minutes": 60}},
            {"name": "b", "type": "approval_required", "approvals": 2},
            {"name": "rest", "type": "catch_all", "concurrent_updates": 500},
        ],
    }))
    .unwrap();
    let [a, b, rest] = &workflow.steps[..] else {
        panic!("{workflow:?}")
    };
    let share = StepKind::Devices(DeviceStep {
        share: Some(50),
        validated_percent: Some(95),
        soak_minutes: 60,
        ..DeviceStep::default()
    });
    assert_eq!(a.kind, share);
    assert_eq!(b.kind, StepKind::Approval(2));
    let all = StepKind::Devices(DeviceStep {
        concurrent_updates: Some(500),
        ..DeviceStep::default()
    });
    assert_eq!((rest.name.as_str(), &rest.kind), ("rest", &all));
}

/// A last step with limits of its own is for everyone, too: nothing is added behind it.
#[test]
fn every_mistake_is_named_by_its_path() {
    for (value, expected) in [
        (json!([]), vec![("", "must be an object")]),
        (
            json!({"version": 2, "steps": []}),
            vec![
                ("version", "must be 1"),
                ("steps", "must be a list of 1 to 50 steps"),
            ],
        ),
        (
            json!({"version": 1, "steps": [
                {"name": " ", "matching_conditions": {"match_limt": 3, "network_interfaces": ["lora"]}},
                {"name": "x", "type": "catch_all"},
                {"name": "y", "type": "approval", "gate": 1},
                {"name": "z", "gate": 1, "concurrent_updates": 0, "failure_tolerance": {"devices": "1"}},
            ]}),
            vec![
                ("steps[0].name", "can't be blank"),
                (
                    "steps[0].matching_conditions.match_limt",
                    "is unknown; known are tags, network_interfaces, match_limit, match_percent",
                ),
                (
                    "steps[0].matching_conditions.network_interfaces[0]",
                    "must be one of: wifi, ethernet, cellular, unknown",
                ),
                ("steps[1].type", "may only be the last step's"),
                (
                    "steps[2].type",
                    "must be approval_required or catch_all, or be left out",
                ),
                (
                    "steps[3].concurrent_updates",
                    "must be a whole number, 1 or more",
                ),
                (
                    "steps[3].failure_tolerance.devices",
                    "must be a whole number, 0 or more",
                ),
                ("steps[3].gate", "must be an object"),
            ],
        ),
        (
            json!({"version": 1, "steps": [{"name": "a", "matching_conditions": {"match_percent": 101}}]}),
            vec![(
                "steps[0].matching_conditions.match_percent",
                "must be a number above 0, at most 100",
            )],
        ),
    ] {
        let mistakes = read(&value).unwrap_err();
        let got: Vec<(&str, &str)> = mistakes
            .iter()
            .map(|m| (m.path.as_str(), m.message.as_str()))
            .collect();
        assert_eq!(got, expected, "{value}");
    }
}
