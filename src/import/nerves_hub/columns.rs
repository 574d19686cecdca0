//! Every table and column of NervesHub's schema, and whether it is imported. What is left behind is reported
//! with its count, and so are columns that a later version of NervesHub adds.

use super::Result;
use super::report::ImportReport;
use crate::store::import::nerves_hub::Original;

/// What happens to a table.
struct Fate {
    table: &'static str,
    /// Imported columns: their values, what can be derived from another imported column (the fields of a
    /// certificate, the metadata of a firmware file), and row ids, because rows get new ids here.
    brought: &'static str,
    /// Columns that are left behind, and why.
    left: &'static [(&'static str, &'static str)],
}

const fn table(
    table: &'static str,
    brought: &'static str,
    left: &'static [(&'static str, &'static str)],
) -> Fate {
    Fate {
        table,
        brought,
        left,
    }
}

const CHANGED: &str = "when a row of this kind last changed is not kept here";
const DELETED: &str = "what was deleted there is not brought, nor what belongs to it";
const NO_PLACE: &str = "there is no place for it here";
const LAST_USED: &str = "uses are noted from now on";
const AUTHOR: &str = "who made a row of this kind is not kept here; imported audit entries tell it";
const FILE_PLACE: &str = "files are found by their uuid, wherever they were stored";
const FROM_FILE: &str = "read from the firmware file itself";
const MADE_ANEW: &str = "made anew by this server";
const GOOGLE: &str = "who signs in with Google is known by the number in google_id alone; domains are a setting of the provider";
const MAIL_LINK: &str = "links that were mailed end with the old server";
const UNUSED: &str = "the original itself does not use it any more";
const NEWEST: &str = "a pointer to the newest row, which is found by its time here";
const UNKNOWN: &str = "this version does not know it";

