//! What people find by text, and in which order.

use super::*;
use crate::store::devices::query::{Compare, Cond, Test};
use crate::store::fold::{self, Pattern};
use crate::store::support::scripts::{self, ScriptFilter};

both_engines! {
    text_orders_by_bytes_and_search_ignores_case => order_and_search;
    letters_of_every_script_are_found_in_any_case => letters;
    rows_from_before_texts_were_folded_are_found => old_rows_are_folded;
    tags_keep_the_order_in_which_they_were_given => tags_in_order;
}

/// Two devices with letters beyond ASCII among others, and what finds them.
async fn with_letters(w: &mut Write, world: &World) {
    for (name, tag) in [("GERÄT-1", "Größe"), ("ΟΔΟΣ-2", "ÜBER"), ("plain", "x")] {
        let tags = [tag.to_owned()];
        let made = devices::add(w, world.org, world.product, name, None, Some(&tags), NOW);
        made.await.unwrap();
    }
}

async fn found(w: &mut Write, world: &World, test: Test) -> Vec<String> {
    let mut f = Filter::default();
    f.and(test);
    let order = (Order::Identifier, false);
    let list = devices::list(w, &world.scope, &f, order, 0, 100, NOW);
    list.await
        .unwrap()
        .0
        .into_iter()
        .map(|d| d.identifier)
        .collect()
}

async fn letters_are_found(w: &mut Write, world: &World) {
    for text in ["GERÄT", "gerät-1", "Ät", "ä"] {
        for test in [Test::Identifier, Test::Search] {
            let hit = found(w, world, test(Pattern::part(text))).await;
            assert_eq!(hit, ["GERÄT-1"], "{text}");
        }
    }
    for text in ["οδος", "ΟΔΟΣ", "ς-2"] {
        let hit = found(w, world, Test::Identifier(Pattern::part(text))).await;
        assert_eq!(hit, ["ΟΔΟΣ-2"], "{text}");
    }
    for text in ["GRÖSSE", "größe", "öß"] {
        let hit = found(w, world, Test::TagPart(text.into())).await;
        assert_eq!(hit, ["GERÄT-1"], "{text}");
        let hit = found(w, world, Test::Search(Pattern::part(text))).await;
        assert_eq!(hit, ["GERÄT-1"], "{text}");
    }
    let not = Cond::Not(Box::new(Cond::Is(Test::Identifier(Pattern::part("gerät")))));
    let f = Filter {
        cond: Some(not),
        with_deleted: false,
    };
    let order = (Order::Identifier, false);
    let (rows, _) = devices::list(w, &world.scope, &f, order, 0, 9, NOW)
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
}

async fn letters(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    with_letters(&mut w, &world).await;
    letters_are_found(&mut w, &world).await;
    scripts::add(&mut w, &world.scope, "ÜBERSICHT", "1", Some("GRÜN"), NOW)
        .await
        .unwrap();
    for text in ["übersicht", "BERS", "grün"] {
        let filter = ScriptFilter {
            search: Some(text.into()),
            ..ScriptFilter::default()
        };
        let page = scripts::list(&mut w, &world.scope, &filter, 0, 10);
        assert_eq!(page.await.unwrap().1, 1, "{text}");
    }
}

