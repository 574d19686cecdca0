use super::window::Weekday;
use super::*;

fn at(text: &str) -> Micros {
    Micros::parse(text).unwrap()
}

fn window(from: &str, to: &str, days: &[Weekday], time_zone: &str) -> MaintenanceWindow {
    MaintenanceWindow {
        from: from.into(),
        to: to.into(),
        days: days.to_vec(),
        time_zone: time_zone.into(),
    }
}

#[test]
fn a_window_is_in_the_time_zone_of_the_device() {
    let night = window("22:00", "05:30", &[], "UTC");
    let opens = |zone, now: &str| night.opens_at(zone, at(now)).map(Micros::zulu);
    assert_eq!(
        opens(None, "2026-11-29T21:59:59Z"),
        Some("2026-11-29T22:00:00Z".into())
    );
    assert_eq!(opens(None, "2026-11-29T22:00:00Z"), None);
    assert_eq!(opens(None, "2026-11-30T05:29:59Z"), None);
    assert_eq!(
        opens(None, "2026-11-30T05:30:00Z"),
        Some("2026-11-30T22:00:00Z".into())
    );
    let tokyo = Some("Asia/Tokyo");
    assert_eq!(opens(tokyo, "2026-11-29T13:00:00Z"), None);
    assert_eq!(
        opens(tokyo, "2026-11-29T12:00:00Z"),
        Some("2026-11-29T13:00:00Z".into())
    );
    // An unknown zone of a device is that of the window.
    assert_eq!(opens(Some("Mars/Olympus"), "2026-11-29T22:00:00Z"), None);
}

#[test]
fn a_window_that_goes_over_midnight_belongs_to_the_day_on_which_it_begins() {
    let weekend = window("22:00", "04:00", &[Weekday::Saturday], "Europe/Berlin");
    let opens = |now: &str| weekend.opens_at(None, at(now)).map(Micros::zulu);
    // 2026-11-28 is a Saturday.
    assert_eq!(
        opens("2026-11-28T20:59:00Z"),
        Some("2026-11-28T21:00:00Z".into())
    );
    assert_eq!(opens("2026-11-29T02:59:00Z"), None);
    assert_eq!(
        opens("2026-11-29T03:00:00Z"),
        Some("2026-12-05T21:00:00Z".into())
    );
    assert_eq!(
        opens("2026-11-27T23:00:00Z"),
        Some("2026-11-28T21:00:00Z".into())
    );
}

#[test]
fn a_window_keeps_its_hours_when_the_clocks_change() {
    let night = window("02:30", "04:00", &[], "Europe/Berlin");
    let opens = |now: &str| night.opens_at(None, at(now)).map(Micros::zulu);
    // On 2026-03-29 the clocks go from 02:00 to 03:00: half past two is an hour later by the sun.
    assert_eq!(
        opens("2026-03-28T12:00:00Z"),
        Some("2026-03-29T01:30:00Z".into())
    );
    assert_eq!(
        opens("2026-03-29T12:00:00Z"),
        Some("2026-03-30T00:30:00Z".into())
    );
    let day = window("00:00", "00:00", &[], "UTC");
    assert_eq!(day.opens_at(None, at("2026-11-29T12:00:00Z")), None);
}

#[test]
fn mistakes_of_a_window_name_their_fields() {
    let fields = |w: &MaintenanceWindow| w.mistakes().iter().map(|m| m.0).collect::<Vec<_>>();
    assert_eq!(
        fields(&window("22:00", "05:00", &[], "Europe/Berlin")),
        [""; 0]
    );
    assert_eq!(
        fields(&window("24:00", "5:00", &[], "Berlin")),
        ["from", "to", "time_zone"]
    );
    let closed = window("x", "05:00", &[], "UTC");
    assert!(closed.opens_at(None, at("2026-11-29T12:00:00Z")).is_some());
}

#[test]
fn limits_say_what_they_hold_and_until_when() {
    let policy = Policy {
        minimum_version: Some("1.2.0".into()),
        starts_at: Some(at("2026-11-30T00:00:00Z")),
        ends_at: Some(at("2026-12-01T00:00:00Z")),
        bytes_per_second: Some(1_000),
        ..Policy::default()
    };
    let rules = |version: &str, promised: &str, now: &str| {
        let mut all = policy.limits(version, at(now));
        let group = Bandwidth {
            bytes_per_second: policy.bytes_per_second,
            promised_until: at(promised),
        };
        let server = Bandwidth {
            bytes_per_second: None,
            ..group
        };
        all.extend(bandwidth_limits(group, server, at(now)));
        all.iter().map(|l| l.rule).collect::<Vec<_>>()
    };
    let (noon, next) = ("2026-11-30T12:00:00Z", "2026-11-30T12:00:05Z");
    assert_eq!(rules("1.2.0", noon, noon), [""; 0]);
    assert_eq!(rules("1.2.0-rc.1", noon, noon), ["minimum_version"]);
    assert_eq!(rules("v1", noon, noon), ["minimum_version"]);
    assert_eq!(
        rules("2.0.0", noon, "2026-11-29T23:59:59Z"),
        ["has_begun", "bandwidth"]
    );
    assert_eq!(
        rules("2.0.0", noon, "2026-12-01T00:00:00Z"),
        ["has_not_ended"]
    );
    assert_eq!(rules("2.0.0", next, noon), ["bandwidth"]);
    assert!(Policy::kept(policy.text().as_deref()) == Some(policy));
    assert_eq!(Policy::default().text(), None);
    assert_eq!(
        Policy::kept(Some("{\"later\": 1}")),
        None,
        "a newer server's"
    );
}
