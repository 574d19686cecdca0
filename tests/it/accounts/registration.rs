//! Accounts that people make for themselves: by a mailed link, where the server is open for it.

use crate::support::inbox::{Inbox, link, mail, with_mail};
use crate::support::{Api, Engine, Server};
use serde_json::{Value, json};
use std::time::Duration;

const OPEN: [&str; 2] = ["--open-for-registrations", "on"];
const REGISTER: &str = "/api/users/register";
const PASSWORD: &str = "correct horse battery";

async fn open_servers() -> Vec<(Server, Inbox)> {
    let mut all = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        all.extend(with_mail(engine, &OPEN).await);
    }
    all
}

fn form(email: &str) -> Value {
    json!({"name": "Ann Other", "email": email})
}

/// Registers, and takes the link out of the mail.
async fn mailed(api: &Api, inbox: &Inbox, email: &str) -> String {
    inbox.lock().unwrap().clear();
    let asked = api.post(REGISTER, form(email)).await;
    assert_eq!((asked.status, &*asked.text), (204, ""));
    link(&mail(inbox, email, "Your account").await, "/confirm/")
}

fn api_path(link: &str) -> String {
    link.replace("/confirm/", "/api/users/confirm/")
}

async fn log_in(api: &Api, email: &str) -> u16 {
    let login = json!({"email": email, "password": PASSWORD});
    api.post("/api/users/login", login).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_makes_an_account_once_and_for_a_day() {
    for (server, inbox) in open_servers().await {
        let api = server.api().anonymous();
        assert_eq!(api.get("/api/server").await.data()["registration"], "open");
        for (wrong, field) in [
            (json!({"name": "A", "email": "ann@far.org"}), "name"),
            (json!({"name": "Ann", "email": "ann"}), "email"),
            (json!({"name": "Ann"}), "email"),
        ] {
            let refused = api.post(REGISTER, wrong).await;
            assert!(refused.errors()[field].is_array(), "{}", refused.text);
        }
        let first = mailed(&api, &inbox, "ann@far.org").await;
        let second = mailed(&api, &inbox, "ann@far.org").await;
        // Looking at a link changes nothing.
        for _ in 0..2 {
            let shown = api.get(&api_path(&first)).await.data();
            let wanted =
                json!({"purpose": "registration", "email": "ann@far.org", "name": "Ann Other"});
            assert_eq!(shown, wanted);
            assert!(api.get(&first).await.text.contains("Ann Other"));
        }
        assert_eq!(log_in(&api, "ann@far.org").await, 401, "no account yet");
        let follow = async |link: &str, password: &str| {
            let form = json!({"password": password});
            api.post(&api_path(link), form).await
        };
        assert!(follow(&first, "short").await.errors()["password"].is_array());
        assert_eq!(follow(&format!("{first}A"), PASSWORD).await.status, 404);
        assert_eq!(follow(&first, PASSWORD).await.status, 204);
        assert_eq!(log_in(&api, "ann@far.org").await, 200);
        assert_eq!(log_in(&api, "Ann@FAR.org").await, 200);
        for used in [&first, &second] {
            assert_eq!(follow(used, "another horse battery").await.status, 404);
            assert_eq!(api.get(&api_path(used)).await.status, 404);
            assert_eq!(api.get(used).await.status, 404);
        }
        let late = mailed(&api, &inbox, "late@far.org").await;
        server.advance(Duration::from_secs(86_402));
        assert_eq!(follow(&late, PASSWORD).await.status, 404);
        // A link for one thing is good for no other.
        let reset = late.replace("/confirm/", "/api/users/password_reset/");
        let other = api.put(&reset, json!({"password": PASSWORD})).await;
        assert_eq!(other.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_who_has_an_account_and_nobody_occupies_an_address() {
    for (server, inbox) in open_servers().await {
        let api = server.api().anonymous();
        // Whoever has an account is told by mail, and nobody else.
        let email = server.login("email");
        for same in [email.to_owned(), email.to_uppercase()] {
            let asked = api.post(REGISTER, form(&same)).await;
            assert_eq!((asked.status, &*asked.text), (204, ""));
            let told = mail(&inbox, &same, "You have an account already").await;
            assert!(!told.contains("/confirm/"), "{told}");
        }
        // An address that is invited: whoever registers it first, and cannot read its mail, keeps nobody out.
        let squatted = mailed(&api, &inbox, "new@far.org").await;
        let invited = json!({"email": "new@far.org", "role": "view"});
        let invited = server.api().post("/api/orgs/acme/users", invited).await;
        assert_eq!(invited.status, 204);
        let invitation = mail(&inbox, "new@far.org", "invites you to acme").await;
        let path = link(&invitation, "/invite/").replace("/invite/", "/api/invites/");
        let accepted = json!({"name": "New", "password": PASSWORD});
        assert_eq!(api.post(&path, accepted).await.status, 204);
        assert_eq!(log_in(&api, "new@far.org").await, 200);
        let late = json!({"password": "another horse battery"});
        assert_eq!(api.post(&api_path(&squatted), late).await.status, 404);
        // Of two who confirm the same address in different spellings the first has it.
        let one = mailed(&api, &inbox, "both@far.org").await;
        let two = mailed(&api, &inbox, "BOTH@far.org").await;
        let follow = async |link: &str| {
            let form = json!({"password": PASSWORD});
            api.post(&api_path(link), form).await.status
        };
        assert_eq!((follow(&two).await, follow(&one).await), (204, 404));
        let page = api.get("/api/users/confirm/x").await;
        assert_eq!(page.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_gets_few_mails_of_strangers() {
    for (server, _) in open_servers().await {
        let api = server.api().anonymous();
        let mut answers = Vec::new();
        for spelling in ["a@far.org", "A@far.org", "a@FAR.org", "a@far.ORG"] {
            answers.push(api.post(REGISTER, form(spelling)).await.status);
        }
        assert_eq!(answers, [204, 204, 204, 429]);
        // The same for an address that has an account: the answer tells nothing.
        let own = server.login("email");
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(api.post(REGISTER, form(own)).await.status);
        }
        assert_eq!(answers, [204, 204, 204, 429]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_server_says_so() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api().anonymous();
    assert_eq!(
        api.get("/api/server").await.data()["registration"],
        "closed"
    );
    let refused = api.post(REGISTER, form("ann@far.org")).await;
    assert!(
        refused.status == 422 && refused.text.contains("invitation"),
        "{}",
        refused.text
    );
}
