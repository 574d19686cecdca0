//! Lists of NervesHub that can be asked for page by page: without asking, they are answered whole.

use crate::support::{Api, Server, fixtures};
use serde_json::{Value, json};

crate::both_engines! {
    firmware_archives_and_groups_come_in_pages_where_they_are_asked_for
}

async fn list(api: &Api, path: &str) -> Value {
    let answer = api.get(&Api::product(path)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn of(list: &Value, field: &str) -> Vec<String> {
    let rows = list["data"].as_array().unwrap().iter();
    rows.map(|r| r[field].as_str().unwrap().into()).collect()
}

fn at(number: u64, size: u64, total: u64) -> Value {
    json!({"page_number": number, "page_size": size, "total_entries": total, "total_pages": total.div_ceil(size)})
}

async fn firmware_archives_and_groups_come_in_pages_where_they_are_asked_for(server: Server) {
    let api = server.api();
    let (old, _) = api.two_versions("b", json!({})).await;
    let uuid = old["uuid"].as_str().unwrap();
    api.group("a", uuid, json!({})).await;
    api.group("c", uuid, json!({})).await;
    let archive = fixtures::bytes("good/archive-1.0.0.fw");
    assert_eq!(api.archive(archive).await.status, 201);

    // Highest version first, whichever page.
    let all = list(&api, "/firmwares").await;
    assert_eq!(
        (of(&all, "version"), all.get("pagination")),
        (vec!["1.1.0".into(), "1.0.0".into()], None)
    );
    for (n, version) in [(1, "1.1.0"), (2, "1.0.0")] {
        let page = list(
            &api,
            &format!("/firmwares?pagination[page]={n}&pagination[page_size]=1"),
        )
        .await;
        assert_eq!(
            (of(&page, "version"), &page["pagination"]),
            (vec![version.into()], &at(n, 1, 2))
        );
        assert_eq!(
            page["data"][0],
            all["data"][usize::try_from(n).unwrap() - 1]
        );
    }
    let beyond = list(
        &api,
        "/firmwares?pagination[page]=3&pagination[page_size]=1",
    )
    .await;
    assert_eq!(
        (&beyond["data"], &beyond["pagination"]),
        (&json!([]), &at(3, 1, 2))
    );
    let usual = list(&api, "/firmwares?pagination[page]=1").await;
    assert_eq!(usual["pagination"], at(1, 100, 2));

    let all = list(&api, "/archives").await;
    let page = list(&api, "/archives?pagination[page_size]=7").await;
    assert_eq!(
        (&page["data"], &page["pagination"]),
        (&all["data"], &at(1, 7, 1))
    );
    assert_eq!(all.get("pagination"), None);

    let all = list(&api, "/deployments").await;
    assert_eq!(
        (of(&all, "name").join(""), all.get("pagination")),
        ("abc".into(), None)
    );
    let page = list(
        &api,
        "/deployments?pagination[page]=2&pagination[page_size]=2",
    )
    .await;
    assert_eq!(
        (of(&page, "name").join(""), &page["pagination"]),
        ("c".into(), &at(2, 2, 3))
    );
    assert_eq!(page["data"][0], all["data"][2]);

    for path in ["/firmwares", "/archives", "/deployments"] {
        let refused = api
            .get(&Api::product(&format!("{path}?pagination[page]=0")))
            .await;
        assert_eq!(refused.status, 400, "{path}");
    }
}
