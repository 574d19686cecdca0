use super::*;

fn holds(requirement: &str, version: &str) -> bool {
    Requirement::parse(requirement)
        .unwrap()
        .matches(&Version::parse(version).unwrap())
}

#[test]
fn the_table_of_the_reference_holds() {
    for (r, yes, no) in [
        (
            "~> 2.0",
            &["2.0.0", "2.9.1", "2.1.0-rc.1"][..],
            &["3.0.0-dev", "2.0.0-dev", "3.0.0"][..],
        ),
        (
            "~> 2.1.0",
            &["2.1.0", "2.1.9"],
            &["2.2.0-rc.1", "2.2.0", "2.0.9"],
        ),
        ("~> 1.2.3-dev", &["1.2.3-dev", "1.2.3", "1.2.9"], &["1.3.0"]),
        (">= 2.0.0", &["2.1.0-dev", "2.0.0"], &["2.0.0-dev"]),
        (
            "== 1.0.0 or >= 2.0.0 and < 3.0.0",
            &["1.0.0", "2.4.0"],
            &["3.0.0", "1.0.1"],
        ),
        ("== 2.0.0+b", &["2.0.0+a"], &["2.0.1"]),
        ("1.0.0", &["1.0.0"], &["1.0.1"]),
        ("!= 1.0.0", &["1.0.1"], &["1.0.0"]),
        ("> 1.0.0-2", &["1.0.0-10"], &["1.0.0-1"]),
        ("<= 1.0.0", &["1.0.0", "0.9.0"], &["1.0.1"]),
        (">1.0.0", &["1.0.1"], &["1.0.0"]),
    ] {
        for v in yes {
            assert!(holds(r, v), "{r} takes {v}");
        }
        for v in no {
            assert!(!holds(r, v), "{r} does not take {v}");
        }
    }
}

#[test]
fn what_elixir_refuses_is_refused() {
    for bad in [
        ">= 1.2",
        "~> 1",
        "1.2.*",
        "^1.0.0",
        "1.0.0, 2.0.0",
        ">= 1.0.0 AND < 2.0.0",
        "",
        "v1.0.0",
        "01.0.0",
        ">= ",
        "and",
        "1.0.0 and",
    ] {
        assert_eq!(Requirement::parse(bad), Err(BadRequirement), "{bad:?}");
    }
}
