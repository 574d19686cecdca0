//! The chapters of the OpenAPI document, in the order in which they are shown.

use serde_json::{Value, json};

macro_rules! tags {
    ($($variant:ident $name:literal $description:literal,)*) => {
        /// A chapter of the document. Files of endpoints choose theirs in any order; the order of the variants is the
        /// order of the document.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Tag {
            $(#[doc = $description] $variant,)*
        }

        impl Tag {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name, which operations refer to.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn description(self) -> &'static str {
                match self { $(Self::$variant => $description,)* }
            }
        }
    };
}

tags! {
    Auth "Auth"
        "Who you are.",
    Organizations "Organizations"
        "What holds products, keys and people.",
    OrganizationMembers "Organization Members"
        "People of an organization, and their roles.",
    ServiceAccounts "Service Accounts"
        "Members without a password, for programs. Beyond NervesHub.",
    SigningKeys "Signing Keys"
        "Public keys whose firmware an organization accepts.",
    CaCertificates "CA Certificates"
        "Authorities whose devices may connect.",
    IrohEndpoints "Iroh Endpoints"
        "Keys of devices and people on the iroh network.",
    Products "Products"
        "What devices of one kind belong to.",
    SharedSecrets "Shared Secrets"
        "How devices without certificates prove who they are. Beyond NervesHub.",
    Devices "Devices"
        "Devices of a product.",
    DeviceCertificates "Device Certificates"
        "Certificates that are one device's.",
    NetworkIdentities "Network Identities"
        "Keys that devices hold on other networks.",
    DeviceReports "Device Reports"
        "What devices say of themselves, and what became of them. Beyond NervesHub.",
    Jobs "Jobs"
        "Actions on many devices at once: what one would do, and how far it is. Beyond NervesHub.",
    DevicesByIdentifier "Devices (short URL)"
        "The same by the identifier alone, in whatever organization of yours.",
    Firmwares "Firmwares"
        "Signed images.",
    Uploads "Uploads"
        "A file in several requests, so that one that was cut goes on where it stopped. Beyond NervesHub.",
    Archives "Archives"
        "Signed files for applications on devices. Beyond NervesHub.",
    DeploymentGroups "Deployment Groups"
        "Which devices get which firmware, and how fast.",
    SupportScripts "Support Scripts"
        "Code that people run on devices.",
    Webhooks "Webhooks"
        "Programs that are told over HTTP, signed as Standard Webhooks has it. Beyond NervesHub.",
    MailRules "Mail Rules"
        "Members who are told by mail of what webhooks are told; several events become one mail. Beyond NervesHub.",
    Events "Events"
        "What happens to devices, as Server-Sent Events: online, offline, firmware_update, health. Beyond NervesHub; its event socket is at /events-socket.",
    AuditLog "Audit Log"
        "Who did what, when; entries are chained, so that none can be altered unseen. Beyond NervesHub.",
    Notifications "Notifications"
        "What a product's people should know. Beyond NervesHub.",
    PlatformStatus "Platform Status"
        "This document, and whether the server lives.",
}

impl Tag {
    /// The `tags` of the document.
    pub fn document() -> Value {
        let entry = |tag: &Self| json!({"name": tag.name(), "description": tag.description()});
        Self::ALL.iter().map(entry).collect()
    }
}
