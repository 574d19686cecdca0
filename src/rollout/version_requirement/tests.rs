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

/// A version as numbers and parts of its pre-release, compared by the rules of semver.org, 11, and nothing of the server's.
type Plain = (u64, u64, u64, Vec<&'static str>);

fn order(a: &Plain, b: &Plain) -> std::cmp::Ordering {
    let part = |a: &&str, b: &&str| match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    };
    let numbers = (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2));
    numbers.then_with(|| match (a.3.is_empty(), b.3.is_empty()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Greater,
        (false, true) => std::cmp::Ordering::Less,
        (false, false) => {
            let differing = a.3.iter().zip(&b.3).map(|(a, b)| part(a, b));
            let mut differing = differing.filter(|o| o.is_ne());
            differing.next().unwrap_or(a.3.len().cmp(&b.3.len()))
        }
    })
}

fn text(v: &Plain) -> String {
    let pre = if v.3.is_empty() { "" } else { "-" };
    format!("{}.{}.{}{pre}{}", v.0, v.1, v.2, v.3.join("."))
}

/// What Elixir's `Version` says of one comparison: `~>` keeps the major number, and with three numbers the minor one as well.
fn one(operator: &str, short: bool, wanted: &Plain, v: &Plain) -> bool {
    let o = order(v, wanted);
    match operator {
        "" | "==" => o.is_eq(),
        "!=" => o.is_ne(),
        ">" => o.is_gt(),
        ">=" => o.is_ge(),
        "<" => o.is_lt(),
        "<=" => o.is_le(),
        _ => o.is_ge() && v.0 == wanted.0 && (short || v.1 == wanted.1),
    }
}

/// Every operator with every version, alone and joined by `and` and `or`, with and without spaces: `and` binds closer.
#[test]
fn requirements_are_those_of_elixir() {
    let pre: [&[&str]; 6] = [
        &[],
        &["0"],
        &["2"],
        &["10"],
        &["rc", "1"],
        &["rc", "1", "a"],
    ];
    let numbers = [(0, 9, 0), (1, 0, 0), (1, 2, 0), (1, 2, 3), (2, 0, 0)];
    let versions: Vec<Plain> = numbers
        .iter()
        .flat_map(|n| pre.iter().map(|p| (n.0, n.1, n.2, p.to_vec())))
        .collect();
    let mut terms: Vec<(String, &str, bool, &Plain)> = Vec::new();
    for wanted in &versions {
        for operator in ["", "==", "!=", ">", ">=", "<", "<=", "~>"] {
            let space = if terms.len().is_multiple_of(3) {
                " "
            } else {
                ""
            };
            let written = format!("{operator}{space}{}", text(wanted));
            terms.push((written, operator, false, wanted));
        }
        if wanted.2 == 0 && wanted.3.is_empty() {
            let written = format!("~> {}.{}", wanted.0, wanted.1);
            terms.push((written, "~>", true, wanted));
        }
    }
    let mut compared = 0;
    for (n, (a, b)) in terms.iter().zip(terms.iter().skip(7)).enumerate() {
        let c = &terms[(n * 31) % terms.len()];
        for v in &versions {
            let says = |t: &(String, &str, bool, &Plain)| one(t.1, t.2, t.3, v);
            let all = [
                (a.0.clone(), says(a)),
                (format!("{} and {}", a.0, b.0), says(a) && says(b)),
                (format!("{}  or  {}", a.0, b.0), says(a) || says(b)),
                (
                    format!("{} or {} and {}", a.0, b.0, c.0),
                    says(a) || says(b) && says(c),
                ),
                (
                    format!("{} and {} or {}", a.0, b.0, c.0),
                    says(a) && says(b) || says(c),
                ),
            ];
            for (requirement, wanted) in all {
                let version = text(v);
                assert_eq!(
                    holds(&requirement, &version),
                    wanted,
                    "{requirement:?} of {version}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 30_000, "{compared}");
}
