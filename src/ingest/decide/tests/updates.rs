//! What becomes of updates.

use super::*;

/// What a device runs after an update, and what it says beside that; what becomes of the update.
#[test]
fn an_update_is_judged_by_what_its_device_runs() {
    let came_back = "Device came back with the firmware it had before the update";
    let other = "Device runs other firmware, not from an update of this server";
    let mut untold = update();
    untold.told = false;
    let mut fresh = update();
    fresh.attempted = false;
    let mut full = update();
    full.delta = None;
    let by_hand = Update {
        group: None,
        release: None,
        ..update()
    };
    let plain = runs;
    let downloads = Join {
        downloading: true,
        ..runs("old", "1.0.0")
    };
    let reverts = Join {
        reverted: true,
        ..runs("old", "1.0.0")
    };
    let doubts = Join {
        validated: Some(false),
        ..runs("new", "1.1.0")
    };
    let online = "device.online";
    // The update, the join, what happens but for `device.online`, and the file for the target that comes next.
    let table: Vec<(Update, Join, Vec<&str>, Option<&str>)> = vec![
        (
            update(),
            plain("old", "1.0.0"),
            vec![came_back, "update.failed", "claim 9 over: returned"],
            Some("new"),
        ),
        (
            full.clone(),
            plain("old", "1.0.0"),
            vec![came_back, "update.failed", "claim 9 over: returned"],
            None,
        ),
        (
            fresh.clone(),
            plain("old", "1.0.0"),
            vec![came_back, "update.failed", "claim 9 over: returned"],
            None,
        ),
        (
            fresh.clone(),
            reverts.clone(),
            vec![
                came_back,
                "update.failed",
                "attempt of 8",
                "claim 9 over: reverted",
            ],
            None,
        ),
        (
            update(),
            reverts,
            vec![came_back, "update.failed", "claim 9 over: reverted"],
            Some("new"),
        ),
        (update(), downloads, vec![], None),
        (untold, plain("old", "1.0.0"), vec![], None),
        (
            update(),
            plain("new", "1.1.0"),
            vec![
                "Device was updated to 1.1.0",
                "update.completed",
                "attempts cleared",
                "claim 9 over: installed",
                "runs new",
                "10 of 1000 bytes",
            ],
            None,
        ),
        (
            full,
            doubts,
            vec![
                "Device was updated to 1.1.0",
                "update.completed",
                "claim 9 over: installed",
                "runs new",
                "1000 of 1000 bytes",
            ],
            None,
        ),
        (
            update(),
            plain("usb", "1.1.0"),
            vec![other, "claim 9 over: other_firmware", "runs usb"],
            None,
        ),
        (
            by_hand,
            plain("usb", "1.1.0"),
            vec![other, "claim 9 over: other_firmware", "runs usb"],
            None,
        ),
    ];
    for (n, (update, says, expected, full_next)) in table.into_iter().enumerate() {
        let before = DeviceState {
            update: Some(update),
            ..device()
        };
        let (c, joined) = join(&before, says);
        let mut got = happened(&c);
        got.retain(|h| h != online);
        assert_eq!(got, expected, "row {n}");
        assert_eq!(c.after.full_next_for.as_deref(), full_next, "row {n}");
        assert_eq!(joined.installed, c.success.is_some(), "row {n}");
        assert_eq!(c.after.update.is_none(), c.freed.is_some(), "row {n}");
        assert_eq!(joined.wake, [GroupId::from(1)], "row {n}");
    }
}

#[test]
fn a_success_ends_the_rest_that_a_device_had() {
    let before = DeviceState {
        blocked_until: Some(NOW),
        ..updating()
    };
    let (c, _) = join(&before, runs("new", "1.1.0"));
    assert_eq!(c.after.blocked_until, None);
    let data = &c.messages[0].data;
    assert_eq!(
        *data,
        json!({
            "from_uuid": "old", "firmware_uuid": "new", "version": "1.1.0", "bytes": 10, "delta": true,
            "device": "d", "product": "thermo", "org": "acme",
        })
    );
}

