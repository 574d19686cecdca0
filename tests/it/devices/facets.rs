//! Counts of a list's values, and what queries can be made of: each count is what the list itself finds.

use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};

crate::both_engines! {
    each_count_is_what_the_list_finds
    columns_are_those_that_queries_take
}

/// Six devices, of which four run something, two are online, and one each is silent, off, or deleted.
async fn fleet(server: &Server) -> (Api, Vec<Device>) {
    let api = server.api();
    let (old, new) = api
        .two_versions("prod", json!({"delta_updatable": false}))
        .await;
    let online = vec![
        Device::joined(server, "a", &old).await,
        Device::joined(server, "b", &new).await,
    ];
    for (name, firmware) in [("c", &old), ("d", &old)] {
        drop(Device::joined(server, name, firmware).await);
    }
    for name in ["e", "f", "gone"] {
        let form = json!({"identifier": name});
        api.post(&Api::product("/devices"), form).await.data();
    }
    api.delete(&Api::product("/devices/gone")).await;
    for (name, change) in [
        ("a", json!({"tags": ["eu", "lab"]})),
        ("b", json!({"tags": ["eu"]})),
        ("c", json!({"updates_enabled": false})),
    ] {
        let path = Api::product(&format!("/devices/{name}"));
        api.put(&path, change).await.data();
    }
    server
        .until_devices("filters[connection]=disconnected", 2)
        .await;
    (api, online)
}

async fn total(api: &Api, query: &str) -> Value {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let path = Api::product(&format!("/devices?query={query}"));
    let answer = api.get(&path).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.json()["pagination"]["total_entries"].clone()
}

const ALL: &str =
    "version,platform,architecture,connection,health_status,deployment_group,tags,updates";

async fn each_count_is_what_the_list_finds(server: Server) {
    let (api, _online) = fleet(&server).await;
    let facets = async |more: &str| {
        let path = Api::product(&format!("/device_facets?by={ALL}{more}"));
        api.get(&path).await.data()
    };
    let all = facets("").await;
    assert_eq!(
        all["version"],
        json!([{"value": "1.0.0", "count": 3}, {"value": null, "count": 2}, {"value": "1.1.0", "count": 1}])
    );
    assert_eq!(
        all["tags"],
        json!([{"value": "eu", "count": 2}, {"value": "lab", "count": 1}])
    );
    let mut seen = 0;
    for (column, values) in all.as_object().unwrap() {
        for one in values.as_array().unwrap() {
            let Some(value) = one["value"].as_str() else {
                continue;
            };
            let operator = if column == "tags" { "contains" } else { "=" };
            let mut query = format!("{column} {operator} \"{value}\"");
            if query == "updates = \"enabled\"" {
                query.push_str(" and not updates = penalty-box");
            }
            assert_eq!(total(&api, &query).await, one["count"], "{query}");
            seen += 1;
        }
    }
    assert!(seen >= 11, "{all}");
    // Among those that a query, or a filter, leaves.
    let some = facets("&query=connection%20%3D%20connected").await;
    assert_eq!(
        some["connection"],
        json!([{"value": "connected", "count": 2}])
    );
    assert_eq!(
        some["deployment_group"],
        json!([{"value": "prod", "count": 2}])
    );
    let some = facets("&filters[search]=LAB").await;
    assert_eq!(some["version"], json!([{"value": "1.0.0", "count": 1}]));
    let one = api
        .get(&Api::product("/device_facets?by=updates"))
        .await
        .data();
    assert_eq!(
        one,
        json!({"updates": [{"value": "enabled", "count": 5}, {"value": "disabled", "count": 1}]})
    );
    for (path, wrong) in [
        ("/device_facets", "by"),
        ("/device_facets?by=version,moon", "by"),
        ("/device_facets?by=version&query=moon%20%3D%201", "query"),
        ("/device_facets?by=version&filters[moon]=1", "moon"),
    ] {
        let refused = api.get(&Api::product(path)).await;
        assert!(
            refused.status == 422 && refused.text.contains(wrong),
            "{path}: {}",
            refused.text
        );
    }
}

async fn columns_are_those_that_queries_take(server: Server) {
    let (api, _online) = fleet(&server).await;
    let columns = api.get(&Api::product("/device_columns")).await.data();
    let mut tried = 0;
    for column in columns.as_array().unwrap() {
        let name = column["name"].as_str().unwrap();
        let name = if name == "metric:" {
            "metric:cpu_temp"
        } else {
            name
        };
        let values = match &column["values"] {
            Value::Array(all) => all.iter().take(3).map(|v| v.as_str().unwrap()).collect(),
            _ if name == "firmware" => continue,
            _ => {
                assert!(column["hint"].is_string(), "{column}");
                vec!["7"]
            }
        };
        assert!(!values.is_empty(), "{column}");
        for operator in column["operators"].as_array().unwrap() {
            for value in &values {
                let query = format!("{name} {} \"{value}\"", operator.as_str().unwrap());
                total(&api, &query).await;
                tried += 1;
            }
        }
    }
    assert!(tried > 60, "{tried}");
    let of = |name: &str| {
        let mut all = columns.as_array().unwrap().iter();
        all.find(|c| c["name"] == name).unwrap().clone()
    };
    assert_eq!(
        of("version"),
        json!({"name": "version", "operators": ["=", "!="], "values": ["1.0.0", "1.1.0"], "hint": null})
    );
    assert_eq!(of("deployment_group")["values"], json!(["prod"]));
    assert_eq!(total(&api, "version = 1.1.0").await, 1);
    assert_eq!(total(&api, "version != 1.1.0").await, 5);
    let path = Api::product("/devices?query=version%20%3D%209.9.9");
    let refused = api.get(&path).await.errors();
    assert!(
        refused["query"]
            .to_string()
            .contains("no device runs the version"),
        "{refused}"
    );
}
