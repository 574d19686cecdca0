//! What a person reads of a server over its API, for tests that wait for it or count it: devices of the fixtures' product by
//! filters, what the server keeps of each device, entries of the audit log, notifications, messages of webhooks, tokens.
//! `inspect` has what nobody can read.

use super::{Api, Server};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Devices that are connected.
pub const ONLINE: &str = "filters[connection]=connected";
/// Devices with an update under way.
pub const UPDATING: &str = "filters[only_updating]=true";
/// Devices in the penalty box.
pub const BLOCKED: &str = "filters[updates]=penalty-box";
/// Devices that run the second version of the fixtures.
pub const UPDATED: &str = "filters[firmware_version]=1.1.0";
/// Devices that run it and have no update under way.
pub const DONE: &str =
    "filters[firmware_version]=1.1.0&query=update_status%20is%20%22not%20updating%22";

/// Devices that are connected and belong to a deployment group.
pub const ONLINE_IN_A_GROUP: &str =
    "filters[connection]=connected&query=deployment_group%20%21%3D%20%3Anot_set";

// Lists that each device has, by their addresses below the device's own. Each gives as many entries as the server allows.
pub const CONNECTIONS: &str = "/connections?limit=1000";
pub const HEALTH_REPORTS: &str = "/health?limit=1000";
pub const LOG_LINES: &str = "/logs?limit=1000";
pub const NETWORK_IDENTITIES: &str = "/network_identities";
/// The present connection of a device, or the last one that it had.
pub const NEWEST_CONNECTION: &str = "/connections?limit=1";

const AUDIT_LOG: &str = "/api/orgs/acme/audit_logs";

/// A reading must come to what a test waits for within this time.
const WAIT: Duration = Duration::from_secs(40);

impl Server {
    /// How many devices of the product fit these filters (docs/protocol/rest.md, "Filters"). Deleted ones do not count.
    pub async fn devices(&self, filters: &str) -> i64 {
        let path = Api::product(&format!("/devices?{filters}"));
        total(&self.api(), &path).await
    }

    /// All devices of the product as the list shows them. Deleted ones are not among them.
    pub async fn all_devices(&self) -> Vec<Value> {
        all_pages(&self.api(), &Api::product("/devices")).await
    }

    /// How many devices have a connection with the status `connected`.
    pub async fn connected(&self) -> i64 {
        let all = self.all_devices().await;
        number(all, |d| d["connection_status"] == "connected")
    }

    /// Waits until so many devices fit.
    pub async fn until_devices(&self, filters: &str, wanted: i64) {
        settled(filters, wanted, async || self.devices(filters).await).await;
    }

    /// How many devices have a group.
    pub async fn devices_in_groups(&self) -> i64 {
        let all = self.all_devices().await;
        number(all, |d| !d["deployment_group"].is_null())
    }

    /// Waits until so many devices have a group.
    pub async fn until_devices_in_groups(&self, wanted: i64) {
        settled("groups", wanted, async || self.devices_in_groups().await).await;
    }

    /// How many entries of the organization's audit log have this in their description.
    pub async fn audited(&self, text: &str) -> i64 {
        let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let path = format!("{AUDIT_LOG}?search={text}");
        total(&self.api(), &path).await
    }

    /// How many entries the organization's audit log has.
    pub async fn audit_entries(&self) -> i64 {
        total(&self.api(), AUDIT_LOG).await
    }

    /// Waits until the audit log has so many entries with this.
    pub async fn until_audited(&self, text: &str, wanted: i64) {
        settled(text, wanted, async || self.audited(text).await).await;
    }

    /// How many notifications of the product have this title.
    pub async fn notified(&self, title: &str) -> i64 {
        let all = all_pages(&self.api(), &Api::product("/notifications")).await;
        number(all, |n| n["title"] == title)
    }

    /// How many notifications all products of the organization have.
    pub async fn notifications(&self) -> i64 {
        let mut sum = 0;
        for product in self.products().await {
            sum += total(&self.api(), &format!("{product}/notifications")).await;
        }
        sum
    }

    /// Waits until all products of the organization have so many notifications.
    pub async fn until_notifications(&self, wanted: i64) {
        let read = async || self.notifications().await;
        settled("notifications", wanted, read).await;
    }

    /// Waits until there are so many notifications with this title.
    pub async fn until_notified(&self, title: &str, wanted: i64) {
        settled(title, wanted, async || self.notified(title).await).await;
    }

    /// The addresses of the organization's products.
    async fn products(&self) -> Vec<String> {
        let products = "/api/orgs/acme/products";
        let all = self.api().get(products).await.data();
        let address = |p: &Value| format!("{products}/{}", p["name"].as_str().unwrap());
        all.as_array().unwrap().iter().map(address).collect()
    }

    /// How many firmwares all products of the organization have.
    pub async fn firmwares(&self) -> i64 {
        let mut sum = 0;
        for product in self.products().await {
            let all = self.api().get(&format!("{product}/firmwares")).await.data();
            sum += number(array(all), |_| true);
        }
        sum
    }

    /// What the API says of each device of the product below its address.
    async fn of_devices(&self, below: &str) -> Vec<Value> {
        let api = self.api();
        let mut answers = Vec::new();
        for device in self.all_devices().await {
            let name = device["identifier"].as_str().unwrap();
            let path = Api::product(&format!("/devices/{name}{below}"));
            answers.push(api.get(&path).await.data());
        }
        answers
    }

    /// The entries of a list that each device has, of all devices of the product.
    pub async fn entries(&self, list: &str) -> Vec<Value> {
        let all = self.of_devices(list).await;
        all.into_iter().flat_map(array).collect()
    }

