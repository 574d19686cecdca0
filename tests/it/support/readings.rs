//! What a person reads of a server, for tests that wait for it or count it: devices of the fixtures' product by filters, entries of
//! the audit log, notifications. `inspect` has what nobody can read.

use super::{Api, Server};
use serde_json::Value;
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

/// A reading must come to what a test waits for within this time.
const WAIT: Duration = Duration::from_secs(40);

impl Server {
    /// How many devices of the product fit these filters (docs/protocol/rest.md, "Filters"). Deleted ones do not count.
    pub async fn devices(&self, filters: &str) -> i64 {
        let path = Api::product(&format!("/devices?{filters}"));
        let answer = self.api().get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let total = &answer.json()["pagination"]["total_entries"];
        total.as_i64().unwrap()
    }

    /// Waits until so many devices fit.
    pub async fn until_devices(&self, filters: &str, wanted: i64) {
        settled(filters, wanted, async || self.devices(filters).await).await;
    }

    /// How many devices have a group.
    pub async fn devices_in_groups(&self) -> i64 {
        let path = Api::product("/devices?pagination[page_size]=1000");
        let all = self.api().get(&path).await.data();
        let grouped = |d: &&Value| !d["deployment_group"].is_null();
        let count = all.as_array().unwrap().iter().filter(grouped).count();
        i64::try_from(count).unwrap()
    }

    /// Waits until so many devices have a group.
    pub async fn until_devices_in_groups(&self, wanted: i64) {
        settled("groups", wanted, async || self.devices_in_groups().await).await;
    }

    /// How many entries of the organization's audit log have this in their description.
    pub async fn audited(&self, text: &str) -> i64 {
        let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let path = format!("/api/orgs/acme/audit_logs?search={text}&pagination[page_size]=1000");
        let entries = self.api().get(&path).await.data();
        i64::try_from(entries.as_array().unwrap().len()).unwrap()
    }

    /// Waits until the audit log has so many entries with this.
    pub async fn until_audited(&self, text: &str, wanted: i64) {
        settled(text, wanted, async || self.audited(text).await).await;
    }

    /// How many notifications of the product have this title.
    pub async fn notified(&self, title: &str) -> i64 {
        let path = Api::product("/notifications?pagination[page_size]=1000");
        let all = self.api().get(&path).await.data();
        let same = |n: &&Value| n["title"] == title;
        let count = all.as_array().unwrap().iter().filter(same).count();
        i64::try_from(count).unwrap()
    }

    /// Waits until there are so many notifications with this title.
    pub async fn until_notified(&self, title: &str, wanted: i64) {
        settled(title, wanted, async || self.notified(title).await).await;
    }

    /// What the API says of each device of the product below its address.
    async fn of_devices(&self, below: &str) -> Vec<Value> {
        let api = self.api();
        let path = Api::product("/devices?pagination[page_size]=1000");
        let mut answers = Vec::new();
        for device in api.get(&path).await.data().as_array().unwrap() {
            let name = device["identifier"].as_str().unwrap();
            let path = Api::product(&format!("/devices/{name}{below}"));
            answers.push(api.get(&path).await.data());
        }
        answers
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

    /// How many certificates the devices have.
    pub async fn certificates(&self) -> i64 {
        let all = self.of_devices("/certificates").await;
        let count: usize = all.iter().map(|c| c.as_array().unwrap().len()).sum();
        i64::try_from(count).unwrap()
    }

    /// How many devices have a location.
    pub async fn locations(&self) -> i64 {
        let all = self.of_devices("/location").await;
        i64::try_from(all.iter().filter(|l| !l.is_null()).count()).unwrap()
    }

    /// Waits until so many devices have a location.
    pub async fn until_locations(&self, wanted: i64) {
        settled("locations", wanted, async || self.locations().await).await;
    }

    /// How many deliveries of the product's webhooks have this in a field.
    async fn deliveries(&self, field: &str, value: &Value) -> i64 {
        let api = self.api();
        let mut count = 0;
        let hooks = api.get(&Api::product("/webhooks")).await.data();
        for hook in hooks.as_array().unwrap() {
            let path = Api::product(&format!("/webhooks/{}/deliveries", hook["id"]));
            let all = api.get(&path).await.data();
            let same = all
                .as_array()
                .unwrap()
                .iter()
                .filter(|d| d[field] == *value);
            count += i64::try_from(same.count()).unwrap();
        }
        count
    }

    /// Waits until so many deliveries have this in a field.
    pub async fn until_deliveries(&self, field: &str, value: Value, wanted: i64) {
        settled(field, wanted, async || self.deliveries(field, &value).await).await;
    }

    /// How many entries of the audit log are not yet part of its chain.
    pub async fn unsealed(&self) -> i64 {
        let path = "/api/orgs/acme/audit_logs?pagination[page_size]=1000";
        let entries = self.api().get(path).await.data();
        let open = |e: &&Value| e["sequence"].is_null();
        i64::try_from(entries.as_array().unwrap().iter().filter(open).count()).unwrap()
    }

    /// Waits until all entries are part of the chain.
    pub async fn until_sealed(&self) {
        settled("unsealed", 0, async || self.unsealed().await).await;
    }
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
