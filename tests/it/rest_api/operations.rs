//! The operations that clients rely on, with their ids: programs that are generated from the document call them by these. A
//! route that is renamed, moved or opened to another role by accident differs from `golden/operations.txt`. The console is typed by
//! the document as it was committed, `src/console/web/openapi.json`.

use crate::support::{Engine, Server};
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn operations_stay_as_clients_know_them() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let document = server.api().anonymous().get("/api/openapi").await.json();
    let mut lines = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let text = |key: &str| operation[key].as_str().unwrap();
            let (id, role) = (text("operationId"), text("x-role"));
            let publishes = match operation["x-publish"].as_bool().unwrap() {
                true => " or a token for publishing",
                false => "",
            };
            lines.push(format!("{id}: {method} {path}, {role}{publishes}\n"));
        }
    }
    lines.sort_unstable();
    let now = lines.concat();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/operations.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = now.lines().zip(before.lines()).find(|(a, b)| a != b);
    assert!(
        now == before,
        "{differs:?}; what others rely on changes. UPDATE_GOLDEN=1 writes the file anew"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_typed_by_the_document_that_is_served() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let document = server.api().anonymous().get("/api/openapi").await.json();
    let now = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console/web/openapi.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = now.lines().zip(before.lines()).find(|(a, b)| a != b);
    assert!(
        now == before,
        "{differs:?}; UPDATE_GOLDEN=1 writes the file anew, then `npm run types` in src/console/web makes the types"
    );
}