/// A release that a device has lost again counts as attempted once, however it came.
#[test]
fn who_reverts_a_release_has_attempted_it() {
    let current = |uuid: &str, attempts| Known {
        current: [(
            DeviceId::from(1),
            Current {
                device: DeviceId::from(1),
                id: ReleaseId::from(8),
                number: 2,
                uuid: uuid.into(),
                attempts,
            },
        )]
        .into(),
        ..Known::default()
    };
    let reverted = "Device reverted release 2 and runs its earlier firmware";
    let other = "Device runs other firmware, not from an update of this server";
    for (n, (before, known, says, expected)) in [
        (
            device(),
            current("old", 0),
            true,
            vec![reverted, "attempt of 8"],
        ),
        (device(), current("old", 1), true, vec![reverted]),
        (device(), current("old", 0), false, vec![other]),
        (device(), current("elsewhere", 0), true, vec![other]),
        // The attempt was made in this very batch.
        (
            updating(),
            current("old", 0),
            true,
            vec![reverted, "claim 9 over: other_firmware"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let back = Join {
            reverted: says,
            ..runs("before", "0.9.0")
        };
        let (c, _) = join_with(&before, back, &known);
        let mut got = happened(&c);
        got.retain(|h| h != "device.online" && h != "runs before");
        assert_eq!(got, expected, "row {n}");
    }
}

#[test]
fn what_a_device_says_of_its_update_is_judged_at_once() {
    let mut fresh = updating();
    fresh.update.as_mut().unwrap().attempted = false;
    let mut untold = updating();
    untold.update.as_mut().unwrap().told = false;
    let mut by_hand = updating();
    by_hand.update.as_mut().unwrap().group = None;
    let failed = || Report::Failed("no room".into());
    let stage = || Report::Stage("updating", Some(50));
    let later = || Report::Rescheduled(Duration::from_secs(600));
    let text = "Device could not install the update: no room";
    let reason = "Device ignored the update: it gave no reason";
    let put_off = "Device put the update off for 10 minutes";
    let hour = Some(NOW.after(Duration::from_secs(3_600)));
    let soon = Some(NOW.after(Duration::from_secs(600)));
    let table: Vec<(&DeviceState, Report, Vec<&str>, Option<Micros>)> = vec![
        (&fresh, stage(), vec!["attempt of 8"], None),
        (
            &fresh,
            failed(),
            vec![
                text,
                "update.failed",
                "attempts cleared",
                "claim 9 over: failed",
            ],
            hour,
        ),
        (
            &fresh,
            Report::Ignored(String::new()),
            vec![
                reason,
                "update.failed",
                "attempts cleared",
                "claim 9 over: ignored",
            ],
            hour,
        ),
        (
            &fresh,
            later(),
            vec![put_off, "claim 9 over: rescheduled"],
            soon,
        ),
        (&by_hand, stage(), vec![], None),
        (
            &by_hand,
            failed(),
            vec![text, "update.failed", "claim 9 over: failed"],
            None,
        ),
        (
            &by_hand,
            later(),
            vec![put_off, "claim 9 over: rescheduled"],
            None,
        ),
        (&untold, stage(), vec![], None),
        (&untold, failed(), vec![], None),
        (&untold, later(), vec![], None),
    ];
    for (n, (before, report, expected, blocked)) in table.into_iter().enumerate() {
        let c = said(before, DeviceWrite::Report(report));
        assert_eq!(happened(&c), expected, "row {n}");
        assert_eq!(c.after.blocked_until, blocked, "row {n}");
        let woken = matches!(c.outcome, WriteOutcome::Done(Some(_)));
        let by_group = before.update.as_ref().is_some_and(|u| u.group.is_some());
        assert_eq!(woken, c.freed.is_some() && by_group, "row {n}");
    }
    let none = said(&device(), DeviceWrite::Report(stage()));
    assert_eq!((happened(&none), none.progress), (vec![], None));
    let c = said(&fresh, DeviceWrite::Report(stage()));
    assert_eq!(c.progress, Some((ClaimId(9), "updating", Some(50))));
    assert!(c.after.update.unwrap().attempted);
    let c = said(&fresh, DeviceWrite::Report(failed()));
    assert_eq!(
        c.after.full_next_for.as_deref(),
        Some("new"),
        "a delta has failed"
    );
    assert_eq!(c.lines[0].rests, Some(("g1".into(), 60)));
    assert_eq!(c.entries[0].by, By::Group(GroupId::from(1)));
}
