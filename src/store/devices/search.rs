//! What people search for is looked up among the few different tags, platforms and versions first, and identifiers in their
//! index of three letters, so that devices are found by an index rather than read one by one.

use super::list::Filter;
use super::query::{Cond, Test};
use crate::limits::{SEARCH_NAMES_FOUND, SEARCH_VALUES, SEARCH_VALUES_FOUND};
use crate::store::accounts::scope::{Product, Scope};
use crate::store::engine::{Dialect, dialect};
use crate::store::fold::Pattern;
use crate::store::{On, Result};

/// Replaces tests of parts by tests that an index serves, where few enough values have the part.
pub async fn resolve(on: &mut impl On, scope: &Scope<Product>, filter: &Filter) -> Result<Filter> {
    let mut found = filter.clone();
    let mut parts = Vec::new();
    if let Some(cond) = &mut found.cond {
        searches(cond, &mut parts);
    }
    for cond in parts {
        let Cond::Is(test) = &*cond else { continue };
        if let Some(better) = indexed(on, scope, test).await? {
            *cond = better;
        }
    }
    Ok(found)
}

fn searches<'c>(cond: &'c mut Cond, into: &mut Vec<&'c mut Cond>) {
    match cond {
        Cond::And(a, b) | Cond::Or(a, b) => {
            searches(a, into);
            searches(b, into);
        }
        Cond::Not(a) => searches(a, into),
        Cond::Is(_) => into.push(cond),
    }
}

async fn indexed(on: &mut impl On, scope: &Scope<Product>, test: &Test) -> Result<Option<Cond>> {
    Ok(match test {
        Test::TagPart(part) => tags(on, &Pattern::part(part)).await?.map(Cond::Is),
        Test::Identifier(p) if few_names(on, p).await? => Some(Cond::Is(Test::Named(p.clone()))),
        Test::Search(p) => search(on, scope, p).await?,
        _ => None,
    })
}

/// A search in all of its columns; `None` when one of them has too many different values.
async fn search(on: &mut impl On, scope: &Scope<Product>, p: &Pattern) -> Result<Option<Cond>> {
    let Some(tags) = tags(on, p).await? else {
        return Ok(None);
    };
    let platforms = few(platforms(on, scope).await?, p);
    let versions = few(versions(on, scope).await?, p);
    let (Some(platforms), Some(versions)) = (platforms, versions) else {
        return Ok(None);
    };
    let name = if few_names(on, p).await? {
        Test::Named(p.clone())
    } else {
        Test::Identifier(p.clone())
    };
    let mut cond = Cond::Is(name);
    let others = [
        tags,
        Test::AnyPlatform(platforms),
        Test::AnyVersion(versions),
    ];
    for test in others {
        let none = matches!(&test, Test::AnyTag(v) | Test::AnyPlatform(v) | Test::AnyVersion(v) if v.is_empty());
        if !none {
            cond = Cond::Or(Box::new(cond), Box::new(Cond::Is(test)));
        }
    }
    Ok(Some(cond))
}

/// The values that match; `None` when there are too many, of them or in all.
fn few(values: Vec<(Option<String>,)>, p: &Pattern) -> Option<Vec<String>> {
    if values.len() as i64 >= SEARCH_VALUES {
        return None;
    }
    let found: Vec<String> = values
        .into_iter()
        .filter_map(|v| v.0)
        .filter(|v| p.matches(v))
        .collect();
    (found.len() <= SEARCH_VALUES_FOUND).then_some(found)
}

async fn tags(on: &mut impl On, p: &Pattern) -> Result<Option<Test>> {
    // As `different!`, over all of the server: tags have no product of their own.
    let values = fetch_all!(
        on,
        sql!(
            "devices.different_tags",
            "WITH RECURSIVE t(tag) AS (
               SELECT MIN(tag) FROM device_tags
               UNION ALL
               SELECT (SELECT MIN(n.tag) FROM device_tags n WHERE n.tag > t.tag)
               FROM t WHERE t.tag IS NOT NULL
             ) SELECT tag FROM t LIMIT $1"
        ),
        SEARCH_VALUES
    )?;
    Ok(few(values, p).map(Test::AnyTag))
}

/// The different values of a column among a product's devices: hops from one to the next in their index.
macro_rules! different {
    ($column:literal) => {
        concat!(
            "WITH RECURSIVE v(value) AS (
               SELECT MIN(",
            $column,
            ") FROM devices WHERE product_id = $1
               UNION ALL
               SELECT (SELECT MIN(n.",
            $column,
            ") FROM devices n WHERE n.product_id = $1 AND n.",
            $column,
            " > v.value)
               FROM v WHERE v.value IS NOT NULL
             ) SELECT value FROM v LIMIT $2"
        )
    };
}

async fn platforms(on: &mut impl On, scope: &Scope<Product>) -> Result<Vec<(Option<String>,)>> {
    let text = sql!("devices.different_platforms", different!("fw_platform"));
    fetch_all!(on, text, scope.product().id, SEARCH_VALUES)
}

async fn versions(on: &mut impl On, scope: &Scope<Product>) -> Result<Vec<(Option<String>,)>> {
    let text = sql!("devices.different_versions", different!("fw_version"));
    fetch_all!(on, text, scope.product().id, SEARCH_VALUES)
}

/// Whether the index finds identifiers with this, and few of them.
async fn few_names(on: &mut impl On, p: &Pattern) -> Result<bool> {
    if !p.is_indexed() {
        return Ok(false);
    }
    let (found,): (i64,) = match dialect(on) {
        Dialect::Sqlite => on_engine!(on, |c| {
            sqlx::query_as(
                "SELECT COUNT(*) FROM (SELECT rowid FROM device_names WHERE folded GLOB $1 LIMIT $2) x",
            )
            .bind(p.glob())
            .bind(SEARCH_NAMES_FOUND)
            .fetch_one(c)
            .await
        })?,
        Dialect::Postgres => on_engine!(on, |c| {
            sqlx::query_as(
                "SELECT COUNT(*) FROM (SELECT device_id FROM device_names
                 WHERE folded LIKE $1 ESCAPE '\\' LIMIT $2) x",
            )
            .bind(p.like())
            .bind(SEARCH_NAMES_FOUND)
            .fetch_one(c)
            .await
        })?,
    };
    Ok(found < SEARCH_NAMES_FOUND)
}
