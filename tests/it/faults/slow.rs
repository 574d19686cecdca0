//! A query of a person that takes too long is stopped, and costs nobody else anything.

use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::json;
use std::time::{Duration, Instant};

crate::both_engines_as_process! {
    a_query_that_takes_too_long_is_stopped_and_its_connection_is_good_again
}

/// Puts a table in the place of which a query never ends.
async fn slow_down(server: &Server) {
    server
        .run("ALTER TABLE scripts RENAME TO scripts_kept")
        .await;
    let endless = if server.is_sqlite() {
        "CREATE VIEW scripts AS SELECT * FROM scripts_kept WHERE
           (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n) > 0"
    } else {
        "CREATE VIEW scripts AS SELECT k.* FROM scripts_kept k, pg_sleep(3600)"
    };
    server.run(endless).await;
}

async fn a_query_that_takes_too_long_is_stopped_and_its_connection_is_good_again(server: Server) {
    let api = server.api();
    let path = Api::product("/scripts");
    api.post(&path, json!({"name": "uptime", "text": "uptime()"}))
        .await
        .data();
    let others = [
        server.member_called("ann", "view").await,
        server.member_called("bob", "view").await,
    ];
    // Two queries of each of three people: as many as there are connections for people.
    let people = [&api, &api, &others[0], &others[0], &others[1], &others[1]];
    let ask = || futures_util::future::join_all(people.map(|p| p.get(&path)));
    slow_down(&server).await;
    let begun = Instant::now();
    let device = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut d = Device::secret(&server, "dev-1").await.unwrap();
        d.join(json!({}), json!({})).await;
        begun.elapsed()
    };
    let slow = tokio::time::timeout(Duration::from_secs(30), ask());
    let (answers, joined) = tokio::join!(slow, device);
    let took = begun.elapsed();
    for answer in answers.expect("each query is stopped") {
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(
            answer.text.contains("takes too long and was stopped"),
            "{}",
            answer.text
        );
        assert_eq!(answer.header("retry-after"), "5");
    }
    assert!(took >= Duration::from_secs(8), "{took:?}");
    assert!(joined < Duration::from_secs(7), "{joined:?}: it waited");
    if !server.is_sqlite() {
        let left = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
                      AND state = 'active' AND pid <> pg_backend_pid()";
        server.until(left, 0).await;
    }
    server.run("DROP VIEW scripts").await;
    server
        .run("ALTER TABLE scripts_kept RENAME TO scripts")
        .await;
    for _ in 0..3 {
        for answer in ask().await {
            assert_eq!(answer.data()[0]["name"], "uptime");
        }
    }
}
