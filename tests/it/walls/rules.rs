//! The rules, held against the sources.

use super::rooms::{
    IMPURE, JSON_BELOW_API, PURE, REEXPORTED, ROWS, SQLX, STILL_CIRCULAR, SUBROOMS,
};
use super::sources::{Crate, Kind, Segments, Use};
use super::{beside, server, shown};
use std::collections::{BTreeMap, BTreeSet};

/// Whether a path leads into what this name (`a::b`) names.
fn is_in(path: &[String], name: &str) -> bool {
    let mut path = path.iter();
    name.split("::")
        .all(|n| path.next().is_some_and(|p| p == n))
}

/// The room of a module: the row that names most of its path.
fn room(module: &[String]) -> Option<&'static str> {
    let rows = ROWS.iter().map(|(name, _)| *name);
    rows.filter(|name| is_in(module, name))
        .max_by_key(|name| name.len())
}

fn at(u: &Use) -> String {
    format!("{}:{}", shown(&u.file), u.line)
}

/// What rooms use of other rooms. That a module comes into scope is not a use; what is used of it is.
fn between_rooms(all: &Crate) -> Vec<Use> {
    let mut uses = all.uses();
    uses.retain(|u| {
        let inside = u
            .path
            .first()
            .is_some_and(|p| all.is_module(std::slice::from_ref(p)));
        let only_scope = u.kind == Kind::Named && all.is_module(&u.path);
        inside && !only_scope && room(&u.path) != room(&u.module)
    });
    uses
}

#[test]
fn every_room_has_a_row() {
    let all = server();
    let mut missing: Vec<String> = SUBROOMS
        .iter()
        .filter(|name| all.is_module(&segments(name)))
        .map(|name| (*name).to_owned())
        .collect();
    for module in all.modules() {
        let area_of_domain = module.len() == 3 && module[0] == "domain";
        match &module[..] {
            [top] => missing.push(top.clone()),
            [top, area, _] if area_of_domain => missing.push(format!("{top}::{area}")),
            _ => {}
        }
    }
    missing.retain(|name| ROWS.iter().all(|(row, _)| row != name));
    missing.dedup();
    assert!(
        missing.is_empty(),
        "no row in tests/it/walls/rooms.rs for {missing:?}"
    );
    for (row, _) in ROWS {
        assert!(
            all.is_module(&segments(row)),
            "the row of {row}, which is no module"
        );
    }
}

fn segments(name: &str) -> Segments {
    name.split("::").map(str::to_owned).collect()
}

#[test]
fn no_room_reaches_through_a_wall() {
    let all = server();
    let mut wrong = Vec::new();
    for u in between_rooms(all) {
        let Some((row, allowed)) = ROWS.iter().find(|(row, _)| Some(*row) == room(&u.module))
        else {
            continue;
        };
        if !allowed.iter().any(|name| is_in(&u.path, name)) {
            let path = u.path.join("::");
            wrong.push(format!("{}: `{row}` may not use crate::{path}", at(&u)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nThe rows of tests/it/walls/rooms.rs say what each room may use.",
        wrong.join("\n")
    );
}

/// Top-level modules, and the first place where one uses another.
fn graph(all: &Crate) -> BTreeMap<(String, String), String> {
    let mut edges = BTreeMap::new();
    for u in between_rooms(all) {
        let (from, to) = (u.module.first(), u.path.first());
        if let (Some(from), Some(to)) = (from, to)
            && from != to
        {
            edges
                .entry((from.clone(), to.clone()))
                .or_insert_with(|| at(&u));
        }
    }
    edges
}

/// The sets of modules that reach each other.
fn circles<'e>(edges: impl Iterator<Item = (&'e str, &'e str)> + Clone) -> Vec<BTreeSet<&'e str>> {
    let reached = |from: &'e str| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(node) = next.pop() {
            let further = edges.clone().filter(|(a, _)| *a == node).map(|(_, b)| b);
            next.extend(further.filter(|b| seen.insert(*b)));
        }
        seen
    };
    let nodes: BTreeSet<&str> = edges.clone().flat_map(|(a, b)| [a, b]).collect();
    let all: BTreeMap<&str, BTreeSet<&str>> = nodes.iter().map(|n| (*n, reached(n))).collect();
    let circle = |n: &&str| -> BTreeSet<&str> {
        let back = |m: &&&str| all[*m].contains(*n);
        all[*n].iter().filter(back).copied().collect()
    };
    let found: BTreeSet<_> = nodes.iter().map(circle).filter(|c| c.len() > 1).collect();
    found.into_iter().collect()
}

#[test]
fn top_level_modules_use_each_other_in_one_direction() {
    let edges = graph(server());
    let names = |skip: Option<usize>| {
        let left = STILL_CIRCULAR.iter().enumerate();
        let left: BTreeSet<_> = left
            .filter(|(n, _)| Some(*n) != skip)
            .map(|(_, e)| *e)
            .collect();
        let all = edges.keys().map(|(a, b)| (a.as_str(), b.as_str()));
        all.filter(move |e| !left.contains(e)).collect::<Vec<_>>()
    };
    let now = circles(names(None).into_iter());
    let in_a_circle = |(a, b): &&(String, String)| {
        now.iter()
            .any(|c| c.contains(a.as_str()) && c.contains(b.as_str()))
            && !STILL_CIRCULAR.contains(&(a.as_str(), b.as_str()))
    };
    let places: Vec<String> = edges
        .keys()
        .filter(in_a_circle)
        .map(|e| format!("{}: {} uses {}", edges[e], e.0, e.1))
        .collect();
    assert!(
        now.is_empty(),
        "in a circle: {now:?}\n{}",
        places.join("\n")
    );
    for (n, (from, to)) in STILL_CIRCULAR.iter().enumerate() {
        assert!(
            !circles(names(Some(n)).into_iter()).is_empty(),
            "{from} -> {to} closes no circle any more: take it out of STILL_CIRCULAR"
        );
    }
}

#[test]
fn circles_are_found() {
    let edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "a")];
    assert_eq!(
        circles(edges.into_iter()),
        [BTreeSet::from(["a", "b", "c"])]
    );
    assert!(circles(edges[..2].iter().copied()).is_empty());
}

