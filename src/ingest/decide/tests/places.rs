//! Which group a device is in afterwards.

use super::*;
use crate::store::words::TagOperator;

fn open(id: i64, version: &str, operator: TagOperator) -> OpenGroup {
    OpenGroup {
        id: GroupId::from(id),
        product_id: ProductId::from(3),
        name: format!("g{id}"),
        platform: "rpi4".into(),
        architecture: "arm".into(),
        version_requirement: String::new(),
        tag_operator: operator,
        release_version: version.into(),
    }
}

#[test]
fn a_device_enters_the_best_of_the_groups_that_are_open_to_it() {
    let tags = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let mut foreign = open(9, "9.0.0", TagOperator::And);
    foreign.product_id = ProductId::from(99);
    let mut other = open(8, "9.0.0", TagOperator::And);
    other.platform = "bbb".into();
    let mut newer = open(7, "9.0.0", TagOperator::And);
    newer.version_requirement = ">= 2.0.0".into();
    let strangers = [foreign, other, newer];
    // Open groups, the tags that they want, the device's tags, the group that it enters.
    type Row<'r> = (
        Vec<OpenGroup>,
        Vec<(i64, &'r [&'r str])>,
        &'r [&'r str],
        Option<i64>,
    );
    let table: Vec<Row<'_>> = vec![
        (vec![], vec![], &[], None),
        (
            vec![open(2, "1.0.0", TagOperator::And)],
            vec![],
            &[],
            Some(2),
        ),
        (
            vec![
                open(2, "1.0.0", TagOperator::And),
                open(3, "1.1.0", TagOperator::And),
            ],
            vec![],
            &[],
            Some(3),
        ),
        (
            vec![
                open(2, "1.0.0", TagOperator::And),
                open(3, "1.0.0", TagOperator::And),
            ],
            vec![],
            &[],
            Some(2),
        ),
        (
            vec![
                open(2, "1.0.0", TagOperator::And),
                open(3, "1.0.0", TagOperator::Or),
            ],
            vec![(3, &["a", "b"])],
            &["a"],
            Some(3),
        ),
        (
            vec![open(2, "1.0.0", TagOperator::And)],
            vec![(2, &["a", "b"])],
            &["a"],
            None,
        ),
        (
            vec![open(2, "1.0.0", TagOperator::And)],
            vec![(2, &["a", "b"])],
            &["b", "a", "c"],
            Some(2),
        ),
    ];
    for (n, (groups, wanted, own, expected)) in table.into_iter().enumerate() {
        let wanted = wanted.into_iter().map(|(g, t)| (GroupId::from(g), tags(t)));
        let known = Known {
            open: groups.into_iter().chain(strangers.clone()).collect(),
            wanted: wanted.collect(),
            tags: [(DeviceId::from(1), tags(own))].into(),
            ..Known::default()
        };
        let alone = DeviceState {
            group: None,
            ..device()
        };
        let (c, joined) = join_with(&alone, runs("old", "1.0.0"), &known);
        let expected = expected.map(GroupId::from);
        assert_eq!(c.after.group.as_ref().map(|g| g.id), expected, "row {n}");
        assert_eq!(
            joined.wake,
            expected.into_iter().collect::<Vec<_>>(),
            "row {n}"
        );
        assert_eq!(c.entries.len(), expected.into_iter().count(), "row {n}");
        assert_eq!(c.updated_at, expected.map(|_| NOW), "row {n}");
    }
}

#[test]
fn a_device_leaves_a_group_whose_conditions_it_breaks() {
    let mut platform = group(1, "");
    platform.platform = "bbb".into();
    let mut architecture = group(1, "");
    architecture.architecture = "x86_64".into();
    let mut locked = group(1, ">= 2.0.0");
    locked.locked = true;
    for (own, why) in [
        (group(1, ""), None),
        (group(1, "~> 1.0"), None),
        (locked, None),
        (
            group(1, ">= 2.0.0"),
            Some("it runs 1.0.0, which \">= 2.0.0\" does not take"),
        ),
        (platform, Some("its platform is rpi4, the group's bbb")),
        (
            architecture,
            Some("its architecture is arm, the group's x86_64"),
        ),
    ] {
        let before = DeviceState {
            group: Some(own),
            ..device()
        };
        let says = runs("old", "1.0.0");
        let looks = looks_for(&before, &says.reported, &Known::default());
        assert_eq!(looks.is_some(), why.is_some());
        let (c, _) = join(&before, says);
        let text = why.map(|why| format!("Device left deployment group g1: {why}"));
        let told = c.entries.first().map(|e| e.text.clone());
        assert_eq!(told, text);
        assert_eq!(c.after.group.is_none(), why.is_some());
    }
}

#[test]
fn a_device_that_did_not_say_what_it_is_stays_where_it_is() {
    let mut before = device();
    before.runs.platform = None;
    let says = Join::default();
    assert_eq!(looks_for(&before, &says.reported, &Known::default()), None);
    let (c, joined) = join(&before, says);
    assert_eq!(c.after.group, before.group);
    assert_eq!(joined.wake, [GroupId::from(1)]);
}
