use super::*;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn tags_fit_as_the_operator_says() {
    for (group, device, and, or) in [
        ("", "", true, true),
        ("", "a", true, true),
        ("a", "", false, false),
        ("a b", "a b c", true, true),
        ("a b", "b", false, true),
        ("a b", "c", false, false),
    ] {
        let (g, d) = (words(group), words(device));
        assert_eq!(
            tags_fit(&g, &d, TagOperator::And),
            and,
            "{group:?} and {device:?}"
        );
        assert_eq!(
            tags_fit(&g, &d, TagOperator::Or),
            or,
            "{group:?} or {device:?}"
        );
    }
}

#[test]
fn a_version_that_is_none_fits_only_where_there_is_no_condition() {
    assert!(version_fits("", "banana"));
    assert!(!version_fits(">= 1.0.0", "banana"));
    assert!(version_fits(">= 1.0.0", "1.0.0"));
}

/// All sets of four tags for the group and for the device, in any order.
#[test]
fn tags_fit_as_sets_do() {
    const TAGS: [&str; 4] = ["a", "b", "c", "A"];
    let chosen = |bits: usize| -> Vec<String> {
        let some = (0..TAGS.len()).filter(|n| bits >> n & 1 == 1);
        some.map(|n| TAGS[n].to_owned()).collect()
    };
    for (group, device) in (0..256).map(|n| (n % 16, n / 16)) {
        let (g, mut d) = (chosen(group), chosen(device));
        d.reverse();
        let (all, any) = (group & !device == 0, group == 0 || group & device != 0);
        assert_eq!(tags_fit(&g, &d, TagOperator::And), all, "{g:?} and {d:?}");
        assert_eq!(tags_fit(&g, &d, TagOperator::Or), any, "{g:?} or {d:?}");
    }
}
