//! People's own accounts and organizations: made, changed and deleted by themselves.

use crate::support::{Api, Server};
use reqwest::Method;
use serde_json::{Value, json};

crate::both_engines! {
    an_account_is_changed_and_deleted_by_its_person
    organizations_are_made_renamed_and_deleted
    a_console_remembers_what_it_is_told
}

async fn an_account_is_changed_and_deleted_by_its_person(server: Server) {
    let jane = server.api();
    let (email, password) = (server.login("email"), server.login("password"));
    let me = "/api/users/me";
    let named = jane.put(me, json!({"name": "  Jane   Doe "})).await.data();
    let wanted = json!({"name": "Jane Doe", "email": email});
    assert_eq!(named, wanted);
    server.bootstrap("bob@acme.org", "other", "thing");
    for form in [
        json!({"name": "J"}),
        json!({"name": ""}),
        json!({"email": "jd@acme.org"}),
    ] {
        let refused = jane.put(me, form.clone()).await;
        assert_eq!(refused.status, 422, "{form}: {}", refused.text);
    }
    // An address would have to be proven: others invite people by it.
    let both = json!({"name": "Jane Doe", "email": "bob@else.org", "current_password": password});
    let refused = jane.put(me, both).await;
    assert!(
        refused.status == 422 && refused.text.contains("sends no mail"),
        "{}",
        refused.text
    );
    assert_eq!(jane.get(me).await.data(), wanted);
    assert_eq!(server.audited("is called Jane Doe now").await, 1);
    let login = json!({"email": email, "password": password});
    // Programs have no account of their own to change.
    let robot = json!({"name": "ci", "role": "admin"});
    jane.post("/api/orgs/acme/service_accounts", robot)
        .await
        .data();
    let path = "/api/orgs/acme/service_accounts/ci/tokens";
    let token = jane.post(path, json!({"note": "ci"})).await.data();
    let robot = jane.with_token(token["token"].as_str().unwrap());
    assert_eq!(robot.put(me, json!({"name": "other"})).await.status, 401);
    assert_eq!(
        robot
            .post("/api/orgs", json!({"name": "mine"}))
            .await
            .status,
        401
    );
    // Not while an organization would be left without an administrator.
    let delete = async |password: &str| {
        let request = jane.raw(Method::DELETE, me);
        Api::answer(request.json(&json!({"current_password": password}))).await
    };
    assert_eq!(delete("wrong").await.status, 422);
    let refused = delete(password).await;
    let text = refused.json()["errors"]["detail"].to_string();
    assert!(
        refused.status == 422 && text.contains("only administrator of acme"),
        "{text}"
    );
    let add = json!({"email": "bob@acme.org", "role": "admin"});
    jane.post("/api/orgs/acme/users", add).await.data();
    assert_eq!(delete(password).await.status, 204);
    assert_eq!(jane.get(me).await.status, 401);
    assert_eq!(jane.post("/api/users/login", login).await.status, 401);
    let bob = server.bootstrap("bob@acme.org", "other", "thing");
    let bob = jane.with_token(bob["token"].as_str().unwrap());
    let entry = "/api/orgs/acme/audit_logs?search=deleted+their+account";
    assert_eq!(
        bob.get(entry).await.json()["pagination"]["total_entries"],
        1
    );
    // The address is free again.
    server.bootstrap(email, "third", "thing");
}