    /// Waits until so many entries of a list that each device has fit.
    pub async fn until_entries(&self, list: &str, fits: impl Fn(&Value) -> bool, wanted: i64) {
        let read = async || number(self.entries(list).await, &fits);
        settled(list, wanted, read).await;
    }

    /// Waits until so many devices have at least `least` entries in such a list.
    pub async fn until_devices_with_entries(&self, list: &str, least: usize, wanted: i64) {
        let enough = |entries: &Value| entries.as_array().unwrap().len() >= least;
        let read = async || number(self.of_devices(list).await, enough);
        settled(list, wanted, read).await;
    }

    /// The versions of the protocol that devices named on their newest connections: each once, in order.
    pub async fn api_versions(&self) -> Vec<String> {
        let all = self.entries(NEWEST_CONNECTION).await;
        let version = |c: &Value| c["device_api_version"].as_str().unwrap().to_owned();
        let versions: BTreeSet<String> = all.iter().map(version).collect();
        versions.into_iter().collect()
    }

    /// How many updates succeeded.
    pub async fn updates(&self) -> i64 {
        let all = self.of_devices("/updates").await;
        all.iter().map(|u| u["num_updates"].as_i64().unwrap()).sum()
    }

    /// Waits until so many updates have succeeded.
    pub async fn until_updates(&self, wanted: i64) {
        settled("updates", wanted, async || self.updates().await).await;
    }

    /// How many updates of this kind succeeded: `full` or `delta`.
    pub async fn updates_of_kind(&self, kind: &str) -> i64 {
        let all = self.of_devices("/updates?limit=1000").await;
        let updates = all.into_iter().flat_map(|u| array(u["updates"].clone()));
        number(updates.collect(), |u| u["type"] == kind)
    }

    /// Waits until so many updates of this kind have succeeded.
    pub async fn until_updates_of_kind(&self, kind: &str, wanted: i64) {
        settled(kind, wanted, async || self.updates_of_kind(kind).await).await;
    }

    /// How many certificates the devices have.
    pub async fn certificates(&self) -> i64 {
        number(self.entries("/certificates").await, |_| true)
    }

    /// How many devices have a location.
    pub async fn locations(&self) -> i64 {
        let all = self.of_devices("/location").await;
        number(all, |l| !l.is_null())
    }

    /// Waits until so many devices have a location.
    pub async fn until_locations(&self, wanted: i64) {
        settled("locations", wanted, async || self.locations().await).await;
    }

    /// How many deliveries of the organization's webhooks are so.
    async fn deliveries(&self, fits: impl Fn(&Value) -> bool) -> i64 {
        let api = self.api();
        let mut count = 0;
        for product in self.products().await {
            let hooks = api.get(&format!("{product}/webhooks")).await.data();
            for hook in hooks.as_array().unwrap() {
                let path = format!("{product}/webhooks/{}/deliveries", hook["id"]);
                count += number(all_pages(&api, &path).await, &fits);
            }
        }
        count
    }

    /// Waits until so many deliveries have this in a field.
    pub async fn until_deliveries(&self, field: &str, value: Value, wanted: i64) {
        let read = async || self.deliveries(|d| d[field] == value).await;
        settled(field, wanted, read).await;
    }

    /// Waits until so many deliveries were tried, however often by now.
    pub async fn until_tried(&self, wanted: i64) {
        let tried = |d: &Value| d["attempts"].as_i64() > Some(0);
        settled("tries", wanted, async || self.deliveries(tried).await).await;
    }

    /// Waits until all entries of the audit log are part of its chain.
    pub async fn until_sealed(&self) {
        until_log_is_sealed(&self.api(), AUDIT_LOG).await;
    }

    /// Waits until each token of the administrator, logins among them, has been used.
    pub async fn until_all_tokens_are_used(&self) {
        let unused = async || {
            let all = self.api().get("/api/users/me/tokens").await.data();
            number(array(all), |t| t["last_used_at"].is_null())
        };
        settled("unused tokens", 0, unused).await;
    }
}

/// Waits until all entries of an organization's audit log are part of its chain.
pub async fn until_log_is_sealed(api: &Api, log: &str) {
    let unsealed = async || number(all_pages(api, log).await, |e| e["sequence"].is_null());
    settled("unsealed entries", 0, unsealed).await;
}

/// How many tokens with this note a person has.
pub async fn tokens_with_note(api: &Api, note: &str) -> i64 {
    let all = api.get("/api/users/me/tokens").await.data();
    number(array(all), |t| t["note"] == note)
}

/// How many of these fit.
fn number(all: Vec<Value>, fits: impl Fn(&Value) -> bool) -> i64 {
    i64::try_from(all.iter().filter(|v| fits(v)).count()).unwrap()
}

fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(all) => all,
        other => panic!("not a list: {other}"),
    }
}

/// How many entries a list has that is answered page by page.
async fn total(api: &Api, path: &str) -> i64 {
    let answer = api.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    let total = &answer.json()["pagination"]["total_entries"];
    total.as_i64().unwrap()
}

/// All entries of such a list.
async fn all_pages(api: &Api, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for page in 1.. {
        let path = format!("{path}?pagination[page]={page}&pagination[page_size]=1000");
        let answer = api.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let mut answer = answer.json();
        all.extend(array(answer["data"].take()));
        if answer["pagination"]["total_pages"].as_u64().unwrap() <= page {
            break;
        }
    }
    all
}

async fn settled(what: &str, wanted: i64, read: impl AsyncFn() -> i64) {
    let started = Instant::now();
    loop {
        let now = read().await;
        if now == wanted {
            return;
        }
        assert!(
            started.elapsed() < WAIT,
            "{what} stays at {now} instead of {wanted}"
        );
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
