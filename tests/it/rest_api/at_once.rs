//! Names that several people choose at the same moment: one gets it, and the others are told that it is taken.

use crate::support::api::Answer;
use crate::support::{Api, Server};
use futures_util::future::join_all;
use serde_json::{Value, json};

crate::both_engines! {
    one_of_many_who_choose_a_name_at_once_gets_it
}

/// How many ask at once, and how often they try it.
const ASKING: usize = 8;
const ROUNDS: usize = 6;

/// Renames each of these at once to one name.
async fn raced(api: &Api, paths: &[String], body: Value) {
    let all = paths.iter().map(|path| api.put(path, body.clone()));
    let answers: Vec<Answer> = join_all(all).await;
    let done = answers.iter().filter(|a| a.status == 200).count();
    let told = answers.iter().filter(|a| a.status == 422);
    let told = told.filter(|a| a.errors() == json!({"name": ["has already been taken"]}));
    let texts: Vec<_> = answers.iter().map(|a| (a.status, &a.text)).collect();
    assert_eq!((done, told.count()), (1, paths.len() - 1), "{texts:?}");
}

async fn one_of_many_who_choose_a_name_at_once_gets_it(server: Server) {
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let uuid = firmware["uuid"].as_str().unwrap();
    for round in 0..ROUNDS {
        let name = format!("same{round}");
        let (mut orgs, mut groups, mut views) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..ASKING {
            let own = format!("r{round}n{n}");
            api.post("/api/orgs", json!({"name": own})).await.data();
            orgs.push(format!("/api/orgs/{own}"));
            api.group(&own, uuid, json!({})).await;
            groups.push(Api::product(&format!("/deployments/{own}")));
            let form = json!({"name": own, "page": "devices", "search": ""});
            let view = api.post(&Api::product("/views"), form).await.data();
            views.push(Api::product(&format!("/views/{}", view["id"])));
        }
        raced(&api, &orgs, json!({"name": name})).await;
        raced(&api, &groups, json!({"deployment": {"name": name}})).await;
        raced(&api, &views, json!({"name": name})).await;
        // Frees places: a person has a bounded number of organizations and views.
        for path in orgs.iter().chain(&views) {
            api.delete(path).await;
        }
        api.delete(&format!("/api/orgs/{name}")).await;
    }
}