async fn old_rows_are_folded(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    with_letters(&mut w, &world).await;
    let scope = &world.scope;
    crate::store::support::scripts::add(&mut w, scope, "GRÜSSE", "1", Some("ÄLTER"), NOW)
        .await
        .unwrap();
    crate::store::events::audit::on_product(&mut w, scope, "JANE MADE ÖL", NOW)
        .await
        .unwrap();
    // As the migration leaves rows that were there before it, with all tables in `unfolded`.
    for text in [
        "UPDATE devices SET folded = 'ger' WHERE identifier LIKE 'GER%'",
        "UPDATE device_tags SET folded = tag",
        "UPDATE scripts SET folded_name = name, folded_tags = tags",
        "UPDATE audit_logs SET folded = description",
    ] {
        let done: Result<u64> = execute!(&mut w, text);
        done.unwrap();
    }
    w.commit().await.unwrap();
    fold::old_rows(db).await.unwrap();
    let mut w = db.write().await.unwrap();
    letters_are_found(&mut w, &world).await;
    let left: Vec<(String,)> = fetch_all!(&mut w, "SELECT name FROM unfolded").unwrap();
    assert!(left.is_empty());
    let folded: Vec<(String, String)> =
        fetch_all!(&mut w, "SELECT folded_name, folded_tags FROM scripts").unwrap();
    assert_eq!(folded, [("grüsse".into(), "älter".into())]);
    let folded: Vec<(String,)> = fetch_all!(
        &mut w,
        "SELECT folded FROM audit_logs WHERE folded LIKE 'jane%'"
    )
    .unwrap();
    assert_eq!(folded, [("jane made öl".into(),)]);
    let has = async |w: &mut Write, a: &str| devices::has_architecture(w, scope, a).await.unwrap();
    assert!(!has(&mut w, "arm7").await);
    let set: Result<u64> = execute!(&mut w, "UPDATE devices SET fw_architecture = 'arm7'");
    assert!(set.unwrap() > 0);
    assert!(has(&mut w, "arm7").await);
}

async fn tags_in_order(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let given = ["z", "a", "m"].map(String::from);
    let made = devices::add(
        &mut w,
        world.org,
        world.product,
        "d",
        None,
        Some(&given),
        NOW,
    );
    let id = made.await.unwrap().unwrap();
    assert_eq!(devices::tags(&mut w, id).await.unwrap(), given);
    let many = devices::tags_of(&mut w, &[id]).await.unwrap();
    let many: Vec<String> = many.into_iter().map(|t| t.1).collect();
    assert_eq!(many, given);
    let (group, _) = fleet(&mut w, &world, 0).await;
    deployment_groups::set_words(&mut w, group, "tag", &given)
        .await
        .unwrap();
    let words = deployment_groups::words(&mut w, group, "tag").await;
    assert_eq!(words.unwrap(), given);
}

