use super::*;
use std::future::poll_fn;
use tokio::time::timeout;

const D: DeviceId = DeviceId::NONE;
const C: ConnectionId = ConnectionId(7);
const K: TerminalKind = TerminalKind::Console;

async fn next(seat: &mut Seat) -> (String, Value) {
    let got = tokio::time::timeout(
        Duration::from_secs(1),
        poll_fn(|cx| seat.shown.poll_next(cx)),
    )
    .await;
    (*got.unwrap().unwrap()).clone()
}

fn opened(all: &Terminals, version: &str) {
    all.say(D, K, C, TerminalOutput::Open(version.into()));
}

#[tokio::test]
async fn a_new_viewer_gets_the_past_at_once_and_both_get_what_follows() {
    let all = Terminals::default();
    all.say(D, K, C, TerminalOutput::Output("nobody looks".into()));
    let mut one = all.watch(D, K, "Jane").unwrap();
    opened(&all, "2.0.0");
    assert_eq!(
        next(&mut one).await,
        ("metadata".into(), json!({"version": "2.0.0"}))
    );
    assert_eq!(next(&mut one).await, ("up".into(), json!({"data": ""})));
    all.say(D, K, C, TerminalOutput::Output("iex(1)>".into()));
    assert_eq!(next(&mut one).await.1["data"], "iex(1)>");
    let mut two = all.watch(D, K, "Joe").unwrap();
    opened(&all, "2.0.0");
    assert_eq!(next(&mut two).await.0, "metadata");
    assert_eq!(next(&mut two).await.1["data"], "iex(1)>");
    all.say(D, K, C, TerminalOutput::Output(" 1".into()));
    assert_eq!(next(&mut one).await.1["data"], " 1");
    assert_eq!(next(&mut two).await.1["data"], " 1");
    two.chat(json!({"text": "hi"}));
    assert_eq!(next(&mut one).await.1, json!({"text": "hi", "name": "Joe"}));
    assert_eq!(next(&mut two).await.1["name"], "Joe");
    drop(two);
    let left = json!({"name": "Joe", "event": "closed the console"});
    assert_eq!(next(&mut one).await.1, left);
    // Output of another device must not appear here.
    all.say(
        DeviceId::from(2),
        K,
        C,
        TerminalOutput::Output("forged".into()),
    );
    let more = timeout(Duration::from_millis(50), next(&mut one)).await;
    assert!(more.is_err());
}

#[test]
fn who_left_has_no_seat() {
    let all = Terminals::default();
    let seat = all.watch(D, K, "gone").unwrap();
    opened(&all, "2.0.0");
    all.lock().open.get_mut(&(D, K)).unwrap().lines.add("x");
    drop(seat);
    assert_eq!(all.lock().open[&(D, K)].viewers.len(), 0);
}

#[test]
fn what_is_typed_waits_in_a_bounded_queue_and_only_for_a_device_that_is_there() {
    let all = Terminals::default();
    let key = || TerminalInput::Event("dn", json!({"data": "x"}));
    assert_eq!(all.type_in(D, K, key()), Err(Blocked::Closed));
    let _seat = all.watch(D, K, "Jane").unwrap();
    assert_eq!(all.type_in(D, K, key()), Err(Blocked::Closed));
    all.lock()
        .open
        .get_mut(&(D, K))
        .unwrap()
        .open(C, "1.0.0".into());
    for _ in 0..TERMINAL_INBOX {
        assert_eq!(all.type_in(D, K, key()), Ok(()));
    }
    assert_eq!(all.type_in(D, K, key()), Err(Blocked::Full));
    assert_eq!(all.take(D, K).unwrap().len(), TERMINAL_INBOX);
    assert_eq!(all.take(DeviceId::from(2), K), None);
    let file = TerminalInput::Event("file-data/start", json!({"filename": "a"}));
    assert_eq!(all.type_in(D, K, file), Err(Blocked::NoFiles));
    all.close(D, ConnectionId(8));
    assert_eq!(
        all.type_in(D, K, key()),
        Ok(()),
        "an older connection ended"
    );
    all.close(D, C);
    assert_eq!(all.type_in(D, K, key()), Err(Blocked::Closed));
}

#[test]
fn there_are_never_too_many() {
    let all = Terminals::default();
    let mut seats: Vec<Seat> = (0..TERMINALS as i64)
        .map(|i| all.watch(DeviceId::from(i), K, "x").unwrap())
        .collect();
    assert!(all.watch(DeviceId::from(-1), K, "x").is_none());
    seats.pop();
    assert!(all.watch(DeviceId::from(-1), K, "x").is_some());
}

/// Two nodes that told each other what they were told would go on for ever.
#[tokio::test]
async fn nodes_do_not_tell_each_other_what_they_were_told() {
    let terminals = Terminals::default();
    let (device, kind) = (DeviceId::from(1), TerminalKind::Console);
    let key = (device, kind);
    let (here, there) = (ConnectionId(1), ConnectionId(2));
    let mut near = terminals.relay(key, true).unwrap();
    let mut other = terminals.relay(key, true).unwrap();
    let mut far = terminals.relay(key, false).unwrap();
    let told = |seat: &mut RelaySeat| seat.told.try_recv().ok();
    let output = |text: &str| TerminalOutput::Output(text.into());
    // What the device of this node says is told where people of other nodes look.
    terminals.say(device, kind, here, TerminalOutput::Open("2.0.0".into()));
    terminals.say(device, kind, here, output("a"));
    for seat in [&mut near, &mut other] {
        assert_eq!(told(seat), Some(Relayed::Opened(here, "2.0.0".into())));
        assert_eq!(told(seat), Some(Relayed::Said(output("a"))));
    }
    // What people say goes everywhere, and from everywhere once.
    near.chat(json!({"message": "hi"}));
    assert_eq!(
        told(&mut other),
        Some(Relayed::Chat(json!({"message": "hi"})))
    );
    far.chat(json!({"message": "ho"}));
    // What another node says of its device goes to nobody but the people here.
    terminals.close_one(key, here);
    let gone = Some(Relayed::Left(here));
    assert_eq!((told(&mut near), told(&mut other)), (gone.clone(), gone));
    terminals.say_from_elsewhere(key, there, TerminalOutput::Open("2.0.0".into()));
    terminals.say_from_elsewhere(key, there, output("b"));
    for seat in [&mut near, &mut other, &mut far] {
        assert_eq!(told(seat), None);
    }
    // And what is typed for one connection is not taken for another.
    let typed = TerminalInput::Keys("x".into());
    terminals.type_in(device, kind, typed.clone()).unwrap();
    assert!(terminals.take_for(key, here).is_empty());
    assert_eq!(terminals.take_for(key, there), [typed]);
}