async fn organizations_are_made_renamed_and_deleted(server: Server) {
    let jane = server.api();
    for (name, wrong) in [
        (Value::Null, "can't be blank"),
        (json!(" "), "can't be blank"),
        (json!("a b"), "letters A to Z"),
        (json!("acme"), "has already been taken"),
    ] {
        let refused = jane.post("/api/orgs", json!({"name": name})).await;
        let text = refused.errors()["name"][0].to_string();
        assert!(
            refused.status == 422 && text.contains(wrong),
            "{name}: {text}"
        );
    }
    let made = jane.post("/api/orgs", json!({"name": "Lab_2"})).await;
    assert_eq!(
        (made.status, made.header("location")),
        (201, "/api/orgs/Lab_2")
    );
    assert_eq!(made.data()["role"], "admin");
    let product = jane
        .post("/api/orgs/Lab_2/products", json!({"name": "thing"}))
        .await;
    assert_eq!(product.status, 201, "{}", product.text);
    let taken = jane.put("/api/orgs/Lab_2", json!({"name": "acme"})).await;
    assert_eq!(taken.errors(), json!({"name": ["has already been taken"]}));
    let renamed = jane.put("/api/orgs/Lab_2", json!({"name": "lab"})).await;
    assert_eq!(renamed.data()["name"], "lab");
    assert_eq!(jane.get("/api/orgs/Lab_2/products").await.status, 404);
    let names = |orgs: Value| -> Vec<String> {
        let all = orgs.as_array().unwrap().iter();
        all.map(|o| {
            format!(
                "{} {}",
                o["name"].as_str().unwrap(),
                o["role"].as_str().unwrap()
            )
        })
        .collect()
    };
    let listed = names(jane.get("/api/orgs").await.data());
    assert_eq!(listed, ["acme admin", "lab admin"]);
    // Whoever is no administrator may neither rename nor delete it.
    server.bootstrap("bob@acme.org", "other", "thing");
    jane.post(
        "/api/orgs/lab/users",
        json!({"email": "bob@acme.org", "role": "manage"}),
    )
    .await
    .data();
    let bob = server.bootstrap("bob@acme.org", "other", "thing");
    let bob = jane.with_token(bob["token"].as_str().unwrap());
    assert_eq!(
        bob.put("/api/orgs/lab", json!({"name": "mine"}))
            .await
            .status,
        401
    );
    assert_eq!(bob.delete("/api/orgs/lab").await.status, 401);
    let held = jane.delete("/api/orgs/lab").await;
    assert!(
        held.status == 409 && held.text.contains("such as thing"),
        "{}",
        held.text
    );
    assert_eq!(
        jane.delete("/api/orgs/lab/products/thing").await.status,
        204
    );
    let key = json!({"name": "k", "key": "bfVfcLMvHdCbDZLWrM1IB5tU2UJuTIkUyYyQcL1Ezng="});
    jane.post("/api/orgs/lab/keys", key).await.data();
    let robot = json!({"name": "ci", "role": "manage"});
    jane.post("/api/orgs/lab/service_accounts", robot)
        .await
        .data();
    let token = jane
        .post(
            "/api/orgs/lab/service_accounts/ci/tokens",
            json!({"note": "ci"}),
        )
        .await
        .data();
    let robot = jane.with_token(token["token"].as_str().unwrap());
    assert_eq!(robot.get("/api/users/me").await.status, 200);
    assert_eq!(jane.delete("/api/orgs/lab").await.status, 204);
    assert_eq!(robot.get("/api/users/me").await.status, 401);
    assert_eq!(names(jane.get("/api/orgs").await.data()), ["acme admin"]);
    assert_eq!(names(bob.get("/api/orgs").await.data()), ["other admin"]);
    // Its name and its keys are free again.
    jane.post("/api/orgs", json!({"name": "lab"})).await.data();
    assert_eq!(jane.get("/api/orgs/lab/keys").await.data(), json!([]));
    let robot = json!({"name": "ci", "role": "manage"});
    jane.post("/api/orgs/lab/service_accounts", robot)
        .await
        .data();
    // A token for reading, or for one product, makes none.
    let form = json!({"note": "r", "access": "read"});
    let reader = jane.post("/api/users/me/tokens", form).await.data();
    let reader = jane.with_token(reader["token"].as_str().unwrap());
    assert_eq!(
        reader.post("/api/orgs", json!({"name": "x"})).await.status,
        401
    );
}

async fn a_console_remembers_what_it_is_told(server: Server) {
    let jane = server.api();
    let path = "/api/users/me/preferences";
    assert_eq!(jane.get(path).await.data(), json!({}));
    let new = json!({"theme": "dark", "columns": ["identifier", "health"]});
    let kept = jane.put(path, json!({"preferences": new})).await;
    assert_eq!(kept.data(), new);
    let newer = json!({"theme": "light"});
    jane.put(path, json!({"preferences": newer})).await.data();
    assert_eq!(jane.get(path).await.data(), newer);
    let long = jane
        .put(path, json!({"preferences": {"a": "x".repeat(16_384)}}))
        .await;
    assert!(
        long.status == 422 && long.errors()["preferences"].is_array(),
        "{}",
        long.text
    );
    for wrong in [
        json!({}),
        json!({"preferences": "x"}),
        json!({"preferences": []}),
    ] {
        assert_eq!(jane.put(path, wrong).await.status, 422);
    }
    assert_eq!(jane.get(path).await.data(), newer);
    let info = jane.anonymous().get("/api/server").await.data();
    assert_eq!(info["mail"], false);
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
}
