use super::*;

fn cond(text: &str) -> Cond {
    parse(text, UserId::from(7))
        .unwrap_or_else(|e| panic!("{text}: {e}"))
        .cond
}

fn wrong(text: &str) -> (usize, String) {
    let e = parse(text, UserId::from(7)).unwrap_err();
    (e.at, e.what)
}

#[test]
fn and_binds_before_or_and_not_before_both() {
    let a = || Box::new(Cond::Is(Test::Connection("connected".into())));
    let b = || Box::new(Cond::Is(Test::Updates("enabled".into())));
    let c = || Box::new(Cond::Is(Test::Untagged));
    assert_eq!(
        cond("connection = connected or updates = enabled and not tags contains \":not_set\""),
        Cond::Or(a(), Box::new(Cond::And(b(), Box::new(Cond::Not(c())))))
    );
    assert_eq!(
        cond("(Connection = connected OR updates = enabled) AND tags contains :not_set"),
        Cond::And(Box::new(Cond::Or(a(), b())), c())
    );
}

#[test]
fn each_column_reads() {
    for text in [
        "identifier like \"sn-%\"",
        "search not like x",
        "platform = rpi4",
        "architecture != arm",
        "firmware = 0d1f",
        "connection != not_seen",
        "last_seen > \"3 days ago\"",
        "last_seen < \"4 weeks ago\"",
        "tags contains beta",
        "tags not_contains beta",
        "health_status = warning",
        "connection_type != wifi",
        "updates = penalty-box",
        "update_status is updating",
        "update_status is not \"not updating\"",
        "alarm_status = with",
        "alarm contains disk",
        "deleted = true",
        "deployment_group = prod",
        "deployment_group != \":not_set\"",
        "metric:cpu_temp >= 70.5",
        "metric:Load < -1",
    ] {
        assert!(
            !matches!(cond(text), Cond::Is(Test::Search(ref p)) if p.matches(text)),
            "{text}"
        );
    }
    assert_eq!(
        cond("metric:Load < 1"),
        Cond::Is(Test::Metric("Load".into(), Compare::Less, 1.0))
    );
    assert_eq!(
        cond("update_status is not updating"),
        cond("update_status is \"not updating\"")
    );
    assert!(
        parse("deleted != false", UserId::from(7))
            .unwrap()
            .names_deleted
    );
    let named = parse("platform = rpi4", UserId::from(7)).unwrap().named;
    assert_eq!((named[0].at, named[0].kind), (11, ErrorKind::Platform));
}

#[test]
fn plain_text_searches() {
    assert_eq!(
        cond("sn-17"),
        Cond::Is(Test::Search(Pattern::part("sn-17")))
    );
    assert_eq!(
        cond(" two words "),
        Cond::Is(Test::Search(Pattern::part("two words")))
    );
}

#[test]
fn a_mistake_points_at_its_column() {
    assert_eq!(wrong("connection = conected").0, 13);
    assert!(
        wrong("connection = conected")
            .1
            .contains("connected, disconnected, not_seen")
    );
    assert_eq!(wrong("colour = red").0, 0);
    assert_eq!(wrong("tags = beta").0, 5);
    assert!(wrong("tags = beta").1.contains("contains or not_contains"));
    assert_eq!(wrong("(updates = enabled").0, 18);
    assert_eq!(wrong("updates = enabled platform = x").0, 18);
    assert_eq!(wrong("identifier like \"abc").0, 16);
    assert_eq!(wrong("metric:x > hot").0, 11);
    assert_eq!(wrong("updates = enabled and $").0, 22);
    assert_eq!(
        wrong(&format!("{}updates = enabled", "not ".repeat(40))).0,
        128
    );
    assert_eq!(wrong("last_seen < yesterday").0, 12);
    let e = parse("connection = conected", UserId::from(7)).unwrap_err();
    assert!(e.to_string().starts_with("at character 14: "), "{e}");
}

#[test]
fn no_text_panics() {
    for text in [
        "",
        "\"",
        "\\",
        "(",
        "not",
        "é = é",
        "metric: > 1",
        "identifier",
        "=",
        "a\u{0}b",
    ] {
        let _ = parse(text, UserId::from(7));
    }
}
