use super::*;

#[test]
fn folding_knows_every_script() {
    for (one, other) in [
        ("GERÄT", "gerät"),
        ("ΟΔΟΣ-1", "οδος-1"),
        ("ΟΔΟΣ", "οδοσ"),
        ("Straße", "STRASSE"),
        ("e\u{301}", "É"),
        ("ПЛАТА", "плата"),
        ("Rpi4", "rPI4"),
    ] {
        assert_eq!(fold(one), fold(other), "{one} {other}");
    }
    assert_eq!(beyond_ascii("Rpi4"), None);
    assert_eq!(beyond_ascii("Ä"), Some("ä".into()));
}

#[test]
fn patterns_are_read_once_for_all_engines() {
    let p = Pattern::new(r"%Ä\_[*%%_");
    assert_eq!(p.like(), r"%ä\_[*%_");
    assert_eq!(p.glob(), "*ä_[[][*]*?");
    assert!(p.is_indexed() && !Pattern::new("%ab%c_").is_indexed());
    for (pattern, text, right) in [
        ("%sn-1%", "ABSN-17", true),
        ("sn%7", "SN-17", true),
        ("sn%7", "SN-178", false),
        ("sn-__", "SN-17", true),
        ("sn-_", "SN-17", false),
        (r"100\%", "100%", true),
        (r"100\%", "1000", false),
        ("%", "", true),
        ("", "", true),
        ("%ä%ö%", "xÄyÖz", true),
    ] {
        assert_eq!(
            Pattern::new(pattern).matches(text),
            right,
            "{pattern} {text}"
        );
    }
}
