use super::*;
use std::time::Duration;

#[test]
fn what_came_fast_does_not_pay_for_silence_afterwards() {
    let mut pace = Pace::begin();
    let mut now = pace.begun;
    assert!(pace.keeps_at(now, 200 << 20));
    now += UPLOAD_STALL + Duration::from_secs(1);
    assert!(pace.keeps_at(now, 1));
    now += UPLOAD_STALL + Duration::from_secs(1);
    assert!(!pace.keeps_at(now, 1));
}

#[test]
fn the_slowest_real_line_keeps_its_place() {
    let mut pace = Pace::begin();
    let mut now = pace.begun;
    for _ in 0..600 {
        now += Duration::from_secs(1);
        assert!(pace.keeps_at(now, 2 * 1024 + 512));
    }
}
