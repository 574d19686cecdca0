use super::*;

#[tokio::test(start_paused = true)]
async fn in_a_lane_others_wait_for_one_piece_of_an_asker() {
    let lane = Arc::new(Lane::new(1));
    let second = Duration::from_secs(1);
    let first = lane.enter(&"many", second).await.unwrap();
    assert_eq!(
        lane.enter(&"many", second).await.unwrap_err(),
        Refused::Share
    );
    assert_eq!(
        lane.enter(&"other", second).await.unwrap_err(),
        Refused::Full
    );
    let (again, other, ()) = tokio::join!(
        lane.enter(&"many", second),
        lane.enter(&"other", second),
        async { drop(first) }
    );
    assert!(
        other.is_ok() && again.is_err(),
        "the other waited for the first piece only"
    );
    drop((again, other));
    assert!(lane.enter(&"other", second).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn failures_slow_the_one_who_fails() {
    let once = Rate::new(NonZeroU32::MIN, Duration::from_secs(60));
    let tries = &Attempts::new(1, once, Duration::from_secs(1));
    let make = |asker: &'static str, good: bool| {
        let work = async move { good.then_some(()) };
        async move { tries.make(&asker, Duration::from_secs(60), work).await }
    };
    let began = tokio::time::Instant::now();
    assert!(make("a", true).await.is_ok() && make("a", false).await.is_err());
    assert!(began.elapsed() < Duration::from_millis(10));
    let (wrong, right) = tokio::join!(make("a", false), make("a", true));
    assert!(wrong.is_err() && right.is_ok());
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "a turn that failed lasts"
    );
    let other = tokio::time::Instant::now();
    assert!(make("b", false).await.is_err());
    assert!(other.elapsed() < Duration::from_millis(10));
}

#[test]
fn one_asker_never_takes_the_places_of_others() {
    let places = Slots::new(5, 2);
    let (a, _b) = (places.take("a").unwrap(), places.take("a").unwrap());
    assert_eq!(places.take("a").unwrap_err(), Refused::Share);
    let _others = [places.take("b").unwrap(), places.take("c").unwrap()];
    drop(a);
    let _again = places.take("a").unwrap();
    let _last = places.take("d").unwrap();
    assert_eq!(places.take("e").unwrap_err(), Refused::Full);
}

#[test]
fn a_place_is_given_back_once() {
    let places = Slots::new(1, 1);
    for _ in 0..3 {
        let place = places.take(1).unwrap();
        assert!(places.take(2).is_err());
        drop(place);
    }
    assert!(places.taken.lock().unwrap().by_asker.is_empty());
}

#[test]
fn what_repeats_is_said_once_a_minute() {
    let once = OnceAMinute::default();
    assert!(once.due());
    assert!(!once.due() && !once.due());
}

#[test]
fn a_rate_counts_each_asker_alone() {
    let rate = Rate::new(NonZeroU32::new(2).unwrap(), Duration::from_secs(60));
    assert!(rate.count(&"a").is_ok() && rate.count(&"a").is_ok());
    let wait = rate.count(&"a").unwrap_err();
    assert!(wait > Duration::from_secs(30) && wait <= Duration::from_secs(60));
    assert!(rate.count(&"b").is_ok());
}

/// Whoever guesses makes its own wait, and not more of them than leave room for others.
#[tokio::test(start_paused = true)]
async fn failures_have_few_attempts_wait_behind_them() {
    let failures = Rate::new(NonZeroU32::MIN, Duration::from_secs(3_600));
    let attempts = Arc::new(Attempts::new(1, failures, Duration::from_secs(1)));
    let most = Duration::from_secs(600);
    let fails = std::future::ready(None::<()>);
    // The first failure is within the rate, the second holds its turn.
    let first = attempts.make(&"a", most, fails.clone()).await;
    assert_eq!(first, Err(AttemptError::Failed));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..=ATTEMPTS_WAITING {
        let attempts = attempts.clone();
        all.spawn(async move {
            attempts
                .make(&"a", most, std::future::ready(None::<()>))
                .await
        });
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    let begun = tokio::time::Instant::now();
    let right = std::future::ready(Some(1));
    let crowded = attempts.make(&"a", most, right.clone()).await;
    assert_eq!(crowded, Err(AttemptError::NotMade));
    assert_eq!(attempts.make(&"b", most, right.clone()).await, Ok(1));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // When those who failed have rested it goes on.
    all.join_all().await;
    assert_eq!(attempts.make(&"a", most, right).await, Ok(1));
}
