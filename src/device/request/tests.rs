use super::*;

fn head(fields: &[(&str, &str)]) -> Head {
    let fields = fields
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    Head {
        method: "GET".into(),
        path: "/".into(),
        fields,
        rest: Vec::new(),
    }
}

#[test]
fn versions_2_0_x_are_json_and_3_0_x_messagepack_and_no_other_is_spoken() {
    for good in ["vsn=2.0.0", "a=b&vsn=2.0.7"] {
        assert_eq!(format(good), Some(Format::Json), "{good}");
    }
    assert_eq!(format("vsn=3.0.1"), Some(Format::MessagePack));
    for bad in [
        "",
        "vsn=",
        "vsn=1.0.0",
        "vsn=4.0.0",
        "vsn=3.1.0",
        "vsn=2.1.0",
        "vsn=x",
        "vsn=2",
    ] {
        assert_eq!(format(bad), None, "{bad}");
    }
}

#[test]
fn a_host_is_taken_only_when_it_can_stand_in_a_link() {
    let host = |h: &str| head(&[("host", h)]).host();
    assert_eq!(
        host("ota.example.com:4001").as_deref(),
        Some("ota.example.com")
    );
    assert_eq!(host("10.0.0.1").as_deref(), Some("10.0.0.1"));
    assert_eq!(host("[::1]:4001").as_deref(), Some("[::1]"));
    for bad in ["", ":4001", "a b", "a/../b", "evil\"", "[x]:1", "a@b"] {
        assert_eq!(host(bad), None, "{bad:?}");
    }
}

#[test]
fn any_x_header_counts_as_an_attempt() {
    assert!(matches!(head(&[]).credentials(), Credentials::Nothing));
    assert!(matches!(
        head(&[("x-forwarded-for", "a")]).credentials(),
        Credentials::Unusable
    ));
}