/// Holds what there is of something in each room against a list that only shrinks.
fn only_shrinks(what: &str, found: Vec<(&'static str, String)>, listed: &[(&str, usize)]) {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (room, place) in found {
        places.entry(room).or_default().push(place);
    }
    let mut wrong = Vec::new();
    for (room, most) in listed {
        let now = places.get(room).map_or(0, Vec::len);
        if now < *most {
            wrong.push(format!(
                "{room}: {now}, and {most} are listed: lower the number in rooms.rs"
            ));
        }
    }
    for (room, places) in places {
        let listed = listed.iter().find(|(r, _)| *r == room);
        let most = listed.map_or(0, |(_, n)| *n);
        if places.len() > most {
            let (now, all) = (places.len(), places.join("\n"));
            wrong.push(format!("{room}: {now}, and {most} are allowed:\n{all}"));
        }
    }
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

fn listed(uses: Vec<Use>, which: impl Fn(&Use) -> bool) -> Vec<(&'static str, String)> {
    let found = uses.into_iter().filter(which);
    found
        .filter_map(|u| {
            Some((
                room(&u.module)?,
                format!("{}: {}", at(&u), u.path.join("::")),
            ))
        })
        .collect()
}

#[test]
fn rows_of_the_store_are_not_passed_on() {
    let passed = |u: &Use| {
        u.kind == Kind::Reexported && is_in(&u.path, "store") && !is_in(&u.module, "store")
    };
    only_shrinks(
        "re-exports of the store",
        listed(server().uses(), passed),
        REEXPORTED,
    );
}

#[test]
fn bodies_are_built_in_the_api() {
    let below = |u: &Use| {
        let called = u.kind == Kind::Called && u.path.last().is_some_and(|name| name == "json");
        called
            && ["domain", "rollout", "store"]
                .iter()
                .any(|room| is_in(&u.module, room))
    };
    only_shrinks(
        "json! below the API",
        listed(server().uses(), below),
        JSON_BELOW_API,
    );
}

#[test]
fn only_the_store_knows_sqlx() {
    let outside = |u: &Use| is_in(&u.path, "extern::sqlx") && !is_in(&u.module, "store");
    only_shrinks(
        "sqlx outside the store",
        listed(server().uses(), outside),
        SQLX,
    );
    for all in beside() {
        for u in all.uses() {
            assert!(
                !is_in(&u.path, "extern::sqlx"),
                "{}: sqlx outside the store",
                at(&u)
            );
        }
    }
}

#[test]
fn pure_rooms_do_no_input_or_output() {
    let mut wrong = Vec::new();
    for u in server().uses() {
        let pure = PURE.iter().find(|room| is_in(&u.module, room));
        let impure = IMPURE
            .iter()
            .find(|name| is_in(&u.path, &format!("extern::{name}")));
        if let (Some(room), Some(name)) = (pure, impure) {
            wrong.push(format!("{}: {room} is pure, and uses {name}", at(&u)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
