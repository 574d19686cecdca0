//! Where an answer may differ from the recorded one of an original NervesHub, and why. Each of these differences has to occur.

use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// In an expected answer, stands for any value but null: another test compares it, or its words are ours.
pub const ANY: &str = "…";

/// Something that many answers have beyond the original's.
pub struct Addition {
    pub why: &'static str,
    /// Takes it out of an object, or puts the original's value in its place. Returns whether it was there.
    pub remove: fn(&mut Object) -> bool,
}

pub const ADDITIONS: [Addition; 7] = [
    Addition {
        why: "a firmware says what its file is: the original knows its size, signature and upload and does not tell",
        remove: |firmware| {
            let more = [
                "size",
                "sha256",
                "description",
                "misc",
                "vcs_identifier",
                "signed_by",
                "damaged",
                "inserted_at",
            ];
            let found = more.iter().all(|key| firmware.contains_key(*key));
            if found {
                more.iter().for_each(|key| drop(firmware.remove(*key)));
            }
            found
        },
    },
    Addition {
        why: "a deployment group says whether it waits for deltas, which the original knows and does not tell",
        remove: |group| group.contains_key("conditions") && group.remove("status").is_some(),
    },
    Addition {
        why: "an organization says what the person may do in it",
        remove: |org| {
            org.contains_key("inserted_at")
                && !org.contains_key("email")
                && org.remove("role").is_some()
        },
    },
    Addition {
        why: "a deployment group shows its settings, which the original only takes",
        remove: |group| group.contains_key("conditions") && group.remove("settings").is_some(),
    },
    Addition {
        why: "a device has a `status` equal to its `connection_status`, because `nh` prints that field",
        remove: |device| {
            let same = device.contains_key("online")
                && device.get("status") == device.get("connection_status");
            same && device.remove("status").is_some()
        },
    },
    Addition {
        why: "a sentence stands beside the messages of fields, because `nh` prints only sentences",
        remove: |answer| {
            let Some(Value::Object(errors)) = answer.get_mut("errors") else {
                return false;
            };
            let sentence = errors.get("detail").and_then(Value::as_str);
            let beside = errors.len() > 1 && sentence.is_some_and(|s| !s.is_empty());
            beside && errors.remove("detail").is_some()
        },
    },
    Addition {
        why: "firmware metadata always has a uuid, which the recorded rows lack",
        remove: |metadata| {
            let uuid = metadata.get("id").and_then(Value::as_str);
            let found = metadata.contains_key("fwup_version")
                && uuid.is_some_and(|u| uuid::Uuid::parse_str(u).is_ok());
            if found {
                metadata.insert("id".into(), Value::Null);
            }
            found
        },
    },
];

