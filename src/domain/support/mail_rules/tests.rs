use super::*;

fn rule() -> DueRule {
    DueRule {
        id: 1,
        due_at: Micros(0),
        email: "jane@acme.org".into(),
        org: "acme".into(),
        product: "thermostat".into(),
    }
}

fn event(event: &str, data: Value) -> EventRow {
    EventRow {
        id: 1,
        event: event.into(),
        data: data.to_string(),
        at: Micros(1_700_000_000_000_000),
    }
}

#[test]
fn one_happening_is_the_subject_and_several_are_counted() {
    let failed = event(
        "update.failed",
        serde_json::json!({"device": "d1\r\nBcc: x", "reason": "no space"}),
    );
    let (subject, text) = digest(&rule(), std::slice::from_ref(&failed), "https://n.org/");
    assert_eq!(
        subject,
        "[acme/thermostat] d1  Bcc: x was not updated: no space"
    );
    assert!(
        text.starts_with("2023-11-14T22:13:20Z  d1  Bcc: x was not"),
        "{text}"
    );
    let online = event("device.online", serde_json::json!({"device": "d2"}));
    let (subject, text) = digest(&rule(), &[failed, online], "https://n.org/");
    assert_eq!(subject, "[acme/thermostat] 2 events");
    assert!(text.contains("d2 is online\n") && text.contains("https://n.org/"));
}
