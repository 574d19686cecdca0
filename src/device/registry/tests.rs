use super::*;
use crate::limits::MAILBOX;
use futures_util::FutureExt as _;

#[test]
fn the_newcomer_wins_and_a_late_leave_does_not_touch_it() {
    let r = Registry::default();
    let (d, a, b) = (DeviceId::from(1), ConnectionId(1), ConnectionId(2));
    let mut first = r.enter(d, (a, 1), None).unwrap();
    let mut second = r.enter(d, (b, 2), None).unwrap();
    assert_eq!(first.recv().now_or_never(), Some(None));
    r.leave(d, a);
    r.nudge(d, DeviceSignal::Claim);
    let claim = LinkCommand::Nudge(DeviceSignal::Claim);
    assert_eq!(second.recv().now_or_never(), Some(Some(claim)));
    r.nudge(d, DeviceSignal::Replaced(a));
    assert_eq!(
        r.len(),
        1,
        "what closes an older one does not hit a newer one"
    );
    r.nudge(d, DeviceSignal::Replaced(b));
    assert_eq!((r.len(), second.recv().now_or_never()), (0, Some(None)));
}

#[test]
fn of_any_number_in_any_order_the_newest_stays() {
    for orders in [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ] {
        let r = Registry::default();
        let d = DeviceId::from(1);
        let mut kept = Vec::new();
        for order in orders {
            let id = ConnectionId(i64::try_from(order).unwrap());
            kept.extend(r.enter(d, (id, order), None).map(|mail| (order, mail)));
        }
        let open = kept.iter_mut().filter_map(|(order, mail)| {
            (mail.recv().now_or_never() != Some(None)).then_some(*order)
        });
        assert_eq!(open.collect::<Vec<_>>(), [3], "{orders:?}");
    }
}

#[test]
fn whoever_is_asked_to_come_again_leaves_as_the_one_that_was_there() {
    let r = Registry::default();
    let (d, a) = (DeviceId::from(1), ConnectionId(1));
    let mut mail = r.enter(d, (a, 1), None).unwrap();
    r.nudge(d, DeviceSignal::Reconnect);
    let asked = LinkCommand::Close(Close::Asked);
    assert_eq!(mail.recv().now_or_never(), Some(Some(asked)));
    assert_eq!(mail.recv().now_or_never(), Some(None));
    assert!(r.leave(d, a), "so that people are told");
}

#[test]
fn a_full_mailbox_loses_hints_and_blocks_nobody() {
    let r = Registry::default();
    let mut mail = r
        .enter(DeviceId::from(1), (ConnectionId(1), 1), None)
        .unwrap();
    for _ in 0..100 {
        r.nudge(DeviceId::from(1), DeviceSignal::Claim);
    }
    let mut got = 0;
    while mail.recv().now_or_never().is_some() {
        got += 1;
    }
    assert_eq!(got, MAILBOX);
}