const FATES: [Fate; 39] = [
    table(
        "archives",
        "id product_id org_key_id size architecture description platform uuid version inserted_at",
        &[
            ("author", NO_PLACE),
            ("misc", NO_PLACE),
            ("vcs_identifier", NO_PLACE),
            ("updated_at", CHANGED),
        ],
    ),
    // The details of an imported entry hold everything that has no column here.
    table(
        "audit_logs",
        "id action actor_id actor_type params resource_id resource_type inserted_at changes description org_id reference_id",
        &[],
    ),
    table(
        "ca_certificates",
        "id org_id serial aki ski not_before not_after der inserted_at description jitp_id check_expiration",
        &[("updated_at", CHANGED), ("last_used", LAST_USED)],
    ),
    table(
        "custom_health_metrics_labels",
        "",
        &[("", "metrics have no labels here")],
    ),
    table(
        "deployment_releases",
        "id deployment_group_id firmware_id archive_id created_by_id inserted_at number description notes",
        &[("updated_at", CHANGED)],
    ),
    table(
        "deployments",
        "id name conditions inserted_at updated_at is_active product_id device_failure_threshold device_failure_rate_seconds \
         device_failure_rate_amount failure_threshold org_id penalty_timeout_minutes connecting_code concurrent_updates \
         queue_management delta_updatable priority_queue_enabled priority_queue_concurrent_updates \
         priority_queue_firmware_version_threshold release_network_interfaces release_tags current_deployment_release_id \
         platform architecture notes lock_device_membership firmware_id",
        &[
            ("healthy", UNUSED),
            ("total_updating_devices", UNUSED),
            ("current_updated_devices", "counted from now on"),
            (
                "orchestrator_strategy",
                "there is one way of updating a group here",
            ),
            (
                "status",
                "worked out from the deltas that this server makes",
            ),
        ],
    ),
    table(
        "device_certificates",
        "id serial not_before not_after device_id ski aki last_used org_id der fingerprint public_key_fingerprint",
        &[
            (
                "inserted_at",
                "a certificate counts as added when it is imported",
            ),
            ("updated_at", CHANGED),
        ],
    ),
    table(
        "device_firmwares",
        "id device_id firmware_id firmware_metadata firmware_validation_status firmware_auto_revert_detected inserted_at",
        &[],
    ),
    table(
        "device_health",
        "id device_id data inserted_at status status_reasons",
        &[],
    ),
    table(
        "device_log_lines",
        "",
        &[(
            "",
            "log lines are kept for three days only; devices send new ones",
        )],
    ),
    table(
        "device_metrics",
        "",
        &[(
            "",
            "the numbers of the health reports, which are brought whole",
        )],
    ),
    table(
        "device_shared_secret_auths",
        "id device_id key secret deactivated_at inserted_at",
        &[
            ("product_shared_secret_auth_id", NO_PLACE),
            ("updated_at", CHANGED),
        ],
    ),
    table(
        "devices",
        "id org_id identifier tags inserted_at updated_at description firmware_metadata updates_enabled product_id deleted_at \
         update_attempts updates_blocked_until deployment_id connecting_code status first_seen_at extensions \
         custom_location_coordinates firmware_validation_status firmware_auto_revert_detected network_interface",
        &[
            (
                "priority_updates",
                "devices have no priority of their own here",
            ),
            ("latest_connection_id", NEWEST),
            ("latest_health_id", NEWEST),
            ("current_device_firmware_id", NEWEST),
        ],
    ),
    table("firmware_deltas", "", &[("", MADE_ANEW)]),
    table("firmware_transfers", "", &[("", UNUSED)]),
    table(
        "firmwares",
        "id platform architecture org_key_id inserted_at version author description misc uuid vcs_identifier product_id size \
         org_id delta_updatable tool checksum partials_checksums",
        &[
            ("upload_metadata", FILE_PLACE),
            ("updated_at", CHANGED),
            ("tool_delta_required_version", FROM_FILE),
            ("tool_full_required_version", FROM_FILE),
            ("tool_metadata", FROM_FILE),
        ],
    ),
    table("inflight_deployment_checks", "", &[("", UNUSED)]),
    table(
        "inflight_updates",
        "",
        &[(
            "",
            "updates that are under way there are offered again by this server",
        )],
    ),
    table(
        "invites",
        "id org_id email accepted inserted_at role invited_by_id",
        &[
            (
                "token",
                "a link of the old server does not lead here: invite again to get a new one",
            ),
            ("updated_at", CHANGED),
        ],
    ),
    table(
        "jitp",
        "id product_id tags description",
        &[("inserted_at", NO_PLACE), ("updated_at", CHANGED)],
    ),
    table(
        "latest_device_connections",
        "id device_id established_at last_seen_at disconnected_at disconnected_reason org_id product_id network_interface",
        &[
            ("status", "no device is connected to this server yet"),
            (
                "metadata",
                "devices tell it again when they connect; the API version and the connection types are brought",
            ),
            ("lib", NO_PLACE),
            ("lib_version", NO_PLACE),
        ],
    ),
    table(
        "network_identities",
        "id org_id device_id org_user_id service instance identifier details last_reported_at inserted_at",
        &[
            (
                "source",
                "the key of a device counts as reported by it, any other as entered by a person",
            ),
            ("updated_at", CHANGED),
        ],
    ),
    table("oban_jobs", "", &[("", MADE_ANEW)]),
    table("oban_peers", "", &[("", MADE_ANEW)]),
    table(
        "org_keys",
        "id org_id name key inserted_at scheme",
        &[("created_by_id", AUTHOR), ("updated_at", CHANGED)],
    ),
    table("org_metrics", "", &[("", UNUSED)]),
    table(
        "org_users",
        "id org_id user_id role inserted_at",
        &[("updated_at", CHANGED), ("deleted_at", DELETED)],
    ),
    table(
        "orgs",
        "id name settings inserted_at",
        &[
            ("updated_at", CHANGED),
            ("type", "there is one kind of organization here"),
            ("deleted_at", DELETED),
            (
                "audit_log_days_to_keep",
                "the audit log is kept for good here",
            ),
        ],
    ),
    table(
        "pinned_devices",
        "",
        &[("", "people have no list of pinned devices here")],
    ),
    table(
        "product_notifications",
        "id product_id level title message event_key last_occurred_at occurrence_count inserted_at",
        &[("metadata", NO_PLACE), ("updated_at", CHANGED)],
    ),
    table(
        "product_shared_secret_auth",
        "id product_id key secret deactivated_at inserted_at",
        &[("updated_at", CHANGED)],
    ),
    table(
        "product_users",
        "",
        &[("", "roles are given by organization here, not by product")],
    ),
    table(
        "products",
        "id name org_id inserted_at updated_at extensions require_unique_firmware_version allowed_update_tools \
         allow_unsigned_esp_idf_firmware",
        &[("deleted_at", DELETED)],
    ),
    table("schema_migrations", "", &[("", MADE_ANEW)]),
    table(
        "scripts",
        "id product_id name text inserted_at updated_at created_by_id tags",
        &[(
            "last_updated_by_id",
            "only the author of a script is kept here",
        )],
    ),
    table(
        "update_stats",
        "product_id device_id deployment_id type source_firmware_uuid target_firmware_uuid update_bytes saved_bytes inserted_at",
        &[("updated_at", CHANGED)],
    ),
    table(
        "user_certificates",
        "",
        &[(
            "",
            "people log in with a password or token here, not with a certificate",
        )],
    ),
    table(
        "user_tokens",
        "id old_token note last_used user_id inserted_at token context",
        &[("updated_at", CHANGED)],
    ),
    table(
        "users",
        "id username email password_hash inserted_at confirmed_at google_id",
        &[
            ("updated_at", CHANGED),
            ("password_reset_token", MAIL_LINK),
            ("password_reset_token_expires", MAIL_LINK),
            ("deleted_at", DELETED),
            (
                "server_role",
                "whoever may log in to the machine administers this server, by `nervecenter admin`",
            ),
            ("profile_picture_url", NO_PLACE),
            ("google_hd", GOOGLE),
            ("google_last_synced_at", GOOGLE),
            ("display_preferences", "this server has no web console yet"),
        ],
    ),
];