async fn order_and_search(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    for (name, tags) in [("b", "x"), ("B", "Beta"), ("a%", "y"), ("Z_", "x")] {
        let tags = [tags.to_owned()];
        devices::add(
            &mut w,
            world.org,
            world.product,
            name,
            None,
            Some(&tags),
            NOW,
        )
        .await
        .unwrap();
    }
    let find = async |w: &mut Write, f: Filter| -> Vec<String> {
        let order = (Order::Identifier, false);
        let (rows, total) = devices::list(w, &world.scope, &f, order, 0, 100, NOW)
            .await
            .unwrap();
        assert_eq!(rows.len() as i64, total);
        rows.into_iter().map(|d| d.identifier).collect()
    };
    assert_eq!(
        find(&mut w, Filter::default()).await,
        ["B", "Z_", "a%", "b"]
    );
    let with = |tests: Vec<Test>| {
        let mut f = Filter::default();
        tests.into_iter().for_each(|t| f.and(t));
        f
    };
    let by = |t: &str| with(vec![Test::Identifier(Pattern::new(t))]);
    assert_eq!(find(&mut w, by("%B%")).await, ["B", "b"]);
    assert_eq!(find(&mut w, by("%\\%%")).await, ["a%"]);
    assert_eq!(find(&mut w, by("%\\_%")).await, ["Z_"]);
    assert_eq!(find(&mut w, by("_")).await, ["B", "b"]);
    let part = with(vec![Test::TagPart("bet".into())]);
    assert_eq!(find(&mut w, part).await, ["B"]);
    let searched = with(vec![Test::Search(Pattern::part("X"))]);
    assert_eq!(find(&mut w, searched).await, ["Z_", "b"]);
    // Each test, and its opposite, divide the devices.
    let text = String::from;
    for test in [
        Test::Search(Pattern::new("%")),
        Test::Version(text("1.0.0")),
        Test::NoPlatform,
        Test::Connection(text("connecting")),
        Test::Connection(text("connected")),
        Test::Connection(text("disconnected")),
        Test::Connection(text("not_seen")),
        Test::LastSeen {
            days: 7,
            later: false,
        },
        Test::LastSeen {
            days: 7,
            later: true,
        },
        Test::Tag(text("beta")),
        Test::TagPart(text("bet")),
        Test::Untagged,
        Test::Health(text("unknown")),
        Test::Health(text("healthy")),
        Test::Interface(text("unknown")),
        Test::Interface(text("wifi")),
        Test::Updates(text("enabled")),
        Test::Updates(text("disabled")),
        Test::Updates(text("penalty-box")),
        Test::Updating,
        Test::Alarms,
        Test::Alarm(text("disk")),
        Test::Deleted,
        Test::Group(text("g")),
        Test::GroupNumber(1),
        Test::Ungrouped,
        Test::Metric(text("cpu"), Compare::More, 1.0),
        Test::Metric(text("a\"b"), Compare::AtLeast, 1.0),
        Test::Platform(text("rpi4"), false),
        Test::Architecture(text("arm"), true),
        Test::Firmware(text("u"), true),
    ] {
        let yes = find(&mut w, with(vec![test.clone()])).await.len();
        let mut opposite = Filter::default();
        opposite.and_not(test.clone());
        let no = find(&mut w, opposite).await.len();
        assert_eq!(yes + no, 4, "{test:?}");
        let both = with(vec![test.clone(), Test::Connection(text("not_seen"))]);
        assert_eq!(find(&mut w, both).await.len(), yes, "{test:?}");
    }
    reported(&mut w, &world).await;
    let hot = |n| with(vec![Test::Metric(text("cpu"), Compare::More, n)]);
    assert_eq!(find(&mut w, hot(50.0)).await, ["B"]);
    assert_eq!(find(&mut w, hot(50.5)).await, [""; 0]);
    assert_eq!(find(&mut w, with(vec![Test::Alarms])).await, ["B"]);
    let disk = with(vec![Test::Alarm(text("DISK"))]);
    assert_eq!(find(&mut w, disk).await, ["B"]);
    let ill = with(vec![Test::Health(text("warning"))]);
    assert_eq!(find(&mut w, ill).await, ["B"]);
    for order in [
        Order::Description,
        Order::InsertedAt,
        Order::UpdatedAt,
        Order::UpdatesEnabled,
        Order::EstablishedAt,
        Order::LastSeenAt,
        Order::Identifier,
    ] {
        for descending in [false, true] {
            let f = Filter::default();
            let (rows, _) = devices::list(&mut w, &world.scope, &f, (order, descending), 1, 2, NOW)
                .await
                .unwrap();
            assert_eq!(rows.len(), 2);
        }
    }
}

/// The device `B` reports twice; the newer report counts. `b` reports nothing that could be compared.
async fn reported(w: &mut Write, world: &World) {
    for (name, at, status, report) in [
        (
            "B",
            NOW,
            HealthState::Healthy,
            r#"{"alarms":{},"metrics":{"cpu":99}}"#,
        ),
        (
            "B",
            later(1),
            HealthState::Warning,
            r#"{"alarms":{"disk full":"90 %"},"metrics":{"cpu":50.5}}"#,
        ),
        (
            "b",
            later(1),
            HealthState::Healthy,
            r#"{"metrics":{"cpu":"hot"}}"#,
        ),
    ] {
        let device = devices::view(w, &world.scope, name).await.unwrap().unwrap();
        let report = health_reports::HealthReport {
            at,
            status,
            reasons: "{}".into(),
            report: report.into(),
        };
        crate::store::ingest::reports::health(w, &[(device.id, report)])
            .await
            .unwrap();
    }
}