/// Requests that are answered otherwise.
pub struct Difference {
    pub why: &'static str,
    pub requests: &'static [&'static str],
    /// What is otherwise, as a JSON merge patch (RFC 7396) of the recorded status and body.
    pub patch: &'static str,
}

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "the original has no such route; this server has",
        requests: &[
            "GET /api/orgs/acme-hub/audit_logs",
            "GET /api/orgs/acme-hub/products/fixture-product/archives",
            "GET /api/orgs/acme-hub/products/fixture-product/audit_logs",
            "GET /api/orgs/acme-hub/products/fixture-product/deployments/prod/releases",
            "GET /api/orgs/acme-hub/products/fixture-product/devices/sn-1/audit_logs",
            "GET /api/orgs/acme-hub/products/fixture-product/devices/sn-4/shared_secrets",
            "GET /api/orgs/acme-hub/products/fixture-product/extensions",
            "GET /api/orgs/acme-hub/products/fixture-product/notifications",
            "GET /api/orgs/acme-hub/products/fixture-product/shared_secrets",
        ],
        patch: r#"{"status": 200, "body": "…"}"#,
    },
    Difference {
        why: "the original makes shared secrets in its web pages only",
        requests: &["POST /api/orgs/acme-hub/products/fixture-product/shared_secrets {}"],
        patch: r#"{"status": 201, "body": "…"}"#,
    },
    Difference {
        why: "the original takes archives in its web pages only; the request lacks the file",
        requests: &["POST /api/orgs/acme-hub/products/fixture-product/archives {}"],
        patch: r#"{"status": 422, "body": {"errors": {"detail": "…"}}}"#,
    },
    Difference {
        why: "the original tells a device to identify itself from its web pages only",
        requests: &[
            r#"POST /api/orgs/acme-hub/products/fixture-product/devices/sn-1/identify {"body":"IO.puts 1","uuid":"f9299fc4-5039-5f67-ac18-2492ae6aa0a6"}"#,
        ],
        patch: r#"{"status": 204, "body": ""}"#,
    },
    Difference {
        why: "this sentence also says what to do",
        requests: &[
            r#"POST /api/orgs/acme-hub/products/fixture-product/devices/sn-3/certificates {"cert":"bad"}"#,
            "POST /api/orgs/acme-hub/products/fixture-product/firmwares bad-not-a-zip.fw",
            "POST /api/orgs/acme-hub/products/fixture-product/firmwares {}",
        ],
        patch: r#"{"body": {"errors": {"detail": "…"}}}"#,
    },
    Difference {
        why: "a misspelt filter would list every device; the original ignores this name and fails with 500 at others",
        requests: &["GET /api/orgs/acme-hub/products/fixture-product/devices?filters[nope]=1"],
        patch: r#"{"status": 422, "body": {"data": null, "pagination": null, "errors": {"nope": ["…"]}}}"#,
    },
    Difference {
        why: "a body whose only field is unknown would change nothing and look like a success",
        requests: &[r#"PUT /api/orgs/acme-hub/products/fixture-product/devices/n-1 {"nope":1}"#],
        patch: r#"{"status": 422, "body": {"data": null, "errors": {"nope": ["…"]}}}"#,
    },
    Difference {
        why: "a misspelt state would switch the group off; the refusal shows the group as it stays",
        requests: &[
            r#"PUT /api/orgs/acme-hub/products/fixture-product/deployments/g1 {"deployment":{"state":"maybe"}}"#,
        ],
        patch: r#"{"status": 422, "body": {"errors": {"state": ["…"]}}}"#,
    },
    Difference {
        why: "the fields that cannot be set are also named by field, as in every other refusal",
        requests: &[r#"PUT /api/orgs/acme-hub/products/new-one {"name":"x"}"#],
        patch: r#"{"body": {"errors": {"detail": null, "name": ["…"]}}}"#,
    },
    Difference {
        why: "`username` is taken for the email, as `nh` means it, and this one is no email",
        requests: &[r#"POST /api/orgs/acme-hub/users {"role":"view","username":"Cyd"}"#],
        patch: r#"{"status": 422, "body": {"errors": {"detail": null, "email": ["is invalid"]}}}"#,
    },
    Difference {
        why: "the release just made is counted; the original counts it from the next answer on",
        requests: &[
            r#"PUT /api/orgs/acme-hub/products/fixture-product/deployments/g1 {"deployment":{"firmware":"f9299fc4-5039-5f67-ac18-2492ae6aa0a6"}}"#,
        ],
        patch: r#"{"body": {"data": {"releases_count": 2}}}"#,
    },
];

impl Difference {
    /// The answer that is expected instead of the recorded one.
    pub fn instead_of(&self, recorded: &Value) -> Value {
        let mut answer = recorded.clone();
        let patch = serde_json::from_str(self.patch).unwrap();
        merge(&mut answer, &patch);
        answer
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Where two values differ, each place on a line of its own.
pub fn compare(expected: &Value, ours: &Value, at: &str, lines: &mut Vec<String>) {
    match (expected, ours) {
        (Value::String(any), ours) if any == ANY && !ours.is_null() => {}
        (Value::Object(theirs), Value::Object(own)) => {
            let keys = theirs.keys().chain(own.keys());
            let mut keys: Vec<&String> = keys.collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let at = format!("{at}/{key}");
                match (theirs.get(key), own.get(key)) {
                    (Some(theirs), Some(own)) => compare(theirs, own, &at, lines),
                    (Some(theirs), None) => lines.push(format!("{at} is missing: {theirs}")),
                    (None, own) => lines.push(format!("{at} is additional: {}", own.unwrap())),
                }
            }
        }
        (Value::Array(theirs), Value::Array(own)) if theirs.len() == own.len() => {
            for (place, (theirs, own)) in theirs.iter().zip(own).enumerate() {
                compare(theirs, own, &format!("{at}/{place}"), lines);
            }
        }
        _ if expected == ours => {}
        _ => lines.push(format!("{at} is {ours} instead of {expected}")),
    }
}