impl Fate {
    /// Why a column is left behind; `None` if it is imported.
    fn of(&self, column: &str) -> Option<&'static str> {
        let told = self.left.iter().find(|(name, _)| *name == column);
        match told {
            Some((_, reason)) => Some(reason),
            None if self.brought.split_whitespace().any(|b| b == column) => None,
            None => Some(UNKNOWN),
        }
    }

    /// Why the whole table is left behind, if it is.
    fn whole(&self) -> Option<&'static str> {
        let (name, reason) = self.left.first()?;
        name.is_empty().then_some(*reason)
    }
}

/// Reports every column that holds something and is not imported.
pub(super) async fn tell(from: &mut Original, report: &mut ImportReport) -> Result<()> {
    let number = |n: Option<&i64>| n.and_then(|n| u64::try_from(*n).ok()).unwrap_or(0);
    for (name, columns) in from.tables().clone() {
        let fate = FATES.iter().find(|f| f.table == name);
        let whole = fate.map_or(Some(UNKNOWN), Fate::whole);
        if let Some(reason) = whole {
            let rows = from.filled(&name, &[]).await?;
            report.leave(&name, number(rows.first()), reason);
            continue;
        }
        let left: Vec<(&str, &str)> = columns
            .keys()
            .filter_map(|c| Some((c.as_str(), fate?.of(c)?)))
            .collect();
        let names: Vec<&str> = left.iter().map(|(column, _)| *column).collect();
        let filled = from.filled(&name, &names).await?;
        for ((column, reason), n) in left.iter().zip(filled.iter().skip(1)) {
            report.leave(&format!("{name}.{column}"), number(Some(n)), reason);
        }
    }
    Ok(())
}
