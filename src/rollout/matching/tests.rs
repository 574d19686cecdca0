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
