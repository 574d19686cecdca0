use super::*;

const NOW: Micros = Micros(1_000_000_000_000);

fn step(own: DeviceStep) -> Step {
    Step {
        name: "Canary".into(),
        description: None,
        kind: StepKind::Devices(own),
    }
}

fn facts(touched: i64, in_flight: i64, failed: i64, validated: i64) -> StepFacts {
    let counts = StepCounts {
        touched,
        in_flight,
        failed,
        validated,
        ..StepCounts::default()
    };
    StepFacts {
        counts,
        ..StepFacts::default()
    }
}

#[test]
fn a_step_updates_then_waits_then_is_over() {
    let canary = step(DeviceStep {
        match_limit: Some(20),
        tolerated_failures: Some(1),
        validated_percent: Some(95),
        soak_minutes: 60,
        ..DeviceStep::default()
    });
    let with = |facts: StepFacts| decide(&canary, false, &facts, NOW);
    let there = |f: StepFacts| StepFacts {
        candidates: true,
        ..f
    };
    let over = |f: StepFacts, minutes: u64| StepFacts {
        over_at: Some(NOW.before(Duration::from_secs(minutes * 60))),
        ..f
    };
    assert_eq!(
        with(facts(0, 0, 0, 0)),
        StepDecision::Wait(Waiting::Devices)
    );
    assert_eq!(
        with(there(facts(0, 0, 0, 0))),
        StepDecision::Update(Some(20))
    );
    assert_eq!(
        with(there(facts(19, 3, 1, 0))),
        StepDecision::Update(Some(1))
    );
    // The limit is reached, whoever is there.
    let full = there(facts(20, 3, 1, 0));
    assert_eq!(with(full), StepDecision::Wait(Waiting::InFlight(3)));
    let stops = "In step Canary 2 of 20 devices failed; 1 is tolerated";
    assert_eq!(
        with(there(facts(20, 3, 2, 0))),
        StepDecision::Stop(stops.into())
    );
    let few = facts(20, 0, 1, 18);
    assert_eq!(
        with(over(few, 90)),
        StepDecision::Wait(Waiting::Validation(90, 95))
    );
    let well = facts(20, 0, 1, 19);
    let due = NOW.after(Duration::from_secs(60 * 60));
    assert_eq!(with(well), StepDecision::Wait(Waiting::Soak(due)));
    let soon = NOW.after(Duration::from_secs(60));
    assert_eq!(
        with(over(well, 59)),
        StepDecision::Wait(Waiting::Soak(soon))
    );
    assert_eq!(with(over(well, 60)), StepDecision::Next);
}

#[test]
fn the_last_step_has_no_end_and_an_approval_takes_people() {
    let rest = step(DeviceStep::default());
    assert_eq!(
        decide(&rest, true, &facts(9, 0, 0, 9), NOW),
        StepDecision::Wait(Waiting::Newcomers)
    );
    assert_eq!(
        decide(&rest, false, &facts(9, 0, 0, 9), NOW),
        StepDecision::Next
    );
    let sign_off = Step {
        kind: StepKind::Approval(2),
        ..step(DeviceStep::default())
    };
    let mut approved = facts(0, 0, 0, 0);
    assert_eq!(
        decide(&sign_off, false, &approved, NOW),
        StepDecision::Wait(Waiting::Approvals(2))
    );
    approved.counts.approvals = 2;
    assert_eq!(decide(&sign_off, false, &approved, NOW), StepDecision::Next);
}

/// One per cent of a fleet is about one per cent, and another one with the next salt.
#[test]
fn a_share_is_a_share_and_differs_between_releases() {
    let share =
        |salt: i64| -> Vec<i64> { (1..=100_000).filter(|id| place(*id, salt) < 100).collect() };
    let salts = [1 << 40, 0x1234_5678_9abc_def0, -77_777_777_777_777];
    let shares: Vec<Vec<i64>> = salts.into_iter().map(share).collect();
    for (n, chosen) in shares.iter().enumerate() {
        assert!(
            (700..=1_300).contains(&chosen.len()),
            "{n}: {}",
            chosen.len()
        );
        for other in &shares[..n] {
            let both = chosen.iter().filter(|id| other.contains(id)).count();
            assert!(both < 100, "{both} devices are first twice");
        }
    }
}

/// Devices have ids one after the other, and a tenth of 200 is never nobody and never half of them.
#[test]
fn a_share_of_a_small_fleet_is_about_as_large_as_it_says() {
    for n in 0_u64..3_000 {
        // Salts as different as random ones, and the same in each run.
        let salt = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).cast_signed();
        let chosen = (1..=200).filter(|id| place(*id, salt) < 1_000).count();
        assert!((5..=40).contains(&chosen), "{chosen} of 200 with {salt}");
    }
}
