use super::*;

#[tokio::test(start_paused = true)]
async fn an_asker_waits_for_its_own_turns_and_for_nobody_elses() {
    let turns = Turns::new(2);
    let second = Duration::from_secs(1);
    let held = [turns.wait(&1, second).await, turns.wait(&1, second).await];
    assert!(held.iter().all(Option::is_some));
    assert!(turns.wait(&1, second).await.is_none());
    assert!(turns.wait(&2, second).await.is_some());
    drop(held);
    assert!(turns.wait(&1, second).await.is_some());
    for n in 0..5_000 {
        assert!(turns.wait(&n, second).await.is_some());
    }
    assert!(turns.by_asker.lock().unwrap().len() <= IDLE_ASKERS);
}

#[tokio::test(start_paused = true)]
async fn the_more_one_asker_has_waiting_the_slower_it_goes() {
    let minute = Duration::from_secs(60);
    for (crowd, slowest) in [(CROWD, 10 * CROWD), (4 * CROWD, 96 * CROWD)] {
        let turns = Arc::new(Turns::with_pauses(1));
        let begun = Instant::now();
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..crowd {
            let turns = turns.clone();
            all.spawn(async move {
                let turn = turns.wait(&1, minute).await;
                sleep(Duration::from_millis(10)).await;
                drop(turn);
            });
        }
        all.join_all().await;
        // The last operations are no crowd any more and run without pauses.
        let took = begun.elapsed().as_millis() as usize;
        assert!(
            (slowest - 10..=slowest + 60).contains(&took),
            "{crowd}: {took} ms"
        );
    }
}
